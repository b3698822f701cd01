"""Keys that an administrator makes: who they let in, how often, what for, and where they are kept.

Each test has keys of its own; the servers are shared. Limits are told by counting answers, whatever time that takes: the only one
whose period could end meanwhile is waited for.
"""

import concurrent.futures
import contextlib
import hashlib
import json
import os
import re
import signal
import time

import pytest
import requests

import harness
from harness import started
from test_auth import anonymous
from test_exec import check_envelope as check_whole_envelope

MASTER = "master-key-0123456789abcdef"
ADMIN = "/api/v1/admin/keys"
PERIODS = ("per_second", "per_minute", "hourly", "daily", "monthly")


@pytest.fixture(scope="module", params=["embedded", "redis"])
def keyed(request, program):
    behind, settings = None, {}
    if request.param == "redis":
        from redis_server import RedisServer

        behind = RedisServer.or_skip()
        settings = behind.settings(REDIS_KEY_PREFIX="kcr:")
    server = started(program, MASTER_API_KEY=MASTER, LANGUAGES="py,bash", POD_POOL_JS=0, **settings)
    server.redis = behind
    yield server
    server.discard()
    if behind:
        behind.discard()


TYPES = {401: "authentication", 403: "authorization", 404: "resource_not_found", 422: "validation", 429: "rate_limited", 500: "internal_server"}


def check_envelope(answer, status):
    return check_whole_envelope(answer, status, TYPES[status])


def admin(server, method, path="", key=MASTER, **options):
    return anonymous().request(method, server.url + ADMIN + path, headers={"x-api-key": key}, timeout=30, **options)


def create(server, name="test", **fields):
    """(the key, its record)"""
    answer = admin(server, "POST", json={"name": name} | fields)
    assert answer.status_code == 200, answer.text
    return answer.json()["api_key"], answer.json()["record"]


def echo(server, key, **fields):
    return anonymous().post(
        server.url + "/exec", json={"lang": "bash", "code": "echo in"} | fields, headers={"x-api-key": key}, timeout=60
    )


def in_one_period(seconds):
    """Comes back early enough in a period of the clock that a few requests fall into the same one."""
    left = seconds - time.time() % seconds
    if left < min(30, seconds / 2):
        time.sleep(left + 0.01)


def test_a_key_is_made_paused_resumed_and_revoked(keyed):
    key, record = create(keyed, "team a", metadata={"owner": "me"})
    assert re.fullmatch(r"sk-[A-Za-z0-9_-]{32}", key)
    assert record["key_hash"] == hashlib.sha256(key.encode()).hexdigest() and record["key_prefix"] == key[:11]
    assert record["enabled"] is True and record["source"] == "managed" and record["metadata"] == {"owner": "me"}
    assert record["rate_limits"] == dict.fromkeys(PERIODS)
    assert echo(keyed, key).json()["stdout"] == "in\n"

    path = "/" + record["key_hash"]
    assert admin(keyed, "PATCH", path, json={"enabled": False}).json() is True
    refused = echo(keyed, key)
    assert check_envelope(refused, 401)["error"] == "API key is disabled"
    assert admin(keyed, "PATCH", path, json={"enabled": True}).json() is True
    assert echo(keyed, key).status_code == 200
    assert admin(keyed, "DELETE", path).json() is True
    assert echo(keyed, key).status_code == 401
    assert admin(keyed, "DELETE", path).status_code == 404


def test_lists_show_all_keys_with_their_use_and_never_the_keys(keyed):
    key, record = create(keyed, "listed", rate_limits={"hourly": 50, "daily": 0})
    for _ in range(3):
        assert echo(keyed, key).status_code == 200

    def listed():
        return next(one for one in admin(keyed, "GET").json() if one["key_hash"] == record["key_hash"])

    assert harness.wait_until(lambda: listed()["usage_count"] == 3, 20)
    assert listed()["last_used_at"] and listed()["rate_limits"]["hourly"] == 50 and listed()["rate_limits"]["daily"] is None
    everything = admin(keyed, "GET").text
    assert key not in everything and keyed.key not in everything and MASTER not in everything
    of_environment = [one for one in json.loads(everything) if one["source"] == "environment"]
    assert [one["name"] for one in of_environment] == ["Environment Key (API_KEY)"]
    shown = admin(keyed, "GET", "/" + record["key_hash"][:16]).json()
    assert shown["usage"]["hourly"]["used"] == 3 and shown["usage"]["hourly"]["remaining"] == 47
    assert shown["usage"]["daily"]["limit"] is None and shown["usage"]["daily"]["used"] == 3


