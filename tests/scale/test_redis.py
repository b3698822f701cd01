"""The server with its records in Redis: everything works, everything is where KubeCodeRun keeps it, and a Redis that goes away
is a clear refusal in time and no more than that."""

import time

import pytest

import harness
from harness import file_named

TIMEOUT = 2  # seconds, of REDIS_SOCKET_TIMEOUT


@pytest.fixture
def settings(redis):
    return {
        "REDIS_DB": 2, "REDIS_KEY_PREFIX": "kcr:", "REDIS_SOCKET_TIMEOUT": TIMEOUT, "LANGUAGES": "py", "POD_POOL_PY": 1,
    } | redis.settings()  # fmt: skip


def reason(server):
    """Why the server is not ready, as /ready says; empty when it is."""
    answer = harness.requests.get(server.url + "/ready", timeout=TIMEOUT + 5)
    assert answer.status_code in (200, 503)
    return answer.json().get("reason", "") if answer.status_code == 503 else ""


def test_files_survive_the_server_and_lie_where_the_reference_keeps_them(make_server, redis, settings):
    server = make_server(**settings)
    uploaded = server.upload_one("in put.txt", b"from outside")
    session = uploaded["storage_session_id"]
    answer = server.py("print(open('in_put.txt').read()); open('out.txt', 'w').write('from inside')", files=[uploaded])
    assert answer["stdout"] == "from outside\n"
    made = file_named(answer, "out.txt")

    server.stop()
    server.start()
    assert server.download(made) == b"from inside"
    assert server.download(uploaded) == b"from outside"

    keys = set(redis("KEYS", "*", db=2))
    assert all(key.startswith("kcr:") for key in keys)
    assert not redis("KEYS", "*", db=0)
    assert session in redis("SMEMBERS", "kcr:sessions:index", db=2)
    assert uploaded["id"] in redis("SMEMBERS", f"kcr:session_files:{session}", db=2)
    record = redis("HGETALL", f"kcr:files:{session}:{uploaded['id']}", db=2)
    record = dict(zip(record[::2], record[1::2]))
    assert record["object_key"] == f"sessions/{session}/uploads/{uploaded['id']}"
    assert record["session_id"] == session and record["size"] == str(len(b"from outside")) and record["type"] == "upload"
    assert redis("HGET", f"kcr:sessions:{session}", "status", db=2) == "active"


def test_two_servers_share_records(make_server, redis, settings, tmp_path_factory):
    first = make_server(**settings)
    # The bodies are on this machine's disk: both use the same directory for this test.
    second = make_server(**settings, DATA_DIR=first.data)
    reference = first.upload_one("a.txt", b"shared")
    assert second.py("print(open('a.txt').read())", files=[reference])["stdout"] == "shared\n"


@pytest.mark.slow
def test_a_redis_that_goes_is_refused_in_time_and_comes_back(make_server, redis, settings):
    server = make_server(**settings)
    reference = server.upload_one("a.txt", b"kept")
    for away, back in ((redis.freeze, redis.thaw), (redis.kill, redis.start)):
        away()
        began = time.monotonic()
        answer = server.post("/exec", json={"lang": "py", "code": "print(1)"})
        assert time.monotonic() - began < TIMEOUT + 2
        assert answer.status_code == 503, answer.text
        body = answer.json()
        assert body["error_type"] == "service_unavailable" and "Redis" in body["error"] and body["request_id"]
        assert "127.0.0.1" not in body["error"]
        assert int(answer.headers["Retry-After"]) >= 1
        assert server.get("/health").status_code == 200
        detailed = server.get("/health/detailed?use_cache=false", timeout=TIMEOUT + 20)
        assert detailed.status_code == 503 and detailed.json()["services"]["redis"]["status"] == "unhealthy"
        assert server.get("/status", timeout=2 * TIMEOUT + 20).json()["overall_status"] == "unhealthy"
        assert harness.wait_until(lambda: "Redis" in reason(server), 15), "/ready did not notice"
        back()
        assert harness.wait_until(lambda: not reason(server), 15), "/ready did not recover"
        assert server.py("print(open('a.txt').read())", files=[reference])["stdout"] == "kept\n"


@pytest.mark.slow
@pytest.mark.parametrize("outage", ["frozen", "gone"])
def test_a_new_session_that_cannot_be_stored_is_refused_however_long_its_program_runs(make_server, redis, settings, outage):
    """The first space would be a promise that the session is there."""
    server = make_server(**settings, EXEC_KEEPALIVE_SECONDS=1)
    (redis.freeze if outage == "frozen" else redis.kill)()
    try:
        answer = server.post("/exec", json={"lang": "py", "code": f"import time; time.sleep({TIMEOUT + 3})"})
    finally:
        (redis.thaw if outage == "frozen" else redis.start)()
    assert answer.status_code == 503 and answer.json()["error_type"] == "service_unavailable", answer.text
    # With the store there, spaces come.
    assert harness.wait_until(lambda: not reason(server), 15)
    assert server.post("/exec", json={"lang": "py", "code": "import time; time.sleep(2.5)"}).content.startswith(b" ")


