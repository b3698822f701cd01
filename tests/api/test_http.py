"""What careless, slow and hostile clients do to the listener. Raw sockets, because client libraries are too polite."""

import json
import random
import select
import socket
import struct
import threading
import time

import pytest
import requests

from harness import KEY, command_line, descendants, http_bytes, processes_with, read_response, wait_until

ECHO = {"lang": "bash", "code": "echo in"}


def healthy(server):
    assert server.get("/health").json()["status"] == "healthy"
    assert server.py("print(6*7)")["stdout"] == "42\n"


def closed(connection, seconds=10.0):
    """Whether the server closes the connection in time; whatever it still sends is thrown away."""
    connection.settimeout(seconds)
    try:
        while connection.recv(65536):
            pass
        return True
    except (ConnectionResetError, BrokenPipeError):
        return True
    except socket.timeout:
        return False


def send_quietly(connection, data):
    """Sends as much as the server takes; it may refuse and close before all was sent."""
    try:
        connection.sendall(data)
    except (ConnectionResetError, BrokenPipeError):
        pass


# ---- connections ----------------------------------------------------------------------------------------------------


def test_keep_alive(server):
    with server.socket() as connection:
        rest = b""
        for index in range(20):
            connection.sendall(http_bytes("POST", "/exec", {"lang": "bash", "code": f"echo {index}"}))
            status, headers, body, rest = read_response(connection, rest)
            assert status == 200 and json.loads(body)["stdout"] == f"{index}\n" and headers.get("connection", "").lower() != "close"


@pytest.mark.parametrize("path, status", [("/health", 200), ("/nowhere", 404)])
def test_connection_close_is_honoured(server, path, status):
    with server.socket() as connection:
        connection.sendall(http_bytes("GET", path, Connection="close"))
        got, headers, _, _ = read_response(connection)
        assert got == status and headers["connection"].lower() == "close" and closed(connection, 5)


def test_http_1_0_is_answered_and_closed(server):
    with server.socket() as connection:
        connection.sendall(b"GET /health HTTP/1.0\r\n\r\n")
        status, _, body, _ = read_response(connection)
        assert status == 200 and b"healthy" in body and closed(connection, 5)


def test_pipelined_requests_are_answered_in_order(server):
    with server.socket() as connection:
        delays = [0.3, 0, 0.1, 0, 0, 0.2]
        requests_ = [http_bytes("POST", "/exec", {"lang": "bash", "code": f"sleep {delay}; echo {index}"}) for index, delay in enumerate(delays)]
        connection.sendall(b"".join(requests_) + http_bytes("GET", "/health"))
        rest = b""
        for index in range(len(delays)):
            status, _, body, rest = read_response(connection, rest)
            assert status == 200 and json.loads(body)["stdout"] == f"{index}\n"
        assert read_response(connection, rest)[0] == 200


def test_a_refused_request_in_a_pipeline_does_not_disturb_its_neighbours(server):
    with server.socket() as connection:
        parts = [http_bytes("POST", "/exec", ECHO), http_bytes("GET", "/nowhere"), http_bytes("POST", "/exec", {"lang": "x", "code": "y"}), http_bytes("POST", "/exec", ECHO)]
        connection.sendall(b"".join(parts))
        rest, statuses = b"", []
        for _ in parts:
            status, _, _, rest = read_response(connection, rest)
            statuses.append(status)
    assert statuses == [200, 404, 400, 200]


def test_a_request_in_single_bytes(server):
    with server.socket() as connection:
        for byte in http_bytes("POST", "/exec", ECHO):
            connection.sendall(bytes([byte]))
        assert json.loads(read_response(connection)[2])["stdout"] == "in\n"


def test_chunked_body(server):
    body = json.dumps(ECHO).encode()
    head = f"POST /exec HTTP/1.1\r\nHost: x\r\nx-api-key: {KEY}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(body[i : i + 7]), body[i : i + 7]) for i in range(0, len(body), 7)) + b"0\r\n\r\n"
    with server.socket() as connection:
        connection.sendall(head + chunks + http_bytes("GET", "/health"))
        status, _, answer, rest = read_response(connection)
        assert status == 200 and json.loads(answer)["stdout"] == "in\n"
        assert read_response(connection, rest)[0] == 200


