[steps/ceph-mon/ceph-mgr/bcrypt.py]
