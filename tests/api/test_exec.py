"""POST /exec: requests, validation, answers, arguments, output rules. Files are in test_exec_files.py."""

import json
import re
import threading
import time

import pytest
import requests

from harness import ID, Server, http_bytes, read_response

HELLO = {"py": "print('hello')", "bash": "echo hello", "js": "console.log('hello')"}
ARGUMENTS = {
    "py": "import sys, json; print(json.dumps(sys.argv[1:]))",
    "bash": 'python3 -c "import sys, json; print(json.dumps(sys.argv[1:]))" "$@"',
    "js": "console.log(JSON.stringify(process.argv.slice(2)))",
}
ENVELOPE = {"error", "error_type", "details", "request_id", "timestamp"}


def check_envelope(answer, status, error_type, error=None, field=None, code=None):
    """An error as operations.md 4 wants it. Returns the body."""
    assert answer.status_code == status, answer.text[:1000]
    body = answer.json()
    assert ENVELOPE <= set(body), body
    assert body["error_type"] == error_type
    assert re.match(ID, body["request_id"])
    assert abs(body["timestamp"] - time.time()) < 60
    assert body["details"] is None or all({"field", "message", "code"} <= set(entry) for entry in body["details"])
    if error is not None:
        assert body["error"] == error
    if field is not None:
        assert field in [entry["field"] for entry in body["details"]], body["details"]
    if code is not None:
        assert code in [entry["code"] for entry in body["details"]], body["details"]
    return body


# ---- languages, routes, arguments -----------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", HELLO)
def test_says_hello(server, lang):
    answer = server.run(lang, HELLO[lang])
    assert (answer["stdout"], answer["stderr"]) == ("hello\n", "")
    assert answer["code"] == 0


@pytest.mark.parametrize(
    "name, lang",
    [("PY", "py"), ("Py", "py"), ("python", "py"), ("Bash", "bash"), ("sh", "bash"), ("JS", "js"), ("javascript", "js"), ("node", "js")],
)
def test_names_of_languages_ignore_case_and_have_aliases(server, name, lang):
    assert server.run(name, HELLO[lang])["stdout"] == "hello\n"


@pytest.mark.parametrize("path", ["/exec", "/v1/exec", "//exec", "/exec/", "/v1//exec", "/v1/exec/", "//v1///exec//"])
def test_every_spelling_of_the_route(server, path):
    answer = server.post(path, json={"lang": "py", "code": "print(6*7)"})
    assert answer.status_code == 200 and answer.json()["stdout"] == "42\n"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_wrong_method(server, method):
    body = {"json": {}} if method in ("PUT", "PATCH") else {}
    answer = server.request(method, "/exec", **body)
    assert answer.status_code == 405
    assert answer.json()["detail"] == "Method Not Allowed"


@pytest.mark.parametrize("path", ["/nowhere", "/v1/nowhere", "/v1/v1/exec", "/exec/other", "/execute", "/v2/exec"])
def test_unknown_path(server, path):
    body = check_envelope(server.post(path, json={}), 404, "resource_not_found")
    assert body["detail"] == "Not Found"


@pytest.mark.parametrize("lang", ARGUMENTS)
@pytest.mark.parametrize(
    "args, expected",
    [
        (None, []),
        ("one", ["one"]),
        ("two words", ["two words"]),
        ("", []),
        ("  ", []),
        ([], []),
        (["a", "b c", "-x", "$HOME", "'q'", "ü"], ["a", "b c", "-x", "$HOME", "'q'", "ü"]),
        (["a", None, "", "  ", "b"], ["a", "b"]),
        (5, ["5"]),
        ([1, 2], ["1", "2"]),
        ([True, False], ["true", "false"]),
        (True, ["true"]),
    ],
    ids=repr,
)
def test_arguments(server, lang, args, expected):
    answer = server.run(lang, ARGUMENTS[lang], args=args)
    assert answer["stderr"] == ""
    assert json.loads(answer["stdout"]) == expected


def test_arguments_may_be_absent(server):
    assert json.loads(server.py(ARGUMENTS["py"])["stdout"]) == []


