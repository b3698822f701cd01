"""Replicas that run programs on their own node and share Redis and S3, as deploy/kubernetes/replicated brings them up."""

import os
import threading
import time

import pytest
import requests

from cluster import IMAGE, NAMESPACE, OLDER_KINDS, Api
from harness import KEY, ROOT, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def overlay(cluster, stores_of_cluster, tmp_path_factory):
    """A kustomization over ours, with the addresses of the stores: what an operator would write."""
    place = tmp_path_factory.mktemp("overlay")
    name, tag = IMAGE.split(":")
    config = "\n".join(f"          {key}: '{value}'" for key, value in stores_of_cluster.config().items())
    (place / "kustomization.yaml").write_text(f"""
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [{os.path.relpath(ROOT / "deploy/kubernetes/replicated", place)}]
images: [{{name: kubecoderun/server, newName: {name}, newTag: {tag}}}]
patches:{OLDER_KINDS}
  - target: {{kind: ConfigMap, name: kubecoderun-config}}
    patch: |
      apiVersion: v1
      kind: ConfigMap
      metadata: {{name: kubecoderun-config}}
      data:
{config}
          POD_POOL_PY: '2'
          POD_POOL_BASH: '1'
  - target: {{kind: Deployment, name: kubecoderun}}
    patch: |
      - {{op: replace, path: /spec/template/spec/containers/0/resources/requests/cpu, value: 50m}}
      - {{op: replace, path: /spec/template/spec/containers/0/resources/limits/memory, value: 2Gi}}
""")
    return place


@pytest.fixture(scope="module")
def deployed(cluster, stores_of_cluster, overlay):
    words = [f"--from-literal={name}={value}" for name, value in ({"API_KEY": KEY} | stores_of_cluster.secrets()).items()]
    cluster.kubectl("create", "namespace", NAMESPACE)
    cluster.kubectl("-n", NAMESPACE, "create", "secret", "generic", "kubecoderun-secrets", *words)
    cluster.kubectl("apply", "-k", overlay)
    cluster.wait_for_pods(2)
    yield cluster
    cluster.kubectl("delete", "-k", overlay, "--ignore-not-found", seconds=300, check=False)


def test_answers_through_the_service(deployed):
    api = deployed.service()
    assert api.run("py", "print(6 * 7)")["stdout"] == "42\n"
    assert api.run("bash", "echo $((6 * 7))")["stdout"] == "42\n"
    assert api.request("GET", "/health").status_code == 200


def test_a_session_goes_on_in_the_other_replica(deployed):
    one, other = map(Api.of, deployed.wait_for_pods(2))
    first = one.run("py", "x = 41\nopen('made.txt', 'w').write('by the first')")
    session = first["session_id"]
    second = other.run("py", "print(x + 1, open('made.txt').read())", session_id=session)
    assert second["stdout"] == "42 by the first\n", second
    assert other.download(session, first["files"][0]) == b"by the first"


def test_the_pod_has_no_more_rights_than_it_is_given(deployed):
    pod = deployed.wait_for_pods(2)[0]["metadata"]["name"]

    def inside(*words):
        return deployed.kubectl("-n", NAMESPACE, "exec", pod, "--", *words, check=False)

    assert inside("ls", "/var/run/secrets/kubernetes.io").returncode != 0, "a token of the cluster is mounted"
    assert "KUBERNETES_SERVICE_HOST" in inside("env").stdout and "KUBECODERUN_SERVICE_HOST" not in inside("env").stdout
    doctor = inside("/usr/lib/kubecoderun/entrypoint", "doctor")
    assert "MISSING" not in doctor.stdout and "This host can run sandboxes." in doctor.stdout, doctor.stdout[:2000]
    account = f"--as=system:serviceaccount:{NAMESPACE}:kubecoderun"
    for verb, kind in (("get", "pods"), ("create", "pods"), ("get", "secrets"), ("list", "configmaps")):
        assert deployed.kubectl("auth", "can-i", verb, kind, "-n", NAMESPACE, account, check=False).stdout.strip() == "no"
    # Process 1 has the capabilities of the manifest and no others: neither devices nor modules nor the clock nor the network.
    mask = int(inside("sed", "-n", "s/^CapBnd:\t//p", "/proc/1/status").stdout, 16)
    numbers = {0: "CHOWN", 1: "DAC_OVERRIDE", 5: "KILL", 6: "SETGID", 7: "SETUID", 21: "SYS_ADMIN"}
    assert mask == sum(1 << number for number in numbers), hex(mask)


