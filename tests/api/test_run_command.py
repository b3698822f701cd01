"""The subcommands that need no server: run, doctor, settings."""

import json
import os
import subprocess
import time

import pytest

from harness import HostState, cannot, command, doctor


@pytest.fixture(scope="module")
def engine(program):
    """Skips when this host cannot run sandboxes."""
    code, text = doctor(program)
    if code == 1:
        cannot(f"doctor says:\n{text[-3000:]}")
    return program


def run_file(program, tmp_path, lang, name, code, *arguments, **settings):
    path = tmp_path / name
    path.write_text(code)
    return command(program, "run", "--lang", lang, path, *arguments, **settings)


@pytest.mark.parametrize("lang, name, code", [("py", "a.py", "print('hello')"), ("bash", "a.sh", "echo hello"), ("js", "a.js", "console.log('hello')")])
def test_run(engine, tmp_path, lang, name, code):
    result = run_file(engine, tmp_path, lang, name, code)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"hello\n", b"")


def test_run_passes_both_streams_and_the_exit_code(engine, tmp_path):
    result = run_file(engine, tmp_path, "bash", "a.sh", "echo out; echo err >&2; exit 7")
    assert (result.returncode, result.stdout) == (7, b"out\n") and result.stderr.startswith(b"err")


ECHO = {
    "py": ("a.py", "import sys; sys.stdout.write(sys.stdin.read().upper())"),
    "bash": ("a.sh", "tr a-z A-Z"),
    "js": ("a.js", "process.stdout.write(require('fs').readFileSync(0, 'utf8').toUpperCase())"),
    "php": ("a.php", "<?php echo strtoupper(stream_get_contents(STDIN));"),
    "r": ("a.r", "cat(toupper(readLines(file('stdin'))), sep='\\n')"),
    "c": ("a.c", '#include <stdio.h>\n#include <ctype.h>\nint main() { for (int c; (c = getchar()) != EOF;) putchar(toupper(c)); }'),
}


@pytest.mark.parametrize("lang", ECHO)
def test_run_passes_standard_input_on(engine, tmp_path, lang):
    name, code = ECHO[lang]
    path = tmp_path / name
    path.write_text(code)
    text = b"a line\n" * 40_000  # more than a pipe holds
    result = command(engine, "run", "--lang", lang, path, stdin=text)
    if b"no such kind of sandbox" in result.stderr or b"is not there" in result.stderr:
        cannot(f"{lang} is not installed")
    assert (result.returncode, result.stdout) == (0, text.upper()), result.stderr
    assert command(engine, "run", "--lang", lang, stdin=code.encode()).stdout.strip() == b"", "code that came this way leaves nothing"


