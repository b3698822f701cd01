"""Where the key may be, and what happens without it: operations.md 1, 4, 5, 10.

A server may stop listening to an address that fails too often, so every refused request here comes from a loopback address of
its own.
"""

import base64
import itertools
import json
import re

import pytest
import requests
from requests.adapters import HTTPAdapter

from harness import ID, KEY, http_bytes, read_response
from test_exec import check_envelope

SECOND, THIRD = "second-key-0123456789", "third:key%with/odd+chars"
WRONG = "wrong-key-0123456789abc"
_addresses = itertools.count(1)


class From(HTTPAdapter):
    """Connects from a loopback address that nobody used before."""

    def __init__(self, address=None):
        number = next(_addresses)
        self.address = address or f"127.1.{number // 250}.{number % 250 + 1}"
        super().__init__()

    def init_poolmanager(self, *arguments, **options):
        super().init_poolmanager(*arguments, source_address=(self.address, 0), **options)


def anonymous(address=None):
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", From(address))
    return session


@pytest.fixture(scope="module")
def keyed(make_module_server):
    return make_module_server(API_KEYS=f"{SECOND},{THIRD}")


@pytest.fixture(scope="module")
def make_module_server(program):
    from harness import started

    made = []

    def make(**settings):
        made.append(started(program, **settings))
        return made[-1]

    yield make
    for server in made:
        server.discard()


def basic(text, padded=True):
    encoded = base64.b64encode(text.encode()).decode()
    return "Basic " + (encoded if padded else encoded.rstrip("="))


def execute(server, headers=None, body=None, session=None, path="/exec"):
    body = {"lang": "bash", "code": "echo in"} | (body or {})
    return (session or anonymous()).post(server.url + path, json=body, headers=headers or {}, timeout=30)


RIGHT = {
    "x-api-key": {"x-api-key": KEY},
    "X-API-Key": {"X-API-Key": KEY},
    "trimmed": {"x-api-key": f"{KEY}  "},
    "bearer": {"Authorization": f"Bearer {KEY}"},
    "bearer without case": {"Authorization": f"bEARER  {KEY}"},
    "apikey": {"Authorization": f"ApiKey {KEY}"},
    "apikey without case": {"Authorization": f"apikey {KEY}"},
    "basic user": {"Authorization": basic(f"{KEY}:")},
    "basic user and anything": {"Authorization": basic(f"{KEY}:x")},
    "basic password": {"Authorization": basic(f":{KEY}")},
    "basic without colon": {"Authorization": basic(KEY)},
    "basic without case": {"Authorization": basic(f"{KEY}:").replace("Basic", "basic")},
    "basic unpadded": {"Authorization": basic(f"{KEY}:", padded=False)},
    "basic without colon unpadded": {"Authorization": basic(KEY, padded=False)},
    "second key": {"x-api-key": SECOND},
    "third key, bearer": {"Authorization": f"Bearer {THIRD}"},
    "x-api-key wins over a wrong authorization": {"x-api-key": KEY, "Authorization": f"Bearer {WRONG}"},
    "an empty header is absent": {"x-api-key": "", "Authorization": f"Bearer {KEY}"},
}