@pytest.mark.parametrize("period", PERIODS)
def test_each_limit_is_exact_also_for_many_at_once(keyed, period):
    key, _ = create(keyed, "limited", rate_limits={period: 4})
    in_one_period({"per_second": 1, "per_minute": 60, "hourly": 3600, "daily": 86400, "monthly": 86400}[period])
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: echo(keyed, key), range(12)))
    codes = sorted(answer.status_code for answer in answers)
    if period == "per_second":  # the clock goes on, however slow the machine is
        assert codes.count(200) >= 4 and set(codes) <= {200, 429}
    else:
        assert codes == [200] * 4 + [429] * 8
    for refused in (answer for answer in answers if answer.status_code == 429):
        body = check_envelope(refused, 429)
        assert body["error"] == "rate_limited" and body["retry_after_seconds"] >= 1
        assert refused.headers["Retry-After"] == str(body["retry_after_seconds"])
        assert body["message"] == f"Rate limit exceeded for {period}. Limit: 4, Used: 4"
        assert body["details"] == [{"field": period, "message": "Limit: 4, Used: 4", "code": "rate_limit_exceeded"}]
        assert refused.headers["X-RateLimit-Limit"] == "4" and refused.headers["X-RateLimit-Remaining"] == "0"
        assert refused.headers["X-RateLimit-Period"] == period and "code" not in body


def test_who_waits_as_long_as_the_answer_says_is_let_in(keyed):
    key, _ = create(keyed, "waits", rate_limits={"per_second": 1})
    for _ in range(3):
        answer = echo(keyed, key)
        if answer.status_code == 429:
            break
    else:
        pytest.skip("this machine takes longer than a second for a run")
    time.sleep(answer.json()["retry_after_seconds"])
    assert echo(keyed, key).status_code == 200


def test_who_is_over_the_limit_can_still_look_and_delete(keyed):
    key, _ = create(keyed, "workflow", rate_limits={"hourly": 2})
    session = anonymous()
    session.headers["x-api-key"] = key
    uploaded = session.post(keyed.url + "/upload", files=[("file", ("a.txt", b"a"))]).json()
    where, file = uploaded["storage_session_id"], uploaded["files"][0]["fileId"]
    assert session.get(f"{keyed.url}/download/{where}/{file}").status_code == 200
    assert session.get(f"{keyed.url}/download/{where}/{file}").status_code == 429
    assert echo(keyed, key).status_code == 429
    assert session.get(f"{keyed.url}/files/{where}").status_code == 200
    assert session.get(f"{keyed.url}/sessions/{where}/objects/{file}").status_code == 200
    assert session.delete(f"{keyed.url}/files/{where}/{file}").status_code == 200


def test_limits_that_are_changed_count_at_once(keyed):
    key, record = create(keyed, "changed", rate_limits={"daily": 1})
    assert [echo(keyed, key).status_code for _ in range(2)] == [200, 429]
    assert admin(keyed, "PATCH", "/" + record["key_hash"], json={"rate_limits": {"daily": 2}}).status_code == 200
    assert [echo(keyed, key).status_code for _ in range(2)] == [200, 429]
    assert admin(keyed, "PATCH", "/" + record["key_hash"], json={"rate_limits": {"daily": 0}}).status_code == 200
    assert echo(keyed, key).status_code == 200


def test_ceilings_narrow_what_a_run_may_take(keyed):
    key, record = create(keyed, "narrow", ceilings={"max_execution_seconds": 1, "languages": ["python"], "max_concurrent_runs": 1})
    assert record["ceilings"]["languages"] == ["py"]
    refused = echo(keyed, key)
    assert refused.status_code == 403 and "may not run bash" in refused.json()["error"]
    began = time.monotonic()
    answer = echo(keyed, key, lang="py", code="import time; time.sleep(20)", timeout=15)
    assert answer.status_code == 200 and time.monotonic() - began < 15
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: echo(keyed, key, lang="py", code="import time; time.sleep(0.5)"), range(4)))
    codes = [answer.status_code for answer in answers]
    assert 200 in codes and 429 in codes and set(codes) == {200, 429}
    assert all("runs at once" in one.json()["message"] for one in answers if one.status_code == 429)