@pytest.mark.slow
def test_each_route_says_what_failed(make_server, redis, settings):
    server = make_server(**settings)
    reference = server.upload_one("a.txt", b"kept")
    session = reference["storage_session_id"]
    paths = [f"/files/{session}/{reference['id']}", f"/sessions/{session}/objects/{reference['id']}"]
    body = [("file", ("b.txt", b"b"))]
    redis.kill()
    try:
        failing = {
            "Failed to upload files": [("POST", "/upload", {"files": body}), ("POST", "/upload", {"files": body, "data": {"entity_id": "e"}}), ("POST", "/upload/batch", {"files": body})],
            "Failed to list files": [("GET", f"/files/{session}", {})],
            "Failed to delete file": [("DELETE", path, {}) for path in paths],
            "save_failed: Failed to save state": [("POST", f"/state/{session}", {"data": b"\x01state"})],
        }
        for text, requests in failing.items():
            for method, path, options in requests:
                answer = server.request(method, path, **options)
                told = answer.json()
                assert (answer.status_code, told["error"], told["error_type"]) == (500, text, "internal_server"), f"{method} {path}: {answer.text}"
                assert "127.0.0.1" not in answer.text
        assert answer.json()["details"] == [{"field": "body", "message": "Failed to save state", "code": "save_failed"}]
        began = time.monotonic()
        assert harness.wait_until(lambda: "Redis" in reason(server), 15) and server.get("/health/redis?use_cache=false").status_code == 503
        assert time.monotonic() - began < 15
    finally:
        redis.start()
    assert harness.wait_until(lambda: not reason(server), 15)
    assert server.download(reference) == b"kept"
    told = server.get("/health/redis?use_cache=false").json()
    assert told["status"] == "healthy" and told["details"]["backend"] == "redis" and told["details"]["connected_clients"] >= 1


@pytest.mark.slow
@pytest.mark.parametrize("outage", ["frozen", "gone"])
def test_readiness_follows_the_store_within_five_seconds(make_server, redis, settings, outage):
    server = make_server(**settings | {"REDIS_SOCKET_TIMEOUT": 20, "REDIS_SOCKET_CONNECT_TIMEOUT": 20})
    for away, back in [(redis.freeze, redis.thaw) if outage == "frozen" else (redis.kill, redis.start)] * 2:
        away()
        lost = time.monotonic()
        assert harness.wait_until(lambda: "Redis" in reason(server), 20)
        lost = time.monotonic() - lost
        back()
        found = time.monotonic()
        assert harness.wait_until(lambda: not reason(server), 20)
        found = time.monotonic() - found
        assert max(lost, found) < 10, (lost, found)  # five, and as much again for a busy machine


@pytest.mark.slow
def test_a_server_starts_before_its_redis(program, make_server, redis, settings):
    redis.kill()
    server = make_server(start=False, **settings)
    with pytest.raises(harness.DidNotStart, match="/ready was not 200"):
        server.start(seconds=8)
    # The same, watched: it runs, says why it is not ready, and becomes so.
    starting = harness.threading.Thread(target=server.start, kwargs={"seconds": 60})
    starting.start()
    try:
        def says_why():
            try:
                return "Redis" in reason(server)
            except harness.requests.RequestException:
                return False

        assert harness.wait_until(says_why, 20)
        assert server.get("/health").status_code == 200
    finally:
        redis.start()
        starting.join()
    assert not reason(server)
    assert server.py("print(6 * 7)")["stdout"] == "42\n"


def test_settings_that_make_no_sense_are_named(program, make_server):
    server = make_server(start=False, REDIS_URL="http://somewhere")
    with pytest.raises(harness.DidNotStart, match="exit code 1"):
        server.start()
    assert "REDIS_URL" in server.log_text()


def test_doctor_says_where_records_are_and_whether_redis_answers(program, redis):
    def doctor(**settings):
        environment = {"PATH": harness.os.environ["PATH"]} | {name: str(value) for name, value in settings.items()}
        answer = harness.subprocess.run([program, "doctor", "--json"], env=environment, capture_output=True, text=True, timeout=60)
        return next(row for row in harness.json.loads(answer.stdout)["findings"] if row["group"] == "Stores")

    assert doctor(DATA_DIR="/somewhere") == {
        "group": "Stores", "name": "records", "state": "ok", "detail": "SQLite in /somewhere"}  # fmt: skip
    reached = doctor(**redis.settings())
    assert reached["state"] == "ok" and f"redis at 127.0.0.1:{redis.port}" in reached["detail"]
    refused = doctor(**redis.settings(REDIS_PASSWORD="wr0ng"))
    assert refused["state"] == "lacking" and "WRONGPASS" in refused["detail"] and "wr0ng" not in refused["detail"]
