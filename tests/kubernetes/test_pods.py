"""A pod for each run, as deploy/kubernetes/pods brings it up: two replicas that share one pool of warm pods."""

import contextlib
import os
import pathlib
import re
import subprocess
import threading
import time

import pytest
import requests

from cluster import IMAGE, NAMESPACE, OLDER_KINDS, Api
from harness import KEY, ROOT, processes_with, together, wait_until

pytestmark = pytest.mark.slow

WARM = {"py": 3, "bash": 2}
ELSEWHERE = "runs-of-the-tests"  # a namespace for pods alone
# As docs/kubernetes.md says it.
TO_ANOTHER_NAMESPACE = f"""
  - target: {{name: kubecoderun-executor|kubecoderun-execution-isolation}}
    patch: |
      - {{op: replace, path: /metadata/namespace, value: {ELSEWHERE}}}
  - target: {{kind: RoleBinding, name: kubecoderun-executor}}
    patch: |
      - {{op: add, path: /subjects/0/namespace, value: {NAMESPACE}}}
  - target: {{kind: ConfigMap, name: kubecoderun-config}}
    patch: |
      - {{op: add, path: /data/K8S_NAMESPACE, value: {ELSEWHERE}}}
      - {{op: replace, path: /data/LANGUAGES, value: bash}}
"""
# Which pod it runs in, as a program can see: its workspace is a volume of that pod.
WHERE = "grep -o 'pods/[0-9a-f-]*/volumes[^ ]*shared-data' /proc/self/mountinfo | head -1 | cut -d / -f 2"


@pytest.fixture(scope="module")
def overlay(cluster, stores_of_cluster, tmp_path_factory):
    place = tmp_path_factory.mktemp("overlay")
    name, tag = IMAGE.split(":")
    settings = stores_of_cluster.config() | {"K8S_IMAGE": IMAGE, "LANGUAGES": "py,bash,js", "LANG_IMAGE_JS": "nowhere.invalid/nothing:1"}
    settings |= {f"POD_POOL_{language.upper()}": count for language, count in WARM.items()} | {"POD_POOL_JS": 1, "MAX_EXECUTION_TIME": 60}
    settings |= {"LANG_MEMORY_LIMIT_BASH": "64Mi", "LANG_MEMORY_REQUEST_BASH": "32Mi"}
    config = "\n".join(f"          {key}: '{value}'" for key, value in settings.items())
    (place / "kustomization.yaml").write_text(f"""
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [{os.path.relpath(ROOT / "deploy/kubernetes/pods", place)}]
images: [{{name: kubecoderun/server, newName: {name}, newTag: {tag}}}]
patches:{OLDER_KINDS}
  - target: {{kind: ConfigMap, name: kubecoderun-config}}
    patch: |
      apiVersion: v1
      kind: ConfigMap
      metadata: {{name: kubecoderun-config}}
      data:
{config}
  - target: {{kind: Deployment, name: kubecoderun}}
    patch: |
      - {{op: replace, path: /spec/template/spec/containers/0/resources/requests/cpu, value: 50m}}
""")
    return place


class Deployed:
    def __init__(self, cluster):
        self.cluster = cluster

    def execution_pods(self, language=None, status=None):
        """As operators ask for them."""
        labels = ["app.kubernetes.io/managed-by=kubecoderun"]
        labels += [f"kubecoderun.io/language={language}"] if language else []
        labels += [f"kubecoderun.io/pool-status={status}"] if status else []
        return self.cluster.get("pods", "-l", ",".join(labels))["items"]

    def servers(self):
        found = self.cluster.get("pods", "-l", "app.kubernetes.io/component=api")["items"]

        def is_ready(pod):
            conditions = pod["status"].get("conditions", [])
            return "deletionTimestamp" not in pod["metadata"] and any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

        return [pod for pod in found if is_ready(pod)]

    def warm(self, language):
        def is_ready(pod):
            return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", []))

        return [pod for pod in self.execution_pods(language, "warm") if is_ready(pod)]

    def wait_until_full(self, seconds=120):
        full = wait_until(lambda: all(len(self.warm(language)) == count for language, count in WARM.items()), seconds, 0.5)
        assert full, self.report()

    def report(self):
        text = self.cluster.kubectl("-n", NAMESPACE, "get", "pods", "--show-labels", check=False).stdout
        text += self.cluster.kubectl("-n", NAMESPACE, "describe", "pods", check=False).stdout[-3000:]
        for pod in self.cluster.get("pods")["items"][:6]:
            name = pod["metadata"]["name"]
            text += f"\n--- {name}\n{self.cluster.kubectl('-n', NAMESPACE, 'logs', name, '--tail=25', check=False).stdout}"
        return text


