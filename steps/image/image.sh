#!/usr/bin/env bash
# image: what prepare does that needs no machine: packages, programs, settings, and units that start with it. Runs where an image
# is built, in a chroot or a container, and starts nothing. It leaves nothing by which two machines of the image were one.
#
# Needs also: what prepare.sh does, but registry_logins, and UNITS (space separated: they start with the machine).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/programs-lib.sh
. "$(dirname "$0")/../lib/programs-lib.sh"
# shellcheck source=../lib/packages-lib.sh
. "$(dirname "$0")/../lib/packages-lib.sh"
# shellcheck source=../lib/prepare-lib.sh
. "$(dirname "$0")/../lib/prepare-lib.sh"

# What a cluster would note of its machine is nobody's here, and goes.
STATE=$RUN/image
STORE=$IMAGE
# systemctl changes what lies on the disk, and asks nobody.
export SYSTEMD_OFFLINE=1

# enable_for_boot UNIT...: each starts with the machine. They must be there.
enable_for_boot() { systemctl --root=/ enable --quiet "$@"; }

# clock: as prepare's, where it runs.
clock() {
  local unit=systemd-timesyncd.service
  [ -n "$NTP_SERVERS" ] || return 0
  ! command -v chronyd >/dev/null || unit=chrony.service
  enable_for_boot $unit
}

# forget_machine: what each machine is to have of its own, and what it was told here. What a builder has mounted cannot go.
forget_machine() {
  rm -rf --one-file-system /etc/ssh/ssh_host_* /etc/hostname /var/lib/dbus/machine-id /var/lib/systemd/{random-seed,credential.secret} /var/lib/cloud/* 2>/dev/null || true
  truncate --size 0 /etc/machine-id
}

exclusively image
install -d -m 0700 "$STATE"
install_packages
install_files
install -d -m 0755 /var/lib/groundwork/metrics
if [ "$ROLE" != storage ]; then
  [ "$ROLE" != master ] || make_etcd_user
  install_artifacts
  # A machine of its own; where it is not, prepare writes what is so there.
  configure_containerd true false
fi
case " $FIX " in *' swap '*) systemctl --root=/ mask --quiet swap.target ;; esac
# shellcheck disable=SC2086,SC2153 # a list; of the program
enable_for_boot $UNITS
clock
wait
forget_machine
rm -rf "$STATE"
finish