def test_expect_continue(server):
    body = json.dumps(ECHO).encode()
    with server.socket() as connection:
        connection.sendall(f"POST /exec HTTP/1.1\r\nHost: x\r\nx-api-key: {KEY}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n".encode())
        connection.settimeout(5)
        try:
            assert connection.recv(65536).startswith(b"HTTP/1.1 100")
        except socket.timeout:
            pytest.fail("no 100 Continue: clients such as curl wait a second before each large upload")
        connection.sendall(body)
        assert json.loads(read_response(connection)[2])["stdout"] == "in\n"


def test_two_hundred_connections_at_once(server):
    connections = []
    try:
        for _ in range(200):
            connections.append(socket.create_connection(("127.0.0.1", server.port), 20))
        for connection in connections:
            connection.sendall(http_bytes("GET", "/health"))
        assert [read_response(connection)[0] for connection in connections] == [200] * 200
    finally:
        for connection in connections:
            connection.close()


def test_a_connection_that_says_nothing_costs_nobody_anything(server):
    idle = [socket.create_connection(("127.0.0.1", server.port), 20) for _ in range(50)]
    try:
        healthy(server)
    finally:
        for connection in idle:
            connection.close()


# ---- slow clients ---------------------------------------------------------------------------------------------------


def drip(server, first, piece, every, seconds):
    """Sends a request that never ends, a little at a time; returns the seconds until the server had enough, or None."""
    with server.socket() as connection:
        connection.sendall(first)
        connection.settimeout(every)
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            try:
                if not connection.recv(65536):
                    return time.monotonic() - began
            except socket.timeout:
                pass
            except (ConnectionResetError, BrokenPipeError):
                return time.monotonic() - began
            try:
                if piece:
                    connection.sendall(piece)
            except (ConnectionResetError, BrokenPipeError):
                return time.monotonic() - began
    return None


@pytest.mark.slow
def test_slow_clients_are_cut_off_and_bother_nobody(server):
    head = f"POST /exec HTTP/1.1\r\nHost: x\r\nx-api-key: {KEY}\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n".encode()
    upload = f"POST /upload HTTP/1.1\r\nHost: x\r\nx-api-key: {KEY}\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 5000\r\n\r\n--b\r\n".encode()
    cases = {
        "headers in drops": (b"GET /health HTTP/1.1\r\nHost: x\r\n", b"X-A: b\r\n", 1.0),
        "half a request line": (b"GET /hea", b"", 1.0),
        "a body that stops": (head + b'{"lang":', b"", 1.0),
        "a form that stops": (upload, b"", 1.0),
    }
    results = {}

    def attack(name, first, piece, every):
        results[name] = drip(server, first, piece, every, 60)

    threads = [threading.Thread(target=attack, args=(name, *case)) for name, case in cases.items()]
    for thread in threads:
        thread.start()
    slowest = 0.0
    while any(thread.is_alive() for thread in threads):
        began = time.monotonic()
        assert server.run("bash", "echo in")["stdout"] == "in\n"
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(0.5)
    assert not [name for name, seconds in results.items() if seconds is None], results
    assert slowest < 3


def test_a_client_that_does_not_read_holds_up_nobody(server):
    file = server.upload_one("large.dat", b"x" * 9_000_000)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(http_bytes("GET", f"/download/{file['storage_session_id']}/{file['id']}") * 3)
        healthy(server)
        began = time.monotonic()
        assert len(server.download(file)) == 9_000_000 and time.monotonic() - began < 10


# ---- sizes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lines", [b"X-Big: " + b"x" * 200_000 + b"\r\n", b"".join(b"X-%d: y\r\n" % index for index in range(20_000))], ids=["one", "many"])
def test_huge_header(server, lines):
    with server.socket() as connection:
        send_quietly(connection, b"GET /health HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n")
        assert read_response(connection)[0] in (0, 400, 413, 431)
        assert closed(connection)
    healthy(server)


