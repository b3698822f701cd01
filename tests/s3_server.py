"""A real S3 server of a test's own, so that it can be stopped and hung without disturbing others.

The scripts that start it are not part of this repository: they are looked for in $KUBECODERUN_SHARED, else in `shared` beside the
checkout.
"""

import contextlib
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import harness


def scripts():
    """The folder with `up` and `down`; None when there is none."""
    shared = pathlib.Path(os.environ.get("KUBECODERUN_SHARED") or harness.ROOT.parent / "shared")
    return shared / "s3" if os.access(shared / "s3" / "up", os.X_OK) else None


def _free_range(ports=60):
    """The first of some ports next to each other that nobody uses."""
    for first in random.sample(range(20000, 32000, ports), 100):
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(first, first + ports):
                probe = stack.enter_context(socket.socket())
                probe.bind(("127.0.0.1", port))
            return first
    raise RuntimeError("no free ports")


class S3Server:
    @classmethod
    def or_skip(cls, **options):
        if scripts() is None:
            harness.cannot("needs the scripts that start an S3 server: set KUBECODERUN_SHARED")
        return cls(**options).up()

    # `store`: "memstore" is quickest; what "bluestore" keeps survives the kill of any of its processes.
    def __init__(self, store="memstore"):
        self.store = store
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="kubecoderun-test-s3-"))
        self.port = _free_range()
        self.values = {}

    def _run(self, name, *arguments):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("S3_")}
        environment = kept | {"S3_DIR": str(self.directory), "S3_PORT": str(self.port), "S3_STORE": self.store}
        return subprocess.run([scripts() / name, *arguments], env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=300, text=True)

    def up(self):
        """Starts what does not run and wakes what was paused."""
        result = self._run("up")
        assert result.returncode == 0, result.stderr
        self.values = dict(line.split("=", 1) for line in result.stdout.splitlines() if "=" in line)
        return self

    def discard(self):
        self._run("down", "--purge")
        shutil.rmtree(self.directory, ignore_errors=True)

    def pid(self, name):
        return int((self.directory / "ceph" / "pid" / name).read_text())

    def up_and_working(self, seconds=20.0):
        """The same, until it serves. One that does not recover from what a test did to it is restarted with its data."""
        try:
            self.up()
            if harness.wait_until(self._serves, seconds, 0.5):
                return
        except AssertionError:
            pass
        self._run("down")
        self.up()
        assert harness.wait_until(self._serves, 60, 0.5), "the S3 server does not come back"

    def _serves(self):
        # Signed, so that the gateway has to ask the store behind it.
        command = ["curl", "-s", "-o", "/dev/null", "-m", "5", "-w", "%{http_code}", "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD",
                   "--aws-sigv4", f"aws:amz:{self.values['S3_REGION']}:s3", "--config", "-", "-X", "PUT", "--data-binary", "x",
                   f"{self.values['S3_ENDPOINT']}/{self.values['S3_BUCKET']}/probe"]  # fmt: skip
        secret = f"user = \"{self.values['S3_ACCESS_KEY']}:{self.values['S3_SECRET_KEY']}\"\n"
        result = subprocess.run(command, input=secret, capture_output=True, text=True, timeout=20)
        return result.stdout == "200"

    def kill(self, name):
        """rgw: connections are refused from now on. osd: what is on its way is lost, and the gateway waits for it."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        harness.wait_until(lambda: not harness._stat(pid), 5)

    def pause(self, name):
        """rgw: accepts connections and never answers. osd: takes requests and hangs in the middle of them."""
        os.kill(self.pid(name), signal.SIGSTOP)
        time.sleep(0.05)

    def resume(self, name):
        os.kill(self.pid(name), signal.SIGCONT)

    @property
    def endpoint(self):
        return self.values["S3_ENDPOINT"].removeprefix("http://")

    def settings(self, **others):
        """Of a server that keeps its files here."""
        return {
            "MINIO_ENDPOINT": self.endpoint, "MINIO_ACCESS_KEY": self.values["S3_ACCESS_KEY"], "MINIO_SECRET_KEY": self.values["S3_SECRET_KEY"],
            "MINIO_REGION": self.values["S3_REGION"], "MINIO_BUCKET": "made-by-the-server", "S3_TIMEOUT_SECONDS": 4,
        } | others  # fmt: skip
