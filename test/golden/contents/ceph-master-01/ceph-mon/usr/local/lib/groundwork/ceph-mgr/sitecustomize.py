[steps/ceph-mon/ceph-mgr/sitecustomize.py]
