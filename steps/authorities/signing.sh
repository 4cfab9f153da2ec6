#!/usr/bin/env bash
# signing: the controller manager of this master signs what kubelets ask for by the newest authorities, which all API servers trust by then.
# It reads them again by itself. And where former ones are trusted no more, nobody is told of them.
#
# Needs also: AUTHORITIES (their number), OLDEST (of the first that are trusted), EPOCH (of a restore that the file names,
# which may bring back what was told; unset: none), and install_files.
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/authorities-lib.sh
. "$(dirname "$0")/../lib/authorities-lib.sh"

PKI=/etc/kubernetes/pki

# pods_are_told: by whichever controller manager leads, which may take over from a former one only now.
pods_are_told() {
  api GET /api/v1/namespaces/kube-system/configmaps/kube-root-ca.crt --retry 0 | jq -r '.data["ca.crt"]' >"$RUN/told.crt" &&
    [ "$(newest_of "$RUN/told.crt")" -ge "$AUTHORITIES" ]
}

# forget_former: API servers tell those that stand behind them, such as metrics-server, whom to believe, and take nothing back of what they
# have told once.
forget_former() {
  [ "$OLDEST" -gt 1 ] || return 0
  jq -n --arg clients "$(<$PKI/ca.crt)" --arg proxies "$(<$PKI/front-proxy-ca.crt)" '{data: {"client-ca-file": $clients, "requestheader-client-ca-file": $proxies} | map_values(. + "\n")}' |
    api PATCH /api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication --header 'Content-Type: application/merge-patch+json' --data-binary @- >/dev/null
}

require_claim
exclusively control-plane
install_files
# In these places a cluster has them that has known no others.
rm -f $PKI/ca.key $PKI/kubelet-serving-ca.key
if systemctl is-active --quiet kube-apiserver.service; then
  wait_for 90 "pods were not told of authorities $AUTHORITIES within 90 s (ConfigMap kube-system/kube-root-ca.crt)" kube-controller-manager.service pods_are_told
  forget_former
fi
finish