def test_unknown_fields_are_ignored(server):
    answer = server.py(
        "print('ok')", intent="x", statefulSessions=True, nested={"a": [1, {"b": None}]}, session=7, tools=[],
        LIBRECHAT_CODE_API_KEY="ignored because the header has one",
    )  # fmt: skip
    assert answer["stdout"] == "ok\n"
    assert answer.get("runtime_session_id") is None


@pytest.mark.parametrize("hint", ["has spaces", "x" * 500, "", None, 5])
def test_a_malformed_hint_never_fails_a_run(server, hint):
    assert server.py("print('ok')", runtime_session_hint=hint)["stdout"] == "ok\n"


@pytest.mark.parametrize("profile", [None, "default", "stateful"])
def test_both_profiles_are_served(server, profile):
    headers = {"X-CodeAPI-Expected-Profile": profile} if profile else {}
    answer = server.post("/exec", json={"lang": "py", "code": "print(1)"}, headers=headers)
    assert answer.status_code == 200 and answer.json()["stdout"] == "1\n"
    assert answer.headers["X-CodeAPI-Execution-Profile"] == (profile or "default")
    for path in ("/health", "/nowhere", "/files/abc"):
        assert server.get(path, headers=headers).headers["X-CodeAPI-Execution-Profile"] == (profile or "default")


def test_a_profile_that_there_is_not(server):
    for body in ({"lang": "py", "code": "print(1)"}, {}):
        answer = server.post("/exec", json=body, headers={"X-CodeAPI-Expected-Profile": "fast"})
        assert answer.status_code == 400
        told = answer.json()
        assert told["error"] == "invalid_execution_profile" and told["message"] and "code" not in told
        assert (told["expected_profile"], told["actual_profile"]) == ("fast", "default")
    assert server.get("/files/abc", headers={"X-CodeAPI-Expected-Profile": "fast"}).status_code == 200


@pytest.mark.parametrize("path", ["/exec", "/v1/exec"])
@pytest.mark.parametrize("header", ["X-LibreChat-Code-Workspace-ID", "X-LibreChat-Code-Worker-ID"])
def test_code_for_somebody_elses_machine_is_refused(server, path, header):
    answer = server.post(path, json={"lang": "bash", "code": "touch x"}, headers={header: "w-1"})
    assert answer.status_code == 409
    told = answer.json()
    assert told["error"] == "unsupported_capability" and told["error_type"] == "resource_conflict" and "code" not in told
    assert int(answer.headers["Content-Length"]) == len(answer.content) < 2000
    assert requests.post(server.url + path, json={}, headers={header: "w-1"}).status_code == 401


@pytest.mark.parametrize("path", ["/exec/programmatic", "/v1/exec/programmatic", "/v1/exec/programmatic/cancel"])
def test_what_is_not_built_forbids_another_try(server, path):
    answer = server.post(path, json={"code": "print(1)", "tools": []})
    assert answer.status_code == 409 and answer.json()["error"] == "unsupported_capability" and answer.json()["message"]


@pytest.mark.parametrize("lang, code", [("py", "import os; print(os.environ['LIBRECHAT_CODE_DATA_DIR'])"), ("bash", "echo $LIBRECHAT_CODE_DATA_DIR"), ("js", "console.log(process.env.LIBRECHAT_CODE_DATA_DIR)")])
def test_a_program_is_told_where_its_files_are(server, lang, code):
    assert server.run(lang, code)["stdout"] == "/mnt/data\n"


# ---- the environment of a program -----------------------------------------------------------------------------------


@pytest.mark.parametrize("lang, code", [("py", "import os; print(os.getcwd())"), ("bash", "pwd"), ("js", "console.log(process.cwd())")])
def test_working_directory(server, lang, code):
    assert server.run(lang, code)["stdout"] == "/mnt/data\n"


@pytest.mark.parametrize(
    "lang, code",
    [
        ("py", "import os; print(os.getuid(), os.geteuid(), os.getgid(), os.getegid())"),
        ("bash", "echo $(id -ru) $(id -u) $(id -rg) $(id -g)"),
        ("js", "console.log(process.getuid(), process.geteuid(), process.getgid(), process.getegid())"),
    ],
)
def test_user(server, lang, code):
    assert server.run(lang, code)["stdout"] == "65532 65532 65532 65532\n"