def test_run_does_not_wait_for_input_that_nobody_reads(engine, tmp_path):
    path = tmp_path / "a.sh"
    path.write_text("echo done")
    with subprocess.Popen([engine, "run", path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.read() == b"done\n"
        assert process.wait(30) == 0, "although its standard input is still open"


def test_run_gives_no_descriptor_of_the_host(engine, tmp_path):
    path = tmp_path / "a.sh"
    path.write_text("readlink /proc/self/fd/0")
    for name in ("/etc/hostname", "/"):
        descriptor = os.open(name, os.O_RDONLY)
        result = subprocess.run([engine, "run", path], stdin=descriptor, capture_output=True, timeout=60)
        os.close(descriptor)
        assert result.stdout.startswith(b"pipe:"), result


@pytest.mark.parametrize("arguments", [("--file", "/nonexistent"), ("--lang", "cobol")])
def test_run_says_an_ordinary_mistake_and_nothing_else(engine, tmp_path, arguments):
    path = tmp_path / "a.sh"
    path.write_text("echo done")
    result = command(engine, "run", path, *arguments)
    assert result.returncode == 1
    lines = result.stderr.decode().splitlines()
    assert len(lines) == 1 and lines[0].startswith("kubecoderun: "), lines


def test_run_is_the_same_sandbox(engine, tmp_path):
    code = "import os; print(os.getuid(), os.getcwd(), os.path.exists('/root/.bashrc'), 'MARK' in os.environ)"
    assert run_file(engine, tmp_path, "py", "a.py", code, MARK="1").stdout == b"65532 /mnt/data False False\n"


def test_run_has_the_limits_of_the_environment(engine, tmp_path):
    began = time.monotonic()
    result = run_file(engine, tmp_path, "bash", "a.sh", "echo begun; sleep 30", MAX_EXECUTION_TIME=1)
    assert time.monotonic() - began < 10
    assert result.returncode != 0 and result.stdout == b"begun\n" and b"Execution timed out after 1 seconds" in result.stderr


def test_run_leaves_nothing(engine, tmp_path):
    host = HostState()
    run_file(engine, tmp_path, "py", "a.py", "import subprocess; subprocess.Popen(['sleep', '30'])")
    assert host.left_behind() == []


@pytest.mark.parametrize("arguments", [["run", "--lang", "py", "/nonexistent/file.py"], ["run", "--lang", "cobol", "/dev/null"], ["run"], ["frobnicate"], ["serve", "--frobnicate"]])
def test_mistakes_are_explained(program, arguments):
    result = command(program, *arguments)
    assert result.returncode not in (0, -6, -11) and (result.stderr or result.stdout).strip()


def test_doctor(program):
    code, text = doctor(program)
    assert code in (0, 1), f"exit code {code}\n{text}"
    lower = text.lower()
    for word in ("cgroup", "seccomp", "user namespace", "python", "bash", "node"):
        assert word in lower or word.replace(" ", "_") in lower or word.replace(" ", "-") in lower, f"{word} is not in:\n{text}"


def test_doctor_looks_for_what_a_build_makes(program, tmp_path):
    whole = json.loads(command(program, "doctor", "--json").stdout)["findings"]
    lacking = json.loads(command(program, "doctor", "--json", RUNTIMES_DIR=tmp_path).stdout)["findings"]

    def states(findings):
        return {finding["name"]: finding["state"] for finding in findings}

    for name in ("Java (java)", "JavaScript (js)", "C++ headers", "list of Go's packages"):
        if states(whole).get(name) == "ok":
            assert states(lacking)[name] == "lacking"
    assert states(lacking).get("Bash (bash)") == states(whole).get("Bash (bash)")
    assert {"version", "faults that programs can reach", "range of user ids", "log of programs that need too much memory"} <= set(states(whole))
    assert all(finding["remedy"] for finding in lacking if finding["state"] != "ok")


def test_settings(program):
    result = command(program, "settings")
    text = result.stdout.decode()
    assert result.returncode == 0
    for name in ("API_KEY", "API_PORT", "API_HOST", "DATA_DIR", "MAX_EXECUTION_TIME", "MAX_MEMORY_MB", "MAX_FILE_SIZE_MB", "LOG_FORMAT", "POD_POOL_PY"):
        assert name in text, name


def test_settings_does_not_show_secrets(program):
    result = command(program, "settings", API_KEY="very-secret-key-12345", MASTER_API_KEY="very-secret-master-12345")
    assert result.returncode == 0 and b"very-secret" not in result.stdout + result.stderr


@pytest.mark.parametrize("name, value", [("MAX_EXECUTION_TIME", "0"), ("MAX_EXECUTION_TIME", "soon"), ("API_PORT", "70000"), ("ENABLE_DOCS", "perhaps"), ("MAX_MEMORY_MB", "1")])
def test_a_bad_setting_is_named_and_stops_the_start(program, tmp_path, name, value):
    result = command(program, "serve", **({"API_KEY": "long-enough-key-0123", "DATA_DIR": tmp_path / "data", "API_PORT": 1} | {name: value}))
    assert result.returncode == 1 and name.encode() in result.stderr + result.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"], ["run", "--help"]])
def test_help(program, arguments):
    result = command(program, *arguments)
    assert result.returncode == 0 and b"kubecoderun" in result.stdout.lower()
