#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# loopback-host.sh SCRIPT DRIVER FILESYSTEM DIRECTORY, in a mount namespace of its own: a host on
# whose pool's path one container after another runs SCRIPT, as the chart's init containers do, each
# in a namespace that the host shares mounts with. Ends with 0 when all is as it should be.
set -euo pipefail

# inside WORK COMMAND...: the container, with the two volumes that the chart gives it.
inside() {
  mount -t tmpfs none "$1/container"
  mount --make-private "$1/container"
  mkdir "$1/container/pool" "$1/container/file"
  mount --rbind "$1/host/pool" "$1/container/pool"
  mount --make-shared "$1/container/pool"
  mount --bind "$1/host/pool.loopback" "$1/container/file"
  exec "${@:2}"
}
if [ "$1" = --inside ]; then
  inside "${@:2}"
fi

script=$1 driver=$2 filesystem=$3 work=$4
host=$work/host

in_container() { unshare -m --propagation unchanged "$0" --inside "$work" "$@"; }
loopback() {
  in_container sh "$script" "$work/container/file/pool.img" "$1" "$filesystem" "$work/container/pool"
}
expect() { # expect WORDS COMMAND...
  local said
  said=$("${@:2}" 2>&1) || { printf '%s\n' "$said" "\"${*:2}\" failed"; exit 1; }
  [[ $said == *"$1"* ]] || { printf '%s\n' "$said" "does not say \"$1\""; exit 1; }
}
mounted() { findmnt -n -o FSTYPE,SIZE --bytes "$host/pool"; }

mount --make-rslave /
mkdir -p "$host" "$work/container"
mount -t tmpfs none "$host"
mount --make-shared "$host"
mkdir "$host/pool" "$host/pool.loopback"

expect "made $filesystem" loopback 512M
expect "$filesystem" mounted
[ "$(stat -c %a "$host/pool.loopback/pool.img")" = 600 ]
expect "is a pool now" in_container "$driver" pool init "$work/container/pool" --existing-ok
expect "is a pool already" in_container "$driver" pool init "$work/container/pool" --existing-ok

# The next pod, also with another size, finds the mount.
before=$(mounted)
expect "mounted on $work/container/pool already" loopback 1G
[ "$(mounted)" = "$before" ]

# A reboot: the file is there, the mount is not.
umount "$host/pool"
[ -z "$(ls -A "$host/pool")" ]
expect "is mounted on $work/container/pool" loopback 512M
[ "$(mounted)" = "$before" ]
expect "is a pool already" in_container "$driver" pool init "$work/container/pool" --existing-ok
umount "$host/pool"

# One that was cut off while it was made is made anew.
rm "$host/pool.loopback/pool.img"
truncate -s 1M "$host/pool.loopback/pool.img.new"
expect "made $filesystem" loopback 512M
umount "$host/pool"
