# SPDX-License-Identifier: Apache-2.0
"""Kubernetes' own suite for external storage: which of its specs the definition of this driver
selects, and running them on the cluster that is up."""
