#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# test-volume.sh [DIRECTORY]: in the pod of `helm test`, whether a volume of 64 MiB keeps what is
# written, and no more than its size.
set -eu
cd "${1:-/volume}"
head -c 4194304 /dev/urandom >data
sync data
written=$(sha256sum <data)
[ "$(sha256sum <data)" = "$written" ]
echo "4 MiB were written and read"
# XFS is never smaller than 300 MiB, so an image of it is larger than was asked for.
if head -c 419430400 /dev/zero >fill 2>/dev/null; then
  echo "400 MiB fit into a volume of 64 MiB: its size is not enforced" >&2
  exit 1
fi
rm fill
[ "$(sha256sum <data)" = "$written" ]
echo "what is more than its size was refused"
