[sitecustomize.py]
