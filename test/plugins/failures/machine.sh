#!/usr/bin/env bash
# Runs a command where SSH servers, users and networks are to be broken at will: machine.sh COMMAND...
#
# Mounts, processes and the network are its own and end with it; nothing of this machine changes. Needs root, and Debian's
# openssh-server and sudo. In the environment of the command: PLACE, a folder; KEY, a private key that all users take.
set -euo pipefail

if [ "${1:-}" != --inside ]; then
  exec unshare --mount --net --uts --pid --ipc --fork --kill-child --mount-proc "$0" --inside "$@"
fi
shift

PLACE=/run/groundwork-failures KEY=/run/groundwork-failures/key
export PLACE KEY
mount -t tmpfs tmpfs /run
mkdir -p "$PLACE"/home "$PLACE"/etc "$PLACE"/bin /run/sshd /run/sudo
chmod 0755 "$PLACE"
hostname failures

# Names and rights of its own; what is mounted over a file is seen by nobody else.
own() { # own FILE: its text comes on standard input
  local copy="$PLACE/etc/${1##*/}"
  cat >"$copy"
  chmod --reference="$1" "$copy"
  mount --bind "$copy" "$1"
}
users=(admin asked untold ttyonly limited nologin noshell expired forced cloud aged lapsed barred held bare)
shell_of() { case $1 in nologin) echo /usr/sbin/nologin ;; noshell) echo /bin/none ;; *) echo /bin/bash ;; esac }
{
  grep -E '^(root|nobody|sshd|_apt):' /etc/passwd
  id=2000
  for user in "${users[@]}"; do echo "$user:x:$((id += 1)):2000::$PLACE/home/$user:$(shell_of "$user")"; done
} | own /etc/passwd
{
  echo 'root:*:19000:0:99999:7:::'
  for user in "${users[@]}"; do
    # "groundwork"
    hash=$(openssl passwd -6 -salt failures groundwork)
    case $user in expired | aged) changed=0 ;; *) changed=19000 ;; esac
    echo "$user:$hash:$changed:0:99999:7:::"
  done
} | own /etc/shadow
own /etc/sudoers <<'END'
Defaults env_reset, use_pty
Defaults secure_path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
Defaults:ttyonly requiretty
root ALL=(ALL:ALL) ALL
admin ALL=(ALL:ALL) NOPASSWD: ALL
asked ALL=(ALL:ALL) ALL
ttyonly ALL=(ALL:ALL) NOPASSWD: ALL
limited ALL=(ALL:ALL) NOPASSWD: /bin/true
Defaults:asked logfile=/run/guesses, loglinelen=0
aged ALL=(ALL:ALL) ALL
Defaults:lapsed pam_service=sudo-lapsed
lapsed ALL=(ALL:ALL) NOPASSWD: ALL
Defaults:barred pam_service=sudo-barred
barred ALL=(ALL:ALL) ALL
Defaults:held pam_service=sudo-held
held ALL=(ALL:ALL) ALL
Defaults:bare secure_path="/run/groundwork-failures/bin/nobash"
bare ALL=(ALL:ALL) NOPASSWD: ALL
END
cp -a /etc/pam.d "$PLACE/etc/"
mount --bind "$PLACE/etc/pam.d" /etc/pam.d
pam() { cat >"/etc/pam.d/sudo-$1"; } # pam USER: what sudo asks of the user comes on standard input
# Its key does, and sshd does not look at the age of a password; sudo does.
sed -i '1i account sufficient pam_succeed_if.so quiet user = aged' /etc/pam.d/sshd
pam lapsed <<<$'auth required pam_unix.so\naccount required pam_debug.so acct=acct_expired'
pam barred <<<$'auth required pam_unix.so\naccount required pam_debug.so acct=auth_err'
pam held <<'END'
auth required pam_faillock.so preauth deny=1 dir=/run/faillock
auth sufficient pam_unix.so
auth required pam_faillock.so authfail deny=1 dir=/run/faillock
auth required pam_deny.so
account required pam_unix.so
END
own /etc/hosts <<<$'127.0.0.1 localhost failures'
own /etc/resolv.conf <<<'nameserver 127.0.0.1'
[ ! -d /etc/sudoers.d ] || mount -t tmpfs tmpfs /etc/sudoers.d

ssh-keygen -q -t ed25519 -N '' -f "$KEY"
keys() { # keys USER PREFIX: the line by which it lets us in
  mkdir -p "$PLACE/home/$1/.ssh"
  echo "$2$(cat "$KEY.pub")" >"$PLACE/home/$1/.ssh/authorized_keys"
}
for user in "${users[@]}"; do keys "$user" ''; done
keys forced 'command="echo maintenance" '
keys root ''
# As cloud-init's disable_root_opts has it.
keys cloud "no-port-forwarding,no-agent-forwarding,no-X11-forwarding,command=\"echo 'Please login as the user \\\"debian\\\" rather than the user \\\"root\\\".';echo;sleep 10;exit 142\" "

# Programs without sudo, and without bash.
mkdir "$PLACE"/bin/{nosudo,nobash}
for program in sh timeout id cat sed printf grep; do
  for folder in nosudo nobash; do ln -s "$(command -v "$program")" "$PLACE/bin/$folder/"; done
done
ln -s /bin/bash "$PLACE/bin/nosudo/"

ip link set lo up
# A network on which nobody answers, and one that a router calls unreachable.
ip link add silent type veth peer name nobody
ip address add 10.9.9.1/24 dev silent
ip link set silent up
ip link set nobody up
ip neigh add 10.9.9.2 lladdr 02:00:00:00:00:02 dev silent
ip route add unreachable 10.7.7.0/24
mkdir /run/faillock
setpriv --reuid held --regid 2000 --clear-groups sudo -k -S -p '' true <<<wrong 2>/dev/null || true
exec "$@"
