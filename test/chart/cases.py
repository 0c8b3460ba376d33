# SPDX-License-Identifier: Apache-2.0
"""Values that people have."""

from dataclasses import dataclass, field

from chart import GROUP_SNAPSHOT_API, MONITORING_APIS, SNAPSHOT_API, Object

KUBERNETES = ("1.34", "1.35", "1.36", "1.37")
ALL_APIS = (SNAPSHOT_API, GROUP_SNAPSHOT_API, *MONITORING_APIS)


@dataclass(frozen=True)
class Case:
    """Values, and which optional APIs the cluster has."""

    name: str
    values: Object = field(default_factory=dict)
    apis: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


EXISTING = {"existingSecret": "link", "existingCAConfigMap": "link-ca"}

CASES = (
    Case("defaults"),
    Case("all-apis", apis=ALL_APIS),
    Case("attach", {"attach": {"enabled": True}}, ALL_APIS),
    Case("sidecar-registrar", {"node": {"registrar": "sidecar"}}),
    Case("cert-manager", {"link": {"certManager": {"enabled": True}}}),
    Case(
        "cert-manager-issuer",
        {
            "node": {"namespace": "storage-nodes"},
            "link": {
                "certManager": {
                    "enabled": True,
                    "issuerRef": {
                        "name": "corporate",
                        "kind": "ClusterIssuer",
                        "group": "cert-manager.io",
                    },
                }
            },
        },
    ),
    Case(
        "certificates-of-nodes",
        {
            "link": {
                "authentication": "certificate",
                "nodeCertificatesDir": "/etc/nodevol/pki",
                **EXISTING,
            }
        },
    ),
    Case("nowhere-tolerated", {"node": {"tolerations": [], "nodeSelector": None}}),
    Case("startup-taint", {"startupTaint": {"enabled": True}}),
    Case("forget-nodes", {"forgetNodeAfter": "24h"}),
    Case(
        "everything-asked",
        {"startupTaint": {"enabled": True}, "forgetNodeAfter": "24h", "health": True},
    ),
    Case("namespace-of-nodes", {"node": {"namespace": "storage-nodes"}}, ALL_APIS),
    Case(
        "loopback",
        {
            "pools": [
                {"name": "try", "path": "/var/lib/nodevol/try", "loopback": {"size": "10Gi"}},
                {"name": "ssd", "path": "/mnt/ssd"},
                {
                    "name": "copies",
                    "path": "/var/lib/copies",
                    "loopback": {"size": "512Mi", "filesystem": "btrfs"},
                },
            ]
        },
    ),
    Case(
        "elsewhere",
        {
            "fullnameOverride": "local-volumes",
            "driverName": "volumes.example.com",
            "ipFamily": "IPv6",
            "kubeletDir": "/var/lib/k0s/kubelet",
            "staticPaths": ["/mnt/shared", "/srv/models"],
            "overcommit": 1.5,
            "createPools": True,
            "imagePullSecrets": [{"name": "registry"}],
            "image": {
                "node": {"repository": "registry.example.com/node", "digest": "sha256:" + "a" * 64}
            },
            "serviceAccount": {"annotations": {"example.com/team": "storage"}},
        },
        ALL_APIS,
    ),
    Case(
        "pods-dressed",
        {
            "node": {
                "podLabels": {"team": "storage"},
                "podAnnotations": {"example.com/a": "b"},
                "extraArgs": ["--log-level=debug"],
                "tolerations": [
                    {"key": "dedicated", "operator": "Equal", "value": "db", "effect": "NoSchedule"}
                ],
                "affinity": {
                    "nodeAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": {
                            "nodeSelectorTerms": [
                                {"matchExpressions": [{"key": "disk", "operator": "Exists"}]}
                            ]
                        }
                    }
                },
            },
            "controller": {
                "podLabels": {"team": "storage"},
                "podAnnotations": {"example.com/a": "b"},
                "runAsUser": None,
                "extraArgs": ["--log-level=debug"],
                "tolerations": [],
                "nodeSelector": None,
                "replicas": 1,
            },
            "sidecars": {
                "provisioner": {
                    "extraArgs": ["--worker-threads=10"],
                    "resources": {"limits": {"memory": "1Gi"}},
                }
            },
            "networkPolicy": {
                "metricsFrom": [
                    {
                        "namespaceSelector": {
                            "matchLabels": {"kubernetes.io/metadata.name": "monitoring"}
                        }
                    }
                ]
            },
        },
    ),
    Case(
        "classes",
        {
            "storageClasses": [
                {
                    "name": "fast",
                    "isDefault": True,
                    "annotations": {"example.com/a": "b"},
                    "mountOptions": ["noatime"],
                    "volumeBindingMode": "Immediate",
                    "reclaimPolicy": "Retain",
                    "allowVolumeExpansion": False,
                    "allowedTopologies": [
                        {
                            "matchLabelExpressions": [
                                {"key": "topology.csi.nodevol.io/node", "values": ["worker-1"]}
                            ]
                        }
                    ],
                    "parameters": {
                        "backend": "image",
                        "csi.storage.k8s.io/fstype": "xfs",
                        "mode": "0750",
                        "uid": "1000",
                        "pool": "default",
                        "undeleteWindow": "24h",
                    },
                }
            ],
            "volumeSnapshotClasses": [
                {"name": "keep", "isDefault": True, "deletionPolicy": "Retain"}
            ],
        },
        ALL_APIS,
    ),
    Case(
        "minimal",
        {
            "sidecars": {"snapshotter": {"enabled": False}},
            "storageCapacity": {"enabled": False},
            "storageClasses": [],
            "volumeSnapshotClasses": [],
            "volumeGroupSnapshotClasses": [],
            "volumeAttributesClasses": [],
            "networkPolicy": {"enabled": False},
            "podDisruptionBudget": {"enabled": False},
            "podMonitor": {"enabled": False},
            "prometheusRule": {"enabled": False},
            "grafanaDashboard": {"enabled": False},
            "inlineVolumes": {"enabled": False},
            "node": {"metrics": {"enabled": False}},
            "controller": {"metrics": {"enabled": False}},
            "link": {
                "authentication": "certificate",
                "nodeCertificatesDir": "/etc/nodevol/pki",
                **EXISTING,
            },
        },
        ALL_APIS,
    ),
)
