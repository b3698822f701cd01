"""Two servers with the same Redis and the same S3 bucket are one: whatever is done on one of them counts on the other."""

import itertools
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import SMALL, file_named, ref, started
from redis_server import RedisServer
from s3_server import S3Server

APPEND = {
    "py": "with open('log.txt', 'a') as f: f.write('py\\n')\nprint(open('log.txt').read(), end='')",
    "bash": "echo bash >> log.txt; cat log.txt",
    "js": "const fs = require('fs'); fs.appendFileSync('log.txt', 'js\\n'); process.stdout.write(fs.readFileSync('log.txt', 'utf8'))",
}


@pytest.fixture(scope="module")
def pair(program):
    redis = RedisServer.or_skip()
    s3 = S3Server.or_skip()
    behind = redis.settings() | s3.settings(S3_TIMEOUT_SECONDS=20)
    servers = [started(program, **SMALL, **behind) for _ in range(2)]
    yield servers
    for server in (*servers, redis, s3):
        server.discard()


@pytest.fixture
def turns(pair):
    """One server after the other."""
    return itertools.cycle(pair)


def new_name():
    return f"replicas:{uuid.uuid4()}"


def test_what_one_stores_the_other_mounts_lists_and_removes(pair):
    first, second = pair
    sent = first.upload_one("in.txt", b"from the first")
    answer = second.run("bash", "cat in.txt; echo made > out.txt", files=[ref(sent)])
    assert answer["stdout"] == "from the first\n"
    made = file_named(answer, "out.txt")
    assert first.download(made) == b"made\n"
    session = made["storage_session_id"]
    assert [entry["name"] for entry in first.get(f"/files/{session}?detail=simple").json()] == ["in.txt", "out.txt"]
    assert first.request("DELETE", f"/files/{session}/{made['id']}").status_code == 200
    assert second.get(f"/download/{session}/{made['id']}").status_code == 404
    assert [entry["name"] for entry in second.get(f"/files/{session}?detail=simple").json()] == ["in.txt"]
    assert second.request("DELETE", f"/files/{sent['storage_session_id']}/{sent['id']}").status_code == 200
    assert first.get(f"/download/{sent['storage_session_id']}/{sent['id']}").status_code == 404


def test_a_conversation_goes_from_one_to_the_other(turns):
    session, seen = None, []
    for lang in ("py", "bash", "js", "js", "py", "bash"):
        fields = {"session_id": session} if session else {}
        answer = next(turns).run(lang, APPEND[lang], **fields)
        assert session in (None, answer["session_id"])
        session = answer["session_id"]
        seen.append(lang)
        assert answer["stdout"].split() == seen, answer["stderr"]
        assert next(turns).download(file_named(answer, "log.txt")).decode().split() == seen
        next(turns)


def test_so_does_a_named_one(turns):
    name, seen, sessions = new_name(), [], set()
    for lang in ("bash", "py", "js", "bash", "js", "py"):
        answer = next(turns).run(lang, APPEND[lang], runtime_session_hint=name)
        sessions.add(answer["session_id"])
        seen.append(lang)
        assert answer["stdout"].split() == seen, answer["stderr"]
        assert answer["runtime_status"] == ("new" if len(seen) == 1 else "reused")
    assert len(sessions) == 1
    next(turns).run("bash", "rm log.txt", runtime_session_hint=name)
    assert next(turns).run("bash", "ls | { grep -v code.sh || true; }", runtime_session_hint=name)["stdout"] == ""


def test_first_calls_with_one_name_at_once_are_one_session(pair):
    for lang in APPEND:
        name = new_name()
        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(lambda i: pair[i % 2].run(lang, APPEND[lang].replace("log.txt", f"log{i}.txt"), runtime_session_hint=name), range(4)))
        assert len({answer["session_id"] for answer in answers}) == 1
        for server in pair:
            found = server.run("bash", "ls log*", runtime_session_hint=name)["stdout"].split()
            assert found == [f"log{i}.txt" for i in range(4)]


def test_both_link_a_file_once(pair):
    shared = pair[0].upload_one("shared.txt", b"shared", kind="agent", id="a1")
    session = pair[1].run("bash", "true")["session_id"]
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda i: pair[i % 2].run("bash", "cat shared.txt", session_id=session, files=[ref(shared)]), range(6)))
    for server in pair:
        assert [entry["name"] for entry in server.get(f"/files/{session}?detail=simple").json()] == ["shared.txt"]


def test_python_state_is_where_the_next_run_is(pair, turns):
    session = next(turns).py("values = [1]")["session_id"]
    for i in range(2, 6):
        answer = next(turns).py(f"values.append({i}); print(values)", session_id=session)
        assert answer["stdout"] == f"{list(range(1, i + 1))}\n", answer["stderr"]
    states = [server.get(f"/state/{session}") for server in pair]
    assert [state.status_code for state in states] == [200, 200] and states[0].content == states[1].content
    assert pair[0].request("DELETE", f"/state/{session}").status_code in (200, 204)
    assert pair[1].get(f"/state/{session}").status_code == 404
    assert pair[1].py("print('values' in globals())", session_id=session)["stdout"] == "False\n"


def test_runs_of_one_state_on_both_wait_for_each_other(pair):
    session = pair[0].py("count = 0")["session_id"]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda i: pair[i % 2].py("import time; seen = count; time.sleep(0.2); count = seen + 1", session_id=session), range(4)))
    for server in pair:
        assert server.py("print(count)", session_id=session)["stdout"] == "4\n"
