[s3.py]
