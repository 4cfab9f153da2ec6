#!/usr/bin/env bash
# authorities: before any node is given certificates of other authorities, or trusts former ones no more: the node may do so.
#
# A master goes on signing what kubelets ask for by the former authority, whose certificate and key get a place of their own: others that
# are trusted, too, stand in the file where the controller manager had it, and it takes but one.
#
# Needs also: AUTHORITIES (number of those that issue), OLDEST (of the first that are trusted).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/authorities-lib.sh
. "$(dirname "$0")/../lib/authorities-lib.sh"

PKI=/etc/kubernetes/pki
SIGNING=$PKI/signing
MANAGER=kube-controller-manager.service
export KUBECONFIG=/etc/kubernetes/admin.conf

# keep_signing: the next start of the controller manager finds there what it signs with; that which runs keeps what it has read.
keep_signing() {
  local authority unit=/etc/systemd/system/$MANAGER text before
  for authority in ca kubelet-serving-ca; do
    if [ -s $SIGNING/$authority.key ] || [ ! -s $PKI/$authority.key ]; then continue; fi
    # Not yet those of several: that comes with `credentials`, which wait for this.
    openssl x509 -in $PKI/$authority.crt | file $SIGNING/$authority.crt 0600 root:root
    file $SIGNING/$authority.key 0600 root:root <$PKI/$authority.key
  done
  if [ ! -s $SIGNING/ca.key ] || [ ! -s "$unit" ]; then return 0; fi
  text=$(sed -E "s#(--cluster-signing-[a-z-]+-file=[^ ]*/pki)/([a-z-]+\.(crt|key))#\1/signing/\2#" "$unit")
  before=$CHANGES
  printf '%s\n' "$text" | file "$unit" 0600 root:root
  [ "$CHANGES" -eq "$before" ] || systemctl daemon-reload
}

# numbers: of the authorities in a file.
numbers() { awk -v show='openssl x509 -noout -subject' '{ print | show } /END CERTIFICATE/ { close(show) }' | number; }

# trusts_former: some that the file leaves out. What has nothing yet is given what there is; where they are forgotten already, nobody asks again.
trusts_former() { [ "$OLDEST" -gt 1 ] && [ -s $PKI/ca.crt ] && [ "$(numbers <$PKI/ca.crt | sort -n | head -n 1)" -lt "$OLDEST" ]; }

# require_successor: nothing here is of authorities that are trusted no more. The node's last step notes when all of it has come to
# others; its kubelet's certificates are the only ones that are not made anew with it.
require_successor() {
  local through certificate
  through=$(cat "$STATE/authorities-through" 2>/dev/null || echo 1)
  [ "$through" -ge "$OLDEST" ] ||
    die "$NODE has certificates of authorities $through; nothing was changed" \
      "set cluster.kubernetes.rotations.oldest_authorities: $through, run 'pulumi up', and raise it when that has ended"
  for certificate in /var/lib/kubelet/pki/kubelet-{client,server}-current.pem; do
    [ ! -s "$certificate" ] || [ "$(issuer_of "$certificate")" -ge "$OLDEST" ] ||
      die "the kubelet of $NODE still has a certificate of authorities $(issuer_of "$certificate"): $certificate; nothing was changed" \
        "see 'journalctl -u kubelet' on $NODE, set oldest_authorities back and run 'pulumi up'"
  done
}

# is_known: the machine has come to its end before, in this life of it. Another has been lost, and turned up: nobody believes it. Who runs
# this by hand knows of no life, and takes nothing away.
is_known() { [ -z "${IDENTITY-}" ] || grep -qxF "identity=${IDENTITY-}" "$STATE/steps/kubelet" 2>/dev/null; }

# forget_certificates: the kubelet asks by a token, as a new one does.
forget_certificates() {
  local certificate
  for certificate in /var/lib/kubelet/pki/kubelet-{client,server}-current.pem; do
    if [ ! -s "$certificate" ] || [ "$(issuer_of "$certificate")" -ge "$OLDEST" ]; then continue; fi
    rm -f "$certificate"
    changed "removed $certificate, which is of former authorities"
  done
}

# require_ready_pods: every namespace has told its pods whom to trust since, and every pod has started after it: most programs read that but
# once. Where a namespace has forgotten the former ones already, that was so.
require_ready_pods() {
  local namespace bundle at known old=
  systemctl is-active --quiet kube-apiserver.service ||
    die "the API server of $NODE does not run, which would say whether pods know but the former authorities; nothing was changed" "bring it back, then run 'pulumi up' again"
  # Of each pod that has it from there: its namespace, its name, when it came, and since when its oldest container runs.
  { kubectl get configmaps --all-namespaces --field-selector=metadata.name=kube-root-ca.crt --output=json --show-managed-fields >"$RUN/bundles" &&
    kubectl get pods --all-namespaces --output=json |
    jq -r '.items[] | select(any(.spec.volumes[]?.projected.sources[]?; .configMap.name == "kube-root-ca.crt") and .status.startTime != null)
        | [.status | (.initContainerStatuses, .containerStatuses)[]?.state.running.startedAt // empty | fromdate] as $runs | select($runs != [])
        | "\(.metadata.namespace) \(.metadata.name) \(.status.startTime | fromdate) \($runs | min)"' >"$RUN/pods"; } ||
    die "Kubernetes does not say what pods trust; nothing was changed" "see whether etcd and the API server are well (make status), then run 'pulumi up' again"
  while read -r namespace at bundle; do
    known=$(base64 -d <<<"$bundle" | numbers)
    [ "$(sort -n <<<"$known" | tail -n 1)" -ge "$OLDEST" ] ||
      die "namespace $namespace still tells its pods to trust the former authorities alone (ConfigMap kube-root-ca.crt); nothing was changed" \
        "see 'journalctl -u kube-controller-manager' on the masters, which writes it, then run 'pulumi up' again"
    [ "$(sort -n <<<"$known" | head -n 1)" -lt "$OLDEST" ] || continue
    # The kubelet brings what changes to pods that run within two minutes.
    old+=$(awk -v namespace="$namespace" -v at="$at" '$1 == namespace && $3 <= at && $4 <= at + 120 { printf " %s/%s", $1, $2 }' "$RUN/pods")
    # Since when: whoever else annotates it tells nobody anything.
  done < <(jq -r '.items[] | .metadata.managedFields as $fields
    | [.metadata.namespace, ([$fields[]? | select(.fieldsV1["f:data"]["f:ca.crt"]).time // empty | fromdate] | max)
        // ([$fields[]?.time // empty | fromdate] | max) // (now | floor),
      (.data["ca.crt"] // "" | @base64)] | join(" ")' "$RUN/bundles")
  wait $!
  rm -f "$RUN/bundles" "$RUN/pods"
  [ -z "$old" ] ||
    die "$(wc -w <<<"$old") pods have started before they were told of authorities $OLDEST, and may trust the former ones alone: $(head -c 400 <<<"$old"); nothing was changed" \
      "have them made anew ('kubectl rollout restart' of what they are of), then run 'pulumi up' again"
}

require_claim
exclusively credentials
require_authorities "$AUTHORITIES"
if trusts_former && ! is_known; then
  forget_certificates
elif trusts_former; then
  require_successor
  [ ! -s $KUBECONFIG ] || require_ready_pods
fi
keep_signing
write_state authorities "$AUTHORITIES"
finish
