# SPDX-License-Identifier: Apache-2.0
"""What the driver may do, and what it must not tell."""

from __future__ import annotations

import json
import re

import pytest

from chart import RELEASE
from installation import Installation
from kube import Kube
from manifests import claim, dump, pod
from testbed import Testbed

# What a token or a private key looks like, wherever it is.
SECRETS = re.compile(r"eyJ[A-Za-z0-9_-]{20,}\.|-----BEGIN [A-Z ]*PRIVATE KEY|change-me")


def template(driver: Installation, kind: str) -> dict:
    """The pods of a workload, as they are asked for."""
    return driver.kube.get(kind.split("/")[0], kind.split("/")[1])["spec"]["template"]


def test_controllers_pods_are_fit_for_a_restricted_namespace(kube: Kube,
                                                             driver: Installation) -> None:
    kube.run("label", "namespace", kube.namespace,
             "pod-security.kubernetes.io/enforce=restricted")
    wanted = template(driver, f"deployment/{RELEASE}-controller")
    kube.run("create", "serviceaccount", wanted["spec"]["serviceAccountName"])
    kube.run("create", "--dry-run=server", "-f", "-", stdin=json.dumps({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "controller"},
        "spec": wanted["spec"]}))


@pytest.mark.core
def test_node_pod_has_what_it_needs_and_no_more(driver: Installation) -> None:
    spec = template(driver, f"daemonset/{RELEASE}-node")["spec"]
    assert not any(spec.get(name) for name in ("hostNetwork", "hostPID", "hostIPC"))
    assert spec["automountServiceAccountToken"] is False
    assert [c["name"] for c in spec["containers"]] == ["nodevol"]
    container = spec["containers"][0]
    # Bidirectional mounts are given to privileged containers only.
    assert container["securityContext"]["privileged"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    bidirectional = [mount["mountPath"] for mount in container["volumeMounts"]
                     if mount.get("mountPropagation") == "Bidirectional"]
    assert bidirectional == ["/var/lib/kubelet"]


def may(driver: Installation, workload: str, verb: str, resource: str) -> bool:
    """Whether the pods of a workload may do that in all namespaces. The resource with its group."""
    namespace = driver.kube.namespace
    account = template(driver, workload)["spec"]["serviceAccountName"]
    name, _, group = resource.partition(".")
    # Not `kubectl auth can-i`: to that, "no" is an error like any other.
    review = json.loads(driver.kube.run("create", "-o", "json", "-f", "-", stdin=json.dumps({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
        "spec": {"user": f"system:serviceaccount:{namespace}:{account}",
                 "groups": ["system:serviceaccounts", f"system:serviceaccounts:{namespace}",
                            "system:authenticated"],
                 "resourceAttributes": {"verb": verb, "resource": name, "group": group}}})))
    return review["status"]["allowed"]


def test_service_accounts_may_do_what_the_docs_say(driver: Installation) -> None:
    node, controller = f"daemonset/{RELEASE}-node", f"deployment/{RELEASE}-controller"
    for workload in (node, controller):
        # What each account may: it is known, and the answer is not always no.
        assert may(driver, workload, "create", "selfsubjectaccessreviews.authorization.k8s.io")
        for verb, resource in (("get", "secrets"), ("list", "secrets"), ("create", "pods"),
                               ("delete", "nodes"), ("*", "*.*")):
            assert not may(driver, workload, verb, resource), (workload, verb, resource)
    assert may(driver, controller, "create", "tokenreviews.authentication.k8s.io")
    assert may(driver, controller, "create", "persistentvolumes")
    # Nodes ask the API server nothing.
    assert not may(driver, node, "get", "nodes")
    assert not may(driver, node, "list", "persistentvolumes")


@pytest.mark.core
def test_token_of_a_node_does_not_speak_for_another(kube: Kube, driver: Installation,
                                                    testbed: Testbed) -> None:
    first, second = testbed.nodes()
    thief = driver.node_pod(first)
    link = [argument for argument in template(driver, f"daemonset/{RELEASE}-node")["spec"][
        "containers"][0]["args"] if re.match("--(controller|link-|trust-domain|driver-name)",
                                             argument)]
    command = ["nodevol", "--role=node", f"--node-id={second}",
               "--pool=stolen=/tmp/stolen", "--create-pools",
               "--endpoint=unix:///tmp/stolen.sock", "--admin-socket=", *link]
    said = driver.kube.exec(
        thief, "sh", "-c",
        'mkdir -p /tmp/stolen && timeout 20 "$@" 2>&1; rm -rf /tmp/stolen /tmp/stolen.sock; true',
        "sh", *command, container="nodevol")
    assert re.search(f"{first}.*{second}|{second}.*{first}", said), said
    assert "PERMISSION_DENIED" in said or "UNAUTHENTICATED" in said, said
    # And the real one goes on.
    kube.apply(dump(claim("data", "64Mi"), pod("first", ["data"], second)))
    kube.running("first")


def test_no_secret_is_in_a_log(driver: Installation) -> None:
    for component in ("node", "controller"):
        for name in driver.pods(component):
            log = driver.kube.run("logs", name, "--all-containers")
            found = SECRETS.search(log)
            assert not found, f"{name}: {found.group(0)[:12]}..."
