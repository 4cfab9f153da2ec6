#!/usr/bin/env bash
# credentials: certificates, keys and kubeconfigs, each with its final owner and mode. All of it travels on standard input.
#
# Needs also: AUTHORITIES (number of those that issue certificates, where they followed others), the text bootstrap_kubeconfig, and install_files, a function that puts the rendered files in place.
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/authorities-lib.sh
. "$(dirname "$0")/../lib/authorities-lib.sh"

require_claim
exclusively credentials
require_authorities "${AUTHORITIES-1}"
install_files

# The bootstrap kubeconfig is worth something only until the node has its own certificate.
if [ ! -s /var/lib/kubelet/pki/kubelet-client-current.pem ]; then
  file /etc/kubernetes/bootstrap-kubelet.conf 0600 root:root < <(bootstrap_kubeconfig)
fi
rm -f "$RUN/admin.pem" # made from admin.conf, which may have changed

# @pulumi/tls cannot date certificates back: a clock that lags sees them as not yet valid.
begin=$(date -d "$(openssl x509 -noout -startdate -in /etc/kubernetes/pki/ca.crt | cut -d= -f2)" +%s)
[ "$begin" -le "$(($(date +%s) + 1))" ] ||
  die "this machine's clock lags: it says $(date -u +%FT%TZ), the cluster's CA is valid from $(date -u -d "@$begin" +%FT%TZ)" "install and start a time service (chrony or systemd-timesyncd), then run 'pulumi up' again"
finish
