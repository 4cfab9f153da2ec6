# shellcheck shell=bash
# What the step `kubelet` does where the network plugin runs as pods. Needs lib.sh and fit-lib.sh.

# plugin_as_pods: the step's files, and the folders where the pods put a program and a configuration.
plugin_as_pods() {
  local program
  install_files
  # Their own programs stand beside the usual ones. Both folders are recorded (prepare.sh): reset clears them.
  install -d -m 0755 /etc/cni /etc/cni/net.d /opt/cni /opt/cni/bin
  for program in /usr/lib/cni/*; do
    [ ! -x "$program" ] || [ -e "/opt/cni/bin/${program##*/}" ] || ln -sfn "$program" "/opt/cni/bin/${program##*/}"
  done
  # Where a plugin is configured, nothing but Ready will do.
  # shellcheck disable=SC2034 # kubelet.sh asks by it
  [ -z "$(compgen -G '/etc/cni/net.d/*.conf*')" ] || NODE_FIT=$READY
}