@pytest.mark.parametrize(
    "lang, code",
    [
        ("py", "import sys; print(repr(sys.stdin.read()))"),
        ("bash", 'x=$(cat); echo "[$x]"'),
        ("js", "console.log(JSON.stringify(require('fs').readFileSync(0, 'utf8')))"),
    ],
)
def test_standard_input_is_empty(server, lang, code):
    assert server.run(lang, code)["stdout"] in ("''\n", "[]\n", '""\n')


@pytest.mark.parametrize("lang, code", [("py", "import os; print('\\n'.join(f'{k}={v}' for k, v in os.environ.items()))"), ("bash", "env")])
def test_environment_has_no_secret_of_the_server(server, lang, code):
    text = server.run(lang, code)["stdout"]
    assert server.key not in text and str(server.data) not in text and "API_KEY" not in text
    variables = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    assert variables["HOME"] == "/tmp" and "/usr/bin" in variables["PATH"].split(":")


@pytest.mark.parametrize("tool, command", [("npm", "npm install left-pad"), ("python3 -m pip", "python3 -m pip install --break-system-packages no-such-package")], ids=["npm", "pip"])
def test_who_wants_to_install_something_hears_of_the_network_before_the_time_is_up(patient, tool, command):
    if patient.run("bash", f"{tool} --version")["code"]:
        pytest.skip(f"{tool} is not installed")
    answer = patient.run("bash", f"{command} && echo installed", timeout=100_000)
    assert answer["status"] is None and answer["code"] and re.search("ENOTFOUND|Name or service not known|Temporary failure", answer["stderr"]), answer


def test_error_texts_are_english(server):
    # File tools of clients look for this text.
    assert "No such file or directory" in server.run("bash", "cat /mnt/data/none")["stderr"]


def test_bash_has_python_and_jq(server):
    answer = server.run("bash", "python3 - <<'EOF'\nprint('from python')\nEOF\necho '{\"a\":[1,2]}' | jq -c .a")
    assert answer["stdout"] == "from python\n[1,2]\n" and answer["stderr"] == ""


def test_python_behaves_like_a_script(server):
    code = "1 + 1\n'text'\nprint(__name__, __file__)\nif __name__ == '__main__':\n    print('main')\n"
    assert server.py(code)["stdout"] == "__main__ /mnt/data/.code.py\nmain\n"


def test_python_can_import_a_module_beside_it(server):
    module = server.upload_one("helper_module.py", b"VALUE = 41\n")
    assert server.py("import helper_module; print(helper_module.VALUE + 1)", files=[module])["stdout"] == "42\n"


@pytest.mark.parametrize("module, result", [("pdb", "pdb.Pdb.__name__"), ("sympy", "sympy.sqrt(8)"), ("code", "code.InteractiveConsole.__name__")])
def test_python_finds_the_module_code_and_not_the_program(server, module, result):
    answer = server.run("py", f"import {module}\nprint({result})")
    if "No module named" in answer["stderr"]:
        pytest.skip(f"{module} is not installed")
    assert answer["stderr"] == "" and answer["stdout"] in ("Pdb\n", "2*sqrt(2)\n", "InteractiveConsole\n")


def test_python_classes_and_pickle_work_as_in_a_script(server):
    code = "import pickle\nclass A:\n    x = 3\nprint(pickle.loads(pickle.dumps(A())).x, A.__module__)"
    assert server.py(code)["stdout"] == "3 __main__\n"


def test_python_can_start_processes_and_threads(server):
    code = """
import concurrent.futures, multiprocessing, subprocess, sys, threading
def square(x): return x * x
if __name__ == "__main__":
    print(subprocess.run([sys.executable, "-c", "print('child')"], capture_output=True, text=True).stdout.strip())
    with multiprocessing.Pool(2) as pool: print(pool.map(square, [1, 2, 3]))
    with concurrent.futures.ThreadPoolExecutor(2) as pool: print(list(pool.map(square, [4, 5])))
"""
    answer = server.py(code)
    assert answer["stdout"] == "child\n[1, 4, 9]\n[16, 25]\n", answer["stderr"]


