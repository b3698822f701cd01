"""The description of the API against what the server really answers: every route, every status that is met here, every field."""

import copy
import json
import re

import pytest
from harness import KEY, started

jsonschema = pytest.importorskip("jsonschema", reason="python3-jsonschema is not installed")

MASTER = "master-key-0123456789abcdef"
METHODS = {"get", "post", "put", "patch", "delete", "options"}
# There only when the server manages keys and counts what happens.
OPTIONAL = re.compile(r"^(/api/v1/admin/|/admin/|/metrics|/status$)")
# One page at several addresses, and its scripts: of no use to a program.
NOT_DESCRIBED = re.compile(r"^/admin-dashboard/")


@pytest.fixture(scope="module")
def debugged(program):
    """With API_DEBUG, which makes /config tell the routes."""
    server = started(program, API_DEBUG="true", MASTER_API_KEY=MASTER)
    yield server
    server.discard()


@pytest.fixture(scope="module")
def described(debugged):
    answer = debugged.get("/openapi.json", headers={"x-api-key": None})
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "application/json"
    return answer.json()


def operations(description):
    return {(method.upper(), path): item[method] for path, item in description["paths"].items() for method in item if method in METHODS}


@pytest.fixture(scope="module")
def served(debugged):
    return {tuple(route.split(" ", 1)) for route in debugged.get("/config").json()["routes"]}


def test_every_route_is_described(described, served):
    def same(route):  # whatever its captures are called
        return (route[0], re.sub(r"\{\w+\}", "{}", route[1]))

    there = {same(route) for route in served if not NOT_DESCRIBED.match(route[1])}
    told = {same(route) for route in operations(described)}
    assert not there - told, "describe these in src/pages/files/openapi.json"
    assert not {route for route in told - there if not OPTIONAL.match(route[1])}, "described, but not served"


