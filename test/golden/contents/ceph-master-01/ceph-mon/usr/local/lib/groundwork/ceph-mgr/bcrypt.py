[bcrypt.py]
