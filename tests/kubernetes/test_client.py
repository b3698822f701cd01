"""The tests of src/kubernetes that need a cluster, with the one that is there for these."""

import os
import subprocess

from cluster import WORK


def test_our_client_of_the_api_server(cluster, program):
    tests = program.parent / "src/kubernetes/kubernetes_test"
    environment = os.environ | {
        "KUBECODERUN_TEST_KUBECONFIG": str(WORK / "kubeconfig"),
        "KUBECODERUN_TEST_KUBE_TOKEN": (WORK / "admin.token").read_text().strip(),
    }
    result = subprocess.run([tests, "--gtest_filter=Cluster.*"], env=environment, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0 and "SKIPPED" not in result.stdout, result.stdout[-5000:] + result.stderr[-2000:]
