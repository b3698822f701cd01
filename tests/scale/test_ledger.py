"""What was answered is kept, whatever dies: clients write into a ledger what they were told, and it is checked at the end.

Two servers share one Redis and one S3 server. For two minutes (KUBECODERUN_LEDGER_SECONDS) clients upload, run and continue
sessions, while at random moments Redis, the S3 gateway, the store behind it, or one of the servers' processes is killed with
SIGKILL and started again.
"""

import collections
import hashlib
import os
import random
import signal
import threading
import time

import pytest
import requests

import harness
from redis_server import RedisServer
from s3_server import S3Server

SECONDS = float(os.environ.get("KUBECODERUN_LEDGER_SECONDS", "120"))
CLIENTS = 4


class Ledger:
    """What clients were told."""

    def __init__(self):
        self.lock = threading.Lock()
        self.bodies = {}  # (session, file): SHA-256 of what was uploaded or made
        self.counters = []  # the Counter of each session with state
        self.answers = collections.Counter()  # by kind of request and what became of it
        self.problems = []

    def count(self, kind, answer):
        with self.lock:
            self.answers[kind, answer if isinstance(answer, str) else answer.status_code] += 1

    def keep(self, session, file, body):
        with self.lock:
            self.bodies[session, file] = hashlib.sha256(body).hexdigest()

    def total(self, kind):
        return sum(count for (what, answer), count in self.answers.items() if what == kind and answer == 200)


class Counter:
    """A number in the state of a session. Each run adds one; a run without an answer may or may not have."""

    def __init__(self, session):
        self.session = session
        self.least = self.most = 1

    def may_be(self, value):
        return self.least <= value <= self.most


class Client(threading.Thread):
    def __init__(self, servers, ledger, seed, end):
        super().__init__(daemon=True)
        self.servers, self.ledger, self.end = servers, ledger, end
        self.random = random.Random(seed)
        self.counter = None
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["x-api-key"] = harness.KEY

    def run(self):
        while time.monotonic() < self.end:
            try:
                self.random.choice([self.upload, self.produce, self.add, self.add])()
            except Exception as problem:  # the test fails with it
                self.ledger.problems.append(repr(problem))
                raise

    def post(self, kind, path, **options):
        """The answer, when it is 200. A refusal has to be a clear one."""
        url = self.random.choice(self.servers).url + path
        try:
            answer = self.session.post(url, timeout=60, **options)
        except requests.RequestException:  # the process that should have answered was killed
            self.ledger.count(kind, "no answer")
            time.sleep(0.05)
            return None
        self.ledger.count(kind, answer)
        if answer.status_code == 200:
            return answer.json()
        status = 500 if path.startswith("/upload") else 503
        assert answer.status_code == status and answer.json()["error_type"] in ("internal_server", "service_unavailable"), f"{answer.status_code} {answer.text[:500]}"
        time.sleep(0.05)
        return None

    def upload(self):
        body = self.random.randbytes(self.random.choice([0, 10, 5_000, 300_000]))
        answer = self.post("upload", "/upload", files=[("file", ("body.dat", body))])
        if answer:
            self.ledger.keep(answer["session_id"], answer["files"][0]["fileId"], body)

    def produce(self):
        body = self.random.randbytes(self.random.choice([1, 2_000, 40_000]))
        code = f"open('made.dat', 'wb').write(bytes.fromhex('{body.hex()}'))"
        answer = self.post("output", "/exec", json={"lang": "py", "code": code})
        if not answer or answer["status"] is not None or not answer["files"]:
            return  # its sandbox was killed, or the store could not take the file: nothing was promised
        assert [file["name"] for file in answer["files"]] == ["made.dat"], answer
        self.ledger.keep(answer["files"][0]["session_id"], answer["files"][0]["id"], body)

    def add(self):
        """Twenty steps of one session, then another session."""
        if self.counter is None or self.counter.most > 20:
            answer = self.post("state", "/exec", json={"lang": "py", "code": "n = 1"})
            if answer and answer["has_state"]:
                self.counter = Counter(answer["session_id"])
                with self.ledger.lock:
                    self.ledger.counters.append(self.counter)
            return
        counter = self.counter
        counter.most += 1
        request = {"lang": "py", "code": "n += 1\nprint(n)", "session_id": counter.session}
        answer = self.post("state", "/exec", json=request)
        if not answer or answer["status"] is not None:
            return
        assert answer["session_id"] == counter.session, f"the session {counter.session} was lost: {answer}"
        assert answer["stdout"], f"the state of {counter.session} was lost: {answer}"
        value = int(answer["stdout"])
        assert counter.least < value <= counter.most, f"{value} after {counter.least}, at most {counter.most}: {answer}"
        if answer["has_state"]:
            counter.least = counter.most = value


