# SPDX-License-Identifier: Apache-2.0
"""python3 -m external dry-run [--write]
python3 -m external run [--focus REGEX] [--skip REGEX] [--processes N] OUTPUT_DIRECTORY

dry-run compares the specs that driver.yaml selects with selection.txt, for which no cluster is
needed; with --write it writes that file. run runs what can run of them on the cluster that is up,
with the chart and the images of `python3 -m images OUT --only suite` in it; OUTPUT_DIRECTORY/counts
gets "passed failed"."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from cluster.cluster import Cluster
from cluster.config import default_directory
from cluster.run import ClusterError
from external.on_cluster import Choice, Suite, impossible
from external.programs import programs
from external.report import Spec
from external.selection import EXPECTED, SelectionError, differences, expected_lines, find_selection


def main() -> int:
    """Reads the command line and does it."""
    parser = argparse.ArgumentParser(
        prog="external", description="Kubernetes' suite for external storage."
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    dry = verbs.add_parser("dry-run", help="which specs driver.yaml selects")
    dry.add_argument(
        "--write", action="store_true", help="write selection.txt instead of comparing with it"
    )
    dry.set_defaults(do=_dry_run)
    real = verbs.add_parser("run", help="run them on the cluster that is up")
    real.add_argument(
        "--focus", action="append", default=[], help="only specs whose names match; repeatable"
    )
    real.add_argument(
        "--skip", action="append", default=[], help="no specs whose names match; repeatable"
    )
    real.add_argument("--processes", type=int, default=2, help="how many specs at a time")
    real.add_argument("output", type=Path, help="a directory for what they say")
    real.set_defaults(do=_run)
    arguments = parser.parse_args()
    try:
        return int(arguments.do(arguments))
    except (ClusterError, SelectionError, ValueError, subprocess.SubprocessError) as error:
        print(f"external: {error}", file=sys.stderr)
        return 1


def _dry_run(arguments: argparse.Namespace) -> int:
    selection = find_selection(programs("e2e.test") / "e2e.test")
    skipping = [spec for spec in selection.selected if spec.state == "skipped"]
    for suite, count in sorted(Counter(spec.suite for spec in selection.selected).items()):
        print(f"{count:4} {suite}")
    print(f"{len(selection.selected)} selected, of which {len(skipping)} skip themselves:")
    _print_reasons(skipping)
    print(f"{len(selection.left_out)} not selected:")
    _print_reasons(selection.left_out)
    if arguments.write:
        EXPECTED.write_text(selection.text())
        return 0
    changes = differences(selection.lines, expected_lines())
    print("\n".join(changes) or f"as in {EXPECTED.name}")
    return 1 if changes else 0


def _run(arguments: argparse.Namespace) -> int:
    output: Path = arguments.output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    (output / "counts").write_text("0 1\n")  # should it end before it could count
    suite = Suite(
        Cluster.existing(default_directory()),
        programs("e2e.test", "ginkgo", "kubectl"),
        arguments.processes,
    )
    outcome = suite.run(output, Choice(tuple(arguments.focus), tuple(arguments.skip)))
    for name, count in sorted(Counter(spec.suite for spec in outcome.passed).items()):
        print(f"{count:4} passed: {name}")
    print(f"{len(outcome.skipped)} skipped themselves:")
    _print_reasons(outcome.skipped)
    print("not run, as they can't here:")
    for expression, reason in impossible().items():
        print(f"     {expression}: {reason}")
    for spec in outcome.failed:
        print(f"{spec.state}: {spec.name}\n     {spec.message[:500]}")
    (output / "counts").write_text(f"{len(outcome.passed)} {len(outcome.failed)}\n")
    print(f"{len(outcome.passed)} passed, {len(outcome.failed)} failed")
    return 1 if outcome.failed or not outcome.passed else 0


def _print_reasons(specs: Iterable[Spec]) -> None:
    for reason, count in sorted(Counter(spec.message for spec in specs).items()):
        print(f"{count:4} {reason.removesuffix('skipping').rstrip(' -')}")


if __name__ == "__main__":
    sys.exit(main())
