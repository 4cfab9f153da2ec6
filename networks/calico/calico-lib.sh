# shellcheck shell=bash
# What the step `kubelet` does for Calico, whose pods come when the kubelet runs. Needs lib.sh, kubelet.sh and cni-lib.sh.

network_before() {
  plugin_as_pods
  # Of its pods, which make what is in them.
  record /var/lib/calico
  record /var/log/calico
}

network_follows() { :; }

network_leads() { :; }