@pytest.fixture(scope="module")
def deployed(cluster, stores_of_cluster, overlay):
    words = [f"--from-literal={name}={value}" for name, value in ({"API_KEY": KEY} | stores_of_cluster.secrets()).items()]
    wait_until(lambda: not cluster.get("namespace", NAMESPACE, namespace="default").get("metadata"), 120, 0.5)
    cluster.kubectl("create", "namespace", NAMESPACE)
    cluster.kubectl("-n", NAMESPACE, "create", "secret", "generic", "kubecoderun-secrets", *words)
    cluster.kubectl("apply", "-k", overlay)
    made = Deployed(cluster)
    try:
        assert wait_until(lambda: len(made.servers()) == 2, 240, 0.5), made.report()
        made.wait_until_full()
        yield made
    finally:
        cluster.kubectl("delete", "-k", overlay, "--ignore-not-found", seconds=300, check=False)


def apis(deployed):
    return [Api.of(pod) for pod in deployed.servers()]


def test_programs_run_in_warm_pods_that_are_gone_afterwards(deployed):
    api = deployed.cluster.service()
    before = {pod["metadata"]["uid"] for pod in deployed.execution_pods()}
    assert api.run("py", "print(6 * 7)")["stdout"] == "42\n"
    where = api.run("bash", WHERE)["stdout"].strip()
    assert where in before, "it was warm"
    assert wait_until(lambda: where not in {pod["metadata"]["uid"] for pod in deployed.execution_pods()}, 60, 0.2), deployed.report()
    deployed.wait_until_full()


def test_a_session_with_files_goes_on_in_the_other_replica(deployed):
    one, other = apis(deployed)
    first = one.run("py", "x = 41\nopen('made.bin', 'wb').write(b'0123456789' * 50000)\nopen('small.txt', 'w').write('s')")
    session = first["session_id"]
    assert sorted(file["name"] for file in first["files"]) == ["made.bin", "small.txt"], first
    second = other.run("py", "print(x + 1, len(open('made.bin').read()), open('small.txt').read())", session_id=session)
    assert second["stdout"] == "42 500000 s\n", second
    made = next(file for file in first["files"] if file["name"] == "made.bin")
    assert other.download(session, made) == b"0123456789" * 50000


def test_two_replicas_use_no_pod_twice_and_more_are_made_than_were_warm(deployed):
    servers = apis(deployed)
    answers = together(lambda number: servers[number % 2].run("bash", f"sleep 0.3; {WHERE}")["stdout"].strip(), range(24), threads=8)
    assert all(answers), answers
    assert len(set(answers)) == 24, "a pod was used twice"
    deployed.wait_until_full()


def test_a_program_that_fails_or_takes_too_much_is_told(deployed):
    api = deployed.cluster.service()
    assert "ZeroDivisionError" in api.run("py", "1 / 0")["stderr"]
    answer = api.run("py", "a = []\nwhile True: a.append(bytearray(20 << 20))")
    assert "memory" in answer["stderr"].lower(), answer
    # In so small a pod the kernel comes before we do: what is left is less than what a program may have at the least.
    answer = api.run("bash", "echo on; head -c 300m /dev/zero | tail -n 1 >/dev/null")
    assert answer["stdout"] == "on\n" and "Out of memory" in answer["stderr"], answer
    slow = api.run("bash", "echo on; sleep 50", timeout=1000)
    assert slow["stdout"] == "on\n" and "timed out" in slow["stderr"].lower(), slow


