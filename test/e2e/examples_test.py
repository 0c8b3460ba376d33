# SPDX-License-Identifier: Apache-2.0
"""Every file of deploy/examples, applied as it is: what it promises is so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from installation import Installation
from kube import Kube
from manifests import EXAMPLES, dump
from testbed import Testbed

Example = Callable[[str], Path]
STARTS = "/data/starts"
WORKER = "worker-1"


def starts(kube: Kube, pod: str, path: str = STARTS) -> int:
    """How many starts of pods the volume has seen."""
    return int(kube.shell(pod, f"wc -l < {path}"))


def survives_its_pod(kube: Kube, pod: str, source: Path, path: str = STARTS) -> None:
    """The pod is deleted and made again from its file: the data is there."""
    kube.running(pod)
    assert starts(kube, pod, path) == 1
    kube.recreate(pod, source)
    assert starts(kube, pod, path) == 2


def is_gone_with_its_claim(kube: Kube, driver: Installation, pod: str, claim: str) -> None:
    """The claim is deleted: so are the PersistentVolume and the data."""
    volume = kube.bound(claim)
    handle = volume["spec"]["csi"]["volumeHandle"]
    assert handle in driver.volume_ids()
    kube.run("delete", "pod", pod, "--wait")
    kube.run("delete", "pvc", claim, "--wait")
    kube.eventually("the data is gone", lambda: handle not in driver.volume_ids())
    kube.eventually("its object is gone", lambda: volume["metadata"]["name"] not in
                    [entry["metadata"]["name"] for entry in kube.list("pv")])


@pytest.mark.core
@pytest.mark.parametrize("name", ["pod", "storageclass"])
def test_claim_and_pod(kube: Kube, driver: Installation, example: Example, name: str) -> None:
    source = example(name)
    survives_its_pod(kube, name, source)
    is_gone_with_its_claim(kube, driver, name, name)


@pytest.fixture
def directories(testbed: Testbed):
    """Directories of the administrator's, on the node that the examples name."""
    base = "/srv/nodevol-examples"
    names = ("pod", "retain", "delete", "static-pod", "static-retain", "static-delete")
    testbed.run_on(WORKER, "install", "-d", "-o", "1000", "-g", "1000",
                   *(f"{base}/{name}" for name in names))
    yield base
    testbed.run_on(WORKER, "find", base, "-mindepth", "1", "-delete")


def test_hostpath_in_a_pod(kube: Kube, example: Example, directories: str) -> None:
    survives_its_pod(kube, "hostpath-pod", example("hostpath-pod"))


def test_static_volume_in_a_pod(kube: Kube, example: Example, directories: str) -> None:
    survives_its_pod(kube, "static-pod", example("static-pod"))


@pytest.mark.parametrize("kind", ["hostpath", "static"])
def test_static_persistent_volumes_are_matched_by_mode_and_size(
        kube: Kube, testbed: Testbed, example: Example, directories: str, kind: str) -> None:
    pod = f"{kind}-persistentvolume"
    source = example(pod)
    assert kube.bound(f"{kind}-retain")["metadata"]["name"] == f"example-{kind}-retain"
    assert kube.bound(f"{kind}-delete")["metadata"]["name"] == f"example-{kind}-delete"
    survives_its_pod(kube, pod, source, "/retain/starts")
    # A second claim like one that is bound gets nothing, nor do those that match no volume.
    second = kube.get("pvc", f"{kind}-retain")["spec"]
    del second["volumeName"]
    kube.apply(dump({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
                     "metadata": {"name": "second"}, "spec": second}))
    waiting = ("second", f"{kind}-wrong-mode", f"{kind}-too-large")
    kube.never("a claim without a match is bound",
               lambda: any(kube.get("pvc", name)["status"].get("phase") == "Bound"
                           for name in waiting), seconds=5)
    kube.run("delete", "pod", pod, "--wait")
    kube.run("delete", "pvc", f"{kind}-retain", f"{kind}-delete", "second", "--wait")
    kube.eventually("what is to be kept is Released", lambda: kube.get(
        "pv", f"example-{kind}-retain")["status"]["phase"] == "Released")
    prefix = "" if kind == "hostpath" else "static-"
    for name in ("retain", "delete"):
        assert testbed.run_on(WORKER, "cat", f"{directories}/{prefix}{name}/starts")
    if kind == "static":
        kube.eventually("the driver has let go of the other one", lambda: "example-static-delete"
                        not in [entry["metadata"]["name"] for entry in kube.list("pv")])
    else:
        kube.eventually("Kubernetes refuses to delete it", lambda: kube.get(
            "pv", "example-hostpath-delete")["status"]["phase"] == "Failed")


