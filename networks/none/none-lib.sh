# shellcheck shell=bash
# What the step `kubelet` does where the network plugin is the operator's. Needs lib.sh and kubelet.sh.

network_before() {
  local program
  install_files
  # Plugins put their own programs beside the usual ones. Both folders are recorded (prepare.sh): reset clears them.
  install -d -m 0755 /etc/cni /etc/cni/net.d /opt/cni /opt/cni/bin
  for program in /usr/lib/cni/*; do
    [ ! -x "$program" ] || [ -e "/opt/cni/bin/${program##*/}" ] || ln -sfn "$program" "/opt/cni/bin/${program##*/}"
  done
  # Where a plugin is configured, nothing but Ready will do.
  # shellcheck disable=SC2034 # kubelet.sh asks by it
  [ -z "$(compgen -G '/etc/cni/net.d/*.conf*')" ] || NODE_FIT=$READY
}

network_follows() { :; }

network_leads() { :; }
