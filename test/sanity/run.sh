#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh DRIVER CSI_SANITY OUTPUT_DIRECTORY: runs csi-sanity on real volumes of each kind, in mount
# namespaces of their own; with NODEVOL_REQUIRE_PROJECT_QUOTAS in the environment on directories under
# project quotas instead, which need a kernel that has them (test/vm/). A spec may be skipped only because
# the driver does not announce a capability; which, is printed. OUTPUT_DIRECTORY/counts gets "passed
# failed".
#
# Growing an ext4 that is mounted needs CAP_SYS_RESOURCE, which not every machine has: images hold xfs
# here.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../support/driver.sh
. "$(dirname "$0")/../support/driver.sh"

MiB=$((1024 * 1024))

# examine NAME POOL_FILESYSTEM[+prjquota] ACCESS_TYPE PARAMETERS SIZE EXPANDED_SIZE MUTABLE_PARAMETERS: one
# run. A NAME that begins with "split-" is one with a node and a controller.
examine() {
  local work=$output/$1
  rm -rf "$work"
  mkdir -p "$work"
  in_own_namespace "$0" --inside "$driver" "$examiner" "$work" "${@:2}"
}

inside() {
  local driver=$1 examiner=$2 work=$3 filesystem=$4 access=$5 parameters=$6 size=$7 expanded=$8
  printf '%s' "$parameters" >"$work/parameters.yaml"
  printf '%s' "$9" >"$work/mutable.yaml"
  local status=0 split=()
  if [[ $(basename "$work") == split-* ]]; then
    start_split_driver "$driver" "$work" "$filesystem"
    split=(-csi.controllerendpoint="unix://$controller_socket")
  else
    start_driver "$driver" "$work" "$filesystem"
  fi
  timeout 600 "$examiner" -csi.endpoint="unix://$driver_socket" "${split[@]}" -csi.mountdir=/mnt/csi/target \
    -csi.stagingdir=/mnt/csi/staging -csi.testvolumeaccesstype="$access" \
    -csi.testvolumesize="$size" -csi.testvolumeexpandsize="$expanded" \
    -csi.testvolumeparameters="$work/parameters.yaml" \
    -csi.testvolumemutableparameters="$work/mutable.yaml" -csi.testnodevolumeattachlimit -ginkgo.v \
    -ginkgo.no-color >"$work/output" 2>&1 || status=$?
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
passed=0
failed=0

run() {
  local work=$output/$1 status=0
  examine "$@" || status=$?
  local ok bad skipped
  ok=$(sed -n 's/.*-- \([0-9]*\) Passed.*/\1/p' "$work/output" | tail -1)
  bad=$(sed -n 's/.* \([0-9]*\) Failed.*/\1/p' "$work/output" | tail -1)
  skipped=$(sed -n 's/.* \([0-9]*\) Skipped.*/\1/p' "$work/output" | tail -1)
  ok=${ok:-0} bad=${bad:-1}
  [ "$status" = 0 ] || [ "$bad" != 0 ] || bad=1
  # "No MaxVolumesPerNode": the driver has no limit to announce.
  if grep -E '^ *\[SKIPPED\] ' "$work/output" | grep -vE ' not supported$|No MaxVolumesPerNode$|^ *\[SKIPPED\] in '; then
    echo "skipped for another reason than a capability that is not announced"
    bad=$((bad + 1))
  fi
  printf '%-34s %5d passed %3d failed %4d skipped\n' "csi-sanity: $1" "$ok" "$bad" "${skipped:-0}"
  if [ "$bad" != 0 ]; then
    grep -A15 -F '[FAIL]' "$work/output" | head -60 || tail -20 "$work/output"
  fi
  passed=$((passed + ok)) failed=$((failed + bad))
}

if [ -n "${NODEVOL_REQUIRE_PROJECT_QUOTAS:-}" ]; then
  for filesystem in xfs ext4; do
    run "directory-on-$filesystem" "$filesystem+prjquota" mount 'backend: directory' $((16 * MiB)) \
      $((32 * MiB)) 'inodeLimit: "1000"'
  done
else
  run directory-on-btrfs btrfs mount 'backend: directory' $((16 * MiB)) $((32 * MiB)) \
    'undeleteWindow: "1s"'
  for filesystem in xfs ext4 btrfs; do
    run "image-on-$filesystem" "$filesystem" mount 'csi.storage.k8s.io/fstype: xfs' $((300 * MiB)) \
      $((600 * MiB)) 'discard: "true"'
  done
  run block-on-xfs xfs block '' $((16 * MiB)) $((32 * MiB)) 'undeleteWindow: "1s"'
  run split-directory-on-btrfs btrfs mount 'backend: directory' $((16 * MiB)) $((32 * MiB)) \
    'undeleteWindow: "1s"'
  run split-block-on-xfs xfs block '' $((16 * MiB)) $((32 * MiB)) 'undeleteWindow: "1s"'
fi

echo "skipped, because the driver does not announce the capability (yet):"
cat "$output"/*/output | sed -nE 's/^ *\[SKIPPED\] (.* not supported|No MaxVolumesPerNode)$/  \1/p' | sort | uniq -c
echo "$passed $failed" >"$output/counts"
[ "$failed" = 0 ]
