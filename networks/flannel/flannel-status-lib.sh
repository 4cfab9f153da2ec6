# shellcheck shell=bash
# What `make status` asks of flannel on a machine. Goes before status.sh, whose variables it sets.

# shellcheck disable=SC2034 # status.sh says it
network_of_flannel() {
  local line
  [ -e /etc/systemd/system/flanneld.service ] && [ -s /run/flannel/subnet.env ] || return 0
  # flanneld names the bridge's address, the first of the network. What it wrote may be anything.
  while read -r line; do
    [[ ! $line =~ ^FLANNEL_SUBNET=([0-9.]+\.)0*([0-9]{1,3})/([0-9]{1,2})$ ]] ||
      subnet=${BASH_REMATCH[1]}$((BASH_REMATCH[2] - 1))/${BASH_REMATCH[3]}
    [[ ! $line =~ ^FLANNEL_MTU=([1-9][0-9]{1,4})$ ]] || mtu=${BASH_REMATCH[1]}
  done </run/flannel/subnet.env
  bridge=$(ip -json -4 address show dev cni0 2>/dev/null) routes=$(ip -json route show dev flannel.1 2>/dev/null) table=flannel-ipv4
  # kube-network-policies judges packets where its rules lead them to it, and it waits for them: its queue is 98.
  policies=no
  ! timeout 1 nft list chain inet kube-network-policies postrouting >/dev/null 2>&1 ||
    ! awk '$1 == 98 { found = 1 } END { exit !found }' /proc/net/netfilter/nfnetlink_queue 2>/dev/null || policies=yes
}
