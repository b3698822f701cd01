"""Python state with the records in Redis: under the keys that KubeCodeRun uses, and one session served by two servers."""

import base64
import hashlib
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import together, wait_until


@pytest.fixture
def settings(redis):
    return redis.settings(REDIS_KEY_PREFIX="kcr:", LANGUAGES="py", POD_POOL_PY=2)


def test_state_lies_where_the_reference_keeps_it(make_server, redis, settings):
    server = make_server(**settings)
    answer = server.py("x = 41")
    session = answer["session_id"]
    large = server.py("import os\nbig = os.urandom(1_000_000)", session_id=session)
    data = base64.b64decode(redis("GET", f"kcr:session:state:{session}"))
    assert len(data) == large["state_size"] > 1_000_000 and hashlib.sha256(data).hexdigest() == large["state_hash"]
    assert redis("GET", f"kcr:session:state:hash:{session}") == large["state_hash"]
    record = json.loads(redis("GET", f"kcr:session:state:meta:{session}"))
    assert record["size_bytes"] == len(data) and record["hash"] == large["state_hash"] and record["from_upload"] is False
    for key in (f"{session}", f"hash:{session}", f"meta:{session}"):
        assert 7190 <= redis("TTL", f"kcr:session:state:{key}") <= 7200
    assert server.post(f"/state/{session}", data=data).status_code == 201
    assert 25 <= redis("TTL", f"kcr:session:state:uploaded:{session}") <= 30
    assert json.loads(redis("GET", f"kcr:session:state:meta:{session}"))["from_upload"] is True
    assert server.py("print(x, len(big))", session_id=session)["stdout"] == "41 1000000\n"


def test_a_state_of_the_reference_is_found(make_server, redis, settings):
    server = make_server(**settings)
    session = server.py("print(1)")["session_id"]
    # A pickle of {"x": 7} and what KubeCodeRun says of it.
    data = b"\x01\x80\x04}\x94\x8c\x01x\x94K\x07s."
    digest = hashlib.sha256(data).hexdigest()
    record = {"size_bytes": len(data), "hash": digest, "created_at": "2026-01-09T10:20:55.101000+00:00", "from_upload": False}
    redis("SET", f"kcr:session:state:{session}", base64.b64encode(data).decode(), "EX", 100)
    redis("SET", f"kcr:session:state:hash:{session}", digest, "EX", 100)
    redis("SET", f"kcr:session:state:meta:{session}", json.dumps(record), "EX", 100)
    assert server.py("print(x)", session_id=session)["stdout"] == "7\n"
    assert redis("TTL", f"kcr:session:state:{session}") > 7000  # whoever uses it keeps it


def test_two_servers_serve_one_session(make_server, redis, settings):
    servers = [make_server(**settings), make_server(**settings)]
    session = servers[0].py("x = 0")["session_id"]
    for i in range(4):
        assert servers[i % 2].py("x += 1\nprint(x)", session_id=session)["stdout"] == f"{i + 1}\n"
    together(lambda i: servers[i % 2].py("import time\nx += 1\ntime.sleep(0.05)", session_id=session), range(6), threads=6)
    assert servers[1].py("print(x)", session_id=session)["stdout"] == "10\n"


def test_a_server_that_died_does_not_keep_its_turn(make_server, redis, settings):
    server = make_server(**settings)
    session = server.py("x = 1")["session_id"]
    redis("SET", f"kcr:session:state-lease:{session}", "of a dead replica", "PX", 2000)
    began = time.monotonic()
    assert server.py("print(x)", session_id=session)["stdout"] == "1\n"
    assert 1 < time.monotonic() - began < 20


def test_two_servers_take_turns_in_the_new_session_of_an_entity(make_server, redis, settings):
    servers = [make_server(**settings), make_server(**settings)]
    entity = f"asst_{time.time_ns()}"
    known = redis("KEYS", "kcr:entity_sessions_of:*")
    with ThreadPoolExecutor(1) as other:
        first = other.submit(servers[0].py, "import time\nx = 1\ntime.sleep(1.5)", entity_id=entity)
        assert wait_until(lambda: redis("KEYS", "kcr:entity_sessions_of:*") != known)
        second = servers[1].py("print(x)\ny = 2", entity_id=entity)
    assert second["session_id"] == first.result()["session_id"]
    assert second["stdout"] == "1\n"
    assert servers[0].py("print(x, y)", entity_id=entity)["stdout"] == "1 2\n"


@pytest.mark.parametrize("end", ["x = 2", "del x"])
def test_an_upload_at_one_server_wins_over_an_older_run_at_another(make_server, redis, settings, end):
    servers = [make_server(**settings), make_server(**settings)]
    session = servers[0].py("x = 1")["session_id"]
    state = servers[0].get(f"/state/{session}").content
    with ThreadPoolExecutor(1) as other:
        older = servers[0].when_begun(
            lambda: other.submit(servers[0].py, f"import time\ntime.sleep(1)\ndel time\n{end}", session_id=session)
        )
        assert servers[1].post(f"/state/{session}", data=state).status_code == 201
    assert older.result()["has_state"] is False
    for server in servers:
        assert server.get(f"/state/{session}").content == state
        assert server.py("print(x)", session_id=session)["stdout"] == "1\n"
    assert redis("EXISTS", f"kcr:session:state:uploaded:{session}") == 0  # those runs have used it


def test_a_run_that_lost_its_turn_saves_nothing(make_server, redis, settings):
    server = make_server(**settings)
    session = server.py("x = 1")["session_id"]
    with ThreadPoolExecutor(1) as other:
        slow = other.submit(server.py, "import time\nx = 2\ntime.sleep(1)", session_id=session)
        assert wait_until(lambda: redis("EXISTS", f"kcr:session:state-lease:{session}"))
        redis("SET", f"kcr:session:state-lease:{session}", "of another replica", "PX", 3000)
    assert slow.result()["has_state"] is False
    assert server.py("print(x)", session_id=session)["stdout"] == "1\n"


def test_bytes_count_more_than_what_is_said_of_them(make_server, redis, settings):
    """As after a crash between the writes of one state, which a cluster does one after the other."""
    servers = [make_server(**settings), make_server(**settings)]
    session, another = (servers[0].py(f"x = {x}")["session_id"] for x in (1, 2))
    redis("SET", f"kcr:session:state:{session}", redis("GET", f"kcr:session:state:{another}"), "EX", 1000)
    answer = servers[1].get(f"/state/{session}")
    assert answer.status_code == 200 and answer.headers["ETag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'
    assert servers[1].get(f"/state/{session}/info").json()["hash"] == hashlib.sha256(answer.content).hexdigest()
    assert servers[1].py("print(x)", session_id=session)["stdout"] == "2\n"
