#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh [PYTEST_ARGUMENT...] OUTPUT_DIRECTORY: the end-to-end tests, on the cluster that is up with the chart
# installed. OUTPUT_DIRECTORY/counts gets "passed failed".
set -euo pipefail
output=$(realpath "${*: -1}")
cd "$(dirname "$0")"
# shellcheck source=test/support/pytest.sh
. ../support/pytest.sh

run_pytest "$output" -v "${@:1:$#-1}"
