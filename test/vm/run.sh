#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh KERNEL BUILD CSI_SANITY quick|full|PROGRAM=FILTER OUTPUT_DIRECTORY: boots a virtual machine with
# a kernel that has project quotas (KERNEL is what tools/vm-kernel says), and runs in it the programs of
# BUILD and csi-sanity on XFS and ext4 under project quotas. The machine is then cut off and booted again
# with the same disks. Or one program, with a filter for its tests. Prints a line a program;
# OUTPUT_DIRECTORY has their logs, and the file counts: "passed failed".
#
# Software emulation: no /dev/kvm is needed, and all takes five to ten times as long as elsewhere.
set -euo pipefail

kernel=$(realpath "$1")
build=$(realpath "$2")
sanity=$(realpath "$3")
form=$4
mkdir -p "$5"
output=$(realpath "$5")
cd "$(dirname "$0")"

label=vm-$(basename "$kernel" | sed -E 's/^([0-9]+\.[0-9]+).*/\1/')
work=$(mktemp -d)
machine=
trap '[ -z "$machine" ] || kill "$machine" 2>/dev/null || true; rm -rf "$work"' EXIT

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
  for name in bash mount umount unshare strace; do
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
  cp guest "$root/vm/"
  for name in sanity/run.sh support/driver.sh; do
    install -D "../$name" "$root/vm/$name"
  done
}

# ---- What runs in it. ----

programs=(host_test storage_test node_test reboot_test)
if [ "$form" = full ]; then programs+=(kill_test power_test); fi
if [[ $form == *=* ]]; then programs=("${form%%=*}"); fi

# Directories under project quotas, and ext4 images that grow in use, which needs CAP_SYS_RESOURCE.
if [ "$form" = quick ]; then
  host_tests='*ProjectQuota*:*ProjectId*'
  storage_tests='*ProjectQuota*'
  for suite in SizeLimitTest SnapshotTest RecoveryUseTest VolumeLifecycleTest; do
    storage_tests+=":*$suite*/DirectoryOnXfs:*$suite*/DirectoryOnExt4"
  done
  node_tests='*ExpandTest.UserOfTheVolume*Ext4OnXfs'
  for suite in MountStatsTest RestartTest; do
    node_tests+=":*$suite*/DirectoryOnXfs:*$suite*/DirectoryOnExt4"
  done
else
  host_tests='*ProjectQuota*:*ProjectId*:*CopyTree*:*RemoveTree*:*TreeCursor*:*Privilege*'
  storage_tests='*ProjectQuota*:*DirectoryOnXfs*:*DirectoryOnExt4*:*ExpandTest*Ext4OnXfs*'
  node_tests='*DirectoryOnXfs*:*DirectoryOnExt4*:*ExpandTest*Ext4OnXfs*:*Ext4GrowthTest*'
fi

# Lines of NAME and COMMAND for each boot.
make_plans() {
  local tests='NODEVOL_REQUIRE_PROJECT_QUOTAS=1 NODEVOL_BINARY=/vm/nodevol NODEVOL_REBOOT_POOLS=/vm/pools'
  local pools='mkdir -p /vm/pools/xfs /vm/pools/ext4'
  pools+=' && mount -o prjquota /dev/vdb /vm/pools/xfs && mount -o prjquota /dev/vdc /vm/pools/ext4'
  if [[ $form == *=* ]]; then
    # To be watched: tail -f OUTPUT/console-1.
    echo "${form%%=*} set -o pipefail; $tests /vm/${form%%=*} --gtest_filter='${form#*=}' |
      tee /dev/ttyS0" | tr -d '\n' >"$1/1"
    echo >>"$1/1"
    return
  fi
  cat >"$1/1" <<PLAN
host_test $tests /vm/host_test --gtest_filter='$host_tests'
storage_test $tests /vm/storage_test --gtest_filter='$storage_tests'
node_test $tests /vm/node_test --gtest_filter='$node_tests'
csi-sanity $tests /vm/sanity/run.sh /vm/nodevol /vm/csi-sanity /vm/out/csi-sanity
PLAN
  # Not every step: it takes most of a second to start the driver here.
  local crash="NODEVOL_CRASH_EVERY=${NODEVOL_CRASH_EVERY:-12} $tests"
  [ "$form" = quick ] || cat >>"$1/1" <<PLAN
kill_test $crash /vm/kill_test --gtest_filter='*DirectoryOnXfs*:*DirectoryOnExt4*'
power_test $crash /vm/power_test --gtest_filter='*DirectoryOnXfs*:*DirectoryOnExt4*'
PLAN
  echo "before-reboot $pools && $tests /vm/reboot_test --gtest_filter='*BeforeIt*'" >>"$1/1"
  echo "after-reboot $pools && $tests /vm/reboot_test --gtest_filter='*AfterIt*'" >"$1/2"
}

