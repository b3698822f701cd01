"""Limits of a run: each ends it in the way the contract says, keeps what was printed, and leaves the server well."""

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import SMALL, Server, descendants, names, processes_with, started, wait_until

FOREVER = {
    "py": "print('begun', flush=True)\nwhile True: pass",
    "bash": "echo begun; while :; do :; done",
    "js": "console.log('begun'); for (;;) {}",
}
SLEEP = {
    "py": "import time; print('begun', flush=True); time.sleep(60)",
    "bash": "echo begun; sleep 60",
    "js": "console.log('begun'); setTimeout(() => 0, 60000)",
}
LIMIT = 3  # MAX_EXECUTION_TIME of the fixture


def timed(function):
    began = time.monotonic()
    value = function()
    return value, time.monotonic() - began


def check_timeout(answer, seconds, stdout="begun\n"):
    assert answer["stdout"] == stdout
    assert answer["stderr"].splitlines()[-1] == f"Execution timed out after {LIMIT} seconds"
    assert answer["status"] == "TO" and answer["message"] == "Time limit exceeded" and answer["code"] != 0
    assert LIMIT - 0.2 < seconds < LIMIT + Server.room()


# ---- time -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("programs", [FOREVER, SLEEP], ids=["busy", "asleep"])
def test_time_limit_keeps_what_was_printed(limited, programs):
    # All languages together: the limit is of each run, not of their sum.
    answers = {}

    def run(lang, code):
        answers[lang] = timed(lambda: limited.post("/exec", json={"lang": lang, "code": code}).json())

    threads = [threading.Thread(target=run, args=item) for item in programs.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers) == set(programs)
    for answer, seconds in answers.values():
        check_timeout(answer, seconds)


def test_a_program_that_ends_in_time_is_not_touched(limited):
    answer = limited.run("bash", "sleep 1.5; echo done")
    assert answer["stdout"] == "done\n" and answer["status"] is None


@pytest.mark.slow
def test_files_written_before_the_limit_are_kept(limited):
    answer, seconds = timed(lambda: limited.py("open('part.txt', 'w').write('kept')\nprint('begun', flush=True)\nwhile True: pass"))
    check_timeout(answer, seconds)
    assert limited.download(answer["files"][0]) == b"kept"


@pytest.mark.slow
def test_a_program_may_clean_up_when_its_time_is_over(limited):
    code = "import signal, sys, time\ndef end(*_):\n    print('cleaned', flush=True); sys.exit(0)\nsignal.signal(signal.SIGTERM, end)\nprint('begun', flush=True)\ntime.sleep(60)"
    answer, seconds = timed(lambda: limited.py(code))
    check_timeout(answer, seconds, "begun\ncleaned\n")


@pytest.mark.slow
def test_text_in_the_buffer_of_a_program_is_not_lost_at_the_limit(limited):
    answer, seconds = timed(lambda: limited.py("import time\nprint('begun')\ntime.sleep(60)"))
    check_timeout(answer, seconds)


@pytest.mark.slow
@pytest.mark.parametrize("kept", ["stdout", "nothing"])
def test_a_child_in_the_background_does_not_hold_the_answer(limited, kept):
    marker = f"kcr-background-{time.time_ns()}"
    redirect = "" if kept == "stdout" else ">/dev/null 2>&1"
    answer, seconds = timed(lambda: limited.run("bash", f"sh -c 'sleep 40; :' {marker} {redirect} & echo done"))
    assert "done" in answer["stdout"] and seconds < LIMIT + Server.room()
    assert wait_until(lambda: not processes_with(marker), 5), processes_with(marker)


# ---- memory ---------------------------------------------------------------------------------------------------------

HUNGRY = {
    "py": "import sys\nprint('begun', flush=True)\nkept = []\nfor _ in range(48): kept.append(bytearray(b'x' * (16 << 20)))\nprint('survived')",
    "bash": "echo begun; exec tail /dev/zero",
    "js": "console.log('begun'); const kept = []; for (let i = 0; i < 48; i++) kept.push(Buffer.alloc(16 << 20, 1)); console.log('survived')",
}


@pytest.mark.slow
@pytest.mark.parametrize("lang", HUNGRY)
def test_out_of_memory(patient, lang):
    answer = patient.run(lang, HUNGRY[lang], timeout=200000)
    assert answer["stdout"] == "begun\n", answer
    assert "Out of memory" in answer["stderr"] and answer["code"] != 0
    assert answer["status"] == "SG" and answer["message"] == "Out of memory"


@pytest.mark.slow
def test_out_of_memory_in_a_child(patient):
    answer = patient.py("import subprocess, sys\nr = subprocess.run([sys.executable, '-c', 'b = [bytearray(b\"x\" * (16 << 20)) for _ in range(48)]'])\nprint('parent', r.returncode)")
    assert "Out of memory" in answer["stderr"]


def test_memory_below_the_limit_is_available(patient):
    assert patient.py("b = bytearray(300 << 20); b[::4096] = b'x' * len(b[::4096]); print(len(b))")["stdout"] == f"{300 << 20}\n"


def test_memory_comes_back(patient):
    for _ in range(6):
        assert patient.py("b = bytearray(150 << 20); b[::4096] = b'x' * len(b[::4096]); print(len(b))")["stdout"] == f"{150 << 20}\n"


# ---- output ---------------------------------------------------------------------------------------------------------

CUT = "\n[Output truncated - size limit exceeded]"