def test_node_has_its_modules(server):
    code = """
const { execFileSync } = require('child_process'); const os = require('os'); const path = require('path');
console.log(execFileSync('echo', ['child']).toString().trim(), path.basename(__filename), typeof os.cpus().length);
setTimeout(() => console.log('later'), 20); Promise.resolve().then(() => console.log('soon'));
"""
    assert server.run("js", code)["stdout"] == "child code.js number\nsoon\nlater\n"


def test_runs_do_not_see_each_other(server):
    server.py("open('/tmp/left', 'w').write('x'); open('/mnt/data/left.bin', 'w').write('x'); open('/dev/shm/left', 'w').write('x')")
    code = "import os; print([p for p in ('/tmp/left', '/mnt/data/left.bin', '/dev/shm/left') if os.path.exists(p)])"
    assert server.py(code)["stdout"] == "[]\n"


# ---- validation -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["cobol", "", "py ", "../py", "Ünïcode"])
def test_unsupported_language(server, lang):
    answer = server.post("/exec", json={"lang": lang, "code": "print(1)"})
    body = check_envelope(answer, 400, "validation", f"Unsupported programming language: {lang}", "lang", "unsupported_language")
    assert body["details"][0]["message"].startswith(f"Language '{lang}' is not supported; there are: bash, ")


@pytest.mark.parametrize("code", ["", "   ", "\n\t \r\n"])
def test_blank_code(server, code):
    answer = server.post("/exec", json={"lang": "py", "code": code})
    body = check_envelope(answer, 400, "validation", "Code cannot be empty", "code", "empty_code")
    assert body["details"][0]["message"] == "Code field is required and cannot be empty"


def test_language_is_checked_before_code(server):
    answer = server.post("/exec", json={"lang": "Cobol", "code": " "})
    check_envelope(answer, 400, "validation", "Unsupported programming language: Cobol")


@pytest.mark.parametrize(
    "body, field, code",
    [
        ({"lang": "py"}, "body -> code", "missing"),
        ({"code": "print(1)"}, "body -> lang", "missing"),
        ({"lang": "py", "code": 5}, "body -> code", "string_type"),
        ({"lang": "py", "code": None}, "body -> code", "string_type"),
        ({"lang": ["py"], "code": "1"}, "body -> lang", "string_type"),
        ({"lang": "py", "code": "1", "session_id": 5}, "body -> session_id", "string_type"),
        ({"lang": "py", "code": "1", "user_id": []}, "body -> user_id", "string_type"),
        ({"lang": "py", "code": "1", "files": {}}, "body -> files", "list_type"),
        ({"lang": "py", "code": "1", "files": "x"}, "body -> files", "list_type"),
        ({"lang": "py", "code": "1", "files": [{"name": "a", "session_id": "s"}]}, "body -> files -> 0 -> id", "missing"),
        ({"lang": "py", "code": "1", "files": [{"id": "a", "session_id": "s"}]}, "body -> files -> 0 -> name", "missing"),
        ({"lang": "py", "code": "1", "files": [{"id": "a", "name": "n"}]}, "body -> files -> 0 -> session_id", "missing"),
        (
            {"lang": "py", "code": "1", "files": [{"id": "a", "name": "n", "session_id": "s"}, {"id": "a", "name": "n", "storage_session_id": ""}]},
            "body -> files -> 1 -> session_id",
            "missing",
        ),
        ({"lang": "py", "code": "1", "entity_id": "x" * 41}, "body -> entity_id", "string_too_long"),
        ({"lang": "py", "code": "1", "entity_id": "a b"}, "body -> entity_id", "string_pattern_mismatch"),
        ({"lang": "py", "code": "1", "entity_id": "a\n"}, "body -> entity_id", "string_pattern_mismatch"),
        ({"lang": "py", "code": "1", "timeout": 0}, "body -> timeout", None),
        ({"lang": "py", "code": "1", "timeout": -5}, "body -> timeout", None),
        ({"lang": "py", "code": "1", "timeout": "soon"}, "body -> timeout", None),
        ({"lang": "py", "code": "1", "timeout": [1]}, "body -> timeout", None),
    ],
)  # fmt: skip
def test_validation(server, body, field, code):
    check_envelope(server.post("/exec", json=body), 422, "validation", "Request validation failed", field, code)


