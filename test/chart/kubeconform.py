# SPDX-License-Identifier: Apache-2.0
"""Kubeconform, with the schemas that tools/chart-schemas has made, and no others."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Kubeconform:
    """An examiner that knows several versions of Kubernetes."""

    program: str
    schemas: Path

    def mistakes(self, manifests: str, kubernetes: str) -> str:
        """What is wrong with manifests for that minor version, also kinds that it does not know;
        "" when nothing is."""
        file = "{{.ResourceKind}}{{.KindSuffix}}.json"
        command = [
            self.program,
            "-strict",
            "-summary",
            f"-schema-location={self.schemas}/{kubernetes}/{file}",
            f"-schema-location={self.schemas}/crds/{file}",
        ]
        done = subprocess.run(command, input=manifests, capture_output=True, text=True, check=False)
        assert " 0 resources" not in done.stdout, "there was nothing to examine"
        return "" if done.returncode == 0 else done.stdout + done.stderr
