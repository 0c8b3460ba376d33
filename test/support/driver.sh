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

# make_pool WORK FILESYSTEM[+prjquota]: an empty one at /mnt/pool.
make_pool() {
  local work=$1 filesystem=$2
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
}

# await_socket PATH
await_socket() {
  for _ in $(seq 200); do
    [ -S "$1" ] && return
    sleep 0.05
  done
}

# start_driver DRIVER WORK FILESYSTEM[+prjquota]: in such a namespace. Its log is WORK/driver.log. Sets driver_pid.
start_driver() {
  local driver=$1 work=$2
  make_pool "$work" "$3"
  "$driver" --endpoint="unix://$driver_socket" --node-id=examined-node --pool=main=/mnt/pool \
    --admin-socket= --create-pools --health --log-level=debug 2>"$work/driver.log" &
  driver_pid=$!
  # shellcheck disable=SC2064 # the pid of now
  trap "kill -9 $driver_pid 2>/dev/null || true; umount -l /mnt/pool" EXIT
  await_socket "$driver_socket"
}

controller_socket=/mnt/run/controller.sock

# start_split_driver DRIVER WORK FILESYSTEM[+prjquota]: the same as a node and a controller, each in a
# network namespace of its own with a cable between them, and mutual TLS on it. The node is driver_pid;
# sets controller_pid. Logs are WORK/driver.log and WORK/controller.log.
start_split_driver() {
  local driver=$1 work=$2 name nets=()
  make_pool "$work" "$3"
  for name in controller node; do
    unshare --net -- sleep infinity &
    nets+=($!)
    disown # that it is killed is no news
  done
  # shellcheck disable=SC2064 # the pids of now
  trap "kill -9 ${nets[*]} 2>/dev/null || true; umount -l /mnt/pool" EXIT
  for name in "${nets[@]}"; do
    until [ "$(readlink "/proc/$name/ns/net")" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
  done
  in_net() { nsenter --net="/proc/$1/ns/net" -- "${@:2}"; }
  ip link add nodevol-c netns "${nets[0]}" type veth peer name nodevol-n netns "${nets[1]}"
  in_net "${nets[0]}" ip address add 10.77.0.1/30 dev nodevol-c
  in_net "${nets[1]}" ip address add 10.77.0.2/30 dev nodevol-n
  in_net "${nets[0]}" ip link set nodevol-c up
  in_net "${nets[1]}" ip link set nodevol-n up
  mkdir -m 0700 /mnt/pki
  "$driver" pki ca /mnt/pki >/dev/null
  "$driver" pki controller /mnt/pki >/dev/null
  "$driver" pki node /mnt/pki examined-node >/dev/null
  # Not by a function: its process would be a shell, and the driver that shell's.
  nsenter --net="/proc/${nets[0]}/ns/net" -- "$driver" --role=controller --endpoint="unix://$controller_socket" \
    --link-listen=10.77.0.1:9443 --link-ca=/mnt/pki/ca.pem --link-cert=/mnt/pki/controller.pem \
    --link-key=/mnt/pki/controller.key --health --log-level=debug 2>"$work/controller.log" &
  controller_pid=$!
  nsenter --net="/proc/${nets[1]}/ns/net" -- "$driver" --role=node --endpoint="unix://$driver_socket" \
    --node-id=examined-node --pool=main=/mnt/pool --admin-socket= --create-pools --health \
    --controller=10.77.0.1:9443 --link-ca=/mnt/pki/ca.pem --link-cert=/mnt/pki/examined-node.pem \
    --link-key=/mnt/pki/examined-node.key --log-level=debug 2>"$work/driver.log" &
  driver_pid=$!
  # shellcheck disable=SC2064 # the pids of now
  trap "kill -9 $driver_pid $controller_pid ${nets[*]} 2>/dev/null || true; umount -l /mnt/pool" EXIT
  await_socket "$driver_socket"
  await_socket "$controller_socket"
  # A controller that has just started makes nothing without a topology: other nodes may come.
  sleep 11
}

# stop_driver: fails when the driver does not end well, or has not taken all down that it was told to.
stop_driver() {
  local status=0 left
  kill "$driver_pid" ${controller_pid:+"$controller_pid"}
  wait "$driver_pid" || status=$?
  [ -z "${controller_pid:-}" ] || wait "$controller_pid" || status=$?
  left=$(find /mnt/pool/volumes /mnt/pool/snapshots /mnt/pool/groups -mindepth 1 -maxdepth 1 | wc -l)
  left=$((left + $(grep -c ' /mnt/csi/' /proc/self/mountinfo || true)))
  if [ "$left" != 0 ]; then
    echo "$left volumes, snapshots or mounts are left" >&2
    status=1
  fi
  return "$status"
}