def test_a_missing_field_is_described(server):
    body = check_envelope(server.post("/exec", json={"lang": "py"}), 422, "validation")
    assert body["details"] == [{"field": "body -> code", "message": "Field required", "code": "missing"}]


def test_every_bad_field_is_named(server):
    body = check_envelope(server.post("/exec", json={"code": 1, "files": 2}), 422, "validation")
    assert {entry["field"] for entry in body["details"]} == {"body -> code", "body -> lang", "body -> files"}


@pytest.mark.parametrize("text", [b"", b"{", b"{'lang':'py'}", b'{"lang":"py","code":"1"', b"\x00", b'{"lang":"py",}', b"nonsense", b"\xff\xfe{}"])
def test_malformed_json(server, text):
    answer = server.post("/exec", data=text, headers={"Content-Type": "application/json"})
    body = check_envelope(answer, 422, "validation", "Request validation failed")
    assert re.match(r"^body( -> \d+)?$", body["details"][0]["field"])
    assert body["details"][0]["code"] == ("json_invalid" if text else body["details"][0]["code"])


@pytest.mark.parametrize("text", [b"[]", b'"text"', b"5", b"null"])
def test_json_that_is_not_an_object(server, text):
    check_envelope(server.post("/exec", data=text, headers={"Content-Type": "application/json"}), 422, "validation")


@pytest.mark.parametrize("kind", ["application/xml", "application/octet-stream", None, "\xff\xfe/x"])
def test_content_type_not_allowed(server, kind):
    # requests would add one of its own to a str
    with server.socket() as connection:
        body = b'{"lang":"py","code":"print(1)"}'
        head = f"POST /exec HTTP/1.1\r\nHost: x\r\nx-api-key: {server.key}\r\nContent-Length: {len(body)}\r\n"
        connection.sendall((head + (f"Content-Type: {kind}\r\n" if kind else "") + "\r\n").encode("latin-1") + body)
        status, _, text, _ = read_response(connection)
    assert status == 415 and json.loads(text)["error"].startswith("Unsupported content type")
    assert json.loads(text)["error_type"] == "validation"


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON", "text/plain"])
def test_content_types_that_carry_json(server, kind):
    answer = server.post("/exec", data=b'{"lang":"py","code":"print(1)"}', headers={"Content-Type": kind})
    assert answer.status_code == 200 and answer.json()["stdout"] == "1\n"


@pytest.mark.parametrize("timeout", [1, 1000, 5000, 10**9, None, 1500.0])
def test_timeout_field_is_accepted(server, timeout):
    assert server.run("bash", "echo in time", timeout=timeout)["stdout"] == "in time\n"


def test_timeout_field_shortens_the_limit(server):
    began = time.monotonic()
    answer = server.py("import time\nprint('begun', flush=True)\ntime.sleep(20)", timeout=1000)
    assert time.monotonic() - began < 4 + Server.room()
    assert answer["stdout"] == "begun\n" and "Execution timed out after 1 seconds" in answer["stderr"] and answer["status"] == "TO"


def test_code_may_be_large(server):
    code = "data = '''" + "x" * 3_000_000 + "'''\nprint(len(data))"
    assert server.py(code)["stdout"] == "3000000\n"


def test_code_is_not_changed_on_its_way(server):
    text = "tab\there 'quote' \"double\" back\\slash $HOME `x` %s {} ünï 𝒳 \u2028 end"
    assert server.py("print(" + repr(text) + ")")["stdout"] == text + "\n"
    assert server.run("bash", "cat <<'EOF'\n" + text + "\nEOF")["stdout"] == text + "\n"
    assert server.run("js", "console.log(" + json.dumps(text, ensure_ascii=False) + ")")["stdout"] == text + "\n"


@pytest.mark.parametrize("code", ["print('a\0b')", "\ufeffprint('bom')", '"\\ud800"', "print('x')\r\nprint('y')\r\n"], ids=["nul", "bom", "surrogate", "crlf"])
def test_odd_characters_in_code_are_the_programs_problem(server, code):
    raw = b'{"lang":"py","code":' + json.dumps(code).encode() + b"}"
    answer = server.post("/exec", data=raw, headers={"Content-Type": "application/json"})
    assert answer.status_code in (200, 422), answer.text
    if answer.status_code == 200:
        assert answer.json()["stdout"] or answer.json()["stderr"] or code.startswith('"')


