"""Clients that take more than their share: strangers with large or endless requests, many connections, and keys among each other."""

import contextlib
import hashlib
import json
import os
import re
import socket
import sqlite3
import threading

import pytest
import requests

from harness import KEY, http_bytes, read_response, wait_until
from test_auth import anonymous, execute
from test_exec import check_envelope

MEGABYTE = 1 << 20
SECOND = "second-key-0123456789"


def most_memory_of(pid):
    """The most that it ever had."""
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"VmHWM:\s+(\d+)", status.read()).group(1)) << 10


def connect(server, address, timeout=20):
    return socket.create_connection(("127.0.0.1", server.port), timeout, (address, 0))


def send_what_is_taken(connection, data):
    with contextlib.suppress(OSError):
        connection.sendall(data)


# ---- bodies without a key -------------------------------------------------------------------------------------------


def test_a_large_body_without_a_key_costs_little(make_server):
    server = make_server()
    (worker,) = server.role("worker")
    before = most_memory_of(worker)
    with connect(server, "127.5.0.1") as connection:
        body = b"[" + b"0," * (25 * MEGABYTE - 2) + b"0]"
        head = f"POST /exec HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        sender = threading.Thread(target=send_what_is_taken, args=(connection, head + body))
        sender.start()
        status = read_response(connection)[0]
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        sender.join()
    grown = most_memory_of(worker) - before
    assert status == 401
    assert grown < 60 * MEGABYTE, f"grew by {grown / MEGABYTE:.0f} MB"


def keyless(server, address, size, last):
    """A body of this size whose last member is its key, or another one."""
    body = json.dumps({"lang": "bash", "code": "echo in # " + "x" * size, last: KEY})
    return anonymous(address).post(server.url + "/exec", data=body, headers={"Content-Type": "application/json"}, timeout=30)


def test_a_key_behind_long_code_is_found_where_nobody_failed(server):
    assert keyless(server, "127.5.1.1", 3 * MEGABYTE, "api_key").json()["stdout"] == "in\n"


def test_whoever_failed_has_the_key_looked_for_in_64_kilobytes(server):
    address = "127.5.1.2"
    check_envelope(keyless(server, address, 10, "nothing"), 401, "authentication", "Missing API key")
    answer = keyless(server, address, 100_000, "api_key")
    check_envelope(answer, 401, "authentication", "Missing API key")
    assert "64 KB" in answer.json()["details"][0]["message"]
    assert keyless(server, address, 50_000, "api_key").json()["stdout"] == "in\n"
    assert execute(server, {"x-api-key": KEY}, session=anonymous(address)).status_code == 200


def test_tries_without_a_key_count(server):
    address = "127.5.1.3"
    for _ in range(12):
        assert keyless(server, address, 10, "nothing").status_code == 401
    assert execute(server, {"x-api-key": "wrong-key-0123456789"}, session=anonymous(address)).status_code == 429


def test_clients_behind_a_proxy_are_told_apart(make_server):
    server = make_server(TRUSTED_PROXIES="127.6.0.0/16")
    wrong = {"x-api-key": "wrong-key-0123456789"}

    def tries(client, address="127.6.0.1"):
        headers = [{"x-api-key": f"wrong-key-0123456789-{number}", "X-Forwarded-For": client} for number in range(12)]
        return [execute(server, each, session=anonymous(address)).status_code for each in headers]

    assert tries("198.51.100.1")[-1] == 429
    assert execute(server, wrong | {"X-Forwarded-For": "198.51.100.2"}, session=anonymous("127.6.0.2")).status_code == 401
    # Who is no proxy cannot choose whom it is counted for.
    assert tries("198.51.100.3", "127.7.0.1")[-1] == 429
    assert execute(server, wrong | {"X-Forwarded-For": "198.51.100.4"}, session=anonymous("127.7.0.1")).status_code == 429


# ---- connections ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(program):
    """A server that may have few descriptors, and so few connections."""
    from harness import Server

    server = Server(program)
    server.open_files = 600
    yield server.start()
    server.discard()


def hold(server, address, count):
    """Requests whose bodies never end."""
    held = []
    for _ in range(count):
        try:
            connection = connect(server, address, 5)
            connection.sendall(b"POST /exec HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n[")
            held.append(connection)
        except OSError:
            break
    return held


def test_one_address_cannot_shut_the_others_out(small):
    held = hold(small, "127.5.2.1", 320)
    try:
        for _ in range(5):
            assert requests.get(small.url + "/health", timeout=10).status_code == 200
            assert small.run("bash", "echo in")["stdout"] == "in\n"
        # Nor itself: what makes us wait longest gives way.
        with connect(small, "127.5.2.1") as connection:
            connection.sendall(http_bytes("GET", "/health", key=None))
            assert read_response(connection)[0] == 200
    finally:
        for connection in held:
            connection.close()


def test_many_addresses_cannot_shut_the_others_out(small):
    held = [connection for number in range(1, 33) for connection in hold(small, f"127.5.3.{number}", 10)]
    try:
        for _ in range(5):
            assert wait_until(lambda: requests.get(small.url + "/health", timeout=10).status_code == 200)
            assert wait_until(lambda: small.post("/exec", json={"lang": "bash", "code": "true"}).status_code == 200)
    finally:
        for connection in held:
            connection.close()


def test_idle_connections_make_room(small):
    idle = []
    try:
        for number in range(320):
            connection = connect(small, f"127.5.4.{number % 200 + 1}")
            connection.sendall(http_bytes("GET", "/health", key=None))
            assert read_response(connection)[0] == 200, f"connection {number}"
            idle.append(connection)
    finally:
        for connection in idle:
            connection.close()