class Trouble:
    """Kills one thing after the other and starts it again."""

    def __init__(self, servers, redis, s3, seed):
        self.servers, self.redis, self.s3 = servers, redis, s3
        self.random = random.Random(seed)
        self.done = collections.Counter()

    def until(self, end):
        deeds = [self.kill_redis, self.kill_gateway, self.kill_store, self.kill_worker, self.kill_sandboxd, self.kill_server]
        order = []
        while time.monotonic() < end:
            if not order:
                order = self.random.sample(deeds, len(deeds))
            deed = order.pop()
            deed()
            self.done[deed.__name__] += 1
            time.sleep(self.random.uniform(1, 4))

    def kill_redis(self):
        self.redis.kill()
        time.sleep(self.random.uniform(0, 1))
        self.redis.start()

    def kill_gateway(self):
        self.s3.kill("rgw")
        time.sleep(self.random.uniform(0, 1))
        self.s3.up()

    def kill_store(self):
        self.s3.kill("osd")
        self.s3.up()

    def kill_worker(self):
        self._kill_child("worker")

    def kill_sandboxd(self):
        self._kill_child("sandboxd")

    def _kill_child(self, role):
        server = self.random.choice(self.servers)
        for pid in server.role(role)[:1]:
            os.kill(pid, signal.SIGKILL)

    def kill_server(self):
        server = self.random.choice(self.servers)
        server.process.kill()
        server.process.wait()
        time.sleep(self.random.uniform(0, 0.5))
        server.start(60)


def check(server, ledger):
    """The problems that are found when everything runs again."""
    problems = []

    def body(entry):
        (session, file), digest = entry
        answer = server.get(f"/download/{session}/{file}")
        if answer.status_code != 200 or hashlib.sha256(answer.content).hexdigest() != digest:
            problems.append(f"file {session}/{file}: {answer.status_code}, {len(answer.content)} bytes")

    def number(counter):
        answer = server.post("/exec", json={"lang": "py", "code": "print(n)", "session_id": counter.session})
        text = answer.json().get("stdout", "") if answer.status_code == 200 else ""
        if not text.strip().isdigit() or not counter.may_be(int(text)):
            problems.append(f"state {counter.session}: {answer.status_code} {answer.text[:300]}, expected {counter.least}..{counter.most}")

    harness.together(body, list(ledger.bodies.items()), threads=4)
    harness.together(number, ledger.counters, threads=4)
    return problems


@pytest.mark.slow
def test_nothing_that_was_answered_is_lost(program):
    redis, s3, servers = RedisServer.or_skip(), None, []
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    try:
        s3 = S3Server.or_skip(store="bluestore")
        settings = redis.settings() | s3.settings(S3_TIMEOUT_SECONDS=5) | {"REDIS_SOCKET_TIMEOUT": 2, "LANGUAGES": "py", "PYTHON_PRELOAD": "stdlib"}
        servers = [harness.started(program, **settings) for _ in range(2)]
        ledger, trouble = Ledger(), Trouble(servers, redis, s3, seed)
        end = time.monotonic() + SECONDS
        clients = [Client(servers, ledger, seed + 1 + i, end) for i in range(CLIENTS)]
        for client in clients:
            client.start()
        trouble.until(end)
        for client in clients:
            client.join(90)
        s3.up_and_working()
        assert all(harness.wait_until(server.is_ready, 60) for server in servers)

        print(f"killed: {dict(trouble.done)}")
        print(f"answers: {sorted(ledger.answers.items(), key=str)}")
        print(f"ledger: {len(ledger.bodies)} files, {len(ledger.counters)} sessions with state")
        assert not ledger.problems, "\n".join(ledger.problems)
        for kind in ("upload", "output", "state"):
            assert ledger.total(kind) >= SECONDS / 4, f"too few answers to mean anything: {ledger.answers}"
        problems = check(servers[0], ledger)
        assert not problems, f"{len(problems)} lost\n" + "\n".join(problems[:20])
    finally:
        for server in servers:
            server.discard()
        for behind in (s3, redis):
            if behind:
                behind.discard()