def test_lone_surrogate_in_json_never_breaks_the_server(server):
    answer = server.post("/exec", data=b'{"lang":"py","code":"print(\'\\ud800\')"}', headers={"Content-Type": "application/json"})
    assert answer.status_code in (200, 422)
    assert server.py("print(1)")["stdout"] == "1\n"


def test_duplicate_keys_in_json(server):
    answer = server.post("/exec", data=b'{"lang":"py","code":"print(1)","code":"print(2)"}', headers={"Content-Type": "application/json"})
    assert answer.status_code in (200, 422)
    if answer.status_code == 200:
        assert answer.json()["stdout"] == "2\n"  # the last wins, as in the reference


# ---- the answer -----------------------------------------------------------------------------------------------------


def test_shape_of_the_answer(server):
    answer = server.py("print('x')")
    assert re.match(ID, answer["session_id"]) and answer["storage_session_id"] == answer["session_id"]
    assert answer["files"] == [] and (answer["stdout"], answer["stderr"]) == ("x\n", "")
    assert isinstance(answer["has_state"], bool) and {"state_size", "state_hash"} <= set(answer)
    assert answer["code"] == 0 and answer["signal"] is None and answer["status"] is None and answer["message"] is None
    assert 0 < answer["wall_time"] < 10_000
    assert "run" not in answer and answer.get("runtime_session_id") is None


def test_answer_is_json_without_a_chance_of_misreading(server):
    answer = server.post("/exec", json={"lang": "py", "code": r"""print('a \u2028 \x7f " \\ / <script>')"""})
    assert answer.headers["content-type"].split(";")[0] == "application/json"
    assert answer.json()["stdout"] == 'a \u2028  " \\ / <script>\n'


@pytest.mark.parametrize(
    "printed, stdout",
    [
        ("", ""),
        ("   \n\t\n", ""),
        ("text", "text\n"),
        ("text\n", "text\n"),
        ("text\n\n\n", "text\n"),
        ("text  \t \n", "text\n"),
        ("\n\n  \n    indented\n  less\n", "    indented\n  less\n"),
        ("a\n\n\nb", "a\n\n\nb\n"),
        ("tab\tand\r\nreturn", "tab\tand\r\nreturn\n"),
        ("bell\a null\0 escape\x1b[0m del\x7f ff\f vt\v", "bell null escape del ff vt\n"),
        ("ünï 𝒳 日本", "ünï 𝒳 日本\n"),
    ],
    ids=repr,
)
def test_standard_output_rules(server, printed, stdout):
    assert server.py(f"import sys; sys.stdout.write({printed!r})")["stdout"] == stdout


def test_standard_error_of_a_successful_run_is_returned_without_line_feed(server):
    answer = server.py("import sys; sys.stderr.write('  a warning\\n\\n'); print('out')")
    assert (answer["stdout"], answer["stderr"], answer["code"]) == ("out\n", "  a warning", 0)


@pytest.mark.parametrize("lang, code", [("py", "import sys; sys.stdout.buffer.write(b'a\\xff\\xfeb\\xc3')"), ("bash", r"printf 'a\xff\xfeb\xc3'")])
def test_invalid_utf8_becomes_replacement_characters(server, lang, code):
    assert re.fullmatch("a\ufffd{2}b\ufffd\n", server.run(lang, code)["stdout"])


@pytest.mark.parametrize("letter", ["x", "ü", "𝒳"])
def test_long_output_is_cut_by_characters(server, letter):
    answer = server.py(f"print('{letter}' * 70000)\nprint('end')\nopen('after.txt', 'w').write('reached')")
    assert answer["stdout"] == letter * 65536 + "\n[Output truncated - size limit exceeded]\n"
    assert answer["code"] == 0 and [f["name"] for f in answer["files"]] == ["after.txt", "stdout.txt"]


def test_output_of_exactly_the_limit_is_not_cut(server):
    assert server.py("import sys; sys.stdout.write('y' * 65536)")["stdout"] == "y" * 65536 + "\n"


def test_long_standard_error_is_cut(server):
    answer = server.py("import sys; sys.stderr.write('e' * 200000); print('out')")
    assert answer["stderr"] == "e" * 65536 + "\n[Output truncated - size limit exceeded]" and answer["stdout"] == "out\n"


