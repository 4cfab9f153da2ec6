[admission.py]
