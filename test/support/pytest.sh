# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# For runners of Python tests; to be sourced.

# run_pytest OUTPUT_DIRECTORY ARGUMENT...: runs pytest in the working directory, with Debian's Python. What it
# says is in OUTPUT_DIRECTORY/output, and OUTPUT_DIRECTORY/counts gets "passed failed". Ends with a line
# "N passed, N failed", after what failed; returns 1 when something did.
run_pytest() {
  local output=$1 status=0 last passed failed errors
  shift
  PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -m pytest -p no:cacheprovider --tb=short --color=no "$@" . \
    >"$output/output" 2>&1 || status=$?
  last=$(tail -1 "$output/output")
  count() { sed -nE "s/^.*[^0-9]?\b([0-9]+) $1.*/\1/p" <<<"$last"; }
  passed=$(count passed) failed=$(count failed) errors=$(count error)
  passed=${passed:-0} failed=$((${failed:-0} + ${errors:-0}))
  [ "$status" = 0 ] || [ "$failed" != 0 ] || failed=1 # it ended before it could count
  [ "$status" = 0 ] || grep -E -A25 '^(_{3,}|E  |ERROR|FAILED)' "$output/output" | head -200 || true
  echo "$passed $failed" >"$output/counts"
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ]
}