def test_a_key_may_have_less_memory_than_the_server_gives(keyed):
    key, _ = create(keyed, "small", ceilings={"max_memory_mb": 100})
    hungry = "data = bytearray(200 << 20); print(len(data))"
    assert "Out of memory" in echo(keyed, key, lang="py", code=hungry).json()["stderr"]
    assert echo(keyed, key, lang="py", code="print(len(bytearray(20 << 20)))").json()["stdout"] == f"{20 << 20}\n"
    assert keyed.py(hungry)["stdout"] == f"{200 << 20}\n"
    assert admin(keyed, "POST", json={"name": "x", "ceilings": {"max_memory_mb": 5}}).status_code == 422


def test_the_administration_needs_its_own_key(keyed):
    assert check_envelope(anonymous().get(keyed.url + ADMIN, timeout=30), 422)["details"][0]["field"] == "header -> x-api-key"
    assert check_envelope(admin(keyed, "GET", key="another-master-key-0123"), 403)["error"] == "Invalid Master API Key"
    key, record = create(keyed, "not an administrator")
    assert admin(keyed, "GET", key=key).status_code == 403
    bearer = anonymous().get(keyed.url + "/admin/keys", headers={"Authorization": f"Bearer {MASTER}"}, timeout=30)
    assert bearer.status_code == 200 and any(one["key_hash"] == record["key_hash"] for one in bearer.json())
    assert echo(keyed, MASTER).status_code == 401
    session = anonymous()
    codes = [
        session.get(keyed.url + ADMIN, headers={"x-api-key": f"wrong-{number}-0123456789"}, timeout=30).status_code
        for number in range(12)
    ]
    assert codes == [403] * 10 + [429] * 2
    assert session.get(keyed.url + ADMIN, headers={"x-api-key": MASTER}, timeout=30).status_code == 200


def test_bad_fields_are_named(keyed):
    for body, field in [
        ({}, "body -> name"),
        ({"name": ""}, "body -> name"),
        ({"name": 3}, "body -> name"),
        ({"name": "x", "rate_limits": {"hourly": -1}}, "body -> rate_limits -> hourly"),
        ({"name": "x", "rate_limits": {"daily": 1.5}}, "body -> rate_limits -> daily"),
        ({"name": "x", "rate_limits": 5}, "body -> rate_limits"),
        ({"name": "x", "metadata": {"a": 1}}, "body -> metadata -> a"),
        ({"name": "x", "ceilings": {"languages": ["klingon"]}}, "body -> ceilings -> languages"),
        ({"name": "x", "ceilings": {"package_sets": ["../x"]}}, "body -> ceilings -> package_sets"),
        ({"name": "x", "ceilings": {"package_sets": "x"}}, "body -> ceilings -> package_sets"),
    ]:
        answer = admin(keyed, "POST", json=body)
        assert check_envelope(answer, 422)["details"][0]["field"] == field, body
    assert admin(keyed, "POST", data="{").status_code == 422
    assert admin(keyed, "PATCH", "/" + "0" * 64, json={"name": "x"}).status_code == 404
    assert admin(keyed, "GET", "/nothing").status_code == 404


def test_keys_of_the_environment_are_changed_there(keyed):
    path = "/" + hashlib.sha256(keyed.key.encode()).hexdigest()
    assert "cannot be modified" in check_envelope(admin(keyed, "PATCH", path, json={"enabled": False}), 403)["error"]
    assert "cannot be revoked" in check_envelope(admin(keyed, "DELETE", path), 403)["error"]


def test_runs_can_be_seen_and_ended(keyed):
    key, record = create(keyed, "runs")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pending = pool.submit(echo, keyed, key, code="sleep 25")

        def mine():
            answer = anonymous().get(keyed.url + "/api/v1/admin/runs", headers={"x-api-key": MASTER}, timeout=30)
            return [run for run in answer.json()["runs"] if run["api_key_hash"] == record["key_hash"][:16]]

        assert harness.wait_until(lambda: any(run["state"] == "running" for run in mine()), 20)
        run = mine()[0]
        assert run["language"] == "bash" and run["started_at"]
        ended = anonymous().delete(f"{keyed.url}/api/v1/admin/runs/{run['id']}", headers={"x-api-key": MASTER}, timeout=30)
        assert ended.status_code == 200 and ended.json() is True
        began = time.monotonic()
        pending.result()
        assert time.monotonic() - began < 20
    assert harness.wait_until(lambda: not mine(), 20)


