#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh KERNEL BUILD CSI_SANITY OUTPUT quick|full: boots a virtual machine with a kernel that has
# project quotas (KERNEL is what tools/vm-kernel says), and runs in it the programs of BUILD and
# csi-sanity on XFS and ext4 under project quotas. The machine is then cut off and booted again with
# the same disks. Prints a line a program; OUTPUT has their logs, and the file counts: "passed failed".
#
# Software emulation: no /dev/kvm is needed, and all takes five to ten times as long as elsewhere.
set -euo pipefail

kernel=$(realpath "$1")
build=$(realpath "$2")
sanity=$(realpath "$3")
mkdir -p "$4"
output=$(realpath "$4")
form=$5
cd "$(dirname "$0")"

label=vm-$(basename "$kernel" | sed -E 's/^([0-9]+\.[0-9]+).*/\1/')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# ---- The machine's disk: our programs, and what they and the guest's scripts call. ----

# into ROOT FILE NAME: copies a program or script and the libraries that it is linked with.
into() {
  local root=$1 file=$2 name=$3 library
  mkdir -p "$root$(dirname "$name")"
  cp -L "$file" "$root$name"
  ! ldd "$file" >/dev/null 2>&1 || for library in $(ldd "$file" | grep -oE '/[^ ]+'); do
    [ -e "$root$library" ] || { mkdir -p "$root$(dirname "$library")" && cp -L "$library" "$root$library"; }
  done
}

make_root() {
  local root=$1 name
  mkdir -p "$root"/{usr/bin,usr/sbin,usr/lib,usr/lib64,proc,sys,dev,tmp,run,mnt,etc,root,var/tmp,vm/plan}
  for name in bin sbin lib lib64; do ln -s "usr/$name" "$root/$name"; done
  cp /bin/busybox "$root/usr/bin/busybox"
  for name in $(/bin/busybox --list | grep -vx busybox); do ln -s busybox "$root/usr/bin/$name"; done
  for name in bash mount umount unshare; do
    rm -f "$root/usr/bin/$name"
    into "$root" "$(command -v "$name")" "/usr/bin/$name"
  done
  for name in mkfs.ext4 mkfs.xfs mkfs.btrfs e2fsck resize2fs; do
    into "$root" "/usr/sbin/$name" "/usr/sbin/$name"
  done
  cp /etc/mke2fs.conf "$root/etc/"
  printf 'root:x:0:0:root:/root:/bin/sh\n' >"$root/etc/passwd"
  into "$root" "$build/nodevol" /vm/nodevol
  for name in "${programs[@]}"; do
    into "$root" "$(find "$build" -name "$name" -type f -perm -u+x | head -1)" "/vm/$name"
  done
  into "$root" "$sanity" /vm/csi-sanity
  cp guest ../sanity/run.sh "$root/vm/"
}

# ---- What runs in it. ----

programs=(host_test storage_test)
need='NODEVOL_REQUIRE_PROJECT_QUOTAS=1'
quota='*ProjectQuota*:*ProjectId*:*DirectoryOnXfs*:*DirectoryOnExt4*'

make_plans() {
  cat >"$1/first" <<PLAN
host_test $need /vm/host_test --gtest_filter='$quota:*CopyTree*'
PLAN
}

# boot PLAN: rc 0 when the machine came to its end.
boot() {
  local disk drives=() status=0
  for disk in root xfs ext4; do
    drives+=(-drive "id=$disk,file=$work/$disk.img,format=raw,if=none,cache=unsafe"
      -device "virtio-blk-pci,drive=$disk")
  done
  timeout -k 5 3600 qemu-system-x86_64 -accel tcg,thread=multi -cpu max -M q35 -m 3072 -smp 2 \
    -nodefaults -no-user-config -display none -no-reboot -serial stdio \
    -kernel "$kernel/vmlinuz" -initrd "$kernel/initrd" \
    -append "console=ttyS0 panic=-1 quiet mitigations=off vm.plan=$1" "${drives[@]}" \
    -device isa-debug-exit,iobase=0xf4,iosize=1 </dev/null >"$output/console-$1" 2>&1 || status=$?
  [ "$status" = 1 ]
}

passed=0
failed=0

# report NAME: the line of one program, from its log.
report() {
  local name=$1 log=$output/$1.log status=1 seconds=0 ok bad
  read -r status seconds <"$output/$name.status" 2>/dev/null || echo "it did not run" >>"$log"
  ok=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' "$log" | tail -1)
  bad=$(sed -n 's/^\[  FAILED  \] \([0-9]*\) test.*/\1/p' "$log" | tail -1)
  ok=${ok:-0} bad=${bad:-0}
  # It ended before it could count, or had nothing to do.
  { [ "$status" = 0 ] && [ "$ok" != 0 ]; } || [ "$bad" != 0 ] || bad=1
  printf '%-34s %5d passed %3d failed %4d s\n' "$label-$name" "$ok" "$bad" "$seconds"
  [ "$bad" = 0 ] || grep -E -A12 'Failure$|^\[  FAILED  \]|did not run' "$log" | head -60 || tail -20 "$log"
  passed=$((passed + ok)) failed=$((failed + bad))
}

rm -rf "${output:?}"/*
make_root "$work/root"
make_plans "$work/root/vm/plan"
truncate -s 4G "$work/xfs.img" "$work/ext4.img"
/usr/sbin/mkfs.xfs -q "$work/xfs.img"
/usr/sbin/mkfs.ext4 -q -O quota,project -E quotatype=prjquota "$work/ext4.img"
/usr/sbin/mkfs.ext4 -q -d "$work/root" "$work/root.img" 8G

for plan in "$work/root/vm/plan"/*; do
  if ! boot "$(basename "$plan")"; then
    echo "the machine did not come to its end: see $output/console-$(basename "$plan")"
    failed=$((failed + 1))
  fi
done
/usr/sbin/debugfs -R "rdump /vm/out $work" "$work/root.img" 2>/dev/null
cp "$work/out"/* "$output/"
for plan in "$work/root/vm/plan"/*; do
  while read -r name _; do report "$name"; done <"$plan"
done
echo "$passed $failed" >"$output/counts"
[ "$failed" = 0 ]
