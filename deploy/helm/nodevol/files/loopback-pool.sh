#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# loopback-pool.sh FILE SIZE FILESYSTEM PATH: for trying out, a filesystem in a file of the node,
# mounted on a pool's path. What is there already, file or mount, stays as it is, whatever SIZE says
# now.
set -eu
umask 077 # volumes are in the file
file=$1 size=$2 filesystem=$3 path=$4

if [ ! -e "$file" ]; then
  rm -f "$file.new"
  truncate -s "$size" "$file.new"
  case $filesystem in
  xfs) mkfs.xfs -q -m reflink=1 "$file.new" ;;
  ext4) mkfs.ext4 -q -F -m 0 "$file.new" ;;
  btrfs) mkfs.btrfs -q "$file.new" ;;
  *)
    echo "a filesystem \"$filesystem\" can't be made; use xfs, ext4 or btrfs" >&2
    exit 1
    ;;
  esac
  sync "$file.new"
  mv "$file.new" "$file"
  echo "made $filesystem of $size in $file"
fi

# Whether what is mounted on the path is a loop device of the file. In this container the path is a
# mount point in any case; the last line is the mount on top.
is_mounted() {
  source=$(findmnt -n -v -o SOURCE -T "$path" | tail -n 1)
  for device in $(losetup -n -O NAME -j "$file"); do
    [ "$source" != "$device" ] || return 0
  done
  return 1
}

if is_mounted; then
  echo "$file is mounted on $path already"
  exit
fi
# XFS limits directories only when it is mounted with quotas, which not every kernel has.
if [ "$filesystem" != xfs ] || ! mount -t xfs -o loop,prjquota "$file" "$path" 2>/dev/null; then
  mount -t "$filesystem" -o loop "$file" "$path"
fi
is_mounted || {
  echo "$file was mounted, but $path shows something else: $source" >&2
  exit 1
}
echo "$file is mounted on $path"
