# SPDX-License-Identifier: Apache-2.0
"""The driver takes what the chart gives it."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from cases import CASES, Case
from chart import Chart, Object, container, containers, of_kind, only, pod_of

PLACES = {"NODE_NAME": "worker-1", "POD_IP": {"IPv4": "10.0.0.1", "IPv6": "fd00::1"}}
# The driver tells all mistakes at once. With one that is meant to be there it tells that one, and
# starts nothing.
MISTAKE = "--log-level=mistaken"


def arguments(found: Object, family: str) -> list[str]:
    """The arguments of a container, as kubelet makes them."""
    made = []
    for argument in found["args"]:
        argument = argument.replace("$(NODE_NAME)", "worker-1")
        made.append(argument.replace("$(POD_IP)", PLACES["POD_IP"][family]))
    assert not any("$(" in argument for argument in made), made
    return made


def complaint(driver: str, argv: list[str], directory: Path) -> str:
    """What the driver says to them, beside the mistake."""
    environment = {
        **os.environ,
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",
        "KUBERNETES_SERVICE_PORT": "443",
    }
    done = subprocess.run(
        [driver, *argv, MISTAKE],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 2, said
    assert "mistaken" in said
    return "\n".join(line for line in said.splitlines() if "mistaken" not in line)


@pytest.mark.parametrize("component", ["DaemonSet", "Deployment"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_driver_takes_its_flags(
    chart: Chart, driver: str, tmp_path: Path, case: Case, component: str
) -> None:
    pod = pod_of(only(chart.objects(case.values, apis=case.apis), component))
    argv = arguments(container(pod, "nodevol"), case.values.get("ipFamily", "IPv4"))
    assert complaint(driver, argv, tmp_path) == ""


def test_the_driver_would_complain(driver: str, tmp_path: Path) -> None:
    assert "--metrics-address" in complaint(
        driver, ["--pool=a=/a", "--metrics-address=nowhere"], tmp_path
    )


def test_pools_are_prepared_by_a_command_that_is_there(chart: Chart, driver: str) -> None:
    values = next(case.values for case in CASES if case.name == "loopback")
    prepare = container(pod_of(only(chart.objects(values), "DaemonSet")), "prepare-try")
    assert prepare["args"] == ["pool", "init", "/var/lib/nodevol/try", "--existing-ok"]
    text = subprocess.run(
        [driver, "pool", "init", "--help"], check=True, capture_output=True, text=True
    ).stdout
    assert "--existing-ok" in text


def test_each_kind_of_volume_flag_is_passed_once(chart: Chart) -> None:
    """In the flags library the last of two would win, in silence."""
    for case in CASES:
        for made in of_kind(chart.objects(case.values), "Deployment") + of_kind(
            chart.objects(case.values), "DaemonSet"
        ):
            for found in containers(pod_of(made)):
                own = [
                    re.split("[= ]", argument)[0]
                    for argument in found.get("args", [])
                    if argument.startswith("--")
                ]
                twice = {flag for flag in own if own.count(flag) > 1}
                extra = {"--log-level", "--worker-threads"}  # by extraArgs
                assert twice <= {"--pool", "--static-path"} | extra, (case.name, found["name"])
