"""`kubecoderun keys` and `kubecoderun metrics`, beside a server that runs and after it has ended."""

import json

import pytest

import harness
from harness import command, started
from test_auth import anonymous

MASTER = "master-key-0123456789abcdef"


@pytest.fixture(scope="module", params=["embedded", "redis"])
def served(request, program):
    redis, settings = None, {}
    if request.param == "redis":
        from redis_server import RedisServer

        redis = RedisServer.or_skip()
        settings = redis.settings(REDIS_KEY_PREFIX="kcr:")
    server = started(program, MASTER_API_KEY=MASTER, LANGUAGES="py,bash", POD_POOL_JS=0, **settings)
    yield server
    server.discard()
    if redis:
        redis.discard()


def call(server, *words, status=0, **others):
    kept = {name: value for name, value in server.settings.items() if name.startswith("REDIS")}
    settings = {"DATA_DIR": server.data, "MASTER_API_KEY": MASTER} | kept | others
    done = command(server.program, *words, **settings)
    assert done.returncode == status, (done.returncode, done.stdout.decode(), done.stderr.decode())
    assert status or not done.stderr, done.stderr.decode()  # what is as it should be is not worth a line
    return (done.stdout if status == 0 else done.stderr).decode()


def run(server, key):
    return anonymous().post(
        server.url + "/exec", json={"lang": "bash", "code": "echo in"}, headers={"x-api-key": key}, timeout=60
    ).status_code


def value_of(text, name):
    return next(line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith(name + ":"))


def test_a_key_made_beside_the_server_works_is_limited_and_goes(served):
    made = call(served, "keys", "create", "--name", "team a", "--daily", 2, "--metadata", "owner=me")
    key = value_of(made, "Key")
    assert value_of(made, "Name") == "team a" and value_of(made, "Prefix") == key[:11]
    assert value_of(made, "Daily") == "2" and value_of(made, "Hourly") == "unlimited" and "cannot be shown again" in made
    assert len(value_of(made, "Hash")) == 19 and value_of(made, "Hash").endswith("...")
    assert [run(served, key) for _ in range(3)] == [200, 200, 429]

    for name in (key[:11], value_of(made, "Hash"), value_of(made, "Hash")[:16]):
        assert value_of(call(served, "keys", "show", name), "Name") == "team a"
    usage = json.loads(call(served, "keys", "usage", key[:11], "--json"))
    assert usage["daily"]["used"] == 2 and usage["daily"]["remaining"] == 0 and usage["monthly"]["limit"] is None
    assert "Resets At" in call(served, "keys", "usage", key[:11])

    changed = json.loads(call(served, "keys", "update", key[:11], "--per-second", 100, "--daily", 0, "--json"))
    assert changed["rate_limits"] == {"per_second": 100, "per_minute": None, "hourly": None, "daily": None, "monthly": None}
    assert changed["name"] == "team a" and changed["metadata"] == {"owner": "me"}
    assert harness.wait_until(lambda: run(served, key) == 200, 10)  # the server remembers for a second
    changed = json.loads(call(served, "keys", "update", key[:11], "--name", "team b", "--json"))
    assert changed["rate_limits"]["per_second"] == 100 and changed["name"] == "team b"
    call(served, "keys", "update", key[:11], "--disable")
    assert harness.wait_until(lambda: run(served, key) == 401, 10)
    call(served, "keys", "update", key[:11], "--enable")
    assert harness.wait_until(lambda: run(served, key) == 200, 10)
    listed = json.loads(call(served, "keys", "list", "--json"))
    assert {"environment", "managed"} == {one["source"] for one in listed}
    table = call(served, "keys", "list")
    assert key not in table and key[:11] in table and "Last Used" in table
    assert "--force" in call(served, "keys", "revoke", key[:11], status=1)
    call(served, "keys", "revoke", key[:11], "-f")
    assert harness.wait_until(lambda: run(served, key) == 401, 10)
    assert "there is no key" in call(served, "keys", "show", key[:11], status=1)


