"""What a server with pods does when the cluster, a pod or the server itself fails. The servers run on this machine, to be stopped and
killed; their pods are in the cluster."""

import contextlib
import os
import pathlib
import re
import signal
import threading
import time

import pytest
import requests

import in_pods
from harness import KEY, Server, together, wait_until

pytestmark = pytest.mark.slow

BASH_ALONE = {"LANGUAGES": "bash", "POD_POOL_PY": 0, "POD_POOL_JS": 0, "POD_POOL_BASH": 2}


@pytest.fixture(scope="module")
def started(program, cluster):
    """started(SETTING=value): a server that has two warm pods for bash."""

    class InPods(Server):
        pods = in_pods.Pods(cluster)

    def start(**settings):
        server = InPods(program, **(BASH_ALONE | settings))
        server.start()
        if not wait_until(lambda: is_full(server), 120, 0.2):
            log = server.log_text()
            server.discard()
            pytest.fail(log[-3000:], pytrace=False)
        return server

    return start


@pytest.fixture
def start(started):
    """As started(), until the end of the test."""
    made = []

    def start(**settings):
        made.append(started(**settings))
        return made[-1]

    yield start
    for server in made:
        server.discard()


@pytest.fixture(scope="module", autouse=True)
def abandoned(started):
    """A server that was killed in mid-run. Its pods have a minute, in which other tests run."""
    server = started(POD_TTL_MINUTES=1)
    begun(server, "sleep 100", timeout=100_000)
    [used] = of_kind(server, "in-use")
    for pid in [server.pid, *(pid for pid, _ in server.descendants())]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    server.process.wait(30)
    assert wait_until(lambda: not processes_of(used), 60, 0.2), "nobody listens to its program any more"
    yield server
    server.discard()


def pool_of(server):
    """What operators are told."""
    return server.get("/health/kubernetes").json()["details"]


def is_full(server):
    wanted = server.settings["POD_POOL_BASH"]
    found = of_kind(server, "warm")
    return len(found) == wanted and all(is_ready(pod) for pod in found)


def of_kind(server, status=None):
    words = ["-l", f"kubecoderun.io/pool-status={status}"] if status else []
    return server.pods.cluster.get("pods", *words, namespace=server.pods.home_of(server))["items"]


def is_ready(pod):
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", []))


class Run(threading.Thread):
    """A run of bash in the background, on a connection of its own."""

    def __init__(self, server, code, **fields):
        super().__init__(daemon=True)
        self.server, self.body = server, {"lang": "bash", "code": code} | fields
        self.status, self.text, self.seconds = None, "", 0.0
        self.start()

    def run(self):
        began = time.monotonic()
        with contextlib.suppress(requests.RequestException):
            answer = requests.post(self.server.url + "/exec", json=self.body, headers={"x-api-key": KEY}, timeout=180)
            self.status, self.text = answer.status_code, answer.text
        self.seconds = time.monotonic() - began

    def ended(self):
        self.join(200)
        assert not self.is_alive()
        return self


def begun(server, code, **fields):
    return server.when_begun(lambda: Run(server, code, **fields))


def warnings(server, text):
    return len(re.findall(text, server.log_text()))


# ---- the cluster ------------------------------------------------------------------------------------------------------


def test_a_quota_of_two_pods_is_waited_for_told_and_logged_once(start):
    server = start(SANDBOX_ACQUIRE_TIMEOUT_SECONDS=25)
    quota = ["quota", "two-pods", "--hard=pods=2", "-n", server.pods.home_of(server)]
    server.pods.cluster.kubectl("create", *quota)
    # Three at once: who comes last waits until one of the others has ended, and a pod can be made in its place.
    first = together(lambda number: server.post("/exec", json={"lang": "bash", "code": f"sleep 2; echo {number}"}), range(3))
    assert [answer.status_code for answer in first] == [200] * 3, [answer.text for answer in first]
    assert [answer.json()["stdout"] for answer in first] == ["0\n", "1\n", "2\n"]
    assert wait_until(lambda: is_full(server), 120, 0.2), server.log_text()[-3000:]
    told = warnings(server, "pods cannot be made")
    held = [begun(server, "sleep 100", timeout=100_000) for _ in range(2)]
    third = Run(server, "echo three")
    assert wait_until(lambda: "exceeded quota" in str(pool_of(server).get("problems")), 60, 0.2), pool_of(server)
    third.ended()
    assert third.status == 503 and "exceeded quota" in third.text, (third.status, third.text)
    assert third.seconds < 60
    assert warnings(server, "pods cannot be made") == told + 1, server.log_text()[-3000:]
    del held


