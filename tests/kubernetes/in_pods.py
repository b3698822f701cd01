"""Servers on this machine whose programs run in pods of the tests' cluster. KUBECODERUN_TEST_EXECUTOR=kubernetes makes all servers of
tests/api such servers; which of these tests say nothing about pods, or cannot pass there, is told here with the reason."""

import json
import shutil

import pytest

import cluster as clusters
from harness import Server

# What the image has: of a server's LANGUAGES the others are left out.
LANGUAGES = clusters.LANGUAGES or clusters.COPIED_LANGUAGES or "py,js,bash"
ACCOUNT = "kubecoderun-executor"


class Pods:
    """Each server has a namespace of its own, since one installation takes all pods of a namespace for its own."""

    # Two processors take seconds for a pod: few are warm, and a request may have to wait for several.
    usual = {"PYTHON_PRELOAD": "stdlib", "SANDBOX_ACQUIRE_TIMEOUT_SECONDS": 120, "POD_POOL_JS": 0, "POD_POOL_BASH": 0}

    def __init__(self, cluster):
        self.cluster = cluster

    def settings(self, server):
        """What takes the place of the settings of `server`, whose namespace is there afterwards."""
        home = self.home_of(server)
        made = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": home}},
                {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT, "namespace": home}}]  # fmt: skip
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": made})
        self.cluster.kubectl("create", "-f", "-", input=text)
        # The credentials of the cluster are in a folder of root's.
        kubeconfig = server.base / "kubeconfig"
        shutil.copy(clusters.WORK / "kubeconfig", kubeconfig)
        kubeconfig.chmod(0o644)
        wanted, there = server.settings.get("LANGUAGES", LANGUAGES).split(","), LANGUAGES.split(",")
        return {
            "EXECUTOR": "kubernetes", "KUBECONFIG": kubeconfig, "K8S_NAMESPACE": home, "K8S_SERVICE_ACCOUNT": ACCOUNT,
            "K8S_IMAGE": clusters.IMAGE, "K8S_IMAGE_PULL_POLICY": "IfNotPresent", "K8S_CPU_LIMIT": "2", "K8S_CPU_REQUEST": "5m",
            "K8S_MEMORY_LIMIT": "1Gi", "K8S_MEMORY_REQUEST": "16Mi", "LANGUAGES": ",".join(code for code in wanted if code in there),
        }  # fmt: skip

    def discard(self, server):
        self.cluster.kubectl("delete", "namespace", self.home_of(server), "--wait=false", "--ignore-not-found", check=False)

    def home_of(self, server):
        return f"of-server-{server.port}"


@pytest.fixture(scope="session", autouse=True)
def servers_run_programs_in_pods(program):
    running = clusters.Cluster.or_skip()
    try:
        running.load(program)
        Server.pods = Pods(running)
        yield
    finally:
        Server.pods = None
        running.discard()


# What says nothing about pods, or cannot be so there: files, and tests by name.
NOT_IN_PODS = {
    "test_compile_cache.py": "what compilers make is not kept for the next run",
    "test_contained.py": "makes containers of its own and asks no server",
    "test_crash.py": "kills parts of the engine of this machine; test_faults.py does it with pods",
    "test_packages.py": "packages of the operator's own are in the image, or nowhere",
    "test_prepared.py": "nothing is prepared beforehand: the image is as it is",
    "test_runner.py": "asks a runner, and no server",
    "test_start.py": "starts nothing but the engine of this machine",
    "test_warm_languages.py": "looks at the interpreters that wait on this machine",
    "test_limits.py::test_idle_clients_cannot_use_up_the_descriptors": "there is no sandboxd",
    "test_limits.py::test_processes": "looks for the program's processes below the server",
    "test_pool.py::test_is_ready_with_warm_sandboxes_unless_told_otherwise": "there is no sandboxd",
    "test_pool.py::test_refuses_when_no_sandbox_comes_in_time": "there is no sandboxd",
    "test_state.py::test_states_that_the_server_remembers_take_nothing_from_later_runs": "pods get the state with each run",
}


def pytest_collection_modifyitems(items):
    for item in items:
        names = (item.path.name, f"{item.path.name}::{item.originalname}")
        reason = next((NOT_IN_PODS[name] for name in names if name in NOT_IN_PODS), None)
        if reason:
            item.add_marker(pytest.mark.skip(reason=f"not in pods: {reason}"))
