# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# For scripts that examine the driver from outside: the driver on a pool in a file, in a mount
# namespace that ends with the script. Everything is beneath /mnt, which is a tmpfs of its own.

driver_socket=/mnt/run/csi.sock

# in_own_namespace COMMAND...: runs it where mounts, and the loop devices under them, end with it.
in_own_namespace() {
  unshare --mount --propagation private -- "$@"
}

# start_driver DRIVER WORK FILESYSTEM[+prjquota]: in such a namespace. Its log is WORK/driver.log. Sets driver_pid.
start_driver() {
  local driver=$1 work=$2 filesystem=$3
  mount -t tmpfs -o mode=0700 nodevol-examined /mnt
  truncate -s 12G "$work/pool.img"
  local options=loop mkfs=()
  case $filesystem in
  ext4+prjquota) mkfs=(-O 'quota,project' -E quotatype=prjquota) options+=,prjquota ;;
  *+prjquota) options+=,prjquota ;;
  esac
  "mkfs.${filesystem%+*}" -q "${mkfs[@]}" "$work/pool.img" >/dev/null
  mkdir /mnt/pool /mnt/csi /mnt/run
  mount -o "$options" "$work/pool.img" /mnt/pool
  rm "$work/pool.img" # it lives as long as its mount
  "$driver" --endpoint="unix://$driver_socket" --node-id=examined-node --pool=main=/mnt/pool \
    --admin-socket= --create-pools --health --log-level=debug 2>"$work/driver.log" &
  driver_pid=$!
  # shellcheck disable=SC2064 # the pid of now
  trap "kill -9 $driver_pid 2>/dev/null || true; umount -l /mnt/pool" EXIT
  for _ in $(seq 200); do
    [ -S "$driver_socket" ] && break
    sleep 0.05
  done
}

# stop_driver: fails when the driver does not end well, or has not taken all down that it was told to.
stop_driver() {
  local status=0 left
  kill "$driver_pid"
  wait "$driver_pid" || status=$?
  left=$(find /mnt/pool/volumes /mnt/pool/snapshots /mnt/pool/groups -mindepth 1 -maxdepth 1 | wc -l)
  left=$((left + $(grep -c ' /mnt/csi/' /proc/self/mountinfo || true)))
  if [ "$left" != 0 ]; then
    echo "$left volumes, snapshots or mounts are left" >&2
    status=1
  fi
  return "$status"
}
