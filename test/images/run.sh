#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh DRIVER CACHE OUTPUT_DIRECTORY: builds both images of nodevol by the Dockerfile, on a base made by
# debootstrap, and looks at what is in them. DRIVER is the program that they get; `-` lets the Dockerfile
# compile it. CACHE keeps the archives, by what they are made of. OUTPUT_DIRECTORY/counts gets
# "passed failed".
set -euo pipefail
here=$(realpath "$(dirname "$0")")
checkout=$(realpath "$here/../..")
cache=$(realpath -m "$2")
output=$(realpath "$3")
driver=()
[ "$1" = - ] || driver=(--driver "$(realpath "$1")")
version=$(sed -n 's/^project(nodevol VERSION \([0-9.]*\).*/\1/p' "$checkout/CMakeLists.txt")
MB=1000000
declare -A limit=([node]=$((60 * MB)) [controller]=$((40 * MB)))
export PYTHONDONTWRITEBYTECODE=1

passed=0
failed=0

# check WHAT COMMAND...
check() {
  if "${@:2}" >"$output/said" 2>&1; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED: $1"
    sed 's/^/  /' "$output/said" | tail -20
  fi
}

# none COMMAND...: it finds nothing.
none() {
  local found
  found=$("$@" 2>/dev/null || true)
  echo "$found"
  [ -z "$found" ]
}

# Each of these looks at the image that is unpacked in $image/root.

# inside COMMAND...: as the image's own user, without a network.
inside() {
  # shellcheck disable=SC2016 # the inner shell expands it
  unshare --mount --propagation private --net -- sh -c '
    mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && root=$1 && user=$2 && shift 2 &&
    exec chroot --userspec="$user" "$root" "$@"' - "$image/root" "${user:-0:0}" "$@"
}

# config PATH: of the image's configuration, as the text of JSON.
config() {
  python3 -c 'import json, sys
value = json.load(open(sys.argv[1]))
for key in sys.argv[2:]: value = (value or {}).get(key)
print(json.dumps(value))' "$image/config.json" "$@"
}

starts() {
  [ "$(inside /usr/sbin/nodevol --version)" = "nodevol $version" ]
}

finds_libraries() {
  local program
  for program in "$@"; do
    inside /lib64/ld-linux-x86-64.so.2 --list "$program" >"$image/libraries" || return
    ! grep 'not found' "$image/libraries" || return
  done
}

# A package that is installed for the program's sake holds a library that it names.
needs_what_is_installed() {
  local needed package
  needed=$(objdump -p "$image/root/usr/sbin/nodevol" | sed -n 's/^ *NEEDED *//p')
  # shellcheck disable=SC2013 # they are words
  for package in $(sed -n '/^FROM .* AS runtime/,/^FROM/p' "$checkout/Dockerfile" |
    grep -oE '\blib[a-z0-9+.-]+'); do
    dpkg_query -L "$package" | sed 's|.*/||' | grep -xF -f <(printf '%s\n' "$needed") || {
      echo "$package has no library that the program names"
      return 1
    }
  done
}

dpkg_query() {
  dpkg-query --admindir="$image/root/var/lib/dpkg" "$@"
}

is_stripped() {
  ! objdump -h "$image/root/usr/sbin/nodevol" | grep -q '\.debug_' &&
    objdump -t "$image/root/usr/sbin/nodevol" | grep -q 'no symbols'
}

has_labels() {
  [ "$(config Labels org.opencontainers.image.version)" = "\"$version\"" ] &&
    [ "$(config Labels org.opencontainers.image.licenses)" = '"Apache-2.0"' ] &&
    [ "$(config Labels org.opencontainers.image.title)" = "\"nodevol $1\"" ] &&
    [ "$(config Labels org.opencontainers.image.revision)" != null ] &&
    [ "$(config Entrypoint)" = '["/usr/sbin/nodevol"]' ]
}

lists_packages() {
  python3 "$here/sbom.py" "$image/root" "nodevol-$1" "$version" <(
    # shellcheck disable=SC2016 # dpkg-query expands it
    dpkg_query -W -f='${db:Status-Abbrev} ${Package} ${Version} ${Architecture}\n' | sed -n 's/^ii *//p'
  )
}

# Made once more, it is the same.
lists_packages_the_same_again() {
  local list=usr/share/nodevol/sbom.spdx.json
  cp "$image/root/$list" "$image/sbom.spdx.json"
  cp "$checkout/deploy/image/sbom" "$image/root/tmp/"
  user=0:0 VERSION=$version SOURCE_DATE_EPOCH=0 inside /tmp/sbom "nodevol-$1" &&
    cmp "$image/sbom.spdx.json" "$image/root/$list" && rm "$image/root/tmp/sbom"
}

has_consistent_packages() {
  [ -z "$(dpkg --root="$image/root" --audit)" ]
}