@pytest.mark.parametrize("name, replicas", [("replicaset", 2), ("deployment", 1)])
def test_pods_that_are_replaced_find_the_data(kube: Kube, example: Example, name: str,
                                              replicas: int) -> None:
    example(name)

    def pods() -> list[str] | None:
        found = [pod for pod in kube.list("pods", "-l", f"example={name}")
                 if "deletionTimestamp" not in pod["metadata"]]
        ready = [pod["metadata"]["name"] for pod in found if any(
            c["type"] == "Ready" and c["status"] == "True"
            for c in pod["status"].get("conditions", []))]
        return ready if len(ready) == replicas else None

    first = kube.eventually("the pods are ready", pods)
    kube.eventually("each has written", lambda: starts(kube, first[0]) == replicas)
    kube.run("delete", "pod", *first, "--wait")
    second = kube.eventually("others have come", pods)
    assert not set(first) & set(second)
    kube.eventually("they have the data", lambda: starts(kube, second[0]) == 2 * replicas)


@pytest.mark.core
@pytest.mark.parametrize("name", ["statefulset", "statefulset-parallel"])
def test_stateful_set_keeps_to_each_pod_its_own(kube: Kube, example: Example, name: str) -> None:
    example(name)
    pods = [f"{name}-{ordinal}" for ordinal in range(2)]
    claims = [f"data-{pod}" for pod in pods]
    nodes = {pod: kube.running(pod)["spec"]["nodeName"] for pod in pods}
    volumes = {claim: kube.bound(claim)["metadata"]["name"] for claim in claims}
    assert len(set(volumes.values())) == 2
    for pod in pods:
        kube.shell(pod, f"echo {pod} > /data/name")
        kube.run("delete", "pod", pod, "--wait")
    for pod in pods:
        assert kube.running(pod)["spec"]["nodeName"] == nodes[pod]
        assert kube.shell(pod, "cat /data/name") == pod
    kube.run("scale", "statefulset", name, "--replicas=0")
    kube.eventually("its pods have gone", lambda: not kube.list("pods"))
    kube.run("delete", "statefulset", name, "--wait")
    # The claims stay, and their volumes; a new set finds them.
    assert {c: kube.bound(c)["metadata"]["name"] for c in claims} == volumes
    example(name)
    for pod in pods:
        kube.running(pod)
        assert kube.shell(pod, "cat /data/name") == pod


@pytest.mark.core
def test_mysql_is_written_on_the_primary_and_read_on_the_replicas(
        kube: Kube, example: Example) -> None:
    example("mariadb-replication")
    for ordinal in range(3):
        kube.running(f"mysql-{ordinal}")

    def ask(ordinal: int, statement: str) -> str:
        return kube.exec(f"mysql-{ordinal}", "mariadb", "-N", "-e", statement,
                         container="mariadb").strip()

    ask(0, "CREATE TABLE example.t (n INT PRIMARY KEY); INSERT INTO example.t VALUES (1), (2)")
    for replica in (1, 2):
        kube.eventually(f"replica {replica} has the rows",
                        lambda replica=replica: ask(replica, "SELECT SUM(n) FROM example.t") == "3")
    # They are replicas: nobody but the replication and root writes there, by the primary's name.
    status = kube.exec("mysql-1", "mariadb", "-e", "SHOW SLAVE STATUS\\G", container="mariadb")
    assert "Master_Host: mysql-0.mysql" in status
    assert ask(2, "SELECT @@read_only") == "1"
    # All pods are made again, the primary last; each has its own data.
    for ordinal in (2, 1, 0):
        kube.run("delete", "pod", f"mysql-{ordinal}", "--wait")
        kube.running(f"mysql-{ordinal}")
    ask(0, "INSERT INTO example.t VALUES (4)")
    for replica in (1, 2):
        kube.eventually(f"replica {replica} goes on",
                        lambda replica=replica: ask(replica, "SELECT SUM(n) FROM example.t") == "7")


