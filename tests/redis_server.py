"""A real redis-server for a test, on a free port of the loopback interface, and the few commands the tests ask it."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile

import harness


class RedisServer:
    @classmethod
    def or_skip(cls, **options):
        if not shutil.which("redis-server"):
            harness.cannot("redis-server is not installed")
        return cls(**options)

    def __init__(self, password=""):
        self.port = harness.free_port()
        self.password = password
        self.directory = tempfile.mkdtemp(prefix="kubecoderun-test-redis-")
        self.process = None
        self.start()

    def start(self):
        """On the port it had, with the data that it kept."""
        command = ["redis-server", "--port", self.port, "--bind", "127.0.0.1", "--dir", self.directory, "--daemonize", "no",
                   "--save", "", "--appendonly", "yes", "--appendfsync", "always"]  # fmt: skip
        if self.password:
            command += ["--requirepass", self.password]
        with open(f"{self.directory}/log", "ab") as log:
            self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        assert harness.wait_until(self._answers, 20), "redis-server did not start"

    def _answers(self):
        try:
            return self("PING") == "PONG"
        except (OSError, RuntimeError):
            return False

    def kill(self):
        self.process.kill()
        self.process.wait()

    def freeze(self):
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self):
        os.kill(self.process.pid, signal.SIGCONT)

    def settings(self, **others):
        """Of a server that keeps its records here."""
        password = {"REDIS_PASSWORD": self.password} if self.password else {}
        return {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": self.port} | password | others

    def discard(self):
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __call__(self, *words, db=0):
        """Sends one command and returns its reply, with texts for bytes."""
        commands = [["AUTH", self.password]] if self.password else []
        commands += [["SELECT", db], list(words)]
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(b"".join(map(_encoded, commands)))
            with connection.makefile("rb") as stream:
                return [_reply(stream) for _ in commands][-1]


def _encoded(words):
    parts = [str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def _reply(stream):
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        raise RuntimeError("the connection ended")
    kind, rest = line[:1], line[1:-2].decode()
    if kind == b"-":
        raise RuntimeError(rest)
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return None if rest == "-1" else stream.read(int(rest) + 2)[:-2].decode()
    if kind == b"*":
        return [_reply(stream) for _ in range(int(rest))]
    return rest
