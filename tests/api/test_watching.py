"""What operators watch a server with: Prometheus' own tools read its text, a collector gets its traces, the audit log holds together, and
the log has a line for each run."""

import hashlib
import http.server
import json
import pathlib
import re
import shutil
import subprocess
import threading

import pytest

import harness
from harness import command
from test_auth import anonymous

MONITORING = pathlib.Path(__file__).parents[2] / "deploy" / "monitoring"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


def make(program, **settings):
    """Without the run that the other tests begin with: what is watched is counted."""
    return harness.Server(program, **({"LANGUAGES": "bash,py", "POD_POOL_JS": 0} | settings)).start()


def promtool(*words, text=None, within=MONITORING):
    if not shutil.which("promtool"):
        harness.cannot("promtool is not installed (package prometheus)")
    done = subprocess.run(["promtool", *words], cwd=within, input=text, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


# ---- Prometheus -----------------------------------------------------------------------------------------------------


def test_the_rules_are_right_and_fire_when_they_should():
    for words in (("check", "rules", "rules.yml"), ("test", "rules", "rules_test.yml"), ("check", "config", "prometheus.yml")):
        status, said = promtool(*words)
        assert status == 0, said


@pytest.mark.parametrize("bound, other, alert", (
    ("p99_5m > 0.5", "p99_5m > 5", "KubeCodeRunSlow"), ("avg_5m > 0.1", "avg_5m > 1", "KubeCodeRunPoolWaits"),
    ("> 10e6", "> 100e6", "KubeCodeRunStatesGrow"), ("> 0.05", "> 0.5", "KubeCodeRunFailing"),
    ("p99_5m > 0.2", "p99_5m > 2", "KubeCodeRunRunsSlow"), ("ratio > 0.8", "ratio > 0.2", "KubeCodeRunPoolBusy"),
    ("> 0.01", "> 0.0001", "KubeCodeRunRedisSlow"), ("> 5e6", "> 15e6", "KubeCodeRunStatesLarge"),
))  # fmt: skip
def test_a_rule_that_is_changed_fails_its_test(tmp_path, bound, other, alert):
    for name in ("rules.yml", "rules_test.yml"):
        shutil.copy(MONITORING / name, tmp_path)
    rules = (tmp_path / "rules.yml").read_text()
    assert rules.count(bound) == 1
    (tmp_path / "rules.yml").write_text(rules.replace(bound, other))
    status, said = promtool("test", "rules", "rules_test.yml", within=tmp_path)
    assert status != 0 and alert in said


@pytest.fixture(scope="module")
def scraped(program):
    server = make(program)
    server.run("bash", "echo x")
    server.py("open('a.txt', 'w').write('x')")
    server.run("bash", "sleep 9", timeout=1000)
    server.post("/exec", json={"lang": "klingon", "code": "x"})
    yield server, server.get("/metrics/prometheus").text
    server.discard()


def test_promtool_has_nothing_to_say_about_a_scrape(scraped):
    status, said = promtool("check", "metrics", text=scraped[1])
    assert status == 0 and not said.strip(), said


def test_rules_and_dashboard_ask_for_what_is_there(scraped):
    known = set(re.findall(r"^(?:# TYPE )?(\w+)", scraped[1], re.M)) | {
        line.split("{")[0].split(" ")[0] for line in scraped[1].splitlines() if not line.startswith("#")
    }
    dashboard = json.loads((MONITORING / "grafana_dashboard.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked = " ".join(expressions) + (MONITORING / "rules.yml").read_text()
    names = set(re.findall(r"\b((?:kubecoderun|process)_\w+)\b", asked))
    # A family without a single sample, such as failures of stores that never failed, is known by its head.
    heads = set(re.findall(r"^# TYPE (\w+)", scraped[1], re.M))
    assert len(names) > 15
    assert not {name for name in names if name not in known and re.sub("_(bucket|sum|count|total)$", "", name) not in heads}


def test_the_dashboard_is_what_its_script_makes(tmp_path):
    shutil.copy(MONITORING / "make_dashboard.py", tmp_path)
    subprocess.run(["/usr/bin/python3", tmp_path / "make_dashboard.py"], check=True, timeout=60)
    assert (tmp_path / "grafana_dashboard.json").read_text() == (MONITORING / "grafana_dashboard.json").read_text()


# ---- traces ---------------------------------------------------------------------------------------------------------


class Collector:
    """Takes traces over HTTP; answers with `status`, or not at all while `silent` is set."""

    def __init__(self):
        self.spans, self.headers, self.status, self.resources = [], [], 200, []
        self.hangs = threading.Event()
        self.hangs.set()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.hangs.wait(60)
                if outer.status == 200:
                    outer.headers.append((self.path, dict(self.headers)))
                    for resource in body["resourceSpans"]:
                        outer.resources.append(resource["resource"])
                        outer.spans += [span for scope in resource["scopeSpans"] for span in scope["spans"]]
                self.send_response(outer.status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.hangs.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def collector():
    made = Collector()
    yield made
    made.stop()


def test_a_run_is_a_span_with_its_steps_in_the_trace_of_its_client(program, collector):
    server = make(program, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.port}", OTEL_EXPORTER_OTLP_HEADERS="x-tenant=a%20b")
    try:
        server.post("/exec", json={"lang": "bash", "code": "echo x"}, headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
        server.post("/exec", json={"lang": "bash", "code": "echo y"}, headers={"traceparent": f"00-{'a' * 32}-{PARENT}-00"})
        server.run("bash", "exit 3")
        assert harness.wait_until(lambda: sum(span["name"] == "execute" for span in collector.spans) == 2, 30)
        run = next(span for span in collector.spans if span["traceId"] == TRACE and span["name"] == "execute")
        assert run["parentSpanId"] == PARENT and run["kind"] == 2
        steps = {span["name"]: span for span in collector.spans if span["traceId"] == TRACE and span is not run}
        assert {"resolve", "admit", "acquire", "run", "program", "store"} <= set(steps)
        assert steps["acquire"]["parentSpanId"] == run["spanId"] and steps["program"]["parentSpanId"] == steps["run"]["spanId"]
        for span in steps.values():
            assert int(run["startTimeUnixNano"]) <= int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])
        values = {one["key"]: one["value"] for one in run["attributes"]}
        assert values["kubecoderun.language"] == {"stringValue": "bash"} and values["kubecoderun.outcome"] == {"stringValue": "exited"}
        assert len({span["traceId"] for span in collector.spans}) == 2 and "a" * 32 not in {span["traceId"] for span in collector.spans}
        path, headers = collector.headers[0]
        assert path == "/v1/traces" and headers["x-tenant"] == "a b" and headers["Content-Type"] == "application/json"
        assert "echo x" not in json.dumps(collector.spans) and server.key not in json.dumps(collector.spans)
    finally:
        server.discard()


def test_a_collector_that_hangs_or_refuses_is_no_matter(program, collector):
    collector.hangs.clear()
    server = make(program, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"http://127.0.0.1:{collector.port}/v1/traces")
    try:
        for number in range(5):
            assert server.run("bash", f"echo {number}")["stdout"] == f"{number}\n"
        collector.status = 500
        collector.hangs.set()
        assert harness.wait_until(lambda: "traces are lost" in server.log_text(), 30)
        assert harness.wait_until(lambda: re.search(r"^kubecoderun_traces_dropped_total [1-9]", server.get("/metrics/prometheus").text, re.M), 30)
        assert server.stop() == 0
    finally:
        server.discard()


def test_a_collector_without_a_scheme_is_named(program):
    with pytest.raises(harness.DidNotStart, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
        make(program, OTEL_EXPORTER_OTLP_ENDPOINT="collector:4318")


# ---- the audit log ----------------------------------------------------------------------------------------------------


def test_each_run_is_a_line_of_the_audit_log_and_a_change_is_found(program):
    server = make(program)
    audit = server.base / "audit.log"
    server.stop()
    server.settings["AUDIT_LOG_FILE"] = audit
    audit.touch()
    audit.chmod(0o600)
    try:
        server.start()
        sent = [server.upload_one("given.txt", b"secret-in-file")]
        code = "echo secret-in-code; echo x > made.txt"
        answer = server.run("bash", code, files=sent)
        server.stop()
        server.start()
        server.run("bash", "exit 4")
        server.stop()
        lines = [json.loads(line) for line in audit.read_text().splitlines()]
        assert [line["number"] for line in lines] == [1, 2]
        assert lines[0]["code_sha256"] == hashlib.sha256(code.encode()).hexdigest() and lines[0]["outcome"] == "exited"
        digest = hashlib.sha256(b"secret-in-file").hexdigest()
        assert lines[0]["inputs"] == [{"id": sent[0]["id"], "sha256": digest}]
        (made,) = [file["id"] for file in answer["files"] if file["name"] == "made.txt"]
        assert lines[0]["outputs"] == [{"id": made, "sha256": hashlib.sha256(b"x\n").hexdigest()}]
        assert lines[1]["exit_code"] == 4 and lines[1]["inputs"] == lines[1]["outputs"] == []
        assert lines[0]["api_key_hash"] == hashlib.sha256(server.key.encode()).hexdigest()[:16]
        text = audit.read_text()
        assert "secret-in" not in text and server.key not in text and answer["session_id"] not in text
        good = command(program, "audit", "verify", audit)
        assert good.returncode == 0 and b"2 lines, all in order" in good.stdout
        audit.write_text(text.replace('"exit_code":4', '"exit_code":0').replace('"number":1', '"number":1', 1))
        assert command(program, "audit", "verify", AUDIT_LOG_FILE=audit).returncode == 0  # the last line: nothing follows from it
        audit.write_text(text.replace('"outcome":"exited"', '"outcome":"failed"', 1))
        bad = command(program, "audit", "verify", audit)
        assert bad.returncode == 1 and b"does not follow" in bad.stderr
        with pytest.raises(harness.DidNotStart, match="AUDIT_LOG_FILE"):
            server.start()
    finally:
        server.discard()


# ---- the log ------------------------------------------------------------------------------------------------------------


def test_the_log_has_a_json_line_for_each_run_without_anything_secret(program):
    server = make(program, LOG_FORMAT="json")
    try:
        answer = server.post(
            "/exec", json={"lang": "bash", "code": "echo secret-in-code"},
            headers={"X-Request-ID": "my-request", "traceparent": f"00-{TRACE}-{PARENT}-01"},
        ).json()  # fmt: skip
        assert harness.wait_until(lambda: '"event":"run"' in server.log_text().replace('": "', '":"'), 20)
        lines = [json.loads(line) for line in server.log_text().splitlines() if line.startswith("{")]
        run = next(line for line in lines if line.get("event") == "run")
        assert run["request_id"] == "my-request" and run["trace_id"] == TRACE and run["language"] == "bash" and run["outcome"] == "exited"
        text = server.log_text()
        assert "secret-in-code" not in text and server.key not in text and answer["session_id"] not in text
    finally:
        server.discard()


# ---- tokens ---------------------------------------------------------------------------------------------------------------


def encoded(text):
    import base64

    return base64.urlsafe_b64encode(text if isinstance(text, bytes) else text.encode()).decode().rstrip("=")


def token(tmp_path, private, **claims):
    import time

    body = {"iss": "librechat", "aud": "codeapi", "sub": "ann", "iat": int(time.time()), "exp": int(time.time()) + 200} | claims
    text = encoded(json.dumps({"alg": "EdDSA", "kid": "k1"})) + "." + encoded(json.dumps(body))
    (tmp_path / "text").write_text(text)
    subprocess.run(["openssl", "pkeyutl", "-sign", "-inkey", private, "-rawin", "-in", tmp_path / "text", "-out", tmp_path / "sig"], check=True)
    return text + "." + encoded((tmp_path / "sig").read_bytes())


def test_users_for_whom_a_host_vouches_are_callers_of_their_own(program, tmp_path):
    private = tmp_path / "private.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True, capture_output=True)
    public = subprocess.run(["openssl", "pkey", "-in", private, "-pubout"], check=True, capture_output=True, text=True).stdout
    server = make(program, CODEAPI_JWT_PUBLIC_KEY=public, STRICT_FILE_OWNERSHIP="true")
    try:
        def headers(**claims):
            return {"Authorization": "Bearer " + token(tmp_path, private, **claims)}

        session = anonymous()
        run = {"lang": "bash", "code": "echo in"}
        assert session.post(server.url + "/exec", json=run, headers=headers()).json()["stdout"] == "in\n"
        made = session.post(server.url + "/upload", files=[("file", ("a.txt", b"a"))], headers=headers()).json()
        path = f"{server.url}/download/{made['storage_session_id']}/{made['files'][0]['fileId']}"
        assert session.get(path, headers=headers()).status_code == 200
        assert session.get(path, headers=headers(sub="bob")).status_code == 404
        assert session.get(path, headers=headers(tenant_id="other")).status_code == 404
        for bad in (headers(aud="x"), headers(exp=1), {"Authorization": headers()["Authorization"][:-6] + "AAAAAA"}):
            assert anonymous().post(server.url + "/exec", json=run, headers=bad).status_code == 401
        refused = session.post(server.url + "/exec", json=run, headers=headers(code_worker_id="w"))
        assert refused.status_code == 409 and refused.json()["error"] == "unsupported_capability"
        assert server.run("bash", "echo key")["stdout"] == "key\n"
    finally:
        server.discard()


# ---- what the operators' guide says to type -------------------------------------------------------------------------------


def jq(expression, text):
    """What jq prints for ".one.two", without jq."""
    found = json.loads(text)
    for name in expression.split(".")[1:]:
        found = found[name]
    return found


def test_what_the_guide_looks_at_is_there(program):
    server = make(program, POD_POOL_PY=2)
    try:
        server.py("print(1)")
        pool = jq(".pool", server.get("/metrics").text)
        assert {"utilization", "pool_hits", "pool_misses", "waits", "avg_wait_time_ms", "exhaustion_events"} <= set(pool)
        assert jq(".execution_time_percentiles.p99", server.get("/metrics/execution").text) > 0
        assert jq(".response_time_percentiles.p99", server.get("/metrics/api").text) > 0
        health = server.get("/health/detailed").text
        assert jq(".services.redis.response_time_ms", health) >= 0
        repl = jq(".repl", health)
        assert repl["enabled"] is True and repl["status"] in ("healthy", "degraded") and repl["target_size"] >= 2
        assert server.get("/health/kubernetes").json()["service"] == "pod_pool"
    finally:
        server.discard()
