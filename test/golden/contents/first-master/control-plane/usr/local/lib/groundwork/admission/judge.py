[judge.py]
