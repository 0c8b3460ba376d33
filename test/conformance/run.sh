#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh DRIVER NODEVOL_CONFORMANCE OUTPUT_DIRECTORY: runs the conformance suite on real volumes of
# each kind. What was skipped, and why, is printed. OUTPUT_DIRECTORY/counts gets "passed failed".
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../support/driver.sh
. "$(dirname "$0")/../support/driver.sh"

MiB=$((1024 * 1024))

inside() {
  local driver=$1 examiner=$2 work=$3 filesystem=$4
  start_driver "$driver" "$work" "$filesystem"
  local status=0
  timeout 600 "$examiner" --endpoint="unix://$driver_socket" --work-dir=/mnt/csi \
    --log="$work/driver.log" "${@:5}" >"$work/output" 2>&1 || status=$?
  stop_driver || status=$?
  return "$status"
}

if [ "$1" = --inside ]; then
  inside "${@:2}"
  exit
fi

driver=$(realpath "$1")
examiner=$(realpath "$2")
output=$(realpath "$3")
rm -f "$output"/*/output
passed=0
failed=0

# run NAME POOL_FILESYSTEM FLAG...: one run with these flags of the suite.
run() {
  local work=$output/$1 status=0 start=$SECONDS
  rm -rf "$work"
  mkdir -p "$work"
  in_own_namespace "$0" --inside "$driver" "$examiner" "$work" "${@:2}" || status=$?
  local ok bad skipped
  ok=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' "$work/output" | tail -1)
  bad=$(sed -n 's/^\[  FAILED  \] \([0-9]*\) test.*/\1/p' "$work/output" | tail -1)
  skipped=$(sed -n 's/^\[  SKIPPED \] \([0-9]*\) test.*/\1/p' "$work/output" | tail -1)
  ok=${ok:-0} bad=${bad:-0}
  [ "$status" = 0 ] || [ "$bad" != 0 ] || bad=1
  printf '%-34s %5d passed %3d failed %4d skipped %3d s\n' "conformance: $1" "$ok" "$bad" \
    "${skipped:-0}" $((SECONDS - start))
  if [ "$bad" != 0 ]; then
    grep -E -A8 'Failure$|^\[  FAILED  \]' "$work/output" | head -60 || tail -20 "$work/output"
  fi
  passed=$((passed + ok)) failed=$((failed + bad))
}

# What a deleted volume is kept for must not fill the pool.
window=undeleteWindow=1s
run directory-on-btrfs btrfs --parameters=backend=directory --size=$((32 * MiB)) \
  --mutable-parameters=$window "${@:4}"
run ext4-image-on-xfs xfs --fs-type=ext4 --size=$((64 * MiB)) \
  --mutable-parameters=discard=true,$window "${@:4}"
run xfs-image-on-xfs xfs --fs-type=xfs --size=$((320 * MiB)) \
  --mutable-parameters=discard=true,$window "${@:4}"
run ext4-image-on-ext4 ext4 --fs-type=ext4 --size=$((64 * MiB)) \
  --mutable-parameters=discard=true,$window "${@:4}"
run block-on-xfs xfs --block --size=$((32 * MiB)) --mutable-parameters=$window "${@:4}"

echo "skipped, and why:"
cat "$output"/*/output | sed -n '/: Skipped$/{n;p}' | sort | uniq -c | sed 's/^/ /'
echo "$passed $failed" >"$output/counts"
[ "$failed" = 0 ]
