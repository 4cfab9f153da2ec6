# shellcheck shell=bash
# What of the machine's own settings would keep a node from working: filters of packets, resolvers, proxies, limits, mounts, and
# what the kernel lacks. Looks, and changes nothing. Needs preflight.sh.

tables() { nft list tables 2>/dev/null || true; }

# droppers: chains that see packets that come in or are forwarded, and let nothing through that no rule of theirs names; also where
# a chain that they hand everything to, or everything of an interface, does so. In it, `plain` leaves out what is quoted, `rule`
# tells of a rule without conditions what it does (what only counts or tells is none), and long rules go over several lines.
droppers() {
  {
    nft list ruleset 2>/dev/null || true
    ! command -v iptables-legacy-save >/dev/null || iptables-legacy-save 2>/dev/null || true
  } | awk '
    function plain(text) { gsub(/xt target "REJECT"/, "reject", text); gsub(/"[^"]*"/, "Q", text); return text }
    function rule(chain, text) {
      text = " " text " "
      while (sub(/ (counter( packets [0-9]+ bytes [0-9]+| name Q)?|log( (prefix Q|level [a-z]+|group [0-9]+|snaplen [0-9]+|queue-threshold [0-9]+|flags (all|skuid|ether|ip options|tcp [a-z,]+)))*|meta nftrace set [01]|(-m comment )?--comment [^ ]+) /, " ", text));
      sub(/^ +/, "", text)
      if (text ~ /^(-j )?(drop|reject|DROP|REJECT)( |$)/) drops[chain] = 1
      else if (sub(/^((meta )?iif(name)?|meta (protocol|nfproto)) vmap \{/, "", text))
        while (match(text, /(jump|goto) [^ ,}]+/)) {
          hands(chain, substr(text, RSTART + 5, RLENGTH - 5))
          text = substr(text, RSTART + RLENGTH)
        }
      else if (match(text, /^(((meta )?iif(name)? (!= )?(Q|\{[^}]*\})|(! )?-i [^ ]+) )?(jump|goto|-j|-g) /)) {
        text = substr(text, RSTART + RLENGTH)
        sub(/ .*/, "", text)
        hands(chain, text)
      }
    }
    function hands(chain, to) { to = table SUBSEP to; if (to != chain) next_of[chain] = next_of[chain] "\n" to }
    function closed(chain, seen,    i, count, to) {
      if (chain in drops) return 1
      if (seen > 20) return 0
      count = split(next_of[chain], to, "\n")
      for (i = 2; i <= count; i++) if (closed(to[i], seen + 1)) return 1
      return 0
    }
    function hooked(what, hook) { chains[++known] = table SUBSEP chain; names[known] = what ", chain " chain (hook ? " (" hook ")" : "") }
    /^table / { table = $2 " " $3; heard = $2 ~ /^(ip|inet|netdev)$/ }
    /^\*/ { table = "legacy " $1; heard = 1 }
    /^\t[a-z]/ { chain = $1 == "chain" ? $2 : ""; text = "" }
    heard && /^:/ {
      chain = substr($1, 2)
      if (chain !~ /^(PREROUTING|INPUT|FORWARD)$/) next
      hooked("iptables-legacy", "")
      if ($2 == "DROP") drops[table SUBSEP chain] = 1
    }
    heard && /^-A / { text = plain($0); sub(/^-A [^ ]+ /, "", text); rule(table SUBSEP $2, text) }
    heard && match($0, /hook (ingress|prerouting|input|forward) /) {
      hooked("nft table " table, substr($0, RSTART + 5, RLENGTH - 6))
      if (/policy drop;/) drops[table SUBSEP chain] = 1
      next
    }
    heard && /^\t\t/ {
      text = text plain($0)
      if (gsub(/\{/, "{", text) > gsub(/\}/, "}", text)) next
      gsub(/[\t ]+/, " ", text)
      rule(table SUBSEP chain, text)
      text = ""
    }
    END { for (i = 1; i <= known; i++) if (closed(chains[i], 0)) print names[i] }'
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
  ! runs_kubernetes || [ -z "$REACHED" ] || printf ', %s' "$REACHED"
}

# resolver: what pods of CoreDNS ask; the kubelet gives them the same file (machine_facts in kubelet.sh), of which three servers
# count. systemd-resolved may leave its file behind when it is switched off, until the next boot.
resolver() {
  local file=/etc/resolv.conf servers
  [ ! -s /run/systemd/resolve/resolv.conf ] || ! is_active systemd-resolved.service || file=/run/systemd/resolve/resolv.conf
  servers=$(sed -n 's/^[[:space:]]*nameserver[[:space:]]\+\([^[:space:]#;]*\).*/\1/p' "$file" 2>/dev/null | sed -n 1,3p | paste -sd ' ')
  case " $servers" in
    ' ') finding resolver "$file names no server: CoreDNS does not start" "name one there$(by_resolved $file), or give cluster.networking.dns_servers" ;;
    *' 127.'* | *' ::1'* | *' 0.0.0.0'*) finding resolver "$file names the machine itself ($servers): CoreDNS would ask itself, and ends" "name a server there that pods reach$(by_resolved $file), or give cluster.networking.dns_servers" ;;
    *) [[ "$servers " =~ (^| )[0-9.]+\  ]] || finding resolver "$file names servers by IPv6 addresses alone ($servers): pods have IPv4, and reach none of them" "name one there by its IPv4 address$(by_resolved $file), or give cluster.networking.dns_servers" ;;
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

