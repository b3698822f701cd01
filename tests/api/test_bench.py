"""`kubecoderun bench` with tiny counts: that it measures what it says, judges answers, and leaves nothing behind."""

import http.server
import json
import os
import signal
import subprocess
import threading

import pytest

from harness import HostState, command, processes_with, sessions, wait_until

QUICK = ("--count", 3, "--duration", 1, "--warm-up", 1)


def bench(program, *arguments, seconds=100, **settings):
    return command(program, "bench", *QUICK, *arguments, seconds=seconds, **settings)


def report_of(result, path):
    assert result.returncode == 0, result.stdout.decode() + result.stderr.decode()
    return json.loads(path.read_text())


def measured(report, group):
    return {each["name"]: each for each in report["measurements"] if each["group"] == group}


def test_languages_beside_their_bare_tools(program, server, tmp_path):
    path = tmp_path / "report.json"
    result = bench(program, "--base", server.url, "--key", server.key, "--only", "py hello,bash", "--json", path)
    report = report_of(result, path)
    cases = measured(report, "languages")
    assert list(cases) == ["py hello", "bash hello"]
    for case in cases.values():
        assert case["errors"] == 0 and case["successful"] == 3 == len(case["samples"])
        assert 0 < case["milliseconds"]["min"] <= case["milliseconds"]["p50"] <= case["milliseconds"]["p99"] == case["milliseconds"]["max"]
        assert case["bare"]["milliseconds"]["p50"] > 0 and case["bare"]["ratio"] > 0
        # The server's own time lies within the client's, and its steps within that.
        steps = case["step_medians"]
        assert 0 < steps["run"] <= steps["total"] <= case["milliseconds"]["max"]
    assert cases["py hello"]["bare"]["command"] == "python3 program.py"
    judged = {(each["name"], each["quantity"]) for each in report["targets"]}
    assert judged == {("py hello", "p50"), ("py hello", "p99"), ("bash hello", "p50")}
    assert report["server_version"] == server.get("/health").json()["version"]
    assert report["machine"]["processors"] >= 1 and report["begin"] <= report["end"]
    text = result.stdout.decode()
    for words in ("Languages", "Where the time goes", "Targets", "Load average", "Clock: starts"):
        assert words in text


def test_groups_against_a_server(program, server, tmp_path):
    path = tmp_path / "report.json"
    result = bench(program, "--base", server.url, "--key", server.key, "--only", "concurrency,files,fairness,state", "--clients", "1,3", "--json", path)
    report = report_of(result, path)
    loops = measured(report, "concurrency")
    assert list(loops) == ["1 client", "3 clients"] and loops["3 clients"]["clients"] == 3
    assert all(loop["errors"] == 0 and loop["per_second"] > 1 for loop in loops.values())
    files = measured(report, "files")
    assert len(files) == 4 and all(each["successful"] >= 3 and each["errors"] == 0 for each in files.values())
    figures = {each["name"]: each["value"] for each in report["figures"]}
    assert figures["beside 1 spinning program"] > 0 and "1 MB in and 1 MB out adds" in figures
    keeps_state = server.post("/exec", json={"lang": "py", "code": "x = 1"}).json()["has_state"]
    if keeps_state:
        assert "DataFrame of 50 MB captured and restored" in figures
    else:
        assert {"name": "state", "reason": "the server keeps no Python state"} in report["skipped"]


def test_files_of_the_bench_are_removed(program, make_server, tmp_path):
    server = make_server()
    result = bench(program, "--base", server.url, "--key", server.key, "--only", "files", "--json", tmp_path / "report.json")
    assert result.returncode == 0, result.stdout
    bodies = [path for path in server.data.rglob("*") if path.is_file() and path.stat().st_size >= 1_000_000 and ".db" not in path.name]
    assert bodies == []


def test_alone_it_starts_a_server_and_stops_it(program, server, tmp_path):
    host = HostState()
    path = tmp_path / "report.json"
    result = bench(program, "--only", "start,bash hello", "--no-bare", "--json", path, API_KEY="not-for-this-server-0", API_PORT=server.port)
    report = report_of(result, path)
    assert report["own_server"] and report["base"] != server.url
    assert measured(report, "start")["answered py and bash"]["successful"] == 3
    assert measured(report, "languages")["bash hello"]["successful"] == 3
    assert host.left_behind() == []


def test_memory_of_warm_sandboxes(program, server, tmp_path):
    path = tmp_path / "report.json"
    report = report_of(bench(program, "--only", "memory", "--json", path), path)
    if os.geteuid() != 0:
        assert {"name": "memory", "reason": "the memory of sandboxes may be looked at by root only"} in report["skipped"]
        return
    figures = {each["name"]: each for each in report["figures"]}
    for name in ("warm py/stdlib", "warm shell", "HTTP server", "zygotes of Python"):
        assert 0.05 < figures[name]["value"] < 500 and figures[name]["unit"] == "MB"


