# SPDX-License-Identifier: Apache-2.0
"""The cluster's API, by kubectl and nothing else: what a user of it has."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
Object = dict[str, Any]

# How long a condition may take to come true. Nothing is asserted of how long it does take: two
# cores run a whole cluster.
PATIENCE_SECONDS = 300
PAUSE_SECONDS = 0.5


class KubectlError(Exception):
    """kubectl ended with an error; the text is what it said."""


@dataclass(frozen=True)
class Kube:
    """kubectl in one namespace."""

    command: tuple[str, ...]  # what runs kubectl where it reaches the API server
    namespace: str

    def within(self, namespace: str) -> Kube:
        """The same cluster, another namespace."""
        return Kube(self.command, namespace)

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        """The output of kubectl. KubectlError when it ends with an error."""
        done = subprocess.run(
            [*self.command, "-n", self.namespace, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise KubectlError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def apply(self, source: Path | str) -> None:
        """Makes, or changes, the objects of a file or of a text."""
        text = source.read_text() if isinstance(source, Path) else source
        self.run("apply", "-f", "-", stdin=text)

    def delete(self, source: Path | str) -> None:
        """Deletes the objects of a file or of a text, and waits until they are gone."""
        text = source.read_text() if isinstance(source, Path) else source
        self.run("delete", "--ignore-not-found", "--wait", "-f", "-", stdin=text)

    def get(self, kind: str, name: str) -> Object:
        """One object. KubectlError when there is none."""
        return json.loads(self.run("get", kind, name, "-o", "json"))

    def list(self, kind: str, *arguments: str) -> list[Object]:
        """The objects of a kind, in the namespace where the kind has namespaces."""
        return json.loads(self.run("get", kind, *arguments, "-o", "json"))["items"]

    def raw(self, path: str) -> str:
        """GET of a path of the API server."""
        return self.run("get", "--raw", path)

    def exec(self, pod: str, *argv: str, container: str | None = None) -> str:
        """The output of a program in a pod."""
        chosen = ["-c", container] if container else []
        return self.run("exec", pod, *chosen, "--", *argv)

    def shell(self, pod: str, script: str) -> str:
        """The output of a line of shell in a pod, without the line's end."""
        return self.exec(pod, "sh", "-c", script).rstrip("\n")

    def events_of(self, name: str) -> list[str]:
        """The messages of the events about an object."""
        selected = self.list("events", "--field-selector", f"involvedObject.name={name}")
        return [event.get("message", "") for event in selected]

    def eventually(self, what: str, check: Callable[[], T | None], seconds: int = 0) -> T:
        """Asks until the answer is true, and returns it. AssertionError after a long time, with the last
        answer and what a person would look at first."""
        deadline = time.monotonic() + (seconds or PATIENCE_SECONDS)
        last: object = None
        while time.monotonic() < deadline:
            try:
                last = check()
            except KubectlError as error:
                last = error
            else:
                if last:
                    return last  # type: ignore[return-value]
            time.sleep(PAUSE_SECONDS)
        raise AssertionError(f"{what}: not after {seconds or PATIENCE_SECONDS} s; last: {last}\n"
                             f"{self._state()}")

    def eventually_none(self, what: str, look: Callable[[], list[str]]) -> None:
        """Asks until nothing is found any more. AssertionError with what still is."""
        found: list[str] = []

        def none() -> bool:
            found[:] = look()
            return not found

        try:
            self.eventually(what, none)
        except AssertionError as error:
            raise AssertionError(f"still there: {found}") from error

    def never(self, what: str, check: Callable[[], object], seconds: float) -> None:
        """Asks for a while; AssertionError as soon as the answer is true."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert not check(), what
            time.sleep(PAUSE_SECONDS)

    def running(self, pod: str) -> Object:
        """Waits until the pod is Ready, and returns it."""
        return self.eventually(f"pod {pod} is ready", lambda: self._ready(pod))

    def _ready(self, pod: str) -> Object | None:
        found = self.get("pod", pod)
        conditions = found["status"].get("conditions", [])
        ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
        return found if ready and "deletionTimestamp" not in found["metadata"] else None

    def bound(self, claim: str) -> Object:
        """Waits until the claim is bound, and returns its volume."""
        def found() -> str | None:
            known = self.get("pvc", claim)
            return known["spec"]["volumeName"] if known["status"].get("phase") == "Bound" else None

        return self.get("pv", self.eventually(f"claim {claim} is bound", found))

    def recreate(self, pod: str, manifest: Path | str) -> None:
        """Deletes a pod, makes it again from its file and waits until it is ready."""
        self.run("delete", "pod", pod, "--wait")
        self.apply(manifest)
        self.running(pod)

    def _state(self) -> str:
        """What a person would look at first; for the message of a failed test."""
        try:
            return "\n".join((
                self.run("get", "pods,pvc,pv,volumesnapshots", "-o", "wide"),
                self.run("get", "events", "--sort-by=.lastTimestamp")[-4000:],
            ))
        except (KubectlError, subprocess.TimeoutExpired) as error:
            return f"(and nothing can be found out: {error})"
