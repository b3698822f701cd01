"""Sandboxes in a container that is itself the boundary: no capabilities, no namespaces, no control groups (container.py)."""

import os
import pathlib
import platform
import re
import subprocess
import sys

import pytest

from harness import cannot, wait_until

CONTAINER = pathlib.Path(__file__).with_name("container.py")


@pytest.fixture(scope="module")
def contained(program):
    """Runs the program in a container. Skips where none can be made."""
    if os.geteuid() != 0:
        cannot("only root makes a container without a manager")
    if platform.machine() != "x86_64":
        cannot("the container's filter has numbers of x86-64")
    build = pathlib.Path(program).resolve().parent

    def run(*words, code="", seconds=120, **environment):
        return subprocess.run([sys.executable, CONTAINER, build, *words], input=code.encode(), capture_output=True, timeout=seconds,
                              env=os.environ | environment)

    first = run("/usr/bin/true")
    if first.returncode != 0:
        cannot(f"a container cannot be made here: {first.stderr.decode()[-500:]}")
    return run


def run_code(contained, lang, code, *words, **environment):
    return contained("/kubecoderun", "run", "--lang", lang, *words, code=code, **environment)


PROGRAMS = {
    "py": "import os\nprint('hello', os.getuid())",
    "js": "console.log('hello', process.getuid())",
    "ts": "const uid: number = process.getuid!(); console.log('hello', uid)",
    "bash": "echo hello $(id -u)",
    "php": "<?php echo 'hello ', posix_geteuid(), \"\\n\";",
    "r": "cat('hello', system('id -u', intern = TRUE), '\\n')",
    "java": "class A { public static void main(String[] a) { System.out.println(\"hello 65532\"); } }",
    "go": "package main\nimport (\"fmt\"; \"os\")\nfunc main() { fmt.Println(\"hello\", os.Getuid()) }",
    "c": "#include <stdio.h>\n#include <unistd.h>\nint main() { printf(\"hello %d\\n\", getuid()); }",
    "cpp": "#include <iostream>\n#include <unistd.h>\nint main() { std::cout << \"hello \" << getuid() << \"\\n\"; }",
    "rs": "fn main() { println!(\"hello 65532\"); }",
    "d": "import std.stdio; void main() { writeln(\"hello 65532\"); }",
    "f90": "program a\nprint '(a)', 'hello 65532'\nend program",
}


@pytest.mark.parametrize("lang", PROGRAMS)
def test_a_program_of_every_language_runs(contained, lang):
    result = run_code(contained, lang, PROGRAMS[lang])
    if b"has no sandbox for" in result.stderr:
        cannot(f"this host has no {lang}")
    assert (result.returncode, result.stdout.split()) == (0, [b"hello", b"65532"]), result.stderr.decode()[-2000:]


def test_the_time_limit_holds(contained):
    result = run_code(contained, "bash", "trap '' TERM INT\necho on\n(setsid sleep 600 &)\nwhile :; do :; done", "--timeout", "1")
    assert result.stdout == b"on\n" and result.returncode == 124, result


@pytest.mark.parametrize("code", [
    "import os\na = []\nwhile True: a.append(bytearray(10 << 20))",
    "import os, time\nfor i in range(8):\n  if os.fork() == 0:\n    a = bytearray(os.urandom(1 << 20)) * 60\n    time.sleep(600)\ntime.sleep(600)",
])
def test_the_memory_limit_holds(contained, code):
    result = run_code(contained, "py", code, MAX_MEMORY_MB="256")
    assert result.returncode == 137 or b"MemoryError" in result.stderr, result


MEMORY_FILES = """
import os, time
piece, held = bytes(1 << 20), []
for _ in range(3):
    held.append(os.memfd_create('held'))
    for _ in range(200): os.write(held[-1], piece)
print('held', flush=True)
time.sleep(600)
"""
FILES = """
import time
for folder in ('/tmp', '/dev/shm', '/mnt/data'):
    with open(folder + '/file', 'wb') as file:
        for _ in range(150): file.write(bytes(1 << 20))
print('held', flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("code", [MEMORY_FILES, FILES], ids=["memfd", "files"])
def test_memory_in_files_of_memory_counts(contained, code):
    result = run_code(contained, "py", code, MAX_MEMORY_MB="256")
    assert result.returncode == 137, result


@pytest.fixture
def group():
    """A control group of its own for the container."""
    parent = next((path for path in (pathlib.Path("/sys/fs/cgroup/memory"), pathlib.Path("/sys/fs/cgroup")) if path.is_dir()), None)
    if parent is None:
        cannot("there are no control groups here")
    made = parent / f"kcr-test-{os.getpid()}"
    try:
        made.mkdir()
    except OSError as problem:
        cannot(f"no control group can be made: {problem}")
    try:
        if not any((made / name).exists() for name in ("memory.current", "memory.usage_in_bytes")):
            cannot("control groups count no memory here")
        yield made
    finally:
        assert wait_until(lambda: not (made / "cgroup.procs").read_text(), 30)
        made.rmdir()


def test_memory_that_only_the_containers_group_shows_counts(contained, group):
    """Memory files that are mapped, not touched, and closed."""
    code = MEMORY_FILES.replace("print('held'", "import mmap\nkept = [mmap.mmap(file, 200 << 20) for file in held]\nfor file in held: os.close(file)\nprint('held'")
    result = run_code(contained, "py", code, MAX_MEMORY_MB="256", KCR_TEST_GROUP=str(group))
    assert result.returncode == 137, result
    fits = run_code(contained, "py", code.replace("range(3)", "range(1)").replace("time.sleep(600)", "time.sleep(1)"), MAX_MEMORY_MB="256", KCR_TEST_GROUP=str(group))
    assert (fits.returncode, fits.stdout) == (0, b"held\n"), fits


def test_the_process_limit_holds(contained):
    code = "import os, time\nprint('on', flush=True)\nfor _ in range(200):\n  if os.fork() == 0: time.sleep(600)\ntime.sleep(600)"
    result = run_code(contained, "py", code, MAX_PIDS="80")
    assert (result.returncode, result.stdout) == (137, b"on\n"), result


def test_nothing_survives(contained):
    # Daemons that leave their session, as far as they are allowed to, and one that changes its process all the time.
    code = """