def test_huge_request_line(server):
    with server.socket() as connection:
        send_quietly(connection, b"GET /" + b"a" * 300_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_response(connection)[0] in (0, 400, 413, 414, 431)
    healthy(server)


def test_a_header_block_of_thirty_kilobytes_is_fine(server):
    assert server.get("/health", headers={"X-Big": "x" * 30_000}).status_code == 200


@pytest.mark.parametrize("path, kind", [("/exec", "application/json"), ("/upload", "multipart/form-data; boundary=b"), ("/nowhere", "application/json")])
@pytest.mark.parametrize("length", [1 << 30, 1 << 40, (1 << 63) - 1])
def test_an_announced_giant_is_refused_before_it_is_sent(server, path, kind, length):
    with server.socket() as connection:
        connection.settimeout(10)
        began = time.monotonic()
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nx-api-key: {KEY}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n".encode())
        status, _, body, _ = read_response(connection)
        assert status in ((413,) if path != "/nowhere" else (404, 413)), body
        assert time.monotonic() - began < 5
        assert json.loads(body)["error_type"] in ("resource_exhausted", "resource_not_found")


def test_a_giant_in_chunks_is_refused_on_the_way(server):
    head = f"POST /exec HTTP/1.1\r\nHost: x\r\nx-api-key: {KEY}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    piece = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    with server.socket() as connection:
        connection.sendall(head)
        answer, sent = b"", 0
        try:
            while sent < 400:
                connection.sendall(piece)
                sent += 1
                if not answer and select.select([connection], [], [], 0)[0]:
                    answer = connection.recv(65536)
                    assert sent < 120, f"{sent} MB were taken before the refusal, although the limit is 50"
        except (ConnectionResetError, BrokenPipeError):
            pass
        assert answer == b"" or answer.startswith(b"HTTP/1.1 413"), answer[:200]
        # A while of reading on lets the client see the answer; without an end it is a free way to keep the server busy.
        assert sent < 400, "the rest of a refused body is read without an end"
    healthy(server)


def test_a_giant_without_a_key_is_refused_for_the_key_or_its_size(server):
    # From an address of its own, since refusals are counted.
    with socket.create_connection(("127.0.0.1", server.port), 10, ("127.4.0.1", 0)) as connection:
        connection.sendall(b"POST /exec HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1073741824\r\n\r\n")
        assert read_response(connection)[0] in (401, 413)


def test_a_json_body_just_above_the_limit(make_server):
    server = make_server(CODEAPI_HTTP_JSON_LIMIT="1mb")
    body = {"lang": "bash", "code": "echo in"}
    size = len(json.dumps(body | {"pad": ""}))
    assert server.post("/exec", data=json.dumps(body | {"pad": "x" * ((1 << 20) - size)}), headers={"Content-Type": "application/json"}).status_code == 200
    answer = server.post("/exec", data=json.dumps(body | {"pad": "x" * ((1 << 20) - size + 1)}), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413 and answer.json()["error_type"] == "resource_exhausted"


@pytest.mark.parametrize("depth", [100, 100_000])
@pytest.mark.parametrize("opening, closing", [(b"[", b"]"), (b'{"a":', b"}")], ids=["arrays", "objects"])
def test_deep_json(server, depth, opening, closing):
    inner = opening * depth + b"1" + closing * depth
    answer = server.post("/exec", data=b'{"lang":"bash","code":"echo in","deep":' + inner + b"}", headers={"Content-Type": "application/json"})
    assert answer.status_code in ((200, 422) if depth > 100 else (200,)), answer.text[:300]
    healthy(server)


def test_deep_json_that_never_ends(server):
    answer = server.post("/exec", data=b"[" * 5_000_000, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    healthy(server)


@pytest.mark.parametrize("number", ["1e999999", "-" + "9" * 100_000, "1." + "0" * 100_000, "NaN", "Infinity"])
def test_odd_numbers_in_json(server, number):
    answer = server.post("/exec", data=f'{{"lang":"bash","code":"echo in","x":{number}}}'.encode(), headers={"Content-Type": "application/json"})
    assert answer.status_code in (200, 422)
    answer = server.post("/exec", data=f'{{"lang":"bash","code":"echo in","timeout":{number}}}'.encode(), headers={"Content-Type": "application/json"})
    assert answer.status_code in (200, 422)


# ---- malformed ------------------------------------------------------------------------------------------------------

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "text",
    [
        b"\r\n\r\n\r\n", b"nonsense\r\n\r\n", b"GET\r\n\r\n", b"GET /health\r\n\r\n", b"GET /health HTTP/9.9\r\n\r\n", b"GET  /health HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x00" * 1000 + b"\r\n\r\n", b"GET /health HTTP/1.1\r\nNo colon\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n", b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"CONNECT example.com:443 HTTP/1.1\r\n\r\n",
        b"GET http://example.com/health HTTP/1.1\r\nHost: x\r\n\r\n", b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", b"TRACE /health HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /exec HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"POST /exec HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    ],
)  # fmt: skip
def test_nonsense_never_hurts(server, text):
    with socket.create_connection(("127.0.0.1", server.port), 10, ("127.4.0.2", 0)) as connection:
        send_quietly(connection, text)
        connection.shutdown(socket.SHUT_WR)
        status = read_response(connection)[0]
        # An absolute address is a legal way to ask; everything else must not look like a success.
        assert status < 500 and (status != 200 or b" http://" in text or text.startswith(b"\r\n") or b"GET  /" in text), status
    healthy(server)


@pytest.mark.parametrize(
    "lines",
    [
        "Content-Length: 5\r\nTransfer-Encoding: chunked", "Content-Length: 5\r\nContent-Length: 60", "Transfer-Encoding: identity, chunked\r\nContent-Length: 3",
        "Transfer-Encoding: xchunked", "Transfer-Encoding : chunked", "Content-Length: +5",
    ],
)  # fmt: skip
def test_two_opinions_on_where_a_request_ends_are_refused(server, lines):
    with server.socket() as connection:
        head = f"POST /exec HTTP/1.1\r\nHost: x\r\nx-api-key: {KEY}\r\nContent-Type: application/json\r\n{lines}\r\n\r\n".encode()
        send_quietly(connection, head + b"0\r\n\r\n" + SMUGGLED)
        status, _, _, rest = read_response(connection)
        assert status in (0, 400, 413, 422, 501), "both were believed"
        assert b"smuggled" not in rest and closed(connection, 35), "the connection stays open after a request of doubtful length"


def test_content_length_shorter_than_the_body(server):
    body = json.dumps(ECHO).encode()
    with server.socket() as connection:
        head = f"POST /exec HTTP/1.1\r\nHost: x\r\nx-api-key: {KEY}\r\nContent-Type: application/json\r\nContent-Length: {len(body) - 5}\r\n\r\n".encode()
        send_quietly(connection, head + body)
        assert read_response(connection)[0] == 422
    healthy(server)


def test_content_length_longer_than_the_body(server):
    body = json.dumps(ECHO).encode()
    with server.socket() as connection:
        head = f"POST /exec HTTP/1.1\r\nHost: x\r\nx-api-key: {KEY}\r\nContent-Type: application/json\r\nContent-Length: {len(body) + 50}\r\n\r\n".encode()
        connection.sendall(head + body)
        connection.shutdown(socket.SHUT_WR)
        assert read_response(connection)[0] in (0, 400, 422)
    healthy(server)


FORM = "multipart/form-data; boundary=b"


@pytest.mark.parametrize(
    "kind, body",
    [
        (FORM, b""), (FORM, b"--b"), (FORM, b"--b--\r\n"), (FORM, b"no boundary at all"), (FORM, b"--b\r\n\r\nno name\r\n--b--\r\n"),
        (FORM, b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nnever ends'),
        (FORM, b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nx\r\n--b'),
        (FORM, b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt'),
        (FORM, b"--b\r\n" + b"X: " + b"y" * 1_000_000 + b"\r\n\r\nx\r\n--b--\r\n"),
        (FORM, b"--b\r\nContent-Disposition: " + b";" * 100_000 + b"\r\n\r\nx\r\n--b--\r\n"),
        (FORM, b'--b\r\nContent-Disposition: form-data; name="kind"\r\n\r\n' + b"x" * 5_000_000 + b"\r\n--b--\r\n"),
        (FORM, b"".join(b'--b\r\nContent-Disposition: form-data; name="f%d"\r\n\r\nx\r\n' % index for index in range(20_000)) + b"--b--\r\n"),
        ("multipart/form-data", b"--b--\r\n"), ("multipart/form-data; boundary=", b"----\r\n"), ("multipart/form-data; boundary=" + "x" * 5000, b"--b--\r\n"),
        ('multipart/form-data; boundary="b', b"--b--\r\n"), ("multipart/mixed; boundary=b", b"--b--\r\n"),
    ],
)  # fmt: skip
def test_malformed_forms(server, kind, body):
    answer = server.post("/upload", data=body, headers={"Content-Type": kind})
    assert answer.status_code in (400, 413, 415, 422, 431), (answer.status_code, answer.text[:300])
    assert answer.json()["error_type"] in ("validation", "resource_exhausted")
    healthy(server)


def test_an_upload_that_breaks_off_leaves_no_file(server):
    def stored():
        return sum(path.stat().st_size for path in server.data.rglob("*") if path.is_file())

    before = stored()
    for _ in range(3):
        with server.socket() as connection:
            head = f"POST /upload HTTP/1.1\r\nHost: x\r\nx-api-key: {KEY}\r\nContent-Type: {FORM}\r\nContent-Length: 9000000\r\n\r\n"
            connection.sendall(head.encode() + b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.dat"\r\n\r\n' + b"x" * 4_000_000)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert wait_until(lambda: stored() - before < 1_000_000, 10)
    healthy(server)


def test_uploads_that_are_reset_do_not_end_the_worker(server):
    """It once took all running requests with it. How it ends depends on the moment, hence many."""
    before = server.role("worker")
    head = f"POST /upload HTTP/1.1\r\nHost: x\r\nx-api-key: {KEY}\r\nContent-Type: {FORM}\r\nContent-Length: 9000000\r\n\r\n"
    start = head.encode() + b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.dat"\r\n\r\n'
    for index in range(60):
        with server.socket() as connection:
            send_quietly(connection, start + b"x" * (1_000_000 * (index % 5) + 1000))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        time.sleep(0.03)
        assert server.role("worker") == before, f"the worker was replaced after {index + 1} broken uploads\n{server.log_text()[-1500:]}"
    healthy(server)


def test_random_bytes(server):
    chance = random.Random(20)
    seeds = [http_bytes("POST", "/exec", ECHO, key="unknown-key"), http_bytes("GET", "/files/abc?detail=full", key=None)]
    for _ in range(150):
        text = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 8)):
            text[chance.randrange(len(text))] = chance.randrange(256)
        with socket.create_connection(("127.0.0.1", server.port), 10, ("127.4.1.%d" % chance.randint(1, 250), 0)) as connection:
            send_quietly(connection, bytes(text[: chance.randint(1, len(text))]))
            connection.shutdown(socket.SHUT_WR)
            assert read_response(connection)[0] not in (500, 502, 503)
    healthy(server)


# ---- clients that go away -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["close", "reset", "half"])
@pytest.mark.parametrize("lang", ["py", "bash", "js"])
def test_nothing_stays_when_the_client_goes_away_in_mid_run(server, lang, how):
    marker = f"kcr-orphan-{lang}-{how}-{time.time_ns()}"
    child = {
        "py": f"import subprocess, time; subprocess.Popen(['sh', '-c', 'sleep 20; :', '{marker}']); time.sleep(20)",
        "bash": f"sh -c 'sleep 20; :' {marker} & sleep 20",
        "js": f"require('child_process').spawn('sh', ['-c', 'sleep 20; :', '{marker}']); setTimeout(() => 0, 20000)",
    }[lang]
    with server.socket() as connection:
        connection.sendall(http_bytes("POST", "/exec", {"lang": lang, "code": child}))
        assert wait_until(lambda: processes_with(marker), 10), "the program did not start"
        if how == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if how == "half":
            # Only our direction ends: some clients do this and still want the answer, so the run may go on, but not for ever.
            connection.shutdown(socket.SHUT_WR)
            time.sleep(0.2)
    assert wait_until(lambda: not processes_with(marker), 6), processes_with(marker)
    healthy(server)


def test_fifty_clients_that_go_away(server):
    for index in range(50):
        with server.socket() as connection:
            connection.sendall(http_bytes("POST", "/exec", {"lang": "bash", "code": "sleep 15"}))
            time.sleep(0.002 * (index % 7))
    healthy(server)
    sleeping = lambda: [pid for pid, _ in descendants(server.pid) if command_line(pid) == "sleep 15"]  # noqa: E731
    assert wait_until(lambda: not sleeping(), 10), sleeping()


# ---- stopping -------------------------------------------------------------------------------------------------------


def test_a_running_request_is_answered_when_the_server_stops(make_server):
    server = make_server()
    answers = []
    thread = threading.Thread(target=lambda: answers.append(server.post("/exec", json={"lang": "bash", "code": "sleep 3; echo done"})))
    server.when_begun(thread.start)
    assert server.stop() == 0
    thread.join()
    assert answers[0].status_code == 200 and answers[0].json()["stdout"] == "done\n"
    with pytest.raises(requests.ConnectionError):
        server.get("/health")


def test_idle_connections_do_not_delay_a_stop(make_server):
    server = make_server()
    with server.socket(), server.socket() as second:
        second.sendall(http_bytes("GET", "/health"))
        read_response(second)
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 8