def test_streams_are_kept_apart_and_in_order(server):
    answer = server.run("bash", "for i in 1 2 3 4 5; do echo o$i; echo e$i >&2; done")
    assert answer["stdout"] == "o1\no2\no3\no4\no5\n" and answer["stderr"] == "e1\ne2\ne3\ne4\ne5"


# ---- programs that fail ---------------------------------------------------------------------------------------------


def test_exception(server):
    answer = server.py("print('start')\n1/0\nprint('never')")
    assert answer["stdout"] == "start\n" and answer["code"] == 1 and answer["status"] is None
    assert answer["stderr"].startswith("Traceback (most recent call last):\n")
    assert 'File "/mnt/data/.code.py", line 2, in <module>' in answer["stderr"]
    assert answer["stderr"].endswith("ZeroDivisionError: division by zero")
    assert answer["stderr"].count("File ") == 1, "frames of the harness are visible"


def test_exception_in_a_function_shows_source_lines(server):
    answer = server.py("def outer():\n    return inner()\ndef inner():\n    raise KeyError('missing')\nouter()\n")
    # Lines that only underline, which some versions of Python add, do not matter.
    assert [line.strip() for line in answer["stderr"].splitlines() if line.strip("^~ ")] == [
        "Traceback (most recent call last):",
        'File "/mnt/data/.code.py", line 5, in <module>', "outer()",
        'File "/mnt/data/.code.py", line 2, in outer', "return inner()",
        'File "/mnt/data/.code.py", line 4, in inner', "raise KeyError('missing')",
        "KeyError: 'missing'",
    ]  # fmt: skip


def test_syntax_error(server):
    answer = server.py("print('a'\nprint('b')")
    assert answer["code"] == 1 and answer["stdout"] == "" and "SyntaxError" in answer["stderr"] and "code.py" in answer["stderr"]


@pytest.mark.parametrize(
    "lang, code, text",
    [
        ("js", "console.log('start'); throw new TypeError('broken')", "TypeError: broken"),
        ("js", "console.log('start'); const x = ;", "SyntaxError"),
        ("bash", "echo start; nonexistent_command_x; exit 9", "nonexistent_command_x"),
        ("bash", "echo start\nif true; then", "syntax error"),
    ],
)
def test_other_languages_fail_in_their_own_words(server, lang, code, text):
    answer = server.run(lang, code)
    assert text in answer["stderr"] and answer["code"] != 0 and answer["stdout"] in ("start\n", "")


@pytest.mark.parametrize("lang, code", [("py", "import sys; print('out'); sys.exit(3)"), ("bash", "echo out; exit 3"), ("js", "console.log('out'); process.exit(3)")])
def test_exit_code_without_any_text(server, lang, code):
    answer = server.run(lang, code)
    assert (answer["stdout"], answer["stderr"], answer["code"]) == ("out\n", "Code execution failed with exit code 3", 3)


def test_exit_code_with_text(server):
    answer = server.py("import sys; sys.exit('a reason')")
    assert (answer["stderr"], answer["code"]) == ("a reason", 1)


@pytest.mark.parametrize("code, status", [("import os; os._exit(0)", 0), ("raise SystemExit", 0), ("import os; os._exit(77)", 77), ("exit(256 + 4)", 4)])
def test_ways_of_leaving_python(server, code, status):
    assert server.py("print('out', flush=True)\n" + code)["code"] == status


def test_atexit_and_threads_end_before_the_program_does(server):
    code = """
import atexit, threading, time
atexit.register(lambda: print("at exit"))
threading.Thread(target=lambda: (time.sleep(0.1), print("thread"))).start()
print("main")
"""
    assert server.py(code)["stdout"] == "main\nthread\nat exit\n"


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGSEGV", "SIGABRT"])
@pytest.mark.parametrize("lang", ["py", "bash"])
def test_killed_by_a_signal(server, lang, name):
    code = {"py": f"import os, signal; print('out', flush=True); os.kill(os.getpid(), signal.{name})", "bash": f"echo out; kill -{name[3:]} $$"}[lang]
    answer = server.run(lang, code)
    assert answer["stdout"] == "out\n" and answer["signal"] == name and answer["status"] == "SG"
    assert f"Process terminated by signal {name}" in answer["stderr"]


