"""A real S3 server of a test's own, so that it can be stopped and hung without disturbing others.

The scripts that start it are not part of this repository: they are looked for in $KUBECODERUN_SHARED, else in `shared` beside the
checkout.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import harness


def scripts():
    """The folder with `up` and `down`; None when there is none."""
    shared = pathlib.Path(os.environ.get("KUBECODERUN_SHARED") or harness.ROOT.parent / "shared")
    return shared / "s3" if os.access(shared / "s3" / "up", os.X_OK) else None


class S3Server:
    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="kubecoderun-test-s3-"))
        self.port = 20000 + os.getpid() % 20000 // 60 * 60
        self.values = {}

    def _run(self, name, *arguments):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("S3_")}
        environment = kept | {"S3_DIR": str(self.directory), "S3_PORT": str(self.port)}
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

    def refuse(self):
        """From now on connections are refused."""
        pid = self.pid("rgw")
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