@pytest.mark.parametrize("lang, code", [("py", "import sys\nfor _ in range(300): sys.stdout.write('x' * 100000)\nopen('end.txt', 'w').write('1')"),
                                        ("bash", "head -c 30000000 /dev/zero | tr '\\0' x; echo 1 > end.txt"),
                                        ("js", "for (let i = 0; i < 300; i++) process.stdout.write('x'.repeat(100000)); require('fs').writeFileSync('end.txt', '1')")])  # fmt: skip
def test_a_flood_is_cut_and_the_program_runs_on(limited, lang, code):
    answer = limited.run(lang, code)
    assert answer["stdout"] == "x" * 65536 + CUT + "\n" and answer["code"] == 0 and names(answer) == ["end.txt"]


def test_floods_on_both_streams(limited):
    code = "import os, threading\ndef flood(fd):\n    for _ in range(100): os.write(fd, (b'%d' % fd) * 65536)\nt = [threading.Thread(target=flood, args=(fd,)) for fd in (1, 2)]\n[x.start() for x in t]; [x.join() for x in t]"
    answer = limited.py(code)
    assert answer["stdout"] == "1" * 65536 + CUT + "\n" and answer["stderr"] == "2" * 65536 + CUT


@pytest.mark.slow
def test_an_endless_flood_ends_at_the_time_limit(limited):
    answer, seconds = timed(lambda: limited.run("bash", "yes"))
    assert seconds < LIMIT + Server.room() and answer["stdout"].startswith("y\ny\n") and CUT.strip() in answer["stdout"] and len(answer["stdout"]) < 70000
    assert "Execution timed out" in answer["stderr"] and answer["status"] == "TO"


# ---- processes, descriptors, disk -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_processes(patient):
    before = len(descendants(patient.pid))
    most = [0]
    done = threading.Event()

    def watch():
        while not done.wait(0.05):
            most[0] = max(most[0], len(descendants(patient.pid)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = "import os, time\nn = 0\ntry:\n    while n < 1000:\n        if os.fork() == 0: time.sleep(20); os._exit(0)\n        n += 1\nexcept OSError as e: print(type(e).__name__)\nprint(n < 200)"
    answer = patient.py(code)
    done.set()
    watcher.join()
    assert answer["stdout"] == "BlockingIOError\nTrue\n"
    assert most[0] - before < 128 + 60
    assert wait_until(lambda: len(descendants(patient.pid)) < before + 40, 5)


def test_open_files(limited):
    code = "import os\nf = []\ntry:\n    while len(f) < 5000: f.append(os.open('/dev/null', os.O_RDONLY))\nexcept OSError as e: print(e.errno, len(f) < 256)"
    assert limited.py(code)["stdout"] == "24 True\n"


@pytest.mark.slow
@pytest.mark.parametrize("place", ["/mnt/data", "/tmp", "/dev/shm"])
def test_disk(limited, place):
    code = f"import os\nn = 0\ntry:\n    with open('{place}/fill', 'wb', buffering=0) as f:\n        while n < 400: n += 1; f.write(b'x' * (1 << 20))\nexcept OSError as e: print('refused', e.errno)\nprint('wrote', n < 400, flush=True)"
    answer = limited.py(code)
    assert answer["stdout"] == "refused 28\nwrote True\n" or "Out of memory" in answer["stderr"], answer
    assert limited.run("bash", f"df --output=used {place} | tail -1; echo x > {place}/a && echo ok")["stdout"].endswith("ok\n")


def test_the_rest_of_the_file_system_is_read_only(limited):
    code = "for d in / /usr /usr/bin /etc /bin /lib /var /opt /root /home /mnt /run /proc /sys /dev; do touch $d/kcr-probe 2>/dev/null && echo writable $d; done; true"
    assert limited.run("bash", code)["stdout"] == ""


def test_time_limit_is_not_spent_by_waiting_for_a_sandbox(limited):
    # More at once than there are warm sandboxes or processors.
    answers = []

    def run():
        answers.append(limited.post("/exec", json={"lang": "bash", "code": "sleep 1; echo done"}).json())

    threads = [threading.Thread(target=run) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer["stdout"] for answer in answers] == ["done\n"] * 10


def test_idle_clients_cannot_use_up_the_descriptors(program, tmp_path):
    """More connections than the process may hold descriptors: they wait, and sandboxes are still made."""
    few = tmp_path / "few"
    few.write_text(f'#!/bin/sh\nulimit -n 300\nexec {program} "$@"\n')
    few.chmod(0o755)
    server = started(few, **SMALL)
    try:
        sandboxd = server.role("sandboxd")
        with contextlib.ExitStack() as idle, ThreadPoolExecutor(1) as background:
            run = server.when_begun(lambda: background.submit(server.py, "import time; time.sleep(3); print('done')"))
            for _ in range(400):
                idle.enter_context(server.socket())
            assert run.result(30)["stdout"] == "done\n"
        for _ in range(5):
            assert server.py("print(1)")["stdout"] == "1\n"
        assert server.role("sandboxd") == sandboxd
    finally:
        server.discard()


def test_operators_choose_how_much_output_and_which_files_come_back(make_server):
    server = make_server(MAX_OUTPUT_CHARACTERS=1024, BLOCKED_OUTPUT_SUFFIXES=".secret")
    answer = server.run("bash", "printf '%05000d' 0; printf '%05000d' 0 >&2; touch a.exe b.SECRET c.txt")
    for stream in ("stdout", "stderr"):
        assert answer[stream].startswith("0" * 1024 + "\n[Output truncated"), answer[stream][1000:]
    assert names(answer) == ["a.exe", "c.txt", "stderr.txt", "stdout.txt"]
