[steps/ceph-mon/ceph-mgr/OpenSSL.py]
