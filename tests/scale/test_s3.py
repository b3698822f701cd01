"""Files in an S3 bucket, through the real server and a real S3 server."""

import hashlib
import os
import re
import threading
import time

import pytest

import harness
from harness import file_named, names, ref, together, wait_until
from tls_proxy import TlsProxy

# S3_TIMEOUT_SECONDS of these servers, and what the rest of a request takes.
LIMIT = 4 + 3


@pytest.fixture(scope="module")
def on_s3(program, s3):
    server = harness.Server(program, MAX_FILE_SIZE_MB=100, MAX_TOTAL_FILE_SIZE_MB=200, **s3.settings())
    server.start()
    yield server
    server.discard()


def worker_memory(server, field="VmRSS"):
    (pid,) = server.role("worker")
    text = open(f"/proc/{pid}/status").read()
    return int(re.search(rf"{field}:\s+(\d+) kB", text)[1]) * 1024


def test_upload_run_list_download(on_s3, awake):
    body = os.urandom(300_000)
    sent = on_s3.upload_one("in.bin.dat", body)
    answer = on_s3.py("data = open('in.bin.dat','rb').read()\nopen('out.dat','wb').write(data[::-1])\nprint(len(data))", files=[ref(sent)])
    assert answer["stdout"] == "300000\n"
    assert names(answer) == ["out.dat"]
    assert on_s3.download(file_named(answer, "out.dat")) == body[::-1]
    assert on_s3.download(sent) == body
    session = answer["session_id"]
    assert "out.dat" in [entry["name"] for entry in on_s3.get(f"/files/{session}").json()]
    assert on_s3.request("DELETE", f"/files/{sent['storage_session_id']}/{sent['id']}").status_code == 200
    assert on_s3.get(f"/download/{sent['storage_session_id']}/{sent['id']}").status_code == 404


def test_nothing_is_kept_on_this_machine(on_s3, awake):
    on_s3.upload_one("a.txt", b"kept elsewhere")
    assert not (on_s3.data / "files").exists()
    assert "files are kept in s3" in on_s3.log_text()
    log = on_s3.log_text()
    assert awake.values["S3_SECRET_KEY"] not in log and awake.values["S3_ACCESS_KEY"] not in log


def test_sixty_megabytes_cost_a_few(on_s3, awake):
    on_s3.upload_one("warm.dat", os.urandom(20 << 20))
    before = worker_memory(on_s3)
    body = os.urandom(60 << 20)
    most, over = [before], threading.Event()

    def watch():
        while not over.wait(0.02):
            most.append(worker_memory(on_s3))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        sent = on_s3.upload_one("large.dat", body)
        answer = on_s3.get(f"/download/{sent['storage_session_id']}/{sent['id']}", stream=True)
        assert answer.headers["Content-Length"] == str(len(body))
        digest = hashlib.sha256()
        for piece in answer.iter_content(1 << 20):
            digest.update(piece)
    finally:
        over.set()
        watcher.join()
    assert digest.digest() == hashlib.sha256(body).digest()
    assert max(most) - before < 30 << 20, f"{(max(most) - before) >> 20} MiB more for 60"


def test_a_large_input_of_a_run_is_not_held_in_memory(program, awake):
    server = harness.Server(
        program, MAX_FILE_SIZE_MB=100, MAX_TOTAL_FILE_SIZE_MB=200, SANDBOX_WORKSPACE_MB=256, MAX_MEMORY_MB=512, **awake.settings()
    )
    server.start()
    try:
        body = os.urandom(100 << 20)
        sent = server.upload_one("large.dat", body)
        before = held(server)
        most, over = [before], threading.Event()

        def watch():
            while not over.wait(0.01):
                most.append(held(server))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            answer = server.run("bash", "sha256sum large.dat", files=[ref(sent)])
        finally:
            over.set()
            watcher.join()
        assert answer["stdout"].split()[0] == hashlib.sha256(body).hexdigest()
        assert max(most) - before < 30 << 20, f"{(max(most) - before) >> 20} MiB more for 100"
    finally:
        server.discard()


def test_a_run_with_more_files_than_connections(on_s3, awake):
    """None of them is small enough to be read when it is opened."""
    body, files = os.urandom(300_000), []
    for batch in range(2):
        parts = [("file", (f"f{batch}-{i}.dat", body)) for i in range(150)]
        answer = on_s3.post("/upload/batch", files=parts).json()
        files += [{"id": e["fileId"], "name": e["filename"], "storage_session_id": answer["session_id"]} for e in answer["files"]]
    answers = together(lambda _: on_s3.run("bash", "cat f*.dat | wc -c", files=files), range(2))
    assert [answer["stdout"].strip() for answer in answers] == ["90000000"] * 2, answers


def held(server):
    """Memory of the worker, and what is in memory files that it has open."""
    (pid,) = server.role("worker")
    memory = worker_memory(server)
    for entry in os.scandir(f"/proc/{pid}/fd"):
        try:
            if os.readlink(entry.path).startswith("/memfd:"):
                memory += os.stat(entry.path).st_blocks * 512
        except OSError:  # closed meanwhile
            pass
    return memory


def test_files_survive_a_restart(on_s3, awake):
    sent = on_s3.upload_one("kept.txt", b"still there")
    on_s3.stop()
    on_s3.start()
    assert on_s3.download(sent) == b"still there"


def timed(action):
    begin = time.monotonic()
    answer = action()
    return answer, time.monotonic() - begin


