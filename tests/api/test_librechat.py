"""The client library of LibreChat against the server: librechat/conversation.mjs plays a conversation, this file judges it.

The package is installed from npm on first use, below build/, with its lock file and without running any install script: some of
its dependencies bring scripts that are not needed here, one of which reports installations to a third party.
"""

import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import urllib.parse

import pytest

from harness import KEY, ROOT, cannot

HERE = pathlib.Path(__file__).parent / "librechat"
PLACE = ROOT / "build" / "librechat"
# Of the client library, each with a lock file: today's, the first with storage sessions in its references, and one of the time
# when files were found by their names.
GENERATIONS = {"3.9": HERE, "3.6": HERE / "agents-3.6", "3.0": HERE / "agents-3.0"}


@functools.cache
def installed(generation):
    """A directory with the package of a generation and our scripts."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        cannot("node and npm are not installed")
    source, place = GENERATIONS[generation], PLACE / generation
    place.mkdir(parents=True, exist_ok=True)
    wanted = (source / "package-lock.json").read_bytes()
    stamp = place / "installed-lock.json"
    for path in (source / "package.json", source / "package-lock.json", HERE / ".npmrc", HERE / "conversation.mjs", HERE / "conversation_3_0.mjs"):
        shutil.copy(path, place / path.name)
    if not stamp.exists() or stamp.read_bytes() != wanted:
        try:
            result = subprocess.run([npm, "ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund"], cwd=place, capture_output=True, text=True, timeout=420)
        except subprocess.TimeoutExpired:
            cannot("npm did not install @librechat/agents within seven minutes")
        if result.returncode:
            cannot(f"npm could not install @librechat/agents:\n{result.stderr[-1500:]}")
        stamp.write_bytes(wanted)
    probe = subprocess.run([node, "-e", "import('@librechat/agents').then(m => process.exit(m.createCodeExecutionTool ? 0 : 3))"], cwd=place, capture_output=True, text=True, timeout=120)
    if probe.returncode:
        cannot(f"this node ({subprocess.run([node, '-v'], capture_output=True, text=True).stdout.strip()}) cannot load @librechat/agents {generation}:\n{probe.stderr[-1500:]}")
    return place


@pytest.fixture(scope="session")
def package():
    return installed("3.9")


def converse(package, script="conversation.mjs", **what):
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    result = subprocess.run(["node", script, json.dumps(what)], cwd=package, env=environment, capture_output=True, text=True, timeout=180)
    assert result.returncode == 0, result.stderr[-3000:]
    return json.loads(result.stdout.strip().splitlines()[-1])


def with_key(server, key=KEY, path="/v1"):
    return f"http://{urllib.parse.quote(key, safe='')}@127.0.0.1:{server.port}{path}"


@pytest.mark.slow
@pytest.mark.parametrize("style", ["key in the address", "key in the address, at the root", "key with a colon", "key in header and body", "bearer"])
def test_a_conversation(package, server, style):
    what = {
        "key in the address": {"baseUrl": with_key(server)},
        "key in the address, at the root": {"baseUrl": with_key(server, path="")},
        "key with a colon": {"baseUrl": with_key(server).replace("@", ":@")},
        "key in header and body": {"baseUrl": f"{server.url}/v1", "apiKey": KEY, "sendKeyInBody": True},
        "bearer": {"baseUrl": server.url, "headers": {"Authorization": f"Bearer {KEY}"}},
    }[style]
    judge(converse(package, **what))


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/v1", ""])
def test_a_conversation_of_3_6(server, path):
    judge(converse(installed("3.6"), baseUrl=with_key(server, path=path)))


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/v1", ""])
def test_a_conversation_of_3_0(server, path):
    result = converse(installed("3.0"), "conversation_3_0.mjs", baseUrl=server.url + path, apiKey=KEY)
    assert "error" not in result, result["error"]
    assert result["fresh"] is True
    first = result["first"]
    assert "total 60" in first["text"] and "stderr" not in first["text"] and "/mnt/data/chart.png | Image is already displayed" in first["text"]
    assert sorted(file["name"] for file in first["files"]) == ["chart.png", "note.txt"], "inputs were announced as results"
    assert result["chart"]["magic"] == "89504e47" and result["chart"]["length"] > 1000 and result["chart"]["type"] == "image/png"
    assert "from the first run\nmonth,sales" in result["again"]["text"] and "stderr" not in result["again"]["text"]
    assert "from the first run true true" in result["byNameOnly"]["text"], result["byNameOnly"]
    assert result["upper"] == "FROM THE FIRST RUN"
    assert "words" in result["agents"]["text"]
    assert "['one', 'two words']" in result["arguments"]["text"]
    assert "before" in result["failing"]["text"] and "ValueError: broken" in result["failing"]["text"] and "Traceback" in result["failing"]["text"]
    assert result["silent"]["text"].startswith("stdout: Empty.")


def judge(result):
    assert "error" not in result, result["error"]

    assert result["uploaded"]["name"] == "sales.csv" and result["fresh"] is True

    assert [(file["id"], file["name"]) for file in result["listed"]] == [(result["uploaded"]["id"], "sales.csv")], result["listed"]

    chart = result["chart"]
    assert "total 60" in chart["text"] and "stderr" not in chart["text"], chart["text"]
    printed = re.search(r"sha256 ([0-9a-f]{64})", chart["text"])[1]
    assert [file["name"] for file in chart["files"] if not file.get("inherited")] == ["chart.png"]
    assert "including 1 image(s)" in chart["text"]
    assert result["downloaded"]["sha256"] == printed
    assert result["downloaded"]["magic"] == "89504e47" and result["downloaded"]["type"].startswith("image/png")

    assert "4\n/mnt/data/chart.png\nargs: one two words" in result["bash"]["text"], result["bash"]["text"]
    assert "Generated files" not in result["bash"]["text"], "inputs were announced as results"

    edited = [file for file in result["edit"]["files"] if file["name"] == "sales.csv"]
    assert len(edited) == 1 and edited[0]["modified_from"]["id"] == result["uploaded"]["id"] and not edited[0].get("inherited")
    assert "Apr,40" in result["afterEdit"]["text"]
    assert result["editedBytes"] == "month,sales\nJan,10\nFeb,30\nMar,20\nApr,40\n"
    assert result["originalBytes"] == "month,sales\nJan,10\nFeb,30\nMar,20\n"

    assert [file["name"] for file in result["nested"]["files"] if not file.get("inherited")] == ["out/deep/n.txt"]
    assert "nested" in result["afterNested"]["text"]
    assert "before" in result["failing"]["text"] and "ValueError: broken" in result["failing"]["text"] and "Traceback" in result["failing"]["text"]
    assert result["silent"]["text"].startswith("stdout: Empty.")


@pytest.mark.parametrize("path", ["/v1/", "/", "/v1"])
def test_a_base_address_with_a_trailing_slash(package, server, path):
    assert "hello" in converse(package, baseUrl=with_key(server, path=path), steps="hello")["hello"]["text"]


def test_a_key_of_odd_characters_in_the_address(package, make_server):
    key = "odd/key+with%@#chars?"
    server = make_server(API_KEYS=key)
    assert "hello" in converse(package, baseUrl=with_key(server, key), steps="hello")["hello"]["text"]


def test_a_wrong_key_gives_the_clients_own_text(package, server):
    result = converse(package, baseUrl=with_key(server, "wrong-key-0123456789"), steps="hello")
    assert "not authorized" in result["error"]["message"]


def test_no_install_script_ever_runs():
    """The package's own package.json enables a reporter that a dependency runs after installation."""
    assert "ignore-scripts=true" in (HERE / ".npmrc").read_text().split()


@pytest.mark.parametrize("generation", GENERATIONS)
def test_the_lock_file_names_no_registry(generation):
    assert "resolved" not in (GENERATIONS[generation] / "package-lock.json").read_text()
