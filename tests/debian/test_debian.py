"""What README.md says, on a release of Debian that has nothing of ours yet. Takes long, so only when asked for: ./test debian 13."""

import os
import subprocess
import time

import pytest
import requests

import harness
from harness import FORTY_TWO, wait_until

LONG = pytest.mark.skipif("KUBECODERUN_TEST_LONG" not in os.environ, reason="only when asked for: ./test debian --long")
PYTEST = ["python3-pytest", "python3-pytest-timeout", "python3-requests", "python3-jsonschema"]
SMOKE = ["test_exec.py", "test_languages.py", "test_libraries.py"]


def serve(machine, user, clone, command):
    """Starts what README.md says, waits until it serves, and asks for an answer of every language."""
    machine.run(user, clone, "sh", "-c", "echo MAX_EXECUTION_TIME=300 >.env")  # a busy machine is no fault
    log = machine.folder / "var/log/kubecoderun-test.log"
    port = harness.free_port()
    with open(log, "wb") as said:
        server = subprocess.Popen(
            machine.words(user, clone, *command, "--host", "127.0.0.1", "--port", str(port)),
            stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True,
        )  # fmt: skip
    harness.sessions.add(server.pid)
    url = f"http://127.0.0.1:{port}"

    def ready():
        try:
            return requests.get(f"{url}/ready", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    try:
        up = wait_until(lambda: ready() or server.poll() is not None, 7200, 1)
        assert up and server.poll() is None, log.read_text(errors="replace")[-6000:]
        key = machine.run(user, clone, "cat", "data/api_key").strip()
        wrong = {}
        for language, code in FORTY_TWO.items():
            answer = requests.post(f"{url}/exec", json={"lang": language, "code": code}, headers={"x-api-key": key}, timeout=300).json()
            if answer.get("stdout") != "42\n" or answer.get("stderr"):
                wrong[language] = answer
        assert not wrong, f"{wrong}\n{log.read_text(errors='replace')[-3000:]}"
    finally:
        end(server)


def end(server):
    """As ^C at a terminal: sudo hands it on to what it started."""
    server.terminate()
    try:
        server.wait(120)
    except subprocess.TimeoutExpired:
        server.kill()
        raise


@LONG
@pytest.mark.timeout(4 * 3600)
def test_the_readme_leads_to_an_answer_of_every_language(fresh):
    """As root, then as a user who may type sudo, each with a fresh clone in a home that is closed to others."""
    began = time.monotonic()
    serve(fresh, "root", fresh.clone("root"), ["./run"])
    print(f"bare system to an answer of every language: {time.monotonic() - began:.0f} s")
    serve(fresh, "person", fresh.clone("person"), ["sudo", "./run"])


@pytest.mark.timeout(4 * 3600)
def test_the_api_in_every_language(kept):
    clone = kept.clone("root")
    kept.run("root", clone, "./run", "--build-only", seconds=7200)
    kept.run("root", clone, "apt-get", "-y", "install", "--no-install-recommends", *PYTEST, seconds=3600, DEBIAN_FRONTEND="noninteractive")
    files = ["tests/api"] if "KUBECODERUN_TEST_LONG" in os.environ else [f"tests/api/{name}" for name in SMOKE]
    said = kept.run(
        "root", clone, "/usr/bin/python3", "-m", "pytest", "-q", "-ra", *files, seconds=10_800, KUBECODERUN=f"{clone}/build/release/kubecoderun"
    )
    print(said[-3000:])