@pytest.mark.parametrize("outage", ["refuses", "silent", "hangs"])
def test_an_outage_is_a_clear_failure_and_passes(on_s3, awake, outage):
    sent = on_s3.upload_one("before.txt", b"before")
    {"refuses": lambda: awake.kill("rgw"), "silent": lambda: awake.pause("rgw"), "hangs": lambda: awake.pause("osd")}[outage]()
    try:
        upload = [("file", ("during.txt", b"during"))]
        for status, action in (
            (500, lambda: on_s3.post("/upload", files=upload)),
            (500, lambda: on_s3.post("/upload/batch", files=upload)),
            (503, lambda: on_s3.get(f"/download/{sent['storage_session_id']}/{sent['id']}")),
            (503, lambda: on_s3.post("/exec", json={"lang": "py", "code": "print(open('before.txt').read())", "files": [ref(sent)]})),
        ):
            answer, seconds = timed(action)
            assert answer.status_code == status, f"{answer.status_code} {answer.text[:500]}"
            assert answer.json()["error_type"] == {500: "internal_server", 503: "service_unavailable"}[status]
            assert status == 503 or answer.json()["error"] == "Failed to upload files"
            assert seconds < LIMIT
        # What needs no file works all the same.
        assert on_s3.py("print(6*7)")["stdout"] == "42\n"
    finally:
        awake.up_and_working()
    assert wait_until(lambda: on_s3.get(f"/download/{sent['storage_session_id']}/{sent['id']}").status_code == 200, 15)
    assert on_s3.download(on_s3.upload_one("after.txt", b"after")) == b"after"


@pytest.mark.parametrize("outage", ["refuses", "silent"])
def test_readiness_follows_the_store(on_s3, awake, outage):
    (awake.kill if outage == "refuses" else awake.pause)("rgw")
    try:
        began = time.monotonic()
        assert wait_until(lambda: _reason(on_s3), 20)
        assert time.monotonic() - began < 10
        assert on_s3.get("/health/minio?use_cache=false", timeout=30).status_code == 503
        assert on_s3.get("/health/detailed", timeout=30).json()["services"]["minio"]["status"] == "unhealthy"
    finally:
        awake.up_and_working()
    assert wait_until(on_s3.is_ready, 20)
    details = on_s3.get("/health/minio?use_cache=false").json()["details"]
    assert details["backend"] == "s3" and details["endpoint"] == awake.endpoint and details["bucket_exists"] is True and details["secure"] is False


def test_a_server_that_waited_becomes_ready(program, awake):
    awake.kill("rgw")
    server = harness.Server(program, **awake.settings())
    starting = threading.Thread(target=server.start, kwargs={"seconds": 60})
    starting.start()
    try:
        assert wait_until(lambda: _reason(server), 15), server.log_text()
        assert "store" in _reason(server) and awake.endpoint in _reason(server)
        awake.up()
        starting.join()
        assert server.is_ready()
        assert server.download(server.upload_one("a.txt", b"a")) == b"a"
    finally:
        starting.join()
        server.discard()


def _reason(server):
    try:
        answer = harness.requests.get(server.url + "/ready", timeout=2)
    except harness.requests.RequestException:
        return ""
    reason = answer.json().get("reason", "") if answer.status_code == 503 else ""
    return reason if "store" in reason else ""


def test_doctor_asks_the_store(program, awake):
    import subprocess

    def doctor(**others):
        environment = {"PATH": os.environ["PATH"]} | {name: str(value) for name, value in awake.settings(**others).items()}
        return subprocess.run([program, "doctor"], env=environment, capture_output=True, text=True, timeout=60, cwd="/").stdout

    assert re.search(rf"S3 at {awake.endpoint}, bucket made-by-the-server, connected", doctor())
    text = doctor(MINIO_SECRET_KEY="wrong-but-secret-key")
    assert "SignatureDoesNotMatch" in text and "wrong-but-secret-key" not in text


def test_wrong_keys_end_the_start_and_are_not_shown(program, awake):
    server = harness.Server(program, **awake.settings(MINIO_SECRET_KEY="wrong-but-secret-key"))
    with pytest.raises(harness.DidNotStart):
        server.start(20)
    log = server.log_text()
    server.discard()
    assert "SignatureDoesNotMatch" in log and "wrong-but-secret-key" not in log


def test_an_endpoint_with_a_scheme_is_refused(program, awake):
    server = harness.Server(program, **awake.settings(MINIO_ENDPOINT="http://" + awake.endpoint))
    with pytest.raises(harness.DidNotStart):
        server.start(20)
    log = server.log_text()
    server.discard()
    assert "MINIO_ENDPOINT" in log and "scheme" in log


def test_tls_with_an_authority_of_ones_own(make_server, awake):
    proxy = TlsProxy(awake.endpoint)
    try:
        settings = awake.settings(MINIO_ENDPOINT=proxy.endpoint, MINIO_SECURE="true", MAX_FILE_SIZE_MB=50)
        server = make_server(**settings, MINIO_CA_CERTS=proxy.authority)
        body = os.urandom(20 << 20)  # in parts, whose hash is not in the signature
        sent = server.upload_one("large.dat", body)
        assert server.download(sent) == body
        answer = server.py("print(len(open('large.dat', 'rb').read()))", files=[ref(sent)])
        assert answer["stdout"] == f"{20 << 20}\n"
        # Nobody else is believed.
        stranger = make_server(start=False, **settings)
        with pytest.raises(harness.DidNotStart):
            stranger.start(6)
        assert "certificate" in stranger.log_text()
    finally:
        proxy.close()
