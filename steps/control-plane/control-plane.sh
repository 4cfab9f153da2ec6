#!/usr/bin/env bash
# control-plane: API server, controller manager, scheduler and admission run with the files they have now. Restarted one after the
# other and only what changed; the next master's turn comes when this one answers.
#
# Needs also: VERSION (of Kubernetes), POD_SECURITY (level of Pod Security where a namespace names none), POD_SECURITY_EXEMPT (namespaces without it),
# READS (see files_of), ENCRYPTION_KEY (number of the key that Secrets are encrypted with), SERVICE_ACCOUNT_KEYS (how many keys of tokens are
# taken), and install_files.
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/encryption-lib.sh
. "$(dirname "$0")/../lib/encryption-lib.sh"

PKI=/etc/kubernetes/pki
export KUBECONFIG=/etc/kubernetes/admin.conf

# answers PORT PATH: the local component answers over TLS, verified against the cluster's CA.
answers() { curl --silent --noproxy '*' --fail --max-time 5 --cacert $PKI/ca.crt "https://127.0.0.1:$1$2"; }

# is_ready: the API server of this version; the former one may still answer while it ends.
is_ready() { answers 6443 /readyz && [ "$(api GET /version --retry 0 | jq -r '.gitVersion | sub("[+-].*"; "")')" = "v$VERSION" ]; }

# remove_timer: the release before looked at requests by a timer. What it put there goes, and is forgotten, so that reset takes
# off nothing that is another's by then.
remove_timer() {
  local former=(/etc/systemd/system/groundwork-approve.{timer,service} /usr/local/lib/groundwork/{approve,judge-csr})
  grep -qxF "${former[0]}" "$STATE/files" || return 0
  systemctl disable --quiet --now groundwork-approve.timer 2>/dev/null || true
  rm -f "${former[@]}"
  systemctl daemon-reload
  unrecord "${former[@]}"
  changed "removed groundwork-approve.timer, in whose place groundwork-admission.service runs"
}

# require_admissible: every pod that runs would be let in by the level of Pod Security that comes, too: else it would be gone
# when it is next made anew, at night and without a word. Kubernetes itself says which would not.
require_admissible() {
  local exempt all namespaces answer refused
  [ "$(cat "$STATE/pod-security" 2>/dev/null)" != "$POD_SECURITY $POD_SECURITY_EXEMPT" ] || return 0
  # A master that joins has nothing to ask yet, also where its API server runs since an earlier attempt: of the first of them nobody has
  # given the administrator rights then. One whose API server fails is mended by what comes. Its etcd may have restarted just now,
  # which it needs a moment for.
  { [ "$POD_SECURITY" != privileged ] && [ -e /etc/kubernetes/kubelet.conf ] && systemctl is-active --quiet kube-apiserver.service && poll 20 "" answers 6443 /readyz; } || return 0
  read -ra exempt <<<"$POD_SECURITY_EXEMPT"
  all=$(kubectl get namespaces --selector='!pod-security.kubernetes.io/enforce' --output=name 2>"$RUN/error") ||
    die "Kubernetes does not say which namespaces there are: $(tail -n 1 "$RUN/error")" "mend what it says, and run 'pulumi up' again"
  mapfile -t namespaces < <(grep -vxF -f <(printf '%s\n' '' "${exempt[@]/#/namespace/}") <<<"$all")
  [ ${#namespaces[@]} -gt 0 ] || return 0
  answer=$(kubectl label --dry-run=server "${namespaces[@]}" "pod-security.kubernetes.io/enforce=$POD_SECURITY" 2>&1 >/dev/null) ||
    die "Kubernetes does not say which pods Pod Security would keep out: $answer" "mend what it says, and run 'pulumi up' again"
  refused=$(sed -n 's/^Warning: //p' <<<"$answer" | paste -sd ' ')
  [ -z "$refused" ] || die "Pod Security '$POD_SECURITY' would not let these in again when they are made anew: $refused" \
    "name their namespaces in cluster.kubernetes.api_server.admission.pod_security.exempt_namespaces, label them with pod-security.kubernetes.io/enforce=privileged, or set enforce: privileged"
}

# require_ended_tokens: where tokens of a former key are taken no more, those of pods have ended: they last an hour, and kubelets get
# others before.
require_ended_tokens() {
  [ -s $PKI/sa.pub ] && [ "$(grep -c 'BEGIN PUBLIC KEY' $PKI/sa.pub)" -gt "$SERVICE_ACCOUNT_KEYS" ] || return 0
  [ -z "$(find $PKI/sa.key -newermt '70 minutes ago')" ] ||
    die "pods may still have tokens of the former key of service accounts: $NODE signs with the present one since $(stat -c %y $PKI/sa.key); nothing was changed" \
      "set cluster.kubernetes.rotations.oldest_service_account_key back, and raise it 70 minutes after that time"
}

require_claim
exclusively control-plane
require_key
require_ended_tokens
require_admissible
record_in /var/log/kubernetes audit.log
install -d -m 0700 /var/log/kubernetes
undo_on_failure
install_files
enable_units kube-apiserver.service kube-controller-manager.service kube-scheduler.service groundwork-admission.service
lived=
! systemctl is-active --quiet kube-apiserver.service || lived=1
run_service kube-apiserver.service
# The others may not be newer than the API server they ask, which is this one: they wait for it where it was another.
[ -z "$lived" ] || wait_for 120 "the API server was not ready within 120 s" kube-apiserver.service is_ready
run_service kube-controller-manager.service
run_service kube-scheduler.service
run_service groundwork-admission.service

wait_for 120 "the API server was not ready within 120 s" kube-apiserver.service is_ready
wait_for 60 "the controller manager did not answer within 60 s" kube-controller-manager.service answers 10257 /healthz
wait_for 60 "the scheduler did not answer within 60 s" kube-scheduler.service answers 10259 /healthz
wait_for 60 "the admission of nodes did not start within 60 s" groundwork-admission.service systemctl is-active --quiet groundwork-admission.service
remove_timer
write_state pod-security "$POD_SECURITY $POD_SECURITY_EXEMPT"
rm -f "$STATE/halted" # of a restore, which this ends here
finish
