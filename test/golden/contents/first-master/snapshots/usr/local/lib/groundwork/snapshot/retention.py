[retention.py]