# later_settings: of the settings that prepare makes (SYSCTLS) those that a file undoes which systemd-sysctl reads later at boot, as
# lines FILE KEY VALUE: by the files' names, whichever folder they are in; of the same name the first folder's. No value: the line
# is `-KEY`, which has it left alone.
later_settings() {
  local path name later=()
  local -A files=()
  for path in /usr/lib/sysctl.d/*.conf /usr/local/lib/sysctl.d/*.conf /run/sysctl.d/*.conf /etc/sysctl.d/*.conf; do
    [ ! -r "$path" ] || files[${path##*/}]=$path
  done
  while read -r name; do
    [[ ! $name > 90-groundwork.conf ]] || later+=("${files[$name]}")
  done < <(printf '%s\n' "${!files[@]}" | sort)
  [ ${#later[@]} -eq 0 ] || awk -v ours="$SYSCTLS" '
    BEGIN { count = split(ours, pairs, " "); for (i = 1; i <= count; i++) { split(pairs[i], pair, "="); wanted[pair[1]] = pair[2] } }
    { sub(/^[ \t]+/, ""); at = index($0, "="); leaves = sub(/^-/, ""); at -= leaves && at ? 1 : 0 }
    /^([#;]|$)/ || !at && !leaves { next }
    {
      key = at ? substr($0, 1, at - 1) : $0
      value = at ? substr($0, at + 1) : ""
      gsub(/^[ \t]+|[ \t\r]+$/, "", key); gsub(/^[ \t]+|[ \t\r]+$/, "", value)
      if (match(key, /[.\/]/) && substr(key, RSTART, 1) == "/") gsub(/\//, ".", key) # one style of separators or the other
      if (key in wanted) { last[key] = FILENAME; is[key] = value }
    }
    END { for (key in last) if (is[key] != wanted[key]) print last[key], key, is[key] }' "${later[@]}" | sort
}

# sysctls: as they will be after the next boot, when the kubelet refuses to start with others.
sysctls() {
  local path key value does
  while read -r path key value; do
    does="sets $key = $value"
    [ -n "$value" ] || does="leaves $key alone (-$key)"
    finding sysctl "$path $does, and is read after the cluster's /etc/sysctl.d/90-groundwork.conf: the node would not come back from its next boot" \
      "take the line out, or give the file a name before that one's"
  done < <(later_settings)
}

# cloud_init: at each boot it may write /etc/hosts anew, where the machine's name leads to its own address while it is a node. What
# a provider or a user gave it counts before what stands in its own files, and among these the last.
cloud_init() {
  local path value paths=(/etc/cloud/cloud.cfg /etc/cloud/cloud.cfg.d/*.cfg /var/lib/cloud/instance/{vendor-cloud-config,vendor2-cloud-config,cloud-config}.txt)
  local says=false at=''
  command -v cloud-init >/dev/null && [ ! -e /etc/cloud/cloud-init.disabled ] || return 0
  for path in "${paths[@]}"; do
    [ -r "$path" ] || continue
    value=$(sed -nE "s/^manage_etc_hosts:[[:space:]]*[\"']?([A-Za-z0-9]+).*/\1/p" "$path" | tail -n 1)
    [ -z "$value" ] || says=${value,,} at=$path
  done
  case $says in
    true | yes | on | 1 | template | localhost) finding cloud-init "cloud-init writes /etc/hosts anew at each boot (manage_etc_hosts in $at): the machine's name then leads to 127.0.1.1" \
      "set manage_etc_hosts: false there; where that is made anew as well (/var/lib/cloud), switch cloud-init off: touch /etc/cloud/cloud-init.disabled" ;;
  esac
}

# immutable: what steps replace or add to, and nobody can: they would end there, on a machine that is taken already.
immutable() {
  local found
  command -v lsattr >/dev/null || return 0
  found=$({ lsattr -d /etc /etc/hosts /etc/hostname /etc/{passwd,group,shadow,gshadow} /etc/{sysctl,modules-load}.d /etc/systemd /etc/systemd/system \
    /etc/containerd /etc/containerd/config.toml /etc/cni /etc/cni/net.d /etc/kubernetes /etc/ceph /usr/bin /usr/sbin /usr/local/bin /var/lib 2>/dev/null || true; } |
    awk '$1 ~ /[ia]/ { print $2 }' | paste -sd ' ')
  [ -z "$found" ] || conflict immutable "steps could not change $found (see lsattr -d)" "run 'chattr -i -a $found' there, also for when the machine leaves"
}

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

# queues_packets: of a container's kernel only nftables knows whether it has nft_queue, by which NetworkPolicy is enforced.
queues_packets() {
  [[ " $MODULES " == *" nft_queue "* ]] && command -v nft >/dev/null || return 0
  nft --check 'add table inet groundwork; add chain inet groundwork check; add rule inet groundwork check queue num 98 bypass' >/dev/null 2>&1 ||
    finding kernel-module "the kernel $(uname -r) lacks nft_queue: NetworkPolicy would not be enforced here" \
      "have the machine's host load nft_queue or get a kernel that has it, or leave cluster.networking.flannel.network_policy out"
}

# kernel_modules: what is neither in the kernel nor can be loaded. A container has its host's kernel, and no modules of it.
kernel_modules() {
  local module folder missing=''
  folder=/lib/modules/$(uname -r)
  if systemd-detect-virt --quiet --container; then
    queues_packets
    return
  fi
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
  immutable
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