def test_markdown(program, server):
    result = bench(program, "--base", server.url, "--key", server.key, "--only", "bash", "--no-bare", "--markdown")
    assert result.returncode == 0
    lines = result.stdout.decode().splitlines()
    assert "### Languages" in lines and any(line.startswith("| bash hello ") for line in lines)
    assert any(set(line) <= set("|:-") and len(line) > 20 for line in lines)


@pytest.mark.parametrize("moment", [b"starting a server", b" client"])
def test_interrupted_it_shows_what_there_is(program, server, moment):
    host = HostState()
    process = subprocess.Popen(
        [program, "bench", "--only", "py hello,concurrency", "--duration", "60", "--count", "20", "--no-bare"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    sessions.add(process.pid)
    assert any(moment in line for line in process.stderr), "it ended before that moment"
    assert wait_until(lambda: processes_with(f"--end-with {process.pid}"), 30)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert b"Interrupted: not everything was measured." in out
    assert processes_with(f"--end-with {process.pid}") == {}
    assert host.left_behind() == []


def test_killed_it_takes_its_server_along(program, server):
    process = subprocess.Popen([program, "bench", "--only", "concurrency"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    sessions.add(process.pid)
    assert wait_until(lambda: processes_with(f"--end-with {process.pid}"), 30)
    process.kill()
    process.wait()
    assert wait_until(lambda: not processes_with(f"--end-with {process.pid}"), 20)


class Wrong(http.server.BaseHTTPRequestHandler):
    """A server that answers quickly and wrongly."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.dumps({"session_id": "s", "stdout": "something else\n", "stderr": "", "files": []}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = answer

    def log_message(self, *_):
        pass


def test_wrong_answers_are_errors_and_no_times(program, tmp_path):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Wrong) as wrong:
        threading.Thread(target=wrong.serve_forever, daemon=True).start()
        path = tmp_path / "report.json"
        result = bench(program, "--base", f"http://127.0.0.1:{wrong.server_port}", "--key", "k", "--only", "py hello", "--no-bare", "--json", path)
        wrong.shutdown()
    assert result.returncode == 1
    case = measured(json.loads(path.read_text()), "languages")["py hello"]
    assert (case["errors"], case["successful"], case["samples"]) == (3, 0, [])
    assert b"something else" in result.stdout


def test_what_never_works_is_given_up(program, tmp_path):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Wrong) as wrong:
        threading.Thread(target=wrong.serve_forever, daemon=True).start()
        path = tmp_path / "report.json"
        arguments = ("--base", f"http://127.0.0.1:{wrong.server_port}", "--key", "k", "--only", "py hello", "--no-bare", "--json", path)
        result = command(program, "bench", "--count", 5000, "--warm-up", 4, *arguments)
        wrong.shutdown()
    assert result.returncode == 1
    case = measured(json.loads(path.read_text()), "languages")["py hello"]
    assert (case["errors"], case["successful"]) == (4, 0)


def test_tls(program, make_server, tmp_path):
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate], check=True, capture_output=True,
    )  # fmt: skip
    key.chmod(0o644)
    tmp_path.chmod(0o755)
    server = make_server(start=False)
    server.settings |= {"ENABLE_HTTPS": "true", "HTTPS_PORT": server.port, "SSL_CERT_FILE": certificate, "SSL_KEY_FILE": key}
    server.is_ready = lambda: server.process.poll() is None and b" 200 " in subprocess.run(
        ["curl", "-sik", f"https://127.0.0.1:{server.port}/ready"], capture_output=True
    ).stdout.split(b"\n")[0]  # fmt: skip
    server.start()
    arguments = ("--base", f"https://localhost:{server.port}", "--key", server.key, "--only", "bash", "--no-bare")
    assert bench(program, *arguments, "--ca", certificate).returncode == 0
    assert bench(program, *arguments, "--insecure").returncode == 0
    refused = bench(program, *arguments)
    assert refused.returncode == 1 and b"certificate" in refused.stderr


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--only", "cobol"], "cobol"),
        (["--count", "0"], "--count"),
        (["--clients", "0"], "--clients"),
        (["--base", "ftp://host", "--key", "k"], "ftp://host"),
        (["--base", "http://127.0.0.1:1", "--key", "k"], "127.0.0.1:1"),
    ],
)
def test_mistakes_are_explained(program, arguments, words):
    result = command(program, "bench", *arguments)
    assert result.returncode not in (0, -6, -11) and words in (result.stderr + result.stdout).decode()


def test_a_refused_key_is_said(program, server):
    result = bench(program, "--base", server.url, "--key", "wrong-key-0123456789", "--only", "bash")
    assert result.returncode == 1 and b"refuses the key" in result.stderr


def test_help_names_the_groups(program):
    text = command(program, "bench", "--help").stdout.decode()
    for word in ("--base", "--only", "start", "sequential", "concurrency", "fairness", "memory", "Examples"):
        assert word in text
