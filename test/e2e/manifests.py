# SPDX-License-Identifier: Apache-2.0
"""The objects that tests make, as YAML; the examples have files of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]

EXAMPLES = Path(__file__).resolve().parents[2] / "deploy" / "examples"

IMAGE = "busybox:1.35"
DRIVER = "csi.nodevol.io"
TOPOLOGY_KEY = f"topology.{DRIVER}/node"
SLEEP = "trap exit TERM; while :; do sleep 1 & wait $!; done"


def dump(*objects: Object) -> str:
    """One text of several documents."""
    return yaml.safe_dump_all(objects, sort_keys=False)


def claim(name: str, size: str, storage_class: str = "nodevol", **spec: object) -> Object:
    """A PersistentVolumeClaim for one node's pods."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": storage_class,
            "resources": {"requests": {"storage": size}},
            **spec,
        },
    }


def pod(name: str, claims: list[str], node: str = "", script: str = SLEEP) -> Object:
    """A pod with its claims at /CLAIM; on a node if one is named."""
    container: Object = {
        "name": "main",
        "image": IMAGE,
        "command": ["sh", "-c", script],
        "volumeMounts": [{"name": c, "mountPath": f"/{c}"} for c in claims],
    }
    spec: Object = {
        "terminationGracePeriodSeconds": 1,
        "containers": [container],
        "volumes": [{"name": c, "persistentVolumeClaim": {"claimName": c}} for c in claims],
    }
    if node:
        spec["nodeSelector"] = {"kubernetes.io/hostname": node}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def storage_class(name: str, parameters: dict[str, str] | None = None, **fields: object) -> Object:
    """A StorageClass of the driver."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name},
        "provisioner": DRIVER,
        "volumeBindingMode": "WaitForFirstConsumer",
        "allowVolumeExpansion": True,
        "parameters": parameters or {},
        **fields,
    }