# What is left over makes images differ from build to build.
has_no_left_overs() {
  none find "$image/root"/{mnt,src,tmp,var/cache/apt,var/lib/apt/lists,var/log,var/tmp} -type f -size +0
}

has_no_documents() {
  none find "$image/root/usr/share/"{doc,locale,man} -type f ! -name copyright
}

has_licenses() {
  local package
  cmp "$checkout/LICENSE" "$image/root/usr/share/doc/nodevol/copyright" || return
  for package in libgrpc29 "$@"; do [ -s "$image/root/usr/share/doc/$package/copyright" ] || return; done
}

is_small() {
  [ "$(cat "$image/beyond")" -lt "${limit[$1]}" ]
}

# It makes, checks and grows each filesystem that a volume can have. XFS and btrfs grow by system calls.
makes_filesystems() {
  local type file=$image/root/tmp/image
  for type in ext4 xfs btrfs; do
    rm -f "$file"
    truncate -s 320M "$file"
    inside "/usr/sbin/mkfs.$type" -q /tmp/image || return
    [ "$(blkid -p -o value -s TYPE "$file")" = "$type" ] || return
    [ "$type" != ext4 ] || {
      truncate -s 340M "$file"
      inside /usr/sbin/e2fsck -f -p /tmp/image && inside /usr/sbin/resize2fs /tmp/image || return
    }
  done
  rm -f "$file"
}

# Nothing that the driver runs is anywhere but where it looks for it.
has_the_tools_it_names() {
  local tool
  for tool in $(grep -ohE '"/usr/sbin/[a-z0-9.]+"' "$checkout/host/filesystem_tools.cc" | tr -d '"'); do
    [ -x "$image/root$tool" ] || {
      echo "$tool is missing"
      return 1
    }
  done
}

has_no_filesystem_tools() {
  none find "$image/root" -xdev \( -name 'mkfs*' -o -name 'mke2fs' -o -name 'fsck*' -o -name 'e2fsck' \
    -o -name 'resize2fs' -o -name 'xfs_*' -o -name 'btrfs*' -o -name 'mkswap' -o -name 'wipefs' \
    -o -name 'mount' -o -name 'losetup' \) -perm /111 -type f
}

# Nothing that could be run was added to the base but the program.
adds_no_program() {
  none grep -vxF 'usr/sbin/nodevol' "$image/programs"
}

is_not_root() {
  [ "$(config User)" = '"65532:65532"' ] && [ "$(user=65532:65532 inside /usr/bin/id -u)" = 65532 ]
}

declares_the_version() {
  grep -qx "ARG VERSION=$version" "$checkout/Dockerfile"
}

check "Dockerfile has the version $version" declares_the_version
(cd "$checkout/test/e2e" && python3 -m images "$cache" --only base driver "${driver[@]}") >"$output/images"
base=$(sed -n 's|.*/nodevol-e2e-base:[^ ]* ||p' "$output/images")

for target in node controller; do
  image=$output/$target
  user=
  [ "$target" = node ] || user=65532:65532
  rm -rf "$image"
  archive=$(sed -n "s|.*/nodevol-$target:[^ ]* ||p" "$output/images")
  (cd "$checkout/test/e2e" && python3 -m images.layers "$archive" "$base" "$image")
  check "$target: starts" starts
  check "$target: every library is found" finds_libraries /usr/sbin/nodevol
  check "$target: needs what is installed" needs_what_is_installed
  check "$target: the program is stripped" is_stripped
  check "$target: labels" has_labels "$target"
  check "$target: the list of packages is what dpkg has" lists_packages "$target"
  check "$target: the list of packages is the same again" lists_packages_the_same_again "$target"
  check "$target: dpkg finds nothing wrong" has_consistent_packages
  check "$target: nothing is left over" has_no_left_overs
  check "$target: no documents" has_no_documents
  check "$target: below ${limit[$target]} bytes beyond the base" is_small "$target"
  if [ "$target" = node ]; then
    check "node: licenses" has_licenses xfsprogs btrfs-progs
    check "node: has the tools that the driver names" has_the_tools_it_names
    check "node: their libraries are found" finds_libraries /usr/sbin/mkfs.{ext4,xfs,btrfs} \
      /usr/sbin/{e2fsck,resize2fs}
    check "node: makes, checks and grows filesystems" makes_filesystems
  else
    check "controller: licenses" has_licenses
    check "controller: has no tools for filesystems" has_no_filesystem_tools
    check "controller: adds no program but its own" adds_no_program
    check "controller: not root" is_not_root
  fi
  printf 'nodevol-%s: %d bytes beyond the base, of these\n' "$target" "$(cat "$image/beyond")"
  head -12 "$image/sizes"
  rm -rf "$image/root"
done

rm -f "$output/said"
echo "$passed $failed" >"$output/counts"
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