def test_runs_at_once_and_their_memory_follow_the_limit_of_the_container(deployed):
    pod = deployed.wait_for_pods(2)[0]
    name, api = pod["metadata"]["name"], Api.of(pod)
    outcome = api.run("py", "x = bytearray(1500 << 20)")
    assert "Out of memory" in outcome["stderr"] or "MemoryError" in outcome["stderr"], outcome["stderr"]
    limit = deployed.kubectl("-n", NAMESPACE, "exec", name, "--", "sh", "-c", "cat /sys/fs/cgroup/memory/kubecoderun-*/memory.limit_in_bytes").stdout
    assert 1 << 30 < int(limit) < 2 << 30, "all sandboxes together, inside of the container's 2 GiB"
    now = next(found for found in deployed.pods() if found["metadata"]["name"] == name)
    assert now["status"]["containerStatuses"][0]["restartCount"] == 0
    assert api.run("py", "print('still here')")["stdout"] == "still here\n"


def test_a_replica_that_is_killed_takes_nothing_with_it(deployed):
    doomed, other = deployed.wait_for_pods(2)
    kept = Api.of(doomed).run("py", "open('kept.txt', 'w').write('kept')\ny = 1")
    broken = []

    def long_run():
        try:
            broken.append(Api.of(doomed).run("bash", "echo begun; sleep 25", timeout=28_000))
        except (AssertionError, requests.RequestException) as problem:
            broken.append(problem)

    client = threading.Thread(target=long_run)
    client.start()
    name = doomed["metadata"]["name"]


    deployed.kubectl("-n", NAMESPACE, "delete", "pod", name, "--grace-period=0", "--force", seconds=120)
    assert Api.of(other).run("py", "print(open('kept.txt').read(), y)", session_id=kept["session_id"])["stdout"] == "kept 1\n"
    client.join(120)
    assert not client.is_alive() and len(broken) == 1
    assert name not in [pod["metadata"]["name"] for pod in deployed.wait_for_pods(2)]


def test_a_rolling_restart_loses_nothing_that_was_answered(deployed):
    api, stop, answered, refused = deployed.service(), threading.Event(), [], []
    before = {pod["metadata"]["name"] for pod in deployed.wait_for_pods(2)}

    def load(client):
        number = 0
        while not stop.is_set():
            number += 1
            text = f"{client}-{number}"
            try:
                made = api.run("bash", f"echo {text} | tee made.txt")
                answered.append((made["session_id"], made["files"][0], text))
            except (AssertionError, requests.RequestException) as problem:
                refused.append(problem)
                time.sleep(0.2)

    def long_run(pod, results):
        results.append(Api.of(pod).run("bash", "sleep 12; echo done", timeout=28_000)["stdout"])

    long_runs = []
    clients = [threading.Thread(target=load, args=(client,)) for client in range(2)]
    clients += [threading.Thread(target=long_run, args=(pod, long_runs)) for pod in deployed.ready_pods()]
    for client in clients:
        client.start()
    try:
        assert wait_until(lambda: len(answered) >= 4, 60)
        deployed.kubectl("-n", NAMESPACE, "rollout", "restart", "deployment/kubecoderun")
        deployed.kubectl("-n", NAMESPACE, "rollout", "status", "deployment/kubecoderun", "--timeout=280s", seconds=300)
        after = {pod["metadata"]["name"] for pod in deployed.wait_for_pods(2)}
    finally:
        stop.set()
        for client in clients:
            client.join(120)
    assert not before & after
    assert long_runs == ["done\n", "done\n"], "runs that had begun were waited for"
    # Endpoints are taken out of the Service a moment after a pod is told to stop, on a busy machine a long one.
    assert len(refused) <= len(answered) // 10, f"{len(refused)} of {len(answered)}: {refused[:3]}"
    for session, file, text in answered[:3] + answered[-3:]:
        assert api.download(session, file) == f"{text}\n".encode()


def test_goes_without_a_trace(deployed, overlay):
    deployed.kubectl("delete", "-k", overlay, seconds=300)
    assert wait_until(lambda: not deployed.get("namespace", NAMESPACE, namespace="default").get("metadata"), 120, 0.5), "the namespace stays"
    left = deployed.kubectl("get", "pods,deployments,services,configmaps,secrets,serviceaccounts,pdb,hpa,networkpolicies", "-A", "-o", "name").stdout
    assert "kubecoderun" not in left, left
    groups = [place for place, _, _ in os.walk("/sys/fs/cgroup") if "/kubepods/" in place and "kubecoderun-" in place]
    assert not groups, "control groups of sandboxes"