def test_two_keys_do_not_see_each_others_files(program):
    server = started(program, MASTER_API_KEY=MASTER, STRICT_FILE_OWNERSHIP="true", LANGUAGES="py,bash", POD_POOL_JS=0)
    try:
        one, two = create(server, "one")[0], create(server, "two")[0]
        uploaded = anonymous().post(server.url + "/upload", files=[("file", ("a.txt", b"a"))], headers={"x-api-key": one}).json()
        path = f"{server.url}/download/{uploaded['storage_session_id']}/{uploaded['files'][0]['fileId']}"
        assert anonymous().get(path, headers={"x-api-key": one}).status_code == 200
        assert anonymous().get(path, headers={"x-api-key": two}).status_code == 404
    finally:
        server.discard()


def test_without_a_master_key_there_is_no_administration(server):
    answer = anonymous().get(server.url + ADMIN, headers={"x-api-key": "anything-0123456789"}, timeout=30)
    assert check_envelope(answer, 500)["error"] == "Admin operations are disabled (no MASTER_API_KEY configured)"


def test_a_key_that_left_the_environment_is_refused_and_its_record_goes(program):
    from redis_server import RedisServer

    redis = RedisServer.or_skip()
    server = started(program, API_KEYS="leaves-0123456789abcd", LANGUAGES="py,bash", POD_POOL_JS=0, **redis.settings())
    try:
        gone = hashlib.sha256(b"leaves-0123456789abcd").hexdigest()
        assert redis("HGET", f"api_keys:records:{gone}", "name") == "Environment Key (API_KEYS #1)"
        assert echo(server, "leaves-0123456789abcd").status_code == 200
        server.stop()
        del server.settings["API_KEYS"]
        server.start()
        assert echo(server, "leaves-0123456789abcd").status_code == 401
        assert redis("EXISTS", f"api_keys:records:{gone}") == 0 and gone not in redis("SMEMBERS", "api_keys:env_index")
    finally:
        server.discard()
        redis.discard()


@pytest.fixture(scope="module")
def replicas(program):
    from redis_server import RedisServer

    redis = RedisServer.or_skip()
    servers = [
        started(program, MASTER_API_KEY=MASTER, LANGUAGES="py,bash", POD_POOL_JS=0, **redis.settings()) for _ in range(2)
    ]
    yield redis, servers
    for server in servers:
        server.discard()
    redis.discard()


def test_a_limit_holds_for_all_replicas_together(replicas):
    _, servers = replicas
    key, record = create(servers[0], "shared", rate_limits={"daily": 5, "monthly": 7})
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        codes = list(pool.map(lambda number: echo(servers[number % 2], key).status_code, range(16)))
    assert sorted(codes) == [200] * 5 + [429] * 11
    assert admin(servers[1], "DELETE", "/" + record["key_hash"]).json() is True
    assert harness.wait_until(lambda: echo(servers[0], key).status_code == 401, 10)  # remembered for a second


def test_runs_at_once_are_counted_by_all_replicas_together_and_those_of_a_dead_one_end(replicas):
    redis, servers = replicas
    key, record = create(servers[0], "few at once", ceilings={"max_concurrent_runs": 2})
    place = f"api_keys:running:{record['key_hash'][:16]}"
    slow = {"lang": "py", "code": "import time; time.sleep(25)", "timeout": 28_000}
    own = ("API_PORT", "DATA_DIR")
    doomed = harness.Server(servers[0].program, **{name: value for name, value in servers[0].settings.items() if name not in own}).start()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        try:
            held = pool.submit(lambda: echo(servers[0], key, **(slow | {"code": "import time; time.sleep(8)"})).status_code)
            assert harness.wait_until(lambda: redis("ZCARD", place) == 1, 30)

            def lost():
                with contextlib.suppress(requests.RequestException):  # its server is killed
                    echo(doomed, key, **slow)

            pool.submit(lost)
            assert harness.wait_until(lambda: redis("ZCARD", place) == 2, 30)
            for server in servers:
                refused = echo(server, key)
                assert refused.status_code == 429 and "runs at once" in refused.json()["message"], refused.text
                assert refused.headers["Retry-After"] == "1"
            assert held.result() == 200
            assert echo(servers[1], key).status_code == 200  # one has ended, the other has not
            again = pool.submit(lambda: echo(servers[1], key, **(slow | {"code": "import time; time.sleep(8)"})).status_code)
            assert harness.wait_until(lambda: redis("ZCARD", place) == 2, 30)
            everything = [doomed.pid] + [pid for pid, _ in doomed.descendants()]
            for pid in everything:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            assert echo(servers[0], key).status_code == 429  # nobody knows yet that it is dead
            assert again.result() == 200
            with_a_dead_one = {"ceilings": {"max_concurrent_runs": 1}}
            assert admin(servers[0], "PATCH", "/" + record["key_hash"], json=with_a_dead_one).status_code == 200
            assert harness.wait_until(lambda: echo(servers[0], key).status_code == 200, 60)
        finally:
            doomed.discard()
    assert harness.wait_until(lambda: redis("ZCARD", place) == 0, 30)