def test_pods_have_nothing_of_the_cluster(deployed):
    api = deployed.cluster.service()
    code = "ls /var/run/secrets/kubernetes.io 2>&1; env | grep -c 'KUBECODERUN_SERVICE\\|TOKEN'; id -u; touch /usr/x 2>&1; hostname"
    lines = api.run("bash", code)["stdout"].splitlines()
    assert "No such file" in lines[0] and lines[1:3] == ["0", "65532"] and "Read-only" in lines[3] and lines[4] == "sandbox", lines
    account = f"--as=system:serviceaccount:{NAMESPACE}:kubecoderun"
    allowed = {("create", "pods"), ("delete", "pods"), ("patch", "pods"), ("patch", "leases"), ("create", "leases")}
    asked = allowed | {("get", "secrets"), ("create", "pods/exec"), ("get", "pods/log"), ("delete", "leases"), ("create", "deployments")}
    for verb, kind in asked:
        kind, *part = kind.split("/")  # as "pods/log" it would be a pod of that name
        words = [verb, kind, *(f"--subresource={name}" for name in part), "-n", NAMESPACE, account]
        answer = deployed.cluster.kubectl("auth", "can-i", *words, check=False).stdout.strip()
        assert answer == ("yes" if (verb, kind) in allowed and not part else "no"), (verb, kind, part)
    assert deployed.cluster.kubectl("auth", "can-i", "get", "pods", "-n", "default", account, check=False).stdout.strip() == "no"
    # And all that it may do, but for what everybody may: to ask what it may do, and what the API server speaks.
    lines = deployed.cluster.kubectl("auth", "can-i", "--list", "-n", NAMESPACE, account).stdout.splitlines()
    rules = [re.fullmatch(r"(\S+)?\s+\[(.*)\]\s+\[(.*)\]\s+\[(.*)\]", line).groups() for line in lines[1:]]
    rights = {kind: set(verbs.split()) for kind, _, _, verbs in rules if kind and "authorization.k8s.io" not in kind}
    assert rights == {"pods": {"create", "delete", "get", "list", "watch", "patch"}, "leases.coordination.k8s.io": {"create", "get", "patch"}}, lines


def test_policies_choose_the_pods_and_keep_programs_from_the_network(deployed):
    policies = {one["metadata"]["name"]: one["spec"] for one in deployed.cluster.get("networkpolicies")["items"]}
    of_pods, of_servers = policies["kubecoderun-execution-isolation"], policies["kubecoderun"]
    assert of_pods["policyTypes"] == ["Ingress", "Egress"] and not of_pods.get("egress")

    def chosen(spec):
        labels = ",".join(f"{name}={value}" for name, value in spec["podSelector"]["matchLabels"].items())
        return {pod["metadata"]["name"] for pod in deployed.cluster.get("pods", "-l", labels)["items"]}

    warm = {pod["metadata"]["name"] for pod in deployed.warm("py") + deployed.warm("bash")}
    servers = {pod["metadata"]["name"] for pod in deployed.servers()}
    assert warm <= chosen(of_pods) and servers == chosen(of_servers) and not servers & chosen(of_pods)
    [source] = of_pods["ingress"][0]["from"]
    labels = deployed.servers()[0]["metadata"]["labels"]
    assert source["namespaceSelector"] == {} and source["podSelector"]["matchLabels"].items() <= labels.items()
    other = deployed.warm("py")[0]["status"]["podIP"]
    places = [f"{other}/8080", "198.18.1.1/443", f"{deployed.servers()[0]['status']['podIP']}/8000"]
    code = "\n".join(f"timeout 3 bash -c '</dev/tcp/{place}' 2>/dev/null && echo {place}" for place in places)
    reached = deployed.cluster.service().run("bash", code)["stdout"].split()
    if reached:
        pytest.skip(f"the network plug-in of this cluster does not enforce policies: a program reached {', '.join(reached)}")


