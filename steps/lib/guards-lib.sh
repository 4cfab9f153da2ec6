# shellcheck shell=bash
# What of the machine's own settings would keep a node from working: filters of packets, resolvers, proxies, limits, mounts, and
# what the kernel lacks. Looks, and changes nothing. Needs preflight.sh.

tables() { nft list tables 2>/dev/null || true; }

# droppers: chains that see packets that come in or are forwarded, and let nothing through that no rule of theirs names.
droppers() {
  { nft list ruleset 2>/dev/null || true; } | awk '
    /^table / { table = $2 " " $3; heard = $2 == "ip" || $2 == "inet" }
    /^\tchain / { chain = $2; hook = "" }
    match($0, /hook (input|forward) /) { hook = substr($0, RSTART + 5, RLENGTH - 6) }
    heard && hook && (/policy drop;/ || /^\t\t(counter packets [0-9]+ bytes [0-9]+ )?(drop|reject)( |$)/) {
      print "nft table " table ", chain " chain " (" hook ")"
      hook = ""
    }'
  ! command -v iptables-legacy-save >/dev/null ||
    { iptables-legacy-save 2>/dev/null || true; } |
    awk '/^\*/ { table = $1 } table == "*filter" && /^:(INPUT|FORWARD) DROP/ { print "iptables-legacy, chain " substr($1, 2) }'
}

# firewall: none is judged by its rules, which may let through what is needed: who knows that they do accepts it.
firewall() {
  local who=''
  if grep -qi '^ENABLED=yes' /etc/ufw/ufw.conf 2>/dev/null; then
    who=ufw
  elif is_active firewalld.service; then
    who=firewalld
  else
    who=$(droppers | sed -n '1,3p' | paste -sd ';' | sed 's/;/; /g')
  fi
  [ -z "$who" ] || finding firewall "a firewall drops packets: $who. Other nodes need $(needed)" \
    "open these to the other nodes, or switch it off; then accept it by this name. Nothing changes its rules"
}

# needed: what the other nodes must reach here, in words.
needed() {
  local tcp=()
  ! is_among master "$ROLES" || tcp+=(2379-2380 6443)
  ! runs_kubernetes || tcp+=(10250)
  ! is_among ceph-mon "$ROLES" || tcp+=(3300 6789)
  [[ $ROLES != *ceph-* ]] || tcp+=(6800-7568)
  printf 'TCP %s' "${tcp[*]}"
  ! runs_kubernetes || printf ', UDP 8472, and packets forwarded from and to pods (cni0, flannel.1)'
}

# resolver: what pods of CoreDNS ask; the kubelet gives them the same file (machine_facts in kubelet.sh).
resolver() {
  local file=/etc/resolv.conf servers
  [ ! -s /run/systemd/resolve/resolv.conf ] || file=/run/systemd/resolve/resolv.conf
  servers=$(sed -n 's/^[[:space:]]*nameserver[[:space:]]\+\([^[:space:]#;]*\).*/\1/p' "$file" 2>/dev/null | paste -sd ' ')
  case " $servers" in
    ' ') finding resolver "$file names no server: CoreDNS does not start" "name one there$(by_resolved $file), or give cluster.networking.dns_servers" ;;
    *' 127.'* | *' ::1'* | *' 0.0.0.0'*) finding resolver "$file names the machine itself ($servers): CoreDNS would ask itself, and ends" "name a server there that pods reach$(by_resolved $file), or give cluster.networking.dns_servers" ;;
  esac
}

by_resolved() { [ "$1" = /etc/resolv.conf ] || echo ', by DNS= in /etc/systemd/resolved.conf or in the settings of its network'; }

# proxy: that of a login (/etc/environment) is for what steps download; a service's is for all it asks. Of the value only its name
# is told: it may hold a password.
proxy() {
  local which
  which=$({ systemctl show-environment 2>/dev/null || true; } | proxies)
  [ -z "$which" ] || finding proxy "systemd gives every service $which: the cluster's own would ask a proxy for each other" "take it out of DefaultEnvironment= in /etc/systemd/system.conf and its drop-ins, and run 'systemctl unset-environment ${which//, / }'"
}

proxies() { sed -nE 's/^((https?|all)_proxy)=..*/\1/Ip' | sort -u | paste -sd, | sed 's/,/, /g'; }

# limits: below what distributions give, with which a node works.
limits() {
  local path least have
  while read -r path least; do
    have=''
    read -r have 2>/dev/null <"/proc/sys/$path" || true
    [ -z "$have" ] || [ "$have" -ge "$least" ] ||
      finding limits "${path//\//.} is $have; a node needs $least" "raise it in /etc/sysctl.d, and run 'sysctl --system'"
  done < <(printf '%s\n' 'kernel/pid_max 32768' 'fs/inotify/max_user_instances 128' 'fs/inotify/max_user_watches 8192' 'fs/file-max 65536')
}

# kernel_modules: what is neither in the kernel nor can be loaded. A container has its host's kernel, and no modules of it.
kernel_modules() {
  local module folder missing=''
  folder=/lib/modules/$(uname -r)
  ! systemd-detect-virt --quiet --container || return 0
  for module in $MODULES; do
    [ -d "/sys/module/$module" ] || modprobe --dry-run --quiet "$module" 2>/dev/null || missing+=" $module"
  done
  if [ -z "$missing" ]; then
    return 0
  elif [ ! -d "$folder" ]; then
    finding kernel-module "$folder is gone, as after an update of the kernel:$missing cannot be loaded" "reboot the machine"
  else
    finding kernel-module "the kernel $(uname -r) lacks$missing" "install the distribution's full kernel image (linux-image-amd64, linux-modules-extra), and reboot"
  fi
}

# file_systems: what is mounted so that nothing can be written, or nothing run.
file_systems() {
  local folder options
  for folder in /etc /usr/local/bin /var/lib; do
    [ -w "$folder" ] || conflict read-only "$folder cannot be written to" "mount it writable"
  done
  linked_folders
  runs_kubernetes || return 0
  folder=/var/lib/kubelet
  while [ ! -d "$folder" ]; do folder=${folder%/*}; done
  options=$(findmnt --noheadings --output OPTIONS --target "$folder" 2>/dev/null || true)
  case ,$options, in *,noexec,*) finding noexec "$folder is mounted noexec: programs that pods put into their volumes do not run" "mount it without noexec" ;; esac
}

# linked_folders: of a folder behind a link the kernel tells mounts by another name than the steps know, and who takes the folder
# back takes the link.
linked_folders() {
  local folder real
  while read -r folder _; do
    [ "$folder" != /usr ] || continue
    real=$(readlink -m "$folder")
    [ "$real" = "$folder" ] || conflict linked-folder "$folder leads to $real by a link: what is mounted there would not be found by its name, and all of it would stay when the machine leaves" \
      "put a folder in the link's place, and have the other file system mounted at it (a bind mount of $real does)"
  done < <(space)
}

# Commands of Kubernetes that lead to a pod's port look this name up.
localhost() {
  local address
  address=$(getent ahostsv4 localhost | head -1 | cut -d' ' -f1) || true
  [ "$address" = 127.0.0.1 ] || finding localhost "localhost leads to ${address:-nothing}" "put the line '127.0.0.1 localhost' into /etc/hosts"
}