REFUSED = {
    "wrong x-api-key": {"x-api-key": WRONG},
    "wrong bearer": {"Authorization": f"Bearer {WRONG}"},
    "wrong basic": {"Authorization": basic(f"{WRONG}:")},
    "wrong basic without colon": {"Authorization": basic(WRONG)},
    "the first that is found counts": {"x-api-key": WRONG, "Authorization": f"Bearer {KEY}"},
    "user name counts before the password": {"Authorization": basic(f"{WRONG}:{KEY}")},
    "prefix of the key": {"x-api-key": KEY[:-1]},
    "key with a suffix": {"x-api-key": KEY + "x"},
    "key in other case": {"x-api-key": KEY.upper()},
    "the list is not a key": {"x-api-key": f"{SECOND},{THIRD}"},
    "a token of three parts": {"Authorization": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.x"},
    "very long": {"x-api-key": "k" * 8000},
}

ABSENT = {
    "nothing": {},
    "empty": {"x-api-key": ""},
    "empty authorization": {"Authorization": ""},
    "scheme alone": {"Authorization": "Bearer"},
}


@pytest.mark.parametrize("headers", RIGHT.values(), ids=RIGHT)
def test_places_of_the_key(keyed, headers):
    answer = execute(keyed, headers)
    assert answer.status_code == 200 and answer.json()["stdout"] == "in\n"


@pytest.mark.parametrize("headers", REFUSED.values(), ids=REFUSED)
def test_wrong_keys(keyed, headers):
    answer = execute(keyed, headers)
    check_envelope(answer, 401, "authentication", "Invalid API key")
    assert "www-authenticate" not in answer.headers and WRONG not in answer.text and KEY not in answer.text


@pytest.mark.parametrize("headers", ABSENT.values(), ids=ABSENT)
def test_no_key(keyed, headers):
    answer = execute(keyed, headers)
    assert answer.status_code == 401 and "www-authenticate" not in answer.headers
    check_envelope(answer, 401, "authentication")
    if headers == {}:
        assert answer.json()["error"] == "Missing API key"


@pytest.mark.parametrize("value", ["Basic", "Basic !!!", "Basic " + "A" * 5000, "Basic =", "Basic Og==", "Negotiate x", "Bearer", "\u00e9\u00e9"])
def test_malformed_authorization(keyed, value):
    answer = execute(keyed, {"Authorization": value.encode("latin-1")})
    check_envelope(answer, 401, "authentication")


# ---- the key in the body --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["LIBRECHAT_CODE_API_KEY", "api_key", "apiKey"])
@pytest.mark.parametrize("value", [KEY, f"  {KEY} "])
def test_key_in_the_body(keyed, name, value):
    answer = execute(keyed, body={name: value})
    assert answer.status_code == 200 and answer.json()["stdout"] == "in\n"


def test_names_in_the_body_have_an_order(keyed):
    assert execute(keyed, body={"apiKey": WRONG, "api_key": KEY}).status_code == 200
    assert execute(keyed, body={"LIBRECHAT_CODE_API_KEY": WRONG, "api_key": KEY}).status_code == 401
    assert execute(keyed, body={"LIBRECHAT_CODE_API_KEY": "  ", "api_key": KEY}).status_code == 200
    assert execute(keyed, body={"LIBRECHAT_CODE_API_KEY": 5, "api_key": KEY}).status_code == 200


def test_a_header_counts_before_the_body(keyed):
    assert execute(keyed, {"x-api-key": WRONG}, {"api_key": KEY}).status_code == 401
    assert execute(keyed, {"x-api-key": KEY}, {"api_key": WRONG}).status_code == 200


@pytest.mark.parametrize("kind, status", [("application/json; charset=utf-8", 200), ("Application/Json", 200), ("text/plain", 401)])
def test_key_in_the_body_needs_json(keyed, kind, status):
    body = json.dumps({"lang": "bash", "code": "echo in", "api_key": KEY})
    assert anonymous().post(keyed.url + "/exec", data=body, headers={"Content-Type": kind}, timeout=30).status_code == status


def test_key_in_the_body_with_large_code(keyed):
    answer = execute(keyed, body={"api_key": KEY, "code": "# " + "x" * 3_000_000 + "\necho in"})
    assert answer.status_code == 200 and answer.json()["stdout"] == "in\n"


def test_key_in_the_body_does_not_reach_the_program(keyed):
    answer = execute(keyed, body={"api_key": KEY, "code": "env; ls -A /mnt/data; cat /mnt/data/* /proc/*/cmdline /proc/*/environ 2>/dev/null | tr '\\0' '\\n'"})
    assert answer.status_code == 200 and KEY not in answer.text


@pytest.mark.parametrize("query", ["api_key", "apiKey", "x-api-key", "key"])
def test_the_query_is_no_place(keyed, query):
    assert anonymous().get(f"{keyed.url}/files/abc?{query}={KEY}", timeout=30).status_code == 401


def test_a_bad_body_without_a_key_is_refused_for_the_key(keyed):
    for body in (b"{", b"[]", b"null", b'{"api_key":'):
        answer = anonymous().post(keyed.url + "/exec", data=body, headers={"Content-Type": "application/json"}, timeout=30)
        check_envelope(answer, 401, "authentication")


# ---- routes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/health", "/ready", "/v1/health", "/v1/ready", "//health", "/health/"])
def test_free_routes(keyed, path):
    assert anonymous().get(keyed.url + path, timeout=30).status_code == 200


@pytest.mark.parametrize(
    "method, path",
    [("POST", "/exec"), ("POST", "/upload"), ("POST", "/upload/batch"), ("GET", "/files/a"), ("GET", "/download/a/b"), ("HEAD", "/download/a/b"), ("DELETE", "/files/a/b"),
     ("GET", "/sessions/a/objects/b"), ("GET", "/nowhere"), ("GET", "/health/detailed"), ("GET", "/healthx"), ("GET", "/v1/files/a"), ("POST", "//upload")],
)  # fmt: skip
def test_all_other_routes_need_a_key(keyed, method, path):
    options = {"json": {"lang": "bash", "code": "true"}} if method == "POST" else {}
    assert anonymous().request(method, keyed.url + path, timeout=30, **options).status_code == 401


@pytest.mark.parametrize("path", ["/health/../exec", "/health/%2e%2e/files/a", "/health/..%2ffiles/a", "/ready/../files/a", "/health%00/files/a", "/health;/files/a"])
def test_a_free_route_is_no_way_to_the_others(keyed, path):
    import socket

    with socket.create_connection(("127.0.0.1", keyed.port), 10, (f"127.2.0.{next(_addresses) % 250 + 1}", 0)) as connection:
        connection.sendall(http_bytes("GET", path, key=None))
        status, _, body, _ = read_response(connection)
    assert status in (400, 401, 404), body


def test_file_routes_take_basic_too(keyed):
    for authorization in (basic(KEY), basic(f"{KEY}:")):
        session = anonymous()
        session.headers["Authorization"] = authorization
        uploaded = session.post(keyed.url + "/v1/upload", files={"file": ("a.txt", b"x")}, timeout=30)
        assert uploaded.status_code == 200
        path = f"{uploaded.json()['session_id']}/{uploaded.json()['files'][0]['fileId']}"
        assert session.get(f"{keyed.url}/v1/download/{path}", timeout=30).content == b"x"
        assert session.get(f"{keyed.url}/v1/files/{path.split('/')[0]}", timeout=30).status_code == 200


def test_content_type_is_checked_before_the_key(keyed):
    answer = anonymous().post(keyed.url + "/exec", data=b"x", headers={"Content-Type": "application/xml"}, timeout=30)
    check_envelope(answer, 415, "validation", "Unsupported content type: application/xml")


def test_too_many_failures_from_one_address(keyed):
    address = "127.3.0.1"
    statuses = [execute(keyed, {"x-api-key": f"{WRONG}-{i}"}, session=anonymous(address)).status_code for i in range(14)]
    assert statuses == [401] * 10 + [429] * 4
    answer = execute(keyed, {"x-api-key": WRONG}, session=anonymous(address))
    assert answer.json()["error"] == "rate_limited" and answer.json()["retry_after_seconds"] > 0
    assert answer.headers["Retry-After"] == str(answer.json()["retry_after_seconds"])
    assert execute(keyed, {"x-api-key": KEY}).status_code == 200  # others are not punished
    # Nor are right keys of that address, wherever they stand; and who sends none is told so.
    assert execute(keyed, {"x-api-key": KEY}, session=anonymous(address)).status_code == 200
    assert execute(keyed, body={"api_key": KEY}, session=anonymous(address)).status_code == 200
    for headers in ({}, {"x-api-key": ""}):
        check_envelope(execute(keyed, headers, session=anonymous(address)), 401, "authentication", "Missing API key")
    assert anonymous(address).get(keyed.url + "/files/abc", timeout=30).status_code == 401


def test_a_client_that_repeats_its_wrong_key_fails_once(keyed):
    address = "127.3.0.2"
    assert {execute(keyed, {"x-api-key": WRONG}, session=anonymous(address)).status_code for _ in range(25)} == {401}
    assert {execute(keyed, session=anonymous(address)).status_code for _ in range(9)} == {401}  # each without a key counts
    assert execute(keyed, {"x-api-key": WRONG}, session=anonymous(address)).status_code == 429


def test_trusted_networks_need_no_key(make_server):
    server = make_server(AUTH_TRUSTED_NETWORKS="127.9.0.0/16, fd00::/8")
    assert execute(server, session=anonymous("127.9.1.1")).status_code == 200
    assert execute(server, session=anonymous("127.8.1.1")).status_code == 401
    forwarded = {"X-Forwarded-For": "127.9.1.1", "X-Real-IP": "127.9.1.1"}
    assert execute(server, forwarded, session=anonymous("127.8.1.2")).status_code == 401


HOSTILE_IDS = ["*", "?", "a:b", "..", "../x", "..%2f..", "%2e%2e", "[a-z]*", "sessions:index", "index", "%00", "\\*", "{a,b}"]


def test_files_of_another_caller_are_out_of_reach_where_ownership_is_strict(make_server):
    """A key is one caller, a trusted network another: neither finds, reads, runs with or removes what the other has."""
    server = make_server(AUTH_TRUSTED_NETWORKS="127.9.0.0/16", STRICT_FILE_OWNERSHIP="true")
    other = anonymous("127.9.1.1")
    mine = server.upload_one("mine.txt", b"secret")
    session, file = mine["storage_session_id"], mine["id"]
    made = server.run("bash", "echo secret > made.txt", session_id=session)["files"]
    assert len(made) == 1

    def call(method, path, **options):
        return other.request(method, server.url + path, timeout=20, **options)

    assert execute(server, session=other).status_code == 200
    assert call("GET", f"/files/{session}").json() == []
    for method, path in (("GET", "/download/{}/{}"), ("GET", "/sessions/{}/objects/{}"), ("DELETE", "/files/{}/{}")):
        assert call(method, path.format(session, file)).status_code == 404, path
    wanted = {"lang": "bash", "code": "cat mine.txt; ls", "files": [mine]}
    assert call("POST", "/exec", json=wanted).status_code == 403
    by_name = {"lang": "bash", "code": "ls", "files": [mine | {"id": "mine.txt"}]}
    assert call("POST", "/exec", json=by_name).status_code == 403
    joined = call("POST", "/exec", json={"lang": "bash", "code": "ls | grep -v code.sh", "session_id": session}).json()
    assert joined["session_id"] != session and joined["stdout"] == ""

    for odd in HOSTILE_IDS:
        assert call("GET", f"/files/{odd}").status_code in (200, 400, 404), odd
        for path in (f"/{odd}/{file}", f"/{session}/{odd}", f"/{odd}/{odd}"):
            assert call("GET", f"/download{path}").status_code in (400, 404), path
            assert call("DELETE", f"/files{path}").status_code in (400, 404, 405), path
        for reference in ({"id": odd, "name": "x", "storage_session_id": odd}, {"id": file, "name": "x", "storage_session_id": odd}):
            answer = call("POST", "/exec", json={"lang": "bash", "code": "ls | grep -v code.sh", "files": [reference]})
            assert answer.status_code in (200, 403, 422), (odd, answer.text)
            assert answer.status_code != 200 or answer.json()["stdout"] == "", (odd, answer.text)
        answer = call("POST", "/exec", json={"lang": "bash", "code": "ls | grep -v code.sh", "session_id": odd})
        assert answer.status_code in (200, 422) and (answer.status_code != 200 or answer.json()["stdout"] == ""), odd

    assert server.download(mine) == b"secret" and server.download(made[0]) == b"secret\n"
    assert server.run("bash", "cat mine.txt", files=[mine])["stdout"] == "secret\n"


def test_a_key_that_is_gone_from_the_environment_is_refused(make_server):
    server = make_server(API_KEYS=SECOND)
    assert execute(server, {"x-api-key": SECOND}).status_code == 200
    server.stop()
    del server.settings["API_KEYS"]
    server.start()
    assert execute(server, {"x-api-key": SECOND}).status_code == 401
    assert execute(server, {"x-api-key": KEY}).status_code == 200


@pytest.mark.parametrize("settings", [{"API_KEY": ""}, {"API_KEY": "short"}, {"API_KEY": "test-api-key"}])
def test_start_without_a_proper_key_fails_and_says_why(make_server, settings):
    from harness import DidNotStart

    server = make_server(start=False, **settings)
    with pytest.raises(DidNotStart, match="exit code 1"):
        server.start(15)
    assert "API_KEY" in server.log_text()


# ---- secrets, envelope, headers, health -----------------------------------------------------------------------------


def test_keys_are_never_logged(keyed):
    execute(keyed, {"x-api-key": WRONG})
    execute(keyed, body={"api_key": KEY, "code": "echo very-secret-code"})
    log = keyed.log_text()
    assert log and not [secret for secret in (KEY, SECOND, THIRD, WRONG, "very-secret-code") if secret in log]


SECURITY_HEADERS = {
    "x-content-type-options": "nosniff", "x-frame-options": "DENY", "x-xss-protection": "1; mode=block",
    "strict-transport-security": "max-age=31536000; includeSubDomains", "referrer-policy": "strict-origin-when-cross-origin",
    "permissions-policy": "geolocation=(), microphone=(), camera=()", "content-security-policy": "default-src 'self'",
}  # fmt: skip


@pytest.mark.parametrize(
    "status, method, path, headers",
    [(200, "GET", "/health", {}), (200, "POST", "/exec", {"x-api-key": KEY}), (401, "GET", "/files/a", {}), (404, "GET", "/nowhere", {"x-api-key": KEY}),
     (405, "GET", "/exec", {"x-api-key": KEY}), (204, "OPTIONS", "/download/a/b", {})],
)  # fmt: skip
def test_headers_of_every_answer(keyed, status, method, path, headers):
    options = {"json": {"lang": "bash", "code": "true"}} if method == "POST" else {}
    answer = anonymous().request(method, keyed.url + path, headers=headers, timeout=30, **options)
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert re.match(r"^[A-Za-z0-9_-]{1,64}$", answer.headers["x-request-id"])


@pytest.mark.parametrize("sent, kept", [("my-request_1", True), ("x" * 64, True), ("x" * 65, False), ("has space", False), ("a/b", False)])
def test_request_id(keyed, sent, kept):
    answer = anonymous().get(keyed.url + "/health", headers={"X-Request-ID": sent}, timeout=30)
    assert (answer.headers["x-request-id"] == sent) == kept


def test_request_ids_of_errors_are_new(keyed):
    bodies = [execute(keyed, {"x-api-key": KEY}, {"lang": "none"}).json() for _ in range(3)]
    assert len({body["request_id"] for body in bodies}) == 3 and all(re.match(ID, body["request_id"]) for body in bodies)


@pytest.mark.parametrize("path", ["/health", "/v1/health"])
def test_health(keyed, path):
    answer = anonymous().get(keyed.url + path, timeout=30)
    body = answer.json()
    assert answer.status_code == 200 and body["status"] == "healthy" and re.match(r"^\d+\.\d+\.\d+", body["version"])
    assert body["config"] == {"debug": False, "docs_enabled": True, "cors_enabled": False} and body["service"]


def test_ready(keyed):
    assert anonymous().get(keyed.url + "/ready", timeout=30).json() == {"status": "ready"}


def test_cors_only_when_asked_for(make_server, keyed):
    origin = {"Origin": "https://app.example"}
    assert "access-control-allow-origin" not in anonymous().get(keyed.url + "/health", headers=origin, timeout=30).headers
    server = make_server(ENABLE_CORS="true", CORS_ORIGINS='["https://app.example"]')
    answer = anonymous().get(server.url + "/health", headers=origin, timeout=30)
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    other = anonymous().get(server.url + "/health", headers={"Origin": "https://evil.example"}, timeout=30)
    assert other.headers.get("access-control-allow-origin") not in ("*", "https://evil.example")
    preflight = anonymous().options(server.url + "/exec", headers=origin | {"Access-Control-Request-Method": "POST"}, timeout=30)
    assert preflight.status_code in (200, 204) and preflight.headers["access-control-allow-origin"] == "https://app.example"