# boot PLAN: OK when the machine came to its end.
boot() {
  local disk drives=()
  for disk in root xfs ext4; do
    drives+=(-drive "id=$disk,file=$work/$disk.img,format=raw,if=none,cache=unsafe"
      -device "virtio-blk-pci,drive=$disk")
  done
  # cx16: emulated, it corrupts the flags, and kernels since 6.12 die of that.
  timeout -k 5 5400 qemu-system-x86_64 -accel tcg,thread=multi -cpu max,cx16=off,la57=off,pku=off \
    -M q35 -m 3072 -smp 2 -nodefaults -no-user-config -display none -no-reboot -serial stdio \
    -kernel "$kernel/vmlinuz" -initrd "$kernel/initrd" \
    -append "console=ttyS0 panic=-1 quiet mitigations=off vm.plan=$1" "${drives[@]}" \
    </dev/null >"$output/console-$1" 2>&1 &
  machine=$!
  wait "$machine" || true
  machine=
  grep -q "^guest: end of $1" "$output/console-$1"
}

passed=0
failed=0

# report NAME: the line of one program, from its log.
report() {
  local name=$1 log=$output/$1.log status=1 seconds=0 ok bad
  if [ -e "$output/$name.status" ]; then
    read -r status seconds <"$output/$name.status"
  else
    echo "it did not run to its end" >>"$log"
  fi
  ok=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' "$log" | tail -1)
  bad=$(sed -n 's/^\[  FAILED  \] \([0-9]*\) test.*/\1/p' "$log" | tail -1)
  ok=${ok:-0} bad=${bad:-0}
  # Nothing is skipped here.
  if grep -q '^\[  SKIPPED \]' "$log"; then bad=$((bad + 1)); fi
  # It ended before it could count, or had nothing to do.
  { [ "$status" = 0 ] && [ "$ok" != 0 ]; } || [ "$bad" != 0 ] || bad=1
  printf '%-34s %5d passed %3d failed %4d s\n' "$label-$name" "$ok" "$bad" "$seconds"
  if [ "$bad" != 0 ]; then
    grep -E -A12 'Failure$|^\[  (FAILED |SKIPPED) \]|did not run' "$log" | head -60 || tail -20 "$log"
  fi
  passed=$((passed + ok)) failed=$((failed + bad))
}

# report_sanity: its lines, and its counts.
report_sanity() {
  local name=csi-sanity ok=0 bad=1
  if [ -e "$output/$name/counts" ]; then
    read -r ok bad <"$output/$name/counts"
  else
    echo "$name did not run to its end" >>"$output/$name.log"
  fi
  sed -n "s/^$name: /$label-$name: /p" "$output/$name.log"
  [ "$bad" = 0 ] || tail -80 "$output/$name.log"
  passed=$((passed + ok)) failed=$((failed + bad))
}

rm -rf "${output:?}"/*
make_root "$work/root"
make_plans "$work/root/vm/plan"
truncate -s 4G "$work/xfs.img" "$work/ext4.img"
/usr/sbin/mkfs.xfs -q "$work/xfs.img"
/usr/sbin/mkfs.ext4 -q -O quota,project -E quotatype=prjquota "$work/ext4.img"
/usr/sbin/mkfs.ext4 -q -d "$work/root" "$work/root.img" 8G >/dev/null

for plan in "$work/root/vm/plan"/*; do
  if ! boot "$(basename "$plan")"; then
    echo "the machine did not come to its end: see $output/console-$(basename "$plan")"
    failed=$((failed + 1))
    break
  fi
done
/usr/sbin/debugfs -R "rdump /vm/out $work" "$work/root.img" 2>/dev/null
mkdir -p "$work/out"
cp -r "$work/out"/. "$output/"
for plan in "$work/root/vm/plan"/*; do
  while read -r name _; do
    if [ "$name" = csi-sanity ]; then report_sanity; else report "$name"; fi
  done <"$plan"
done
echo "$passed $failed" >"$output/counts"
[ "$failed" = 0 ]
