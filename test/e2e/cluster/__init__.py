# SPDX-License-Identifier: Apache-2.0
"""A Kubernetes cluster of two nodes on one machine, for the end-to-end tests and for trying out.

The control plane and each node are processes in namespaces of their own (machine.py); nothing of
them is in the host's. `python3 -m cluster` is the way in for people, cluster.cluster.Cluster for
tests.
"""
