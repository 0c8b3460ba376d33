# SPDX-License-Identifier: Apache-2.0
"""What ginkgo reports of the specs."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOCUS = "External.Storage"

_PATTERN = re.compile(r"\[Testpattern: ([^\]]*)\]")
_TAG = re.compile(r"\[[^\]]*\]")


@dataclass(frozen=True)
class Spec:
    """One spec, and what has become of it."""

    suite: str
    pattern: str
    text: str
    state: str  # passed, failed, panicked, timedout, skipped, ...
    message: str  # of the failure, or why it was skipped
    in_body: bool  # it got further than the setup that is the same for its suite and pattern

    @property
    def name(self) -> str:
        """As selection.txt has it."""
        return f"{self.suite}: {self.pattern}: {self.text}"


def read_report(file: Path) -> list[Spec]:
    """The specs of external storage that ran or skipped themselves. ValueError when the suite's own
    preparations failed, with what they say."""
    reports: list[dict[str, Any]] = json.loads(file.read_text())[0]["SpecReports"] or []
    failed = [
        report
        for report in reports
        if report["LeafNodeType"] != "It" and report["State"] == "failed"
    ]
    if failed:
        raise ValueError(
            "; ".join(f"{report['LeafNodeType']}: {_message(report)}" for report in failed)
        )
    return [_spec(report) for report in reports if _is_ours(report)]


def _is_ours(report: dict[str, Any]) -> bool:
    hierarchy = report["ContainerHierarchyTexts"] or [""]
    # What isn't in the focus is skipped without a word.
    asked = report["State"] != "skipped" or _message(report) != ""
    return report["LeafNodeType"] == "It" and hierarchy[0].startswith("External Storage ") and asked


def _message(report: dict[str, Any]) -> str:
    failure = report.get("Failure") or {}
    return str(failure.get("ForwardedPanic") or failure.get("Message") or "")


def _spec(report: dict[str, Any]) -> Spec:
    _, context, *nested = report["ContainerHierarchyTexts"]
    pattern = _PATTERN.search(context)
    words = [*nested, report["LeafNodeText"]]
    return Spec(
        suite=" ".join(_TAG.sub("", context).split()),
        pattern=pattern[1] if pattern else "",
        text=" ".join(" ".join(words).split()),
        state=report["State"],
        message=" ".join(_message(report).split()),
        in_body=(report.get("Failure") or {}).get("FailureNodeType") == "It",
    )