def test_it_holds_together(described):
    ids = [one["operationId"] for one in operations(described).values()]
    assert len(ids) == len(set(ids))
    tags = {tag["name"] for tag in described["tags"]}
    for (method, path), operation in operations(described).items():
        assert operation["summary"] and set(operation["tags"]) <= tags, (method, path)
        names = {one["name"] for one in operation.get("parameters", []) if one["in"] == "path"}
        assert names == set(re.findall(r"\{(\w+)\}", path)), (method, path)
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(described)):
        place = described
        for part in reference.split("/"):
            assert part in place, reference
            place = place[part]
    for schema in described["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def strict(value):
    """The same schemas, taking no field that is not described."""
    if isinstance(value, list):
        return [strict(one) for one in value]
    if not isinstance(value, dict):
        return value
    value = {name: strict(one) for name, one in value.items()}
    if value.get("type") == "object" and isinstance(value.get("properties"), dict):
        value.setdefault("additionalProperties", False)
    return value


class Judge:
    """Compares answers with the description, and keeps which operations it has seen succeed."""

    def __init__(self, server, description):
        self.server, self.operations = server, operations(description)
        self.components = strict(copy.deepcopy(description["components"]))
        self.succeeded = set()

    def __call__(self, method, path, fill=None, status=200, key=KEY, **options):
        """Sends a request to a path of the description, with its captures filled in."""
        operation = self.operations[method, path]
        names = iter(fill or ())
        address = re.sub(r"\{\w+\}", lambda _: str(next(names)), path)
        headers = {"x-api-key": key} | options.pop("headers", {})
        answer = self.server.request(method, address, headers=headers, **options)
        where = f"{method} {address}: {answer.status_code} {answer.text[:500]}"
        assert answer.status_code == status, where
        assert str(status) in operation["responses"], f"{where}: this status is not described"
        response = operation["responses"][str(status)]
        if "$ref" in response:
            response = self.components["responses"][response["$ref"].rsplit("/", 1)[1]]
        content = response.get("content")
        if not content:
            assert not answer.content, where
        else:
            kind = answer.headers["Content-Type"].split(";")[0]
            assert kind in content or "application/octet-stream" in content, f"{where}: {kind} is not described"
            if kind == "application/json":
                schema = strict(content[kind]["schema"]) | {"components": self.components}
                errors = list(jsonschema.Draft202012Validator(schema).iter_errors(answer.json()))
                assert not errors, f"{where}: {errors[0].message} at {list(errors[0].path)}"
        if status < 400:
            self.succeeded.add((method, path))
        return answer


def test_what_is_answered_is_what_is_described(debugged, described, served):
    ask = Judge(debugged, described)
    code = "import os\nprint('hello')\nopen('made.txt', 'w').write('made')\nx = 1\nif os.path.exists('gone.txt'): os.remove('gone.txt')"
    uploaded = ask("POST", "/upload", files={"file": ("gone.txt", b"first")}).json()
    sent = {"id": uploaded["files"][0]["fileId"], "name": "gone.txt", "storage_session_id": uploaded["storage_session_id"]}
    ask("POST", "/upload", status=422, data={"entity_id": "a"}, files={})
    batch = ask("POST", "/upload/batch", files=[("file", ("a.txt", b"a")), ("file", ("evil.exe", b"MZ"))]).json()
    run = ask("POST", "/exec", json={"lang": "py", "code": code, "files": [sent], "runtime_session_hint": "a:b"}).json()
    ask("POST", "/exec", json={"lang": "py", "code": "open('made.txt', 'a').write('!')", "session_id": run["session_id"]})
    ask("POST", "/exec", json={"lang": "py", "code": "while True: pass", "timeout": 1000})
    ask("POST", "/exec", json={"lang": "py", "code": "import os\nos.abort()"})
    ask("POST", "/exec", status=400, json={"lang": "cobol", "code": "1"})
    ask("POST", "/exec", status=422, json={"lang": 1})
    ask("POST", "/exec", status=401, key="not-a-key-0123456789", json={"lang": "py", "code": "1"})
    ask("POST", "/exec", status=415, data="<x/>", headers={"content-type": "application/xml"})
    ask("POST", "/exec", status=409, json={"lang": "py", "code": "1"}, headers={"X-LibreChat-Code-Worker-ID": "w"})
    session, file = run["session_id"], run["files"][0]["id"]
    for detail in ("full", "simple", "summary", "normalized"):
        assert ask("GET", "/files/{session}", (session,), params={"detail": detail}).json()
    ask("GET", "/sessions/{session}/objects/{file}", (session, file))
    ask("GET", "/sessions/{session}/objects/{file}", (session, "A" * 21), status=404)
    whole = ask("GET", "/download/{session}/{file}", (session, file))
    ask("GET", "/download/{session}/{file}", (session, file), status=304, headers={"If-None-Match": whole.headers["ETag"]})
    ask("GET", "/download/{session}/{file}", (session, file), status=206, headers={"Range": "bytes=0-0"})
    ask("GET", "/download/{session}/{file}", (session, file), status=416, headers={"Range": "bytes=9999-"})
    ask("OPTIONS", "/download/{session}/{file}", (session, file), status=204, key=None)
    state = ask("GET", "/state/{session}", (session,)).content
    ask("GET", "/state/{session}/info", (session,))
    ask("GET", "/state/{session}/info", ("B" * 21,))
    ask("POST", "/state/{session}", (session,), status=201, data=state)
    ask("POST", "/state/{session}", (session,), status=400, data=b"x")
    ask("DELETE", "/state/{session}", (session,), status=204)
    ask("GET", "/state/{session}", (session,), status=404)
    ask("DELETE", "/files/{session}/{file}", (session, file))
    ask("DELETE", "/files/{session}/{file}", (session, file), status=404)
    ask("DELETE", "/sessions/{session}/objects/{file}", (batch["session_id"], batch["files"][0]["fileId"]))
    ask("GET", "/health", key=None)
    ask("GET", "/ready", key=None)
    ask("GET", "/config")
    for service in ("detailed", "redis", "minio", "pod_pool", "compile_cache"):
        ask("GET", "/health/{service}", (service,))
    ask("GET", "/health/{service}", ("nothing",), status=404)
    ask("GET", "/libraries")
    ask("GET", "/libraries", status=400, params={"language": "cobol"})
    for page in ("/playground", "/docs", "/redoc", "/openapi.json", "/admin-dashboard"):
        ask("GET", page, key=None)
    for path in ("/exec/programmatic", "/exec/programmatic/cancel"):
        if ("POST", path) in served:
            answer = debugged.post(path, json={"lang": "py", "code": "1"})
            if answer.status_code == 409:
                ask("POST", path, status=409, json={"lang": "py", "code": "1"})
    for path in ("/metrics", "/metrics/prometheus", "/metrics/execution", "/metrics/api", "/metrics/detailed", "/metrics/by-language", "/metrics/pool", "/status"):
        if ("GET", path) in served:
            ask("GET", path)
    if ("GET", "/metrics/by-api-key/{key}") in served:
        ask("GET", "/metrics/by-api-key/{key}", ("0" * 16,))
        ask("GET", "/metrics/detailed", status=422, params={"hours": "x"})
    if ("GET", "/api/v1/admin/keys") in served:
        administer(ask)
    told = {route for route in ask.operations if route in served}
    assert not told - ask.succeeded - {("POST", "/exec/programmatic"), ("POST", "/exec/programmatic/cancel"), ("DELETE", "/api/v1/admin/runs/{run}")}


def administer(ask):
    for root in ("/api/v1/admin/keys", "/admin/keys"):
        made = ask("POST", root, key=MASTER, json={"name": "one", "rate_limits": {"hourly": 5}, "metadata": {"team": "a"}}).json()
        key = made["record"]["key_hash"]
        ask("GET", root, key=MASTER)
        ask("GET", root + "/{key}", (key,), key=MASTER)
        ask("PATCH", root + "/{key}", (key,), key=MASTER, json={"enabled": False})
        ask("DELETE", root + "/{key}", (key,), key=MASTER)
        ask("DELETE", root + "/{key}", (key,), key=MASTER, status=404)
        ask("GET", root, key="not-the-master-key-0123", status=403)
        ask("GET", root, key=None, status=422)
    ask("GET", "/api/v1/admin/runs", key=MASTER)
    ask("DELETE", "/api/v1/admin/runs/{run}", ("A" * 21,), key=MASTER, status=404)
    ask("GET", "/api/v1/admin/stats", key=MASTER)
    for name in ("summary", "languages", "time-series", "heatmap", "api-keys", "top-languages"):
        ask("GET", f"/api/v1/admin/metrics/{name}", key=MASTER)
    ask("GET", "/api/v1/admin/metrics/languages", key=MASTER, params={"stack_by_api_key": "true", "period": "week"})
    ask("GET", "/api/v1/admin/metrics/summary", key=MASTER, status=422, params={"period": "century"})


@pytest.mark.parametrize("path", ["/playground", "/docs", "/redoc", "/openapi.json"])
def test_documentation_can_be_off(make_server, path):
    server = make_server(ENABLE_DOCS="false")
    assert server.get(path).status_code == 404
    assert server.get("/health").json()["config"]["docs_enabled"] is False
    assert server.get("/admin-dashboard", headers={"x-api-key": None}).status_code == 200