def test_ceilings_are_set_and_lifted(served):
    made = json.loads(call(served, "keys", "create", "--name", "c", "--max-runs", 2, "--max-seconds", 5, "--languages", "python,js", "--packages", "web,data", "--json"))
    ceilings = made["record"]["ceilings"]
    assert ceilings == {"max_concurrent_runs": 2, "max_execution_seconds": 5, "max_memory_mb": None, "languages": ["py", "js"], "package_sets": ["web", "data"]}
    assert run(served, made["api_key"]) == 403
    lifted = json.loads(call(served, "keys", "update", made["record"]["key_hash"], "--max-seconds", 0, "--languages", "", "--packages", "", "--json"))
    assert lifted["ceilings"]["max_execution_seconds"] is None and lifted["ceilings"]["languages"] == [] and lifted["ceilings"]["package_sets"] == []
    assert harness.wait_until(lambda: run(served, made["api_key"]) == 200, 10)


def test_mistakes_are_told(served):
    assert "MASTER_API_KEY" in call(served, "keys", "list", status=1, MASTER_API_KEY="")
    unknown = call(served, "keys", "create", "--name", "x", "--languages", "klingon", status=1)
    assert "klingon" in unknown and "bash, c, cpp" in unknown
    assert "is no name of a set" in call(served, "keys", "create", "--name", "x", "--packages", "../x", status=1)
    assert "--hourly 100" in call(served, "keys", "update", "sk-", status=1)
    for words in (["create"], ["create", "--name", "n", "--hourly", "-1"], ["show"], ["--nothing"]):
        call(served, "keys", *words, status=2)
    assert "--hourly" in call(served, "keys", "create", "--help")
    assert "name=value" in call(served, "keys", "create", "--name", "x", "--metadata", "alone", status=1)
    environment = next(one for one in json.loads(call(served, "keys", "list", "--json")) if one["source"] == "environment")
    assert "API_KEY" in call(served, "keys", "revoke", environment["key_hash"], "-f", status=1)
    assert command(served.program, "keys", "create", "--name", "x", "--hourly", "-1", MASTER_API_KEY=MASTER).returncode != 0
    assert command(served.program, "keys", "create", MASTER_API_KEY=MASTER).returncode != 0


def test_without_a_server_there_is_nothing_to_change(program, tmp_path):
    done = command(program, "keys", "list", MASTER_API_KEY=MASTER, DATA_DIR=tmp_path / "none")
    assert done.returncode == 1 and b"DATA_DIR" in done.stderr
    assert not (tmp_path / "none").exists()


def test_metrics_say_what_the_server_counted(served):
    served.run("bash", "echo x")
    served.run("bash", "exit 2")

    def summary():
        return json.loads(call(served, "metrics", "summary", "--json"))["summary"]

    assert harness.wait_until(lambda: summary()["total_executions"] >= 2 and summary()["success_rate"] < 100, 30)
    text = call(served, "metrics", "summary")
    for row in ("Total Executions", "Today (24h)", "This Hour", "Success Rate", "Avg Exec Time", "Active API Keys", "Pool Hit Rate"):
        assert row in text
    assert json.loads(call(served, "metrics", "languages", "--json", "--hours", 24))[0]["language"] == "bash"
    assert "Error Rate" in call(served, "metrics", "languages")
    assert json.loads(call(served, "metrics", "api-keys", "--json"))[0]["execution_count"] >= 1
    table = call(served, "metrics", "api-keys")
    assert "File Ops" in table and "Environment Key (API_KEY)" in table
    assert "Environment Key (API_KEY)" in [one["name"] for one in json.loads(call(served, "metrics", "api-keys", "--json"))]
    assert json.loads(call(served, "metrics", "pool", "--json"))["total_acquisitions"] >= 2
    assert "Exhaustion Events" in call(served, "metrics", "pool")
    assert sum(hour["execution_count"] for hour in json.loads(call(served, "metrics", "hourly", "--hours", 12, "--json"))) >= 2
    assert "Timeouts" in call(served, "metrics", "hourly")
    assert call(served, "metrics", "watch", "--interval", 1, "--rounds", 2).count("Total Executions") == 2
