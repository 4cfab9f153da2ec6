# shellcheck shell=bash
# What the step `kubelet` does where the network plugin is the operator's. Needs lib.sh, kubelet.sh and cni-lib.sh.

network_before() { plugin_as_pods; }

network_follows() { :; }

network_leads() { :; }
