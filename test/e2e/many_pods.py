# SPDX-License-Identifier: Apache-2.0
"""python3 many_pods.py [PODS [STORAGE_CLASS]]: how long pods with a claim each take to run, all made at once,
on the cluster that is up, and what of that is the driver's. Writes a table for docs/benchmarks.md."""

from __future__ import annotations

import re
import sys
import time
from collections import Counter

from chart import NAMESPACE
from installation import Installation
from kube import Kube
from manifests import Object, claim, dump, pod
from testbed import Testbed

POLL_SECONDS = 0.25


def driver_seconds(driver: Installation) -> Counter[str]:
    """Seconds in each RPC of the driver so far, of all of its processes."""
    seconds: Counter[str] = Counter()
    for component, port in (("node", 9808), ("controller", 9809)):
        for name in driver.pods(component):
            text = driver.kube.raw(f"/api/v1/namespaces/{NAMESPACE}/pods/{name}:{port}/proxy/metrics")
            for method, value in re.findall(
                    r'^nodevol_rpc_seconds_sum{method="([^"]+)"} (\S+)$', text, re.MULTILINE):
                seconds[method] += float(value)
    return seconds


def counted(pods: list[Object], phase: str) -> int:
    """How many pods are in a phase."""
    return sum(entry["status"].get("phase") == phase for entry in pods)


def measure(kube: Kube, driver: Installation, number: int, storage_class: str) -> None:
    """Makes the pods, waits until all run, and writes what it took; then until all has gone."""
    names = [f"many-{index}" for index in range(number)]
    before = driver_seconds(driver)
    began = time.monotonic()
    kube.apply(dump(*(claim(name, "16Mi", storage_class) for name in names),
                    *(pod(name, [name]) for name in names)))
    applied = time.monotonic() - began
    first = 0.0
    while True:
        running = counted(kube.list("pods"), "Running")
        first = first or (time.monotonic() - began if running else 0.0)
        if running == number:
            break
        time.sleep(POLL_SECONDS)
    all_run = time.monotonic() - began
    used = driver_seconds(driver) - before
    began = time.monotonic()
    kube.run("delete", "pods,pvc", "--all", "--wait")
    kube.eventually("their volumes have gone", lambda: not kube.list("pv"))
    print(f"| {number} pods with a claim each ({storage_class}) | seconds |\n| --- | --: |")
    print(f"| all objects made | {applied:.1f} |\n| first pod runs | {first:.1f} |")
    print(f"| **all pods run** | **{all_run:.1f}** |")
    print(f"| all deleted, volumes too | {time.monotonic() - began:.1f} |")
    print(f"| in the driver, all calls of all pods together | {sum(used.values()):.2f} |")
    for method, seconds in used.most_common(5):
        print(f"| – {method} | {seconds:.2f} |")


def main() -> None:
    """The command line."""
    testbed = Testbed.of_running_cluster()
    driver = Installation(Kube(testbed.kubectl(), NAMESPACE), testbed)
    driver.await_ready()
    kube = driver.kube.within("many-pods")
    kube.run("create", "namespace", kube.namespace)
    try:
        measure(kube, driver, int((sys.argv[1:] or ["50"])[0]), (sys.argv[2:] or ["nodevol"])[0])
    finally:
        kube.run("delete", "namespace", kube.namespace, "--wait")


if __name__ == "__main__":
    main()