@pytest.mark.core
def test_snapshot_restore_and_clone(kube: Kube, example: Example) -> None:
    example("snapshot-1-source")
    node = kube.running("snapshot-source")["spec"]["nodeName"]
    kube.shell("snapshot-source", "echo before > /data/file; sync")
    example("snapshot-2-take")
    kube.eventually("the snapshot can be used",
                    lambda: kube.get("volumesnapshot", "snapshot").get("status", {}).get(
                        "readyToUse"))
    kube.shell("snapshot-source", "echo after > /data/file; sync")
    example("snapshot-3-restore")
    example("snapshot-4-clone")
    for pod, content in (("snapshot-restored", "before"), ("snapshot-clone", "after")):
        assert kube.running(pod)["spec"]["nodeName"] == node
        assert kube.shell(pod, "cat /data/file") == content
    # The restored one was asked for larger: so is its filesystem.
    sizes = {pod: int(kube.shell(pod, "df -k /data | tail -n 1 | awk '{print $2}'"))
             for pod in ("snapshot-restored", "snapshot-source")}
    assert sizes["snapshot-restored"] > sizes["snapshot-source"]


def test_group_snapshot_is_of_one_instant(kube: Kube, example: Example) -> None:
    example("group-snapshot-1-source")
    kube.running("group-source")
    example("group-snapshot-2-take")
    kube.eventually("the group can be used",
                    lambda: kube.get("volumegroupsnapshot", "group").get("status", {}).get(
                        "readyToUse"))

    def members() -> dict[str, str] | None:
        found = {s["spec"]["source"].get("persistentVolumeClaimName"): s["metadata"]["name"]
                 for s in kube.list("volumesnapshots") if s.get("status", {}).get("readyToUse")}
        return found if {"group-journal", "group-data"} <= set(found) else None

    names = kube.eventually("its members are there", members)
    restore = (EXAMPLES / "group-snapshot-3-restore.yaml").read_text()
    for claim in ("group-journal", "group-data"):
        restore = restore.replace(f"MEMBER-OF-{claim.upper()}", names[claim])
    kube.apply(restore)
    kube.running("group-restored")
    journal, data = (int(kube.shell("group-restored", f"cat /{volume}/number"))
                     for volume in ("journal", "data"))
    assert journal - data in (0, 1)


def test_volume_grows_while_its_pod_uses_it(kube: Kube, example: Example) -> None:
    source = example("expand")
    kube.running("expand")

    def mib() -> int:
        return int(kube.shell("expand", "df -m /data | tail -n 1 | awk '{print $2}'"))

    before = mib()
    kube.run("patch", "pvc", "expand", "-p",
             '{"spec":{"resources":{"requests":{"storage":"400Mi"}}}}')
    kube.eventually("the pod sees the new size", lambda: mib() >= before + 80)
    assert starts(kube, "expand") == 1
    kube.eventually("the claim has it", lambda: kube.get("pvc", "expand")["status"]["capacity"][
        "storage"] == "400Mi")
    # The file asks for the old size, which a claim does not go back to: the pod alone is made again.
    *_, pod = yaml.safe_load_all(source.read_text())
    grown = mib()
    kube.recreate("expand", dump(pod))
    assert mib() == grown
    assert starts(kube, "expand") == 2


