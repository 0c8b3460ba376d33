# SPDX-License-Identifier: Apache-2.0
"""The network: a bridge on the control plane's machine, a cable to each node, static routes.

Pods get their addresses from the `ptp` plugin: each has a cable of its own to its node, so that all
its traffic is routed there, where kube-proxy's rules are.
"""

from __future__ import annotations

import json

from .config import CONTROL_ADDRESS, MACHINE_NETWORK_BITS, NodeConfig
from .machine import Machine
from .run import run

_BRIDGE = "br0"
_MTU = 1500


def _ip(machine: Machine, *commands: str) -> None:
    """Several commands of ip(8) on a machine; the first that fails ends it."""
    run(machine.network_command("ip", "-batch", "-"), text="\n".join(commands) + "\n")


def _route_packets(machine: Machine) -> None:
    run(machine.command("bash", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"))


def set_up_control(control: Machine, nodes: tuple[NodeConfig, ...]) -> None:
    """Makes the bridge, which is the nodes' way to each other and to the API server."""
    _ip(
        control,
        f"link add {_BRIDGE} type bridge",
        f"address add {CONTROL_ADDRESS}/{MACHINE_NETWORK_BITS} dev {_BRIDGE}",
        f"link set {_BRIDGE} up",
        *(f"route add {node.pod_network} via {node.address}" for node in nodes),
    )
    _route_packets(control)


def connect(
    control: Machine, machine: Machine, node: NodeConfig, nodes: tuple[NodeConfig, ...]
) -> None:
    """Lays the cable to a node, which has just been started."""
    cable = "to-" + node.address.rsplit(".", 1)[1]
    octets = [int(octet) for octet in node.address.split(".")]
    # The address is the same after a reboot: the others may remember it.
    hardware = "02:00:" + ":".join(f"{octet:02x}" for octet in octets)
    # The cable from before goes some time after the machine that had its other end.
    run(control.network_command("bash", "-c", f"ip link delete {cable} 2>/dev/null || true"))
    _ip(
        control,
        f"link add {cable} type veth peer name eth0 address {hardware} netns {machine.pid()}",
        f"link set {cable} master {_BRIDGE} up",
    )
    _ip(
        machine,
        f"address add {node.address}/{MACHINE_NETWORK_BITS} dev eth0",
        "link set eth0 up",
        f"route add default via {CONTROL_ADDRESS}",
        *(
            f"route add {other.pod_network} via {other.address}"
            for other in nodes
            if other.name != node.name
        ),
    )
    _route_packets(machine)


def plugin_configuration(node: NodeConfig) -> str:
    """CNI's configuration on a node. Addresses are noted on tmpfs: after a reboot all are free."""
    return json.dumps(
        {
            "cniVersion": "0.4.0",
            "name": "pods",
            "plugins": [
                {
                    "type": "ptp",
                    "mtu": _MTU,
                    "ipam": {
                        "type": "host-local",
                        "dataDir": "/run/cni/networks",
                        "ranges": [[{"subnet": node.pod_network}]],
                        "routes": [{"dst": "0.0.0.0/0"}],
                    },
                }
            ],
        }
    )
