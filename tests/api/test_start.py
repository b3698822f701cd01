"""A start that cannot succeed says why in one line that names the setting, on stderr, and nothing else beside it."""

import re
import subprocess

import pytest
import requests

import harness


def refused(program, tmp_path, **settings):
    """What `serve` prints and its exit code, when it does not start."""
    base = {"API_KEY": harness.KEY, "API_HOST": "127.0.0.1", "API_PORT": harness.free_port(), "DATA_DIR": tmp_path / "data"}
    result = harness.command(program, "serve", seconds=60, **base | settings)
    assert result.returncode == 1, (result.returncode, result.stdout, result.stderr)
    return result.stdout.decode(), result.stderr.decode()


@pytest.fixture
def readable(tmp_path):
    """pytest's own directories may be entered by their owner only; the server gives up its privileges."""
    for path in (tmp_path, *tmp_path.parents[:2]):
        path.chmod(0o755)
    return tmp_path


def certificate(directory):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", directory / "key.pem", "-out", directory / "cert.pem", "-days", "2", "-subj", "/CN=localhost"], check=True, capture_output=True)  # fmt: skip
    return directory / "cert.pem", directory / "key.pem"


CASES = {
    "no such certificate": ({"ENABLE_HTTPS": "true", "SSL_CERT_FILE": "{tmp}/none.pem", "SSL_KEY_FILE": "{key}"}, "SSL_CERT_FILE"),
    "no such key": ({"ENABLE_HTTPS": "true", "SSL_CERT_FILE": "{cert}", "SSL_KEY_FILE": "{tmp}/none.pem"}, "SSL_KEY_FILE"),
    "a certificate that is none": ({"ENABLE_HTTPS": "true", "SSL_CERT_FILE": "{key}", "SSL_KEY_FILE": "{key}"}, "SSL_CERT_FILE"),
    "a key of another certificate": ({"ENABLE_HTTPS": "true", "SSL_CERT_FILE": "{cert}", "SSL_KEY_FILE": "{other}"}, "SSL_KEY_FILE"),
    "no such authorities": ({"ENABLE_HTTPS": "true", "SSL_CERT_FILE": "{cert}", "SSL_KEY_FILE": "{key}", "SSL_CA_CERTS": "{tmp}/none.pem"}, "SSL_CA_CERTS"),
    "no certificate named": ({"ENABLE_HTTPS": "true"}, "SSL_CERT_FILE"),
    "a log file below a file": ({"LOG_FILE": "{cert}/server.log"}, "LOG_FILE"),
    "a log file that is a directory": ({"LOG_FILE": "{tmp}"}, "LOG_FILE"),
    "a data directory below a file": ({"DATA_DIR": "{cert}/data"}, "DATA_DIR"),
    "a data directory that is a file": ({"DATA_DIR": "{cert}"}, "DATA_DIR"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_used_is_named_by_its_setting(program, readable, case):
    cert, key = certificate(readable)
    (readable / "second").mkdir()
    _, other = certificate(readable / "second")
    settings, name = CASES[case]
    places = {"tmp": readable, "cert": cert, "key": key, "other": other}
    out, err = refused(program, readable, **{setting: value.format(**places) for setting, value in settings.items()})
    assert re.fullmatch(rf"kubecoderun: .*\b{name}\b.*\n", err), err
    assert out == ""


def test_a_wrong_value_is_all_that_is_said(program, readable):
    out, err = refused(program, readable, MAX_EXECUTION_TIME="soon", API_PORT=70000)
    assert out == "" and re.fullmatch(r"kubecoderun: API_PORT: .*\nMAX_EXECUTION_TIME: .*\n", err), err


def test_stores_without_a_host_are_said_aloud(make_server):
    """A .env of the reference, whose stores are on localhost unless told otherwise."""
    server = make_server(REDIS_PORT=6379, REDIS_KEY_PREFIX="kcr:", MINIO_BUCKET="files", S3_REGION="garage")
    lines = [line for line in server.log_text().splitlines() if " warning " in line]
    (redis,) = [line for line in lines if "redis is NOT used" in line]
    assert "REDIS_PORT REDIS_KEY_PREFIX" in redis and "REDIS_HOST" in redis
    (objects,) = [line for line in lines if "s3 is NOT used" in line]
    assert "MINIO_BUCKET S3_REGION" in objects and "MINIO_ENDPOINT" in objects
    quiet = make_server(AWS_REGION="eu-central-1")
    assert "NOT used" not in quiet.log_text()


def test_debugging_tells_more(make_server):
    plain, debug = make_server(), make_server(API_DEBUG="true", MAX_EXECUTION_TIME=7, MAX_MEMORY_MB=300)
    assert plain.get("/config").status_code == 404 and "X-Response-Time-Ms" not in plain.get("/health").headers
    told = debug.get("/config")
    assert told.status_code == 200
    config = told.json()
    assert "POST /exec" in config.pop("routes")
    assert config == {"debug": True, "languages": len(debug.get("/health/detailed").json()["services"]["pod_pool"]["details"]["languages"]), "max_execution_time": 7, "max_memory_mb": 300}
    assert requests.get(debug.url + "/config", timeout=10).status_code == 401
    for path in ("/health", "/nowhere", "/files/abc"):
        assert float(debug.get(path).headers["X-Response-Time-Ms"]) >= 0
    assert debug.get("/health").json()["config"]["debug"] is True