def test_block_volume(kube: Kube, example: Example) -> None:
    source = example("block-volume")
    kube.running("block")
    kube.eventually("it is written",
                    lambda: kube.shell("block", "head -c 5 /dev/data") == "hello")
    assert int(kube.shell("block", "blockdev --getsize64 /dev/data")) == 16 << 20
    kube.shell("block", "printf HELLO | dd of=/dev/data bs=1 seek=4096 conv=notrunc,fsync 2>&1")
    kube.recreate("block", source)
    assert kube.shell("block", "dd if=/dev/data bs=1 skip=4096 count=5 2>/dev/null") == "HELLO"


def test_inline_volume_has_a_size_and_goes_with_its_pod(kube: Kube, driver: Installation,
                                                        example: Example) -> None:
    before = set(driver.volume_ids())
    source = example("inline-volume")
    kube.running("inline")
    said = kube.shell("inline", "dd if=/dev/zero of=/data/x bs=1M count=40 2>&1 || true")
    assert "No space" in said or "quota" in said.lower(), said
    kube.recreate("inline", source)
    assert starts(kube, "inline") == 1
    kube.run("delete", "pod", "inline", "--wait")
    kube.eventually("its volume has gone", lambda: set(driver.volume_ids()) == before)


def test_attributes_of_a_volume_are_changed_by_class(kube: Kube, testbed: Testbed,
                                                     driver: Installation,
                                                     example: Example) -> None:
    example("volume-attributes-class")
    node = kube.running("attributes")["spec"]["nodeName"]
    found = kube.bound("attributes")
    volume, handle = found["metadata"]["name"], found["spec"]["csi"]["volumeHandle"]

    def change(name: str) -> None:
        kube.run("patch", "pvc", "attributes", "-p",
                 f'{{"spec":{{"volumeAttributesClassName":"{name}"}}}}')
        kube.eventually(f"{name} is in force", lambda: kube.get("pvc", "attributes")["status"].get(
            "currentVolumeAttributesClassName") == name)

    def discards() -> bool:
        table = testbed.run_on(node, "cat", "/proc/self/mountinfo").splitlines()
        [options] = {line.split()[-1] for line in table if f"/{volume}/mount " in line}
        return "discard" in options.split(",")

    assert not discards()
    change("example-careful")
    assert discards()
    shown = driver.ask_node(node, "volume", "show", handle)
    assert "24h" in str(shown) or "86400" in str(shown), shown
    change("example-careless")
    assert not discards()
    assert starts(kube, "attributes") == 1


def test_generic_ephemeral_volume_goes_with_its_pod(kube: Kube, example: Example) -> None:
    example("generic-ephemeral-volume")
    kube.running("ephemeral")
    kube.bound("ephemeral-data")
    kube.run("delete", "pod", "ephemeral", "--wait")
    kube.eventually("its claim has gone", lambda: not kube.list("pvc"))


def test_pool_and_node_are_chosen(kube: Kube, driver: Installation, example: Example) -> None:
    example("choose-pool-and-node")
    for name in ("place-by-class", "place-by-pod"):
        assert kube.running(name)["spec"]["nodeName"] == WORKER
    handle = kube.bound("place-by-class")["spec"]["csi"]["volumeHandle"]
    assert pool_of(driver, handle) == "default"


def test_other_pool_is_chosen_though_it_has_less_room(kube: Kube, driver: Installation) -> None:
    # As the example tells: with the name of another pool. The first is taken if none is named.
    text = (EXAMPLES / "choose-pool-and-node.yaml").read_text()
    text = text.replace("pool: default", "pool: fast")
    room = {pool["name"]: pool["available_bytes"] for pool in driver.pools(WORKER)}
    assert room["fast"] < room["default"]
    kube.apply(text)
    try:
        pools = {name: pool_of(driver, kube.bound(name)["spec"]["csi"]["volumeHandle"])
                 for name in ("place-by-class", "place-by-pod")}
        assert pools == {"place-by-class": "fast", "place-by-pod": "default"}
    finally:
        kube.delete(text)


def pool_of(driver: Installation, handle: str) -> str:
    """Where a volume on the examples' node is."""
    return driver.ask_node(WORKER, "volume", "show", handle)["volume"]["pool"]
