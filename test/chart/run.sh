#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh DRIVER TOOLS SCHEMAS OUTPUT_DIRECTORY: examines the chart, without a cluster. TOOLS has helm and
# kubeconform (tools/e2e-binaries), SCHEMAS is what tools/chart-schemas has made.
# OUTPUT_DIRECTORY/counts gets "passed failed".
set -euo pipefail
driver=$(realpath "$1")
tools=$(realpath "$2")
schemas=$(realpath "$3")
output=$(realpath "$4")
cd "$(dirname "$0")"
# shellcheck source=test/support/pytest.sh
. ../support/pytest.sh

run_pytest "$output" -q --driver="$driver" --tools="$tools" --schemas="$schemas"
