# shellcheck shell=bash
# What the step `kubelet` does for the toy.

network_before() {
  install_files
  changed "wound the toy up"
}

network_follows() { :; }

network_leads() { :; }