def test_what_the_reference_writes_is_a_key_here_and_the_reverse(replicas):
    redis, servers = replicas
    theirs = "sk-" + "A" * 32
    digest = hashlib.sha256(theirs.encode()).hexdigest()
    redis("HSET", f"api_keys:records:{digest}", "key_hash", digest, "key_prefix", theirs[:11], "name", "theirs", "created_at",
          "2026-01-09T10:20:55.101000+00:00", "enabled", "true", "rate_limits_per_second", "", "rate_limits_per_minute", "",
          "rate_limits_hourly", "", "rate_limits_daily", "2", "rate_limits_monthly", "0", "metadata", "{}", "last_used_at", "",
          "usage_count", "0", "source", "managed")  # fmt: skip
    redis("SADD", "api_keys:index", digest)
    assert [echo(servers[0], theirs).status_code for _ in range(3)] == [200, 200, 429]
    day = time.strftime("%Y-%m-%d", time.gmtime())
    assert redis("GET", f"api_keys:usage:{digest[:16]}:day:{day}") == "2"
    assert 0 < redis("TTL", f"api_keys:usage:{digest[:16]}:day:{day}") <= 172800
    assert harness.wait_until(lambda: redis("HGET", f"api_keys:records:{digest}", "usage_count") == "3", 20)

    ours, record = create(servers[0], "ours", rate_limits={"hourly": 9000})
    fields = redis("HGETALL", f"api_keys:records:{record['key_hash']}")
    fields = dict(zip(fields[::2], fields[1::2]))
    assert fields["key_hash"] == hashlib.sha256(ours.encode()).hexdigest() and fields["rate_limits_hourly"] == "9000"
    assert fields["enabled"] == "true" and fields["rate_limits_daily"] == "" and fields["source"] == "managed"
    assert record["key_hash"] in redis("SMEMBERS", "api_keys:index")

    # Its tool finds a key by its beginning, reads what it has used, pauses and revokes it.
    found = [one for one in redis("SMEMBERS", "api_keys:index") if redis("HGET", f"api_keys:records:{one}", "key_prefix") == ours[:11]]
    assert found == [record["key_hash"]]
    assert echo(servers[0], ours).status_code == 200
    hour = time.strftime("%Y-%m-%d-%H", time.gmtime())
    assert redis("GET", f"api_keys:usage:{record['key_hash'][:16]}:hour:{hour}") in ("1", None)  # the hour may have changed
    redis("HSET", f"api_keys:records:{record['key_hash']}", "enabled", "false")
    redis("DEL", f"api_keys:valid:{record['key_hash'][:16]}")
    for server in servers:
        assert harness.wait_until(lambda: echo(server, ours).status_code == 401, 10)
        assert echo(server, ours).json()["error"] == "API key is disabled"
    redis("HSET", f"api_keys:records:{record['key_hash']}", "enabled", "true")
    assert harness.wait_until(lambda: echo(servers[1], ours).status_code == 200, 10)
    redis("DEL", f"api_keys:records:{record['key_hash']}", f"api_keys:valid:{record['key_hash'][:16]}")
    redis("SREM", "api_keys:index", record["key_hash"])
    for server in servers:
        assert harness.wait_until(lambda: echo(server, ours).status_code == 401, 10)
        assert echo(server, ours).json()["error"] == "Invalid API key"
    assert redis("EXISTS", f"api_keys:records:{record['key_hash']}") == 0  # writing its uses has not brought it back


def test_rate_limits_can_be_switched_off(program):
    server = started(program, MASTER_API_KEY=MASTER, RATE_LIMIT_ENABLED="false", LANGUAGES="py,bash", POD_POOL_JS=0)
    try:
        key, _ = create(server, "free", rate_limits={"hourly": 1})
        assert [echo(server, key).status_code for _ in range(3)] == [200] * 3
    finally:
        server.discard()