def test_unbuffered_text_is_not_lost_when_a_program_is_killed(server):
    answer = server.py("import os, sys\nprint('a', flush=True)\nprint('b', file=sys.stderr)\nos.kill(os.getpid(), 9)")
    assert answer["stdout"] == "a\n" and answer["stderr"].splitlines()[0] == "b"


# ---- sessions -------------------------------------------------------------------------------------------------------


def test_a_session_is_continued_by_its_id(server):
    first = server.py("print(1)")
    assert server.py("print(2)", session_id=first["session_id"])["session_id"] == first["session_id"]


def test_without_an_id_there_is_a_new_session(server):
    assert server.py("print(1)")["session_id"] != server.py("print(1)")["session_id"]


@pytest.mark.parametrize("session", ["unknown00000000000000", "", "x" * 5000, "../../etc", "*", "a:b", "\n", None])
def test_an_unknown_session_is_no_error(server, session):
    answer = server.py("print('ok')", session_id=session)
    assert answer["stdout"] == "ok\n" and re.match(ID, answer["session_id"]) and answer["session_id"] != session


def test_ids_are_distinct_and_well_formed(server):
    ids = [server.run("bash", "true")["session_id"] for _ in range(20)]
    assert len(set(ids)) == 20
    assert all(re.match(r"^[A-Za-z0-9][A-Za-z0-9_-]{19}[A-Za-z0-9]$", one) for one in ids)


def test_entity_continues_the_session_of_the_same_user_only(server):
    entity = f"agent-{time.time_ns()}"
    first = server.py("print(1)", entity_id=entity, user_id="u1")["session_id"]
    assert server.py("print(1)", entity_id=entity, user_id="u1")["session_id"] == first
    assert server.py("print(1)", entity_id=entity, user_id="u2")["session_id"] != first
    assert server.py("print(1)", entity_id=entity)["session_id"] != first


def test_runs_of_one_session_may_overlap(server):
    session = server.py("print(1)")["session_id"]
    answers = [None] * 4

    def run(index):
        body = {"lang": "bash", "code": f"sleep 0.3; echo {index} > out.txt; echo {index}", "session_id": session}
        answers[index] = requests.post(server.url + "/exec", json=body, headers={"x-api-key": server.key}, timeout=60).json()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer["stdout"] for answer in answers] == [f"{index}\n" for index in range(4)]
    assert {answer["session_id"] for answer in answers} == {session}
    assert len({answer["files"][0]["id"] for answer in answers}) == 4
    assert [server.download(answer["files"][0]) for answer in answers] == [f"{index}\n".encode() for index in range(4)]


# ---- keepalive ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_long_run_sends_spaces_before_its_answer(server):
    with server.socket() as connection:
        connection.sendall(http_bytes("POST", "/exec", {"lang": "bash", "code": "sleep 5; echo done"}))
        began, first = time.monotonic(), None
        data = b""
        while b'"stdout"' not in data:
            piece = connection.recv(65536)
            assert piece, data
            data += piece
            if first is None:
                first = time.monotonic() - began
    assert first < 4.8, "nothing was sent before the run ended"
    assert data.startswith(b"HTTP/1.1 200") and b"done\\n" in data
    assert server.run("bash", "sleep 3.5; echo again")["stdout"] == "again\n"  # ordinary clients do not notice


def test_errors_keep_their_status_before_the_first_space(server):
    check_envelope(server.post("/exec", json={"lang": "none", "code": "x"}), 400, "validation")


@pytest.mark.parametrize(
    "lang, code",
    [
        ("bash", "echo to-out > /dev/stdout; echo to-err > /dev/stderr; echo again >> /proc/self/fd/1"),
        ("py", "print('to-out', file=open('/dev/stdout', 'w')); print('to-err', file=open('/dev/stderr', 'w')); open('/proc/self/fd/1', 'a').write('again\\n')"),
    ],
)  # fmt: skip
def test_streams_can_be_opened_by_name(server, lang, code):
    answer = server.run(lang, code)
    assert answer["stdout"] == "to-out\nagain\n" and answer["stderr"] == "to-err", answer
