#!/usr/bin/env bash
# What the lab's machines download from, served by this machine: lab/services.sh {start|stop|status|push}
#
#   https://10.77.0.1:8443   artifact mirror, laid out `<upstream host>/<upstream path>` (nginx)
#   https://10.77.0.1:5000   registry with the lab's images (docker-registry)
#
# Both listen on the lab's bridge alone. `start` may be repeated and does what is left to do. `push` takes further images
# from standard input, as images.sh prints them.
set -euo pipefail
shopt -s inherit_errexit

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/artifacts/pki.sh"

state=$lab/services
mirror=$gateway:8443
registry=$gateway:5000

# pid_of SERVICE: its process, if it is the one started here: a stale file may name a stranger's.
pid_of() {
  local pid
  { read -r pid <"$state/$1.pid"; } 2>/dev/null || return 0
  ! tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF "$state/$1.conf" || echo "$pid"
}

fetch() {
  curl --silent --show-error --fail --noproxy '*' --max-time 5 --cacert "$pki/ca.crt" "$@"
}

answers() {
  fetch --output /dev/null "https://$1" 2>/dev/null
}

# fail SERVICE URL: with the service's own last words.
fail() {
  tail -n 5 "$lab/log/$1.log" >&2 || true
  die "$1 does not serve https://$2" "its last words stand above; does another program, or another clone's lab, listen there? ss -ltnp"
}

# await SERVICE URL: until it answers.
await() {
  local tries=0
  until answers "$2"; do
    tries=$((tries + 1))
    if [ "$tries" = 100 ] || [ -z "$(pid_of "$1")" ]; then fail "$@"; fi
    sleep 0.1
  done
}

write_nginx_config() {
  cat >"$state/nginx.conf" <<END
# Written by lab/services.sh.
# One process: workers would outlive a killed master and keep the port. It stays root, too: the cache may be in a
# folder that only its owner enters.
master_process off;
pid $state/nginx.pid;
error_log $lab/log/nginx.log warn;
events { worker_connections 512; }
http {
  access_log off;
  server_tokens off;
  default_type application/octet-stream;
  types { application/json json; }
  sendfile on;
  tcp_nopush on;
  client_body_temp_path $state/nginx;
  proxy_temp_path $state/nginx;
  fastcgi_temp_path $state/nginx;
  uwsgi_temp_path $state/nginx;
  scgi_temp_path $state/nginx;
  server {
    listen $mirror ssl;
    ssl_certificate $pki/server.crt;
    ssl_certificate_key $pki/server.key;
    ssl_session_cache shared:tls:1m;
    root $lab/artifacts/mirror;
    autoindex on;
  }
}
END
}

start_mirror() {
  [ -z "$(pid_of nginx)" ] || return 0
  command -v nginx >/dev/null || die "nginx is not installed" "run lab/requirements.sh"
  mkdir -p "$state/nginx"
  write_nginx_config
  nginx -e "$lab/log/nginx.log" -c "$state/nginx.conf" 9>&- 2>/dev/null || fail nginx "$mirror/"
  await nginx "$mirror/"
}

start_registry() {
  local tries=0
  [ -z "$(pid_of registry)" ] || return 0
  command -v docker-registry >/dev/null || die "docker-registry is not installed" "run lab/requirements.sh"
  cat >"$state/registry.conf" <<END
# Written by lab/services.sh.
version: 0.1
log: { level: error, accesslog: { disabled: true } }
storage: { filesystem: { rootdirectory: $state/registry } }
http:
  addr: $registry
  tls: { certificate: $pki/server.crt, key: $pki/server.key }
END
  # The process takes the shell's id, so the file names the right one before anybody asks.
  # shellcheck disable=SC2016 # expanded by the inner shell
  setsid --fork bash -c 'echo $$ >"$1/registry.pid"; exec docker-registry serve "$1/registry.conf"' \
    bash "$state" </dev/null >>"$lab/log/registry.log" 2>&1 9>&-
  until [ -n "$(pid_of registry)" ] || [ $((tries += 1)) -gt 50 ]; do sleep 0.02; done
  await registry "$registry/v2/"
}

# push REFERENCE DIGEST LAYOUT: unless the registry has it.
push() {
  local repository=${1%:*} tag=${1##*:} found
  found=$(fetch --head --header 'Accept: application/vnd.oci.image.manifest.v1+json' \
    "https://$registry/v2/$repository/manifests/$tag" 2>/dev/null | tr -d '\r' |
    awk 'tolower($1) == "docker-content-digest:" { print $2 }') || true
  [ "$found" != "$2" ] || return 0
  echo "pushing $1 to the lab's registry" >&2
  SSL_CERT_FILE=$pki/ca.crt skopeo --insecure-policy copy --quiet --preserve-digests "oci:$3" "docker://$registry/$1"
}

# push_all: the images of standard input, each a line `repository:tag digest folder`.
push_all() {
  local words
  while read -ra words; do
    push "${words[@]}"
  done
}

start() {
  local images
  mkdir -p "$state" "$lab/log"
  # Closed for the services, or they would hold it as long as they live.
  exec 9>"$state/lock"
  flock 9
  "$lab_source/artifacts/mirror.sh"
  images=$("$lab_source/artifacts/images.sh" --print)
  # Built here, they have other digests than upstream's: the lab's cluster file names these.
  awk '{ print "{\"" $1 "\": \"" $2 "\"}" }' <<<"$images" | jq -s add >"$lab/artifacts/images.json"
  pki_up
  [ -d "/sys/class/net/$bridge" ] || "$lab_source/network.sh" up
  start_mirror
  start_registry
  push_all <<<"$images"
}

stop() {
  local service pid tries
  for service in nginx registry; do
    pid=$(pid_of "$service")
    [ -n "$pid" ] || continue
    kill -TERM "$pid"
    tries=0
    # A zombie, which a slow init has yet to bury, has no command line any more and counts as ended.
    while [ -n "$(pid_of "$service")" ]; do
      [ $((tries += 1)) -le 100 ] || die "$service, process $pid, does not end" "kill -KILL $pid"
      sleep 0.05
    done
    rm -f "$state/$service.pid"
  done
}

status() {
  local service pid failed=0
  for service in nginx:$mirror/ registry:$registry/v2/; do
    pid=$(pid_of "${service%%:*}")
    if [ -n "$pid" ] && answers "${service#*:}"; then
      echo "${service%%:*} answers at https://${service#*:} (process $pid)"
    else
      echo "${service%%:*} does not answer at https://${service#*:}"
      failed=1
    fi
  done
  return "$failed"
}

require_root
case ${1:-} in
  start | stop | status) "$1" ;;
  push) push_all ;;
  *) die "unknown action '${1:-}'" "start, stop, status or push" ;;
esac
