[snapshot.py]