@pytest.mark.parametrize("way, seconds", [("paused", 30), ("stopped", 10)])
def test_the_api_server_of_the_cluster_may_go_for_half_a_minute(start, cluster, way, seconds):
    server = start(SANDBOX_ACQUIRE_TIMEOUT_SECONDS=10)
    pid = server.pid
    run = begun(server, "sleep 12; echo done", timeout=60_000)
    away = cluster.paused_api_server() if way == "paused" else cluster.stopped_api_server()
    with away:
        gone = time.monotonic()
        refused = Run(server, "echo new").ended()
        assert refused.status == 503 and "cluster" in refused.text, (refused.status, refused.text)
        assert refused.seconds < 40
        assert run.ended().status == 200 and "done" in run.text, (run.status, run.text)
        assert server.get("/health").status_code == 200
        wait_until(lambda: time.monotonic() - gone > seconds, seconds)
    back = Run(server, "echo back").ended()
    assert back.status == 200 and "back" in back.text, (back.status, back.text)
    assert wait_until(lambda: is_full(server) and not of_kind(server, "in-use"), 120, 0.5), server.log_text()[-4000:]
    assert server.pid == pid and server.process.poll() is None
    assert server.run("bash", "echo again")["stdout"] == "again\n"


# ---- a pod --------------------------------------------------------------------------------------------------------------


def processes_of(pod):
    """Of its container, as the node sees them: this machine is the node. Not those that hold the pod's namespaces."""
    found = []
    for place in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if pod["metadata"]["uid"] in (place / "cgroup").read_text() and "pause" not in (place / "comm").read_text():
                found.append(int(place.name))
    return sorted(found)


def kill(pod):
    found = processes_of(pod)
    assert found
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: not processes_of(pod), 30)


def test_a_warm_pod_that_has_died_unseen_is_passed_over(start, cluster):
    server = start()
    oldest, other = sorted(of_kind(server, "warm"), key=lambda pod: (pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]))
    with cluster.paused("kubelet"):  # so nobody tells the cluster that a container has ended
        kill(oldest)
        assert server.run("bash", "echo served")["stdout"] == "served\n", "by the other"
    assert wait_until(lambda: is_full(server), 120, 0.5), server.log_text()[-3000:]
    left = {pod["metadata"]["uid"] for pod in of_kind(server)}
    assert not left & {pod["metadata"]["uid"] for pod in (oldest, other)}


def test_a_program_whose_pod_dies_is_not_run_again(start):
    server = start()
    before = server.acquisitions()
    run = begun(server, "echo on; sleep 50")
    [pod] = of_kind(server, "in-use")
    assert wait_until(lambda: len(processes_of(pod)) > 2, 30)
    kill(pod)
    run.ended()
    assert run.status == 200 and "the sandbox was lost while the program ran" in run.text, (run.status, run.text)
    assert server.acquisitions() == before + 1, "it may have done something, which must not be done twice"
    assert run.seconds < 45


# ---- the server ----------------------------------------------------------------------------------------------------------


def test_a_server_that_is_killed_leaves_no_pod_after_their_time(abandoned):
    server = abandoned
    # Nobody is there to remove them, but they end by themselves, and the next server takes them away.
    assert wait_until(lambda: not any(map(processes_of, of_kind(server))), 200, 1), of_kind(server)
    left = {pod["metadata"]["uid"] for pod in of_kind(server)}
    server.start()
    assert wait_until(lambda: is_full(server) and not left & {pod["metadata"]["uid"] for pod in of_kind(server)}, 120, 0.5), server.log_text()[-3000:]
    assert server.run("bash", "echo again")["stdout"] == "again\n"
