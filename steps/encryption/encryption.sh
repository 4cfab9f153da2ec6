#!/usr/bin/env bash
# encryption: every Secret in etcd is encrypted with the key of the file. Runs on a master, when all API servers encrypt with it.
#
# Needs also: TARGET (of whom nothing is noted here: all nodes), ENCRYPTION_KEY (its number), MASTERS (addresses of the masters that live, space separated), EPOCH (of a restore that the
# file names: API servers start after this, and have their Secrets encrypted anew then).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/etcd-lib.sh
. "$(dirname "$0")/../lib/etcd-lib.sh"

# former_secrets: namespace/name of each that etcd has encrypted with another key, or with none.
former_secrets() {
  local from=/registry/secrets/ page last
  while [ -n "$from" ]; do
    page=$(etcdctl_at "$ETCD_LOCAL" get "$from" /registry/secrets0 --limit=100 --write-out=json |
      jq -r --arg key "k8s:enc:secretbox:v1:key$ENCRYPTION_KEY:" '.kvs[]? | (.key | @base64d | ltrimstr("/registry/secrets/")) + " " +
        (.value // "" | .[:64] | @base64d | startswith($key) | tostring)') || return 1
    [ -n "$page" ] || break
    sed -n 's/ false$//p' <<<"$page"
    last=${page##*$'\n'}
    # The next key behind the last one.
    from=/registry/secrets/${last% *}$'\001'
  done
}

# answers ADDRESS: the API server there.
answers() { curl --silent --noproxy '*' --fail --max-time 5 --cacert /etc/kubernetes/pki/ca.crt "https://$1:6443/readyz"; }

# find_server: sets SERVER, an API server that answers; this master's own, if it has one.
find_server() {
  for SERVER in 127.0.0.1 $MASTERS; do
    ! answers "$SERVER" || return 0
  done
  return 1
}

# store_again: reads names, and has an API server store each anew; prints the status of each and its name. A change of nothing is
# written where it would be encrypted otherwise today. It is in nobody's way: whoever changes the Secret meanwhile has it stored anew, too.
store_again() {
  local requests=() name
  while read -r name; do
    requests+=(--output /dev/null "https://$SERVER:6443/api/v1/namespaces/${name%/*}/secrets/${name#*/}")
  done
  curl --silent --globoff --noproxy '*' --max-time 30 --cacert /etc/kubernetes/pki/ca.crt --cert "$RUN/admin.pem" --request PATCH \
    --header 'Content-Type: application/merge-patch+json' --data '{}' --write-out '%{http_code} %{url_effective}\n' "${requests[@]}" || true
}

require_claim
exclusively encryption
wait_for 60 "etcd is not healthy" etcd.service healthy "$ETCD_LOCAL"
former=$(former_secrets)
# In a restore they are all stopped, and come when this ends.
patience=60
[ -z "${EPOCH-}" ] || patience=2
if [ -n "$former" ] && ! poll "$patience" "" find_server; then
  [ -n "${EPOCH-}" ] || die "no API server answers, and Secrets are encrypted with a former key" "bring one back, then run 'pulumi up' again"
  finish
  exit 0
fi
all=0 tries=0
[ -z "$former" ] || all=$(wc -l <<<"$former")
api GET /readyz --retry 0 >/dev/null 2>&1 || true # has made its client's certificate
while [ -n "$former" ]; do
  left=$(wc -l <<<"$former")
  refused=
  while mapfile -t -n 100 names && [ ${#names[@]} -gt 0 ]; do
    refused+=$(printf '%s\n' "${names[@]}" | store_again | grep -vE '^(200|404) ' || true)
  done <<<"$former"
  former=$(former_secrets)
  [ -z "$former" ] || [ "$(wc -l <<<"$former")" -lt "$left" ] || tries=$((tries + 1))
  [ "$tries" -lt 5 ] ||
    die "$(wc -l <<<"$former") of $all Secrets are still encrypted with a former key, ${former%%$'\n'*} among them; the API server says ${refused:0:200}" \
      "see what refuses a change of them, such as a webhook; then run 'pulumi up' again: the former key is kept until then"
  [ -z "$former" ] || sleep 1
done
[ "$all" = 0 ] || changed "had $all Secrets encrypted with key $ENCRYPTION_KEY"
finish
