"""The pages in a real Chromium: playground.mjs, docs.mjs, dashboard.mjs and keyboard.mjs do what people do, this file starts what they need and judges
what they say. The driver and the accessibility checks are installed from npm on first use, below build/, with the lock file here.

PAGES_PICTURES=FOLDER keeps what the browser showed.
"""

import functools
import gzip
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest
from harness import KEY, ROOT, cannot, started

HERE = pathlib.Path(__file__).parent
PLACE = ROOT / "build" / "pages-test"
MASTER = "master-key-0123456789abcdef"


@functools.cache
def installed():
    """A directory with the driver and our scripts."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        cannot("node and npm are not installed")
    PLACE.mkdir(parents=True, exist_ok=True)
    for path in [*HERE.glob("*.mjs"), HERE / "package.json", HERE / "package-lock.json", HERE / ".npmrc"]:
        shutil.copy(path, PLACE / path.name)
    wanted = (HERE / "package-lock.json").read_bytes()
    stamp = PLACE / "installed-lock.json"
    if not stamp.exists() or stamp.read_bytes() != wanted:
        result = subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=PLACE, capture_output=True, text=True, timeout=420)
        if result.returncode:
            cannot(f"npm could not install playwright-core:\n{result.stderr[-1500:]}")
        stamp.write_bytes(wanted)
    return PLACE


def drive(script, server, seconds=600):
    """What the script says at its end. It fails when something that it waits for does not come."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        cannot("chromium is not installed")
    what = {"url": server.url, "key": KEY, "master": MASTER, "chromium": chromium, "pictures": os.environ.get("PAGES_PICTURES")}
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    result = subprocess.run(["node", script, json.dumps(what)], cwd=installed(), env=environment, capture_output=True, text=True, timeout=seconds)
    assert result.returncode == 0, result.stderr[-3000:]
    told = json.loads(result.stdout.strip().splitlines()[-1])
    assert told["problems"] == []
    return told


@pytest.fixture(scope="module")
def site(program):
    server = started(program, MASTER_API_KEY=MASTER)
    yield server
    server.discard()


@pytest.mark.slow
def test_a_person_in_the_playground(site):
    snippets = drive("playground.mjs", site)["snippets"]
    environment = {"PATH": os.environ["PATH"], "KUBECODERUN_API_KEY": KEY, "LANG": "C.UTF-8"}
    printed = "it's \"quoted\" ü 😀 $HOME `x` \\ end\n"
    curl = subprocess.run(["bash", "-c", snippets["curl"]], env=environment, capture_output=True, text=True, timeout=60)
    assert json.loads(curl.stdout)["stdout"] == printed
    python = subprocess.run(["/usr/bin/python3", "-c", snippets["python"]], env=environment, capture_output=True, text=True, timeout=60)
    assert python.stdout == printed, python.stderr
    script = subprocess.run(["node", "--input-type=module", "-e", snippets["javascript"]], env=environment, capture_output=True, text=True, timeout=60)
    assert script.stdout == printed + " \n", script.stderr


@pytest.mark.slow
def test_the_reference(site):
    drive("docs.mjs", site)


@pytest.mark.slow
def test_an_administrator_in_the_dashboard(site):
    # 422, a header is missing, is what the administration says to nobody; 401 is what any unknown path says.
    if site.get("/api/v1/admin/keys", headers={"x-api-key": None}).status_code == 401:
        pytest.skip("this server has no administration")
    drive("dashboard.mjs", site)


@pytest.mark.slow
def test_everything_with_the_keyboard(site):
    drive("keyboard.mjs", site)


def test_the_description_is_openapi(site):
    script = """
import {readFileSync} from 'node:fs';
import {Validator} from '@seriousme/openapi-schema-validator';
const result = await new Validator().validate(JSON.parse(readFileSync(0, 'utf8')));
if (!result.valid) { console.log(JSON.stringify(result.errors)); process.exit(1); }
"""
    text = site.get("/openapi.json", headers={"x-api-key": None}).text
    result = subprocess.run(["node", "--input-type=module", "-e", script], cwd=installed(), input=text, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr


def pages(site):
    return {path: site.get(path, headers={"x-api-key": None}) for path in ("/playground", "/docs", "/admin-dashboard", "/admin-dashboard/keys/x", "/v1/playground")}


def test_pages_need_no_key_and_allow_nothing_inline(site):
    for path, answer in pages(site).items():
        assert answer.status_code == 200 and answer.headers["Content-Type"] == "text/html; charset=utf-8", path
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'") and "unsafe" not in policy and "http" not in policy
        assert answer.headers["X-Frame-Options"] == "DENY" and answer.headers["Cache-Control"] == "no-cache"
        again = site.get(path, headers={"x-api-key": None, "If-None-Match": answer.headers["ETag"]})
        assert again.status_code == 304 and again.headers["Content-Security-Policy"] == policy
        assert not re.search(r"<script(?![^>]*\ssrc=)|\sstyle=|\son\w+=|https?://", answer.text), path


def test_scripts_are_compressed_and_kept_for_ever(site):
    for path in re.findall(r'(?:src|href)="(/admin-dashboard/static/[^"]+)"', "".join(answer.text for answer in pages(site).values())):
        zipped = site.get(path, headers={"x-api-key": None, "Accept-Encoding": "gzip"}, stream=True)
        assert zipped.status_code == 200 and zipped.headers["Content-Encoding"] == "gzip" and zipped.headers["Vary"] == "Accept-Encoding"
        content = zipped.raw.read(decode_content=False)
        for refused in ("identity", "gzip;q=0, br"):
            plain = site.get(path, headers={"x-api-key": None, "Accept-Encoding": refused})
            assert "Content-Encoding" not in plain.headers and plain.content == gzip.decompress(content)
        hashed = bool(re.search(r"-\w{8}\.(js|css)$", path))
        assert ("immutable" in zipped.headers["Cache-Control"]) == hashed, path
        again = site.get(path, headers={"x-api-key": None, "If-None-Match": zipped.headers["ETag"]})
        assert again.status_code == 304 and not again.content and again.headers["ETag"] == zipped.headers["ETag"]
        assert site.request("HEAD", path, headers={"x-api-key": None}).status_code == 200


def test_what_is_not_there(site):
    assert site.get("/admin-dashboard/static/nothing.js", headers={"x-api-key": None}).status_code == 404
    assert site.post("/playground", json={}).status_code == 405


def test_what_a_phone_loads_first_is_small(site):
    page = site.get("/playground", headers={"x-api-key": None}).text
    paths = set(re.findall(r'(?:src|href)="(/admin-dashboard/static/[^"]+)"', page))
    size = sum(int(site.get(path, headers={"x-api-key": None, "Accept-Encoding": "gzip"}).headers["Content-Length"]) for path in paths)
    assert size < 200_000
