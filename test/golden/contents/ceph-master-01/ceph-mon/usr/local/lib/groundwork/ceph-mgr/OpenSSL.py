[OpenSSL.py]