def test_small_states_and_programs_do_not_use_up_the_descriptors(small):
    for number in range(80):
        assert small.run("py", f"x = {number}")["stderr"] == ""
    (worker,) = small.role("worker")
    states = [name for name in os.listdir(f"/proc/{worker}/fd") if "memfd:state" in _target(worker, name)]
    assert len(states) <= 600 // 16 + 8, len(states)


def _target(pid, descriptor):
    try:
        return os.readlink(f"/proc/{pid}/fd/{descriptor}")
    except OSError:
        return ""


# ---- tenants --------------------------------------------------------------------------------------------------------


def as_key(server, key):
    session = requests.Session()
    session.trust_env = False
    session.headers["x-api-key"] = key

    def call(method, path, **options):
        return session.request(method, server.url + path, timeout=30, **options)

    return call


def reachable(call, session, file, name="conversation-1"):
    """What a caller gets at of what another one has."""
    found = set()
    if call("GET", f"/download/{session}/{file['id']}").status_code == 200:
        found.add("download")
    if call("GET", f"/files/{session}").json():
        found.add("list")
    if call("GET", f"/state/{session}").status_code == 200:
        found.add("state")
    by_id = call("POST", "/exec", json={"lang": "py", "code": "print(x)", "session_id": session})
    if by_id.status_code == 200 and "of the first" in by_id.json()["stdout"]:
        found.add("continue by id")
    by_name = call("POST", "/exec", json={"lang": "py", "code": "print(open('note.txt').read())", "runtime_session_hint": name})
    if "of the first" in by_name.json()["stdout"]:
        found.add("continue by name")
    if call("POST", "/exec", json={"lang": "py", "code": "print(1)", "files": [file]}).status_code == 200:
        found.add("mount")
    return found


ALL = {"download", "list", "state", "continue by id", "continue by name", "mount"}


def leave_something(call, name="conversation-1"):
    code = "x = 'variable of the first'; open('note.txt', 'w').write('file of the first')"
    ran = call("POST", "/exec", json={"lang": "py", "code": code, "runtime_session_hint": name}).json()
    return ran["session_id"], ran["files"][0] | {"storage_session_id": ran["session_id"]}


def test_two_keys_are_two_tenants_where_ownership_is_strict(make_server):
    server = make_server(API_KEYS=SECOND, STRICT_FILE_OWNERSHIP="true")
    first, second = as_key(server, KEY), as_key(server, SECOND)
    session, file = leave_something(first)
    assert reachable(second, session, file) == set()
    assert second("DELETE", f"/files/{session}/{file['id']}").status_code == 404
    assert second("POST", f"/state/{session}", data=b"\x01state", headers={"Content-Type": "application/octet-stream"}).status_code == 403
    second("DELETE", f"/state/{session}")
    assert reachable(first, session, file) == ALL


def test_names_do_not_meet_whatever_ownership(make_server):
    server = make_server(API_KEYS=SECOND)
    first, second = as_key(server, KEY), as_key(server, SECOND)
    session, file = leave_something(first)
    assert "continue by name" not in reachable(second, session, file)


def test_keys_of_one_name_are_one_tenant(make_server):
    old, new, other = "old-key-0123456789", "new-key-0123456789", "other-key-0123456789"
    server = make_server(API_KEY=KEY, API_KEYS=f"team={old},team={new},{other}", STRICT_FILE_OWNERSHIP="true")
    session, file = leave_something(as_key(server, old))
    assert reachable(as_key(server, new), session, file) == ALL
    assert reachable(as_key(server, other), session, file) == set()
    # The old one is taken away.
    server.stop()
    server.settings["API_KEYS"] = f"team={new},{other}"
    server.start()
    assert as_key(server, old)("GET", f"/files/{session}").status_code == 401
    assert reachable(as_key(server, new), session, file) == ALL


def make_former(server, session, name="conversation-1"):
    """As a server left it that did not tell keys apart."""
    digest = hashlib.sha256(b"env\0" + name.encode()).hexdigest()[:40]
    with sqlite3.connect(server.data / "records" / "records.sqlite3") as database:
        (value,) = database.execute("select value from records where key = ?", (f"sessions:{session}",)).fetchone()
        # The fields are netstrings.
        value = re.sub(rb"10:credential,\d+:[^,]*,", b"10:credential,3:env,", value)
        value = re.sub(rb"4:name,\d+:[^,]*,", b"4:name,40:" + digest.encode() + b",", value)
        assert b"3:env" in value
        database.execute("update records set value = ? where key = ?", (value, f"sessions:{session}"))
        database.execute("update records set key = ? where key like 'session_names:%'", (f"session_names:{digest}",))


def test_sessions_from_before_keys_were_told_apart_stay_in_reach(make_server):
    server = make_server(API_KEYS=SECOND, STRICT_FILE_OWNERSHIP="true")
    session, file = leave_something(as_key(server, KEY))
    server.stop()
    make_former(server, session)
    server.start()
    assert reachable(as_key(server, KEY), session, file) == ALL
    assert reachable(as_key(server, SECOND), session, file) == ALL  # nobody knows whose it was
    server.stop()
    server.settings["SHARE_FORMER_SESSIONS"] = "false"
    server.start()
    assert reachable(as_key(server, SECOND), session, file) == set()


def test_a_name_leads_to_the_session_it_had_before(make_server):
    server = make_server()
    session, _ = leave_something(as_key(server, KEY))
    server.stop()
    make_former(server, session)
    server.start()
    again = as_key(server, KEY)("POST", "/exec", json={"lang": "py", "code": "print(x)", "runtime_session_hint": "conversation-1"}).json()
    assert again["session_id"] == session and again["stdout"] == "variable of the first\n"