def test_what_operators_type_shows_what_their_guides_say(deployed):
    """The commands of docs/kubernetes.md and of the guide of the Python KubeCodeRun. Not `kubectl top`: this cluster measures no pods."""
    kubectl = deployed.cluster.kubectl
    deployed.wait_until_full()
    columns = "kubecoderun.io/language,kubecoderun.io/pool-status,kubecoderun.io/instance"
    shown = kubectl("-n", NAMESPACE, "get", "pods", "-l", "app.kubernetes.io/managed-by=kubecoderun", "-L", columns).stdout
    assert len(re.findall(r"(?m)^pool-py-\w{8} +1/1 +Running .* py +warm", shown)) == WARM["py"], shown
    every = kubectl("get", "pods", "-n", NAMESPACE).stdout.splitlines()[1:]
    assert all(" Running " in line for line in every if not line.startswith("pool-js-")), every
    holder = kubectl("-n", NAMESPACE, "get", "lease", "kubecoderun-pool").stdout
    assert any(pod["metadata"]["name"] in holder for pod in deployed.servers()), holder
    assert "leads" in "".join(kubectl("logs", "-n", NAMESPACE, pod["metadata"]["name"]).stdout for pod in deployed.servers())
    assert kubectl("logs", "-n", NAMESPACE, "deployment/kubecoderun").stdout
    assert kubectl("-n", NAMESPACE, "logs", deployed.warm("py")[0]["metadata"]["name"]).returncode == 0
    forward = [deployed.cluster.kubectl_program, "-n", NAMESPACE, "port-forward", "svc/kubecoderun", ":8000"]
    with subprocess.Popen(forward, env=deployed.cluster.environment, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as forwarding:
        try:
            address = re.search(r"127\.0\.0\.1:\d+", forwarding.stdout.readline()).group()
            api = Api(f"http://{address}")
            assert api.run("py", "print(6 * 7)")["stdout"] == "42\n"
            pool = api.request("GET", "/metrics").json()["pool"]
            assert pool["pool_hits"] + pool["pool_misses"] > 0 and "utilization" in pool, pool
            for path in ("/metrics/execution", "/metrics/api", "/health", "/health/detailed"):
                assert api.request("GET", path).status_code == 200, path
            health = api.request("GET", "/health/kubernetes").json()
            assert health["details"]["architecture"] == "kubernetes-pods" and health["details"]["languages"]["py"]["target_size"] == WARM["py"], health
        finally:
            forwarding.terminate()


def test_the_token_of_a_pod_is_for_its_servers_alone(deployed):
    deployed.wait_until_full()
    code = "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep -c 'RUNNER_TOK[E]N'; cat /proc/1/environ 2>&1 | tr '\\0' ' '"
    lines = deployed.cluster.service().run("bash", code)["stdout"].splitlines()
    assert lines[0] == "0" and "Permission denied" in lines[1], lines

    def tokens():
        """As root of the node sees them: in the environment that a runner was started with, and of whatever it has started."""
        found = {}
        for pid in processes_with("kubecoderun"):
            with contextlib.suppress(OSError):
                found[pid] = re.findall(rb"RUNNER_TOKEN=([^\0]+)", pathlib.Path(f"/proc/{pid}/environ").read_bytes())
        return {pid: value for pid, value in found.items() if value}

    assert processes_with("kubecoderun runner")
    assert wait_until(lambda: not tokens(), 30, 0.5), "a runner forgets it as soon as it has it"


def test_an_image_that_cannot_be_pulled_is_told_and_hinders_nobody(deployed):
    def problems():
        return [str(api.request("GET", "/health/kubernetes").json()["details"].get("problems")) for api in apis(deployed)]

    assert wait_until(lambda: all("js: " in text and "mage" in text for text in problems()), 60, 0.5), problems()
    answer = deployed.cluster.service().request("POST", "/exec", json={"lang": "js", "code": "1"})
    assert answer.status_code == 503 and "mage" in answer.text, answer.text
    for pod in deployed.servers():
        log = deployed.cluster.kubectl("-n", NAMESPACE, "logs", pod["metadata"]["name"]).stdout
        assert len(re.findall('pods cannot be made.*"js"', log)) == 1, log[-3000:]


def test_a_pod_that_is_killed_takes_only_its_own_run(deployed):
    deployed.wait_until_full()
    api, answers = deployed.cluster.service(), []
    client = threading.Thread(target=lambda: answers.append(api.request("POST", "/exec", json={"lang": "bash", "code": "echo on; sleep 40"})))
    client.start()
    assert wait_until(lambda: deployed.execution_pods("bash", "in-use"), 60, 0.2), deployed.report()
    time.sleep(1)
    [pod] = deployed.execution_pods("bash", "in-use")
    deployed.cluster.kubectl("-n", NAMESPACE, "delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force")
    client.join(60)
    assert not client.is_alive()
    assert answers[0].status_code in (200, 503) and "done" not in answers[0].text, answers[0].text
    assert api.run("bash", "echo still here")["stdout"] == "still here\n"


def test_a_client_that_leaves_ends_its_program_and_its_pod(deployed):
    api = deployed.cluster.service()
    deployed.wait_until_full()
    answer = api.request("POST", "/exec", json={"lang": "bash", "code": "sleep 55"}, stream=True)  # its head comes before the end
    assert deployed.execution_pods("bash", "in-use")
    answer.close()
    assert wait_until(lambda: not deployed.execution_pods("bash", "in-use"), 30, 0.3), deployed.report()


def test_a_server_that_is_killed_leaves_no_pod_and_its_pool_to_the_other(deployed):
    deployed.wait_until_full()
    doomed, other = deployed.servers()
    warm = {pod["metadata"]["uid"] for pod in deployed.warm("py")}

    def long_run():
        try:
            Api.of(doomed).run("bash", "sleep 55")
        except (AssertionError, requests.RequestException):
            pass

    client = threading.Thread(target=long_run)
    client.start()
    assert wait_until(lambda: deployed.execution_pods("bash", "in-use"), 60, 0.2), deployed.report()
    deployed.cluster.kubectl("-n", NAMESPACE, "delete", "pod", doomed["metadata"]["name"], "--grace-period=0", "--force")
    assert Api.of(other).run("py", "print('on')")["stdout"] == "on\n"
    client.join(120)
    # The runner ends when nobody listens any more, and whoever leads by then takes its pod away.
    assert wait_until(lambda: not deployed.execution_pods("bash", "in-use"), 90, 0.5), deployed.report()
    assert warm & {pod["metadata"]["uid"] for pod in deployed.execution_pods("py")}, "the pool was taken over"
    assert wait_until(lambda: len(deployed.servers()) == 2, 120, 0.5), deployed.report()
    deployed.wait_until_full()


def test_pods_may_be_in_another_namespace(deployed, overlay):
    cluster = deployed.cluster
    cluster.kubectl("create", "namespace", ELSEWHERE)
    try:
        with open(overlay / "kustomization.yaml", "a") as file:
            file.write(TO_ANOTHER_NAMESPACE)
        cluster.kubectl("apply", "-k", overlay)
        cluster.kubectl("-n", NAMESPACE, "rollout", "restart", "deployment/kubecoderun")
        cluster.kubectl("-n", NAMESPACE, "rollout", "status", "deployment/kubecoderun", "--timeout=240s", seconds=300)
        there = {pod["metadata"]["uid"] for pod in cluster.get("pods", namespace=ELSEWHERE)["items"]}
        assert deployed.cluster.service().run("bash", WHERE)["stdout"].strip() in there, deployed.report()
        words = ["-n", ELSEWHERE, f"--as=system:serviceaccount:{NAMESPACE}:kubecoderun"]
        assert cluster.kubectl("auth", "can-i", "create", "pods", *words, check=False).stdout.strip() == "yes"
        assert cluster.kubectl("auth", "can-i", "get", "secrets", *words, check=False).stdout.strip() == "no"
        [policy] = cluster.get("networkpolicy", namespace=ELSEWHERE)["items"]
        wanted = policy["spec"]["podSelector"]["matchLabels"]
        assert cluster.get("pods", "-l", ",".join(f"{name}={value}" for name, value in wanted.items()), namespace=ELSEWHERE)["items"]
    finally:
        cluster.kubectl("delete", "namespace", ELSEWHERE, "--wait=false")


def test_nothing_stays_but_what_is_warm(deployed, overlay):
    deployed.cluster.kubectl("delete", "-k", overlay, seconds=300)
    gone = wait_until(lambda: not deployed.cluster.get("namespace", NAMESPACE, namespace="default").get("metadata"), 120, 0.5)
    assert gone, "the namespace stays"