import os, time
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.setpgid(0, 0)
            time.sleep(600)
        os._exit(0)
if os.fork() == 0:
    while True:
        if os.fork() > 0: os._exit(0)
time.sleep(0.5)
print('end')
"""
    script = f"cat > /tmp/../mnt/data/p.py; /kubecoderun run --lang py /mnt/data/p.py < /dev/null; for d in /proc/[0-9]*; do tr '\\0' ' ' < $d/cmdline; echo; done"
    result = contained("/bin/bash", "-c", script, code=code)
    assert result.stdout.startswith(b"end\n"), result
    left = [line for line in result.stdout.splitlines()[1:] if re.search(rb"python|zygote|sandboxd", line)]
    assert left == []


def test_what_is_outside_cannot_be_written_to_or_hit(contained):
    code = """
import ctypes, os, signal
def attempt(name, work):
    try: work(); print(name, 'VULNERABLE')
    except OSError: print(name, 'SAFE')
attempt('root', lambda: open('/usr/x', 'w'))
attempt('oom', lambda: open('/proc/1/oom_score_adj', 'w').write('1'))
def others(name):
    refused = None
    for pid in filter(str.isdigit, os.listdir('/proc')):
        if int(pid) == os.getpid(): continue
        try: open(f'/proc/{pid}/{name}', 'rb').read(1); return
        except OSError as problem: refused = problem
    raise refused
attempt('environment', lambda: others('environ'))
attempt('memory', lambda: others('mem'))
def unshare():
    if ctypes.CDLL(None).unshare(0x10000000) != 0: raise OSError
attempt('unshare', unshare)
"""
    result = run_code(contained, "py", code)
    assert b"VULNERABLE" not in result.stdout and result.stdout.count(b"SAFE") == 5, result


def test_nothing_is_left_for_the_next_program(contained):
    first = """
import os
for folder in ('/mnt/data', '/tmp', '/dev/shm'):
    os.makedirs(folder + '/closed/inner')
    open(folder + '/closed/inner/secret', 'w').write('secret')
    os.chmod(folder + '/closed', 0)
"""
    second = "import os; print([folder for folder in ('/mnt/data', '/tmp', '/dev/shm') if 'closed' in os.listdir(folder)])"
    script = 'for p in "$KCR_TEST_FIRST" "$KCR_TEST_SECOND"; do echo "$p" > /data/p.py; /kubecoderun run /data/p.py < /dev/null || exit; done'
    result = contained("/bin/bash", "-c", script, KCR_TEST_FIRST=first, KCR_TEST_SECOND=second)
    assert result.returncode == 0, result
    assert result.stdout == b"[]\n", result


SERVER = """
/kubecoderun serve > /data/log 2>&1 &
server=$!
/usr/bin/python3 -c "$KCR_TEST_CLIENT" || cat /data/log >&2
kill $server
wait $server
"""
CLIENT = """
import concurrent.futures, json, time, urllib.request
def ask(path, body=None):
    request = urllib.request.Request('http://127.0.0.1:8000' + path, data=body, headers={'x-api-key': 'k-0123456789abcdef', 'content-type': 'application/json'})
    return json.load(urllib.request.urlopen(request, timeout=100))
deadline = time.monotonic() + 60
while True:
    try:
        ask('/ready')
        break
    except OSError:
        if time.monotonic() > deadline: raise
        time.sleep(0.1)
def run(number):
    lang, code = (('py', f"open('mine', 'w').write('{number}'); print(open('mine').read())"), ('bash', f'echo {number} > mine; cat mine'))[number % 2]
    return ask('/exec', json.dumps({'lang': lang, 'code': code}).encode())['stdout'].strip()
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    print(*pool.map(run, range(6)))
"""


def test_a_server_makes_one_sandbox_after_the_other(contained):
    result = contained("/bin/bash", "-c", "export API_KEY=k-0123456789abcdef DATA_DIR=/data/server; " + SERVER, KCR_TEST_CLIENT=CLIENT)
    assert result.stdout == b"0 1 2 3 4 5\n", result
