# SPDX-License-Identifier: Apache-2.0
"""Runs the suite on the cluster that is up."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml

from cluster.cluster import Cluster
from external.report import FOCUS, Spec, read_report
from external.selection import DEFINITION
from manifests import TOPOLOGY_KEY

_CAP_SYS_RESOURCE = 24
# Sources of suites that want their volumes at once and on one node. A group snapshot is of volumes
# of one node, and the others want volumes before there are pods.
_AT_ONCE_ON_ONE_NODE = (
    "volume_group_snapshottable",
    "volume_modify_stress",
    "volumeperf",
    "pvcdeletionperf",
)
_TIMEOUT = "5h"


def impossible() -> dict[str, str]:
    """Regular expressions of specs that can't run on this cluster, and why they can't."""
    known = {
        r"\[Disruptive\]": "kubelet is stopped through ssh, which the nodes don't serve",
        r"any volume data source": "its volume populator's images can't be made here",
        r"group snapshotting of StatefulSet|VolumeGroupSnapshottable should": (
            "what is restored is asked for with 1 MiB, whatever the smallest volume of the driver is"
        ),
    }
    held = re.search(r"^CapBnd:\s*(\w+)", Path("/proc/self/status").read_text(), re.MULTILINE)
    if held and not int(held[1], 16) >> _CAP_SYS_RESOURCE & 1:
        growing = r"expansion of pvcs created for ephemeral|edited while pod is using it"
        known[rf"\(default fs\).*(?:{growing})"] = (
            "ext4 grows in use with CAP_SYS_RESOURCE only, which this machine doesn't give"
        )
    return known


@dataclass(frozen=True)
class Outcome:
    """What became of the specs that were run."""

    specs: tuple[Spec, ...]

    @property
    def passed(self) -> list[Spec]:
        """Those."""
        return [spec for spec in self.specs if spec.state == "passed"]

    @property
    def skipped(self) -> list[Spec]:
        """Those that skipped themselves."""
        return [spec for spec in self.specs if spec.state == "skipped"]

    @property
    def failed(self) -> list[Spec]:
        """The rest, whatever it was."""
        return [spec for spec in self.specs if spec.state not in ("passed", "skipped")]


@dataclass(frozen=True)
class Choice:
    """Regular expressions of what is run: all, without `focus`."""

    focus: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()


@dataclass(frozen=True)
class Suite:
    """The programs of the suite, and the cluster that it runs on."""

    cluster: Cluster
    programs: Path
    processes: int

    def run(self, output: Path, choice: Choice) -> Outcome:
        """Runs what can run here of the specs that are chosen. What they say is in output/*/output.
        ValueError when there is none."""
        pinned = _pinned_definition(output / "definition", sorted(self.cluster.nodes)[0])
        specs = []
        for name, definition, option in (
            ("at-once", pinned, "--focus-file"),
            ("all", DEFINITION, "--skip-file"),
        ):
            files = [f"{option}={source}" for source in _AT_ONCE_ON_ONE_NODE]
            specs += self._ginkgo(output / name, definition, choice, files)
        if not specs:
            raise ValueError("none of the specs is chosen that can run here")
        return Outcome(tuple(specs))

    def _ginkgo(
        self, output: Path, definition: Path, choice: Choice, files: list[str]
    ) -> list[Spec]:
        output.mkdir(parents=True, exist_ok=True)
        report = output / "report.json"
        report.unlink(missing_ok=True)
        focus = [f"{FOCUS}.*(?:{expression})" for expression in choice.focus] or [FOCUS]
        command = self.cluster.control.command(
            "ginkgo",
            "run",
            f"--procs={self.processes}",
            f"--timeout={_TIMEOUT}",
            "--no-color",
            "--silence-skips",
            f"--output-dir={output}",
            f"--json-report={report.name}",
            *(f"--focus={expression}" for expression in focus),
            *(f"--skip={expression}" for expression in (*impossible(), *choice.skip)),
            *files,
            str(self.programs / "e2e.test"),
            "--",
            f"--kubeconfig={self.cluster.places.admin_kubeconfig}",
            f"--kubectl-path={self.programs / 'kubectl'}",
            "--provider=skeleton",
            f"--storage.testdriver={definition}",
            f"--repo-root={definition.parent}",
        )
        with (output / "output").open("w") as said:
            ended = subprocess.run(
                command,
                cwd=output,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if not report.exists():
            raise ValueError(
                f"ginkgo ended with {ended.returncode} and made no report; {output}/output says why"
            )
        return read_report(report)


def _pinned_definition(directory: Path, node: str) -> Path:
    """The definition with a class whose volumes are made at once, on this node."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for file in DEFINITION.parent.glob("*.yaml"):
        shutil.copy(file, directory)
    file = directory / "storageclass.yaml"
    storage_class = yaml.safe_load(file.read_text())
    storage_class["volumeBindingMode"] = "Immediate"
    topology = {"matchLabelExpressions": [{"key": TOPOLOGY_KEY, "values": [node]}]}
    storage_class["allowedTopologies"] = [topology]
    file.write_text(yaml.safe_dump(storage_class))
    return directory / DEFINITION.name
