# SPDX-License-Identifier: Apache-2.0
"""Which specs the definition selects, found without a cluster, and compared with selection.txt."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from external.report import FOCUS, Spec, read_report
from external.standin import REFUSED, make_ssh_key, stand_in

HERE = Path(__file__).resolve().parent
DEFINITION = HERE / "driver.yaml"
EXPECTED = HERE / "selection.txt"
SECONDS = 300

_HEAD = """\
# The specs of Kubernetes' suite for external storage that driver.yaml selects, by suite and
# pattern; those with "-" find in the end that they aren't for this driver or pattern, and skip
# themselves. Made by `python3 -m external dry-run --write`; whoever changes driver.yaml or the
# version of Kubernetes looks at what comes and goes here.
"""


class SelectionError(Exception):
    """The suite could not be asked; the text says what it said."""


@dataclass(frozen=True)
class Selection:
    """All specs of external storage, as they ended at the stand-in."""

    specs: tuple[Spec, ...]

    @property
    def selected(self) -> list[Spec]:
        """Those whose suite and pattern are for the driver."""
        return [spec for spec in self.specs if spec.state != "skipped" or spec.in_body]

    @property
    def left_out(self) -> list[Spec]:
        """The others."""
        return [spec for spec in self.specs if spec.state == "skipped" and not spec.in_body]

    @property
    def lines(self) -> list[str]:
        """As selection.txt has them."""
        return sorted(
            f"{'-' if spec.state == 'skipped' else '+'} {spec.name}" for spec in self.selected
        )

    def text(self) -> str:
        """What selection.txt has to be."""
        return _HEAD + "".join(f"{line}\n" for line in self.lines)


def find_selection(program: Path, definition: Path = DEFINITION) -> Selection:
    """Asks the suite, which e2e.test is, what a definition selects."""
    with tempfile.TemporaryDirectory(prefix="external-") as work, stand_in(
        Path(work)
    ) as kubeconfig:
        key, report, output = (Path(work) / name for name in ("key", "report.json", "output"))
        make_ssh_key(key)
        command = [
            str(program),
            f"--ginkgo.focus={FOCUS}",
            f"--ginkgo.json-report={report}",
            "--ginkgo.no-color",
            f"--storage.testdriver={definition}",
            f"--repo-root={definition.parent}",
            f"--kubeconfig={kubeconfig}",
            "--kube-api-content-type=application/json",
            "--provider=skeleton",
            "--e2e-verify-service-account=false",
            "--delete-namespace=false",
            "--dump-logs-on-failure=false",
        ]
        with output.open("w") as said:
            subprocess.run(
                command,
                cwd=work,
                env={**os.environ, "KUBE_SSH_KEY_PATH": str(key)},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                timeout=SECONDS,
                check=False,  # all specs fail
            )
        if not report.exists():
            raise SelectionError(f"{program} made no report:\n{output.read_text()[-2000:]}")
        try:
            specs = read_report(report)
        except ValueError as error:
            raise SelectionError(f"{program}: {error}") from error
        if not specs:
            raise SelectionError(f"{program} has no such spec:\n{output.read_text()[-2000:]}")
    astray = [spec for spec in specs if spec.state != "skipped" and REFUSED not in spec.message]
    if astray:
        raise SelectionError(
            "specs that did not end with the stand-in's refusal, by which they are counted:\n"
            + "\n".join(f"  {spec.name}: {spec.message[:300]}" for spec in astray)
        )
    return Selection(tuple(specs))


def expected_lines() -> list[str]:
    """Of selection.txt."""
    return [line for line in EXPECTED.read_text().splitlines() if line and not line.startswith("#")]


def differences(found: list[str], expected: list[str]) -> list[str]:
    """What came and went, a line each; empty when nothing did."""
    came, went = Counter(found) - Counter(expected), Counter(expected) - Counter(found)
    return [f"came: {line}" for line in sorted(came.elements())] + [
        f"went: {line}" for line in sorted(went.elements())
    ]
