"""runtime_session_hint: runs that name their session find what earlier runs left in /mnt/data."""

import re
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import ref

pytestmark = pytest.mark.every_store



LS = "ls | { grep -v code.sh || true; }"  # without the program itself


def new_name():
    return f"conversation:{uuid.uuid4()}"


def run(server, name, code, lang="bash"):
    return server.run(lang, code, runtime_session_hint=name)


def test_files_stay_for_every_language(server):
    name = new_name()
    first = run(server, name, "mkdir -p d; echo one > d/a.txt; echo two > b.txt")
    assert first["runtime_status"] == "new" and re.fullmatch("rt_[0-9a-f]{40}", first["runtime_session_id"])
    second = run(server, name, "print(open('d/a.txt').read() + open('b.txt').read())", "py")
    assert second["stdout"] == "one\ntwo\n" and second["runtime_status"] == "reused"
    assert second["session_id"] == first["session_id"]
    assert second["runtime_session_id"] == first["runtime_session_id"]


def test_changes_and_removals_stay(server):
    name = new_name()
    run(server, name, "echo 1 > a.txt; echo 1 > b.txt; echo 1 > c.txt")
    run(server, name, "echo 2 >> a.txt; rm b.txt")
    assert run(server, name, f"cat a.txt; {LS}")["stdout"].split() == ["1", "2", "a.txt", "c.txt"]
    run(server, name, "rm a.txt")
    assert run(server, name, LS)["stdout"].split() == ["c.txt"], "an earlier a.txt came back"


def test_more_files_stay_than_are_told(server):
    name = new_name()
    first = run(server, name, "for i in $(seq 30); do echo $i > f$i; done")
    assert len(first["files"]) == 10
    assert run(server, name, f"{LS} | wc -l")["stdout"].strip() == "30"


def test_two_first_runs_at_once_share_the_session(server):
    name = new_name()
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda i: run(server, name, f"echo {i} > f{i}"), range(4)))
    assert len({answer["session_id"] for answer in answers}) == 1
    assert run(server, name, LS)["stdout"].split() == ["f0", "f1", "f2", "f3"]


def test_only_what_was_removed_goes(server):
    """Files that are not handed out any more for another reason are still there, as they were last seen."""
    name = new_name()
    first = run(server, name, "for f in grown linked moved hidden kept; do echo $f > $f; done")
    run(server, name, "truncate -s 30M grown; rm linked; ln -s kept linked; mkdir build; mv moved build/; mv hidden .hidden")
    assert run(server, name, "cat grown; ls")["stdout"].split() == ["grown", "code.sh", "grown", "kept", "linked"]
    for entry in first["files"]:
        assert server.download(entry) == entry["name"].encode() + b"\n"


def test_removed_files_are_not_listed_but_answers_stay_true(server):
    name = new_name()
    first = run(server, name, "echo 1 > a.txt; echo 1 > b.txt")
    run(server, name, "rm a.txt")
    session = first["session_id"]
    assert [entry["name"] for entry in server.get(f"/files/{session}?detail=simple").json()] == ["b.txt"]
    (removed,) = [entry for entry in first["files"] if entry["name"] == "a.txt"]
    assert server.download(removed) == b"1\n"
    assert server.request("DELETE", f"/files/{session}/{removed['id']}").status_code == 200
    assert server.get(f"/download/{session}/{removed['id']}").status_code == 404


def test_a_removal_and_a_rewrite_at_once(server):
    name = new_name()
    run(server, name, "echo old > a.txt; echo old > b.txt")
    with ThreadPoolExecutor(2) as threads:
        slow = server.when_begun(lambda: threads.submit(run, server, name, "rm a.txt; sleep 2"))
        quick = threads.submit(run, server, name, "cat a.txt; echo new > a.txt").result()
        slow.result()
    assert quick["stdout"] == "old\n"
    assert run(server, name, f"cat a.txt; {LS}")["stdout"].split() == ["new", "a.txt", "b.txt"]


def test_files_of_the_session_are_there_beside_references(server):
    name = new_name()
    sent = server.upload_one("given.txt", b"given")
    server.run("bash", "echo made > made.txt", runtime_session_hint=name, files=[ref(sent)])
    other = server.upload_one("other.txt", b"other")
    answer = server.run("bash", LS, runtime_session_hint=name, files=[ref(other)])
    assert answer["stdout"].split() == ["given.txt", "made.txt", "other.txt"]


@pytest.mark.parametrize("name", ["", "a b", "x" * 129, "ü", "a/b", 7, None, ["a"]])
def test_what_is_no_name_is_ignored(server, name):
    answer = run(server, name, "echo x > a.txt")
    assert "runtime_session_id" not in answer
    assert run(server, name, LS)["stdout"] == ""


def test_can_be_switched_off(make_server):
    server = make_server(NAMED_SESSIONS="false")
    name = new_name()
    assert "runtime_session_id" not in run(server, name, "echo x > a.txt")
    assert run(server, name, LS)["stdout"] == ""
    answer = server.post("/exec", json={"lang": "bash", "code": "echo x"}, headers={"X-CodeAPI-Expected-Profile": "stateful"})
    assert answer.status_code == 409 and "code" not in answer.json()
    assert answer.json()["error"] == "execution_profile_mismatch" and answer.json()["message"]
    assert (answer.json()["expected_profile"], answer.json()["actual_profile"]) == ("stateful", "default")
    assert server.get("/files/abc", headers={"X-CodeAPI-Expected-Profile": "stateful"}).status_code == 200


def test_the_default_profile_has_no_names(server):
    """A client that expects no session is not given one, though it says a name."""
    name = new_name()
    run(server, name, "echo x > a.txt")
    body = {"lang": "bash", "code": LS, "runtime_session_hint": name}
    answer = server.post("/exec", json=body, headers={"X-CodeAPI-Expected-Profile": "default"}).json()
    assert answer["stdout"] == "" and "runtime_session_id" not in answer
    answer = server.post("/exec", json=body, headers={"X-CodeAPI-Expected-Profile": "stateful"}).json()
    assert answer["stdout"] == "a.txt\n" and answer["runtime_status"] == "reused"


def test_users_of_one_name_have_a_session_each(server):
    name = new_name()
    users = ["ann", "bob", None]
    with ThreadPoolExecutor(3) as threads:
        first = list(threads.map(lambda user: server.run("bash", f"echo {user} > who", runtime_session_hint=name, user_id=user), users))
    assert len({answer["session_id"] for answer in first}) == len({answer["runtime_session_id"] for answer in first}) == 3
    for user in users:
        assert server.run("bash", "cat who", runtime_session_hint=name, user_id=user)["stdout"] == f"{user}\n"
