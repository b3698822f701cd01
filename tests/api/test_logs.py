"""What the server says to operators: one JSON object a line on stdout, and nothing else there."""

import json
import re
import subprocess

import pytest
import requests

import harness

KEYS = {"event", "level", "timestamp", "service", "logger", "version"}


class Spoken:
    """A server whose two streams are told apart."""

    def __init__(self, program, **settings):
        self.server = harness.Server(program, **{"LOG_FORMAT": "json"} | settings)
        self.server.settings = {name: value for name, value in self.server.settings.items() if value is not None}
        self.out, self.err = self.server.base / "stdout", self.server.base / "stderr"

    def __enter__(self):
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.server.process = subprocess.Popen([self.server.program, "serve"], cwd=self.server.base, env=self.server.environment(), stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True)
        harness.sessions.add(self.server.process.pid)
        harness.Server.running.append(self.server)
        assert harness.wait_until(lambda: self.server.is_ready() or self.server.process.poll() is not None, 30) and self.server.is_ready(), self.err.read_text()
        return self

    def __exit__(self, *_):
        self.server.stop()

    def lines(self, path=None):
        return [json.loads(line) for line in (path or self.out).read_text().splitlines()]


@pytest.fixture
def speak(program):
    made = []

    def make(**settings):
        made.append(Spoken(program, **settings))
        return made[-1]

    yield make
    for spoken in made:
        spoken.server.discard()


def test_each_line_on_stdout_is_one_json_object_with_all_keys(speak):
    with speak(LOG_LEVEL="DEBUG") as spoken:
        server = spoken.server
        server.py("print(1)")
        server.get("/files/%ff%22%0a")
        server.upload(("a.txt", b"x"))
        requests.get(server.url + "/files/abc", headers={"x-api-key": "wrong-key-0123456789"}, timeout=10)
    lines = spoken.lines()
    assert spoken.err.read_text() == ""
    for line in lines:
        assert KEYS <= set(line), line
        assert line["service"] == "kubecoderun-api" and re.fullmatch(r"\d+\.\d+\.\d+.*", line["version"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["timestamp"])
        assert line["level"] in ("debug", "info", "warning", "error")
    assert {"server", "sandboxd"} <= {line["logger"] for line in lines}
    requested = [line for line in lines if line["event"] == "request"]
    assert [(line["method"], line["path"], line["status_code"]) for line in requested if line["path"] == "/exec"] == [("POST", "/exec", 200)]
    for line in requested:
        assert type(line["status_code"]) is int and type(line["duration_ms"]) in (int, float)
        assert line["client_ip"] == "127.0.0.1" and re.fullmatch(harness.ID, line["request_id"])


def test_the_log_says_when_it_is_ready_and_no_banner_does(speak):
    with speak(API_KEY=None) as spoken:
        assert harness.wait_until(lambda: any(line["event"] == "ready" for line in spoken.lines()), 10)
    (ready,) = [line for line in spoken.lines() if line["event"] == "ready"]
    assert ready["address"] == spoken.server.url and "bash" in ready["languages"].split()
    key = (spoken.server.data / "api_key").read_text().strip()
    assert ready["key_file"].endswith("/api_key")
    assert key and key not in spoken.out.read_text() and spoken.err.read_text() == ""


def test_lines_for_people_are_on_stdout_as_well(speak):
    with speak(LOG_FORMAT="text") as spoken:
        pass
    assert re.search(r"^\S+Z info +ready address=", spoken.out.read_text(), re.MULTILINE) and spoken.err.read_text() == ""


def test_a_session_id_is_never_whole(speak):
    with speak(MAX_FILE_SIZE_MB=1) as spoken:
        answer = spoken.server.run("bash", "head -c 2000000 /dev/zero > large", files=[{"id": "x" * 21, "name": "none", "session_id": "y" * 21}])
    text = spoken.out.read_text()
    assert '"session_id":"' in text and answer["session_id"] not in text and answer["session_id"][:12] in text


def test_a_log_file_takes_the_lines_of_the_server_and_rotates(speak):
    spoken = speak(LOG_MAX_SIZE_MB=1, LOG_BACKUP_COUNT=2)
    server, file = spoken.server, spoken.server.data / "server.log"
    server.settings["LOG_FILE"] = file
    with spoken:
        with requests.Session() as client:
            client.headers["x-api-key"] = server.key
            for _ in range(700):  # of about two kilobytes each
                client.get(server.url + "/files/" + "x" * 1800, timeout=10)
        assert harness.wait_until(lambda: len(list(file.parent.glob("server*.log"))) > 1, 10), "it did not rotate"
    files = sorted(file.parent.glob("server*.log"))
    assert 2 <= len(files) <= 3 and all(path.stat().st_size <= 1 << 20 for path in files)
    for path in files:
        for line in spoken.lines(path):
            assert KEYS <= set(line) and line["logger"] == "server"
    assert "request" not in {line["event"] for line in spoken.lines()}, "the lines went to both"
