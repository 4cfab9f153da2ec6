# shellcheck shell=bash
# What several steps know of programs whose versions lie beside each other. Needs lib.sh.

# Downloads by their SHA-256, and in `.placed` a line for each that the last `prepare` installed: SHA-256, path.
STORE=/var/lib/groundwork/artifacts

# program_of UNIT: the program that its unit file names; nothing where there is none.
program_of() { sed -nE 's,^ExecStart=[-+]?([^ ]+).*,\1,p' "/etc/systemd/system/$1" 2>/dev/null | head -n 1 || true; }

# version_of UNIT: of the program that its unit file names, such as 1.36.3; nothing where there is none.
# shellcheck disable=SC2034 # some steps use it
version_of() {
  local program
  program=$(program_of "$1")
  case $program in
    */groundwork/*-*/*) program=${program%/*} && echo "${program##*-}" ;;
    # Before versions lay beside each other.
    /*) timeout 10 "$program" --version | sed -nE 's/^(Kubernetes v|etcd Version: )//p' ;;
  esac
}

# install_beside UNIT: install_files. A file of UNIT that names the same program at another place, and is the same otherwise, keeps
# its time: nothing restarts because something lies elsewhere.
install_beside() {
  local file=/etc/systemd/system/$1 text='' since='' was now
  was=$(program_of "$1")
  [ -z "$was" ] || { text=$(cat "$file") since=$(stat -c %y "$file"); }
  install_files
  now=$(program_of "$1")
  if [ -n "$was" ] && [ "$was" != "$now" ] && [ "${text/"$was"/"$now"}" = "$(cat "$file")" ] && cmp -s "$was" "$now"; then
    touch -d "$since" "$file"
  fi
}

# named_programs: what a unit, an operator's drop-in, or a unit that a failed step would put back names, a line each.
named_programs() {
  find /etc/systemd/system /var/lib/groundwork/undo \( -name '*.service' -o -path '*.service.d/*.conf' \) -type f \
    -exec sed -nE 's,^ExecStart=[-+]?([^ ]+).*,\1,p' {} + 2>/dev/null || true
}

# runtime_programs: all of containerd and runc in each version that is to start containers, or that a container's shim was started
# with: it goes on with those.
runtime_programs() {
  local drop_in=etc/systemd/system/containerd.service.d/groundwork-version.conf folder
  {
    find "/$drop_in" /var/lib/groundwork/undo -path "*/$drop_in" -exec sed -n 's,^Environment=PATH=\(.*\),\1,p' {} + 2>/dev/null || true
    # In a shim's environment. In a pod's it may stand, too, and be any path.
    grep -azohsE '^PATH=[^ ]*/lib/groundwork/[^ ]+' /proc/[0-9]*/environ | tr '\0' '\n' | cut -d= -f2- || true
  } | tr ':' '\n' | sort -u | while read -r folder; do
    [[ ! $folder =~ ^/usr/local/lib/groundwork/(containerd|runc)-[0-9.]+$ ]] || find "$folder" -type f 2>/dev/null || true
  done
}

# remove_unused_programs: programs that this cluster installed, no unit names any more, and the last `prepare` did not install,
# go; what a download of them was kept for, too.
remove_unused_programs() {
  local path sum used gone=()
  used=$'\n'$(cut -d' ' -f2 "$STORE/.placed" 2>/dev/null; named_programs; runtime_programs)$'\n'
  while read -r path; do
    case $path in
      # Where they lay before versions did beside each other.
      /usr/local/bin/kube-apiserver | /usr/local/bin/kube-controller-manager | /usr/local/bin/kube-scheduler) ;;
      /usr/local/bin/kubelet | /usr/local/bin/kube-proxy) ;;
      /usr/local/bin/etcd | /usr/local/bin/flanneld) ;;
      /usr/local/lib/groundwork/kubernetes-*/?* | /usr/local/lib/groundwork/etcd-*/?* | /usr/local/lib/groundwork/flannel-*/?*) ;;
      /usr/local/lib/groundwork/containerd-*/?* | /usr/local/lib/groundwork/runc-*/?*) ;;
      *) continue ;;
    esac
    # What was there before comes back when the machine leaves, as it is noted.
    if [[ $used == *$'\n'"$path"$'\n'* ]] || [ ! -e "$path" ] || is_there "$STATE/original$path"; then continue; fi
    rm -f "$path"
    gone+=("$path")
    if rmdir "${path%/*}" 2>/dev/null; then gone+=("${path%/*}/"); fi
    changed "removed $path, which nothing uses any more"
  done <"$STATE/files"
  [ ${#gone[@]} -gt 0 ] || return 0
  unrecord "${gone[@]}"
  # A download is a link to what is installed, where both are on one file system.
  for path in "$STORE"/[0-9a-f]*; do
    sum=${path##*/}
    if [ -f "$path" ] && [ "$(stat -c %h "$path")" = 1 ] && ! grep -q "^$sum " "$STORE/.placed"; then
      rm -rf "$path" "$path.d"
    fi
  done
}
