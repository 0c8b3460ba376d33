# SPDX-License-Identifier: Apache-2.0
"""Mistakes in values are refused, and named."""

import pytest

from chart import Chart, Object, Refused


@pytest.mark.parametrize(
    "values, words",
    [
        ({"kubletDir": "/var/lib/kubelet"}, ["kubletDir"]),
        ({"kubeletDir": "var/lib/kubelet"}, ["/kubeletDir", "var/lib/kubelet"]),
        ({"kubeletDir": "/var/lib/kubelet/"}, ["/kubeletDir"]),
        ({"driverName": "CSI.nodevol.io"}, ["/driverName", "CSI.nodevol.io"]),
        ({"pools": []}, ["/pools"]),
        ({"pools": {"ssd": "/mnt/ssd"}}, ["/pools", "got object"]),
        ({"pools": [{"name": "ssd"}]}, ["/pools/0", "path"]),
        ({"pools": [{"name": "SSD", "path": "/mnt/ssd"}]}, ["/pools/0/name", "SSD"]),
        ({"pools": [{"name": "ssd", "path": "/mnt/ssd", "size": "1Gi"}]}, ["/pools/0", "size"]),
        ({"pools": [{"name": "ssd", "path": "/mnt/a,b"}]}, ["/pools/0/path"]),
        (
            {"pools": [{"name": "ssd", "path": "/mnt/ssd", "loopback": {"size": "10G"}}]},
            ["/pools/0/loopback/size", "10G"],
        ),
        (
            {
                "pools": [
                    {
                        "name": "ssd",
                        "path": "/mnt/ssd",
                        "loopback": {"size": "1Gi", "filesystem": "zfs"},
                    }
                ]
            },
            ["/pools/0/loopback/filesystem"],
        ),
        ({"pools": [{"name": "ssd", "path": "/a"}, {"name": "ssd", "path": "/b"}]}, ["two", "ssd"]),
        (
            {"pools": [{"name": "ssd", "path": "/a"}, {"name": "hdd", "path": "/a"}]},
            ["ssd", "hdd", "/a"],
        ),
        (
            {"pools": [{"name": "ssd", "path": "/a"}], "staticPaths": ["/b", "/a"]},
            ["staticPaths", "ssd", "/a"],
        ),
        ({"overcommit": 0.5}, ["/overcommit"]),
        ({"overcommit": "2"}, ["/overcommit", "got string"]),
        ({"node": {"registrar": "none"}}, ["/node/registrar", "builtin"]),
        ({"node": {"updateStrategy": {"rollingUpdate": {"maxSurge": 1}}}}, ["maxSurge"]),
        ({"node": {"extraArgs": "--health"}}, ["/node/extraArgs", "got string"]),
        ({"node": {"tolerations": [{"operator": "Exist"}]}}, ["/node/tolerations/0/operator"]),
        ({"node": {"resources": {"limit": {}}}}, ["/node/resources", "limit"]),
        ({"controller": {"replicas": 0}}, ["/controller/replicas"]),
        ({"controller": {"runAsUser": 0}}, ["/controller/runAsUser"]),
        ({"sidecars": {"provisoner": {}}}, ["provisoner"]),
        ({"sidecars": {"snapshotter": {"enabled": "yes"}}}, ["/sidecars/snapshotter/enabled"]),
        ({"logLevel": "trace"}, ["/logLevel"]),
        ({"attach": True}, ["/attach", "got boolean"]),
        ({"forgetNodeAfter": "a day"}, ["/forgetNodeAfter"]),
        (
            {"storageClasses": [{"name": "a", "parameters": {"bakend": "image"}}]},
            ["/storageClasses/0/parameters", "bakend"],
        ),
        (
            {"storageClasses": [{"name": "a", "parameters": {"uid": 1000}}]},
            ["/storageClasses/0/parameters/uid", "got number"],
        ),
        (
            {"storageClasses": [{"name": "a", "parameters": {"backend": "zfs"}}]},
            ["/storageClasses/0/parameters/backend"],
        ),
        (
            {
                "storageClasses": [
                    {"name": "a", "isDefault": True},
                    {"name": "b", "isDefault": True},
                ]
            },
            ["isDefault"],
        ),
        (
            {"volumeSnapshotClasses": [{"name": "a", "parameters": {}}]},
            ["/volumeSnapshotClasses/0", "parameters"],
        ),
        (
            {"volumeAttributesClasses": [{"name": "a", "parameters": {"pool": "ssd"}}]},
            ["/volumeAttributesClasses/0/parameters", "pool"],
        ),
        ({"link": {"authentication": "none"}}, ["/link/authentication"]),
        ({"link": {"authentication": "certificate"}}, ["nodeCertificatesDir"]),
        (
            {"link": {"authentication": "certificate", "nodeCertificatesDir": "/etc/pki"}},
            ["existingSecret", "certManager"],
        ),
        ({"link": {"nodeCertificatesDir": "/etc/pki"}}, ["nodeCertificatesDir", "certificate"]),
        ({"link": {"existingSecret": "mine"}}, ["existingCAConfigMap"]),
        ({"link": {"existingCAConfigMap": "mine"}}, ["existingSecret"]),
        (
            {
                "link": {
                    "existingSecret": "mine",
                    "existingCAConfigMap": "ca",
                    "certManager": {"enabled": True},
                }
            },
            ["existingSecret", "certManager"],
        ),
        (
            {"link": {"certManager": {"enabled": True}}, "node": {"namespace": "nodes"}},
            ["ClusterIssuer", "nodes"],
        ),
        (
            {
                "link": {
                    "certManager": {"enabled": True, "issuerRef": {"name": "ca", "kind": "Issuer"}}
                },
                "node": {"namespace": "nodes"},
            },
            ["ClusterIssuer", "nodes"],
        ),
        (
            {"link": {"certManager": {"enabled": True, "issuerRef": {"kind": "ClusterIssuer"}}}},
            ["issuerRef", "ClusterIssuer", "no name"],
        ),
        ({"kubeletDir": "/" + "k" * 60}, ["87", "kubeletDir"]),
        ({"link": {"port": 9809}}, ["link.port", "controller.metrics.port", "9809"]),
        ({"link": {"port": 9811}}, ["provisioner", "link.port", "9811"]),
        (
            {"controller": {"metrics": {"port": 9814}}},
            ["attacher", "controller.metrics.port", "9814"],
        ),
        (
            {"node": {"registrar": "sidecar", "livenessPort": 9808}},
            ["node.metrics.port", "node.livenessPort", "9808"],
        ),
        (
            {"node": {"registrar": "sidecar", "livenessPort": 9815}},
            ["node.registrarPort", "node.livenessPort", "9815"],
        ),
    ],
    ids=str,
)
def test_refused_by_name(chart: Chart, values: Object, words: list[str]) -> None:
    with pytest.raises(Refused) as refused:
        chart.text(values)
    for word in words:
        assert word in str(refused.value)


def test_a_port_that_nobody_serves_is_free(chart: Chart) -> None:
    chart.text({"node": {"registrar": "builtin", "metrics": {"port": 9815}}})


def test_an_issuer_of_the_cluster_serves_nodes_elsewhere(chart: Chart) -> None:
    issuer = {"name": "ca", "kind": "AWSPCAClusterIssuer", "group": "awspca.cert-manager.io"}
    chart.text(
        {
            "node": {"namespace": "nodes"},
            "link": {"certManager": {"enabled": True, "issuerRef": issuer}},
        }
    )
