"""kill -9 of our processes at any moment: nothing stays on the host, and nothing that was answered is lost."""

import contextlib
import hashlib
import json
import os
import pathlib
import random
import re
import signal
import threading
import time

import pytest
import requests

import harness
from harness import DidNotStart, HostState, alive, cannot, command_line, free_port, processes_with, ref, wait_until

SLEEPER = "sh -c 'sleep 50; :' {marker} & echo begun; sleep 50"


def kill(pids):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def in_background(server, lang, code):
    """Starts a run whose answer nobody waits for; returns where its end will be noted."""
    ended = []

    def run():
        try:
            answer = requests.post(server.url + "/exec", json={"lang": lang, "code": code}, headers={"x-api-key": server.key}, timeout=60)
            ended.append((answer.status_code, answer.text))
        except requests.RequestException as problem:
            ended.append((0, repr(problem)))

    threading.Thread(target=run, daemon=True).start()
    return ended


def victims(server, role):
    pids = [server.pid] if role == "supervisor" else server.role(role)
    assert pids, f"no process with the role {role} below {server.pid}"
    return pids


@pytest.fixture
def host():
    return HostState()


# ---- an ordinary end ------------------------------------------------------------------------------------------------


def test_an_ordinary_stop_leaves_nothing(host, make_server):
    server = make_server()
    for lang, code in (("py", "print(1)"), ("bash", "echo 1"), ("js", "console.log(1)")):
        assert server.run(lang, code)["stdout"] == "1\n"
    everything = server.descendants()
    assert everything
    assert server.stop() == 0
    assert wait_until(lambda: not alive(everything), 5), alive(everything)
    assert host.left_behind() == []


def test_a_stop_in_mid_run_leaves_nothing(host, make_server):
    server = make_server(MAX_EXECUTION_TIME=5)
    marker = f"kcr-stop-{time.time_ns()}"
    in_background(server, "bash", SLEEPER.format(marker=marker))
    assert wait_until(lambda: processes_with(marker))
    server.stop()
    assert processes_with(marker) == {} and host.left_behind() == []


def test_a_second_signal_ends_at_once(host, make_server):
    server = make_server()
    marker = f"kcr-twice-{time.time_ns()}"
    in_background(server, "bash", SLEEPER.format(marker=marker))
    assert wait_until(lambda: processes_with(marker))
    os.kill(server.pid, signal.SIGTERM)
    assert wait_until(lambda: "stopping" in server.log_text())
    began = time.monotonic()
    with contextlib.suppress(ProcessLookupError):
        os.kill(server.pid, signal.SIGTERM)
    wait_until(lambda: server.process.poll() is not None, 20)
    server.stop()
    assert time.monotonic() - began < 15
    assert processes_with(marker) == {} and host.left_behind() == []


# ---- kill -9 --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("role", ["worker", "sandboxd", "supervisor"])
def test_kill_in_mid_run(host, make_server, role):
    server = make_server()
    kept = server.upload_one("before.txt", b"before")
    marker = f"kcr-kill-{role}-{time.time_ns()}"
    ended = [in_background(server, lang, code) for lang, code in (
        ("bash", SLEEPER.format(marker=marker)),
        ("py", f"import subprocess, time; subprocess.Popen(['sh', '-c', 'sleep 50; :', '{marker}'], start_new_session=True); time.sleep(50)"),
        ("js", f"require('child_process').spawn('sh', ['-c', 'sleep 50; :', '{marker}'], {{detached: true}}); setTimeout(() => 0, 50000)"),
    )]  # fmt: skip
    assert wait_until(lambda: len(processes_with(marker)) >= 3), processes_with(marker)
    before = server.descendants()
    old = set(victims(server, role))
    kill(old)

    # Whoever waits learns of it soon; the programs end with the process that looked after them.
    assert wait_until(lambda: all(ended), 15), "a client waits for a run that is gone"
    assert all(status in (0, 200, 502, 503) for (status, _), in ended), ended
    assert wait_until(lambda: not processes_with(marker), 10), processes_with(marker)

    if role == "supervisor":
        server.process.wait(10)
        assert wait_until(lambda: not alive(before), 10), alive(before)
        server.port = server.settings["API_PORT"] = free_port()
        server.start()
    else:
        assert wait_until(server.is_ready, 20), "the server does not recover by itself"
        assert wait_until(lambda: set(server.role(role)) - old, 10)
    assert server.py("print('again')")["stdout"] == "again\n"
    assert server.download(kept) == b"before"
    assert server.stop() == 0
    assert alive(before) == set() and host.left_behind() == []


@pytest.mark.slow
def test_kill_of_everything_at_once(host, make_server):
    """Nobody is left to reap the dead at once, so the next start meets them as zombies: they are not owners of anything."""
    server = make_server()
    answer = server.py("open('out.txt', 'w').write('kept'); print('x')")
    server.when_begun(lambda: in_background(server, "bash", "sleep 50"))
    everything = server.descendants()
    kill([server.pid] + [pid for pid, _ in everything])
    server.process.wait(10)
    assert wait_until(lambda: not alive(everything), 10)
    server.start()
    assert server.download(answer["files"][0]) == b"kept"
    assert server.stop() == 0 and host.left_behind() == []


@pytest.mark.slow
@pytest.mark.parametrize("role", ["worker", "sandboxd", "supervisor"])
def test_what_was_answered_survives_a_kill_at_a_random_moment(host, make_server, role):
    """Clients upload and run without a pause while a process is killed. Every file of every complete answer must be there
    afterwards, byte for byte, and mountable."""
    server = make_server()
    chance = random.Random(role)
    answered = []  # (reference, content)
    stop = threading.Event()

    def client(number):
        session = requests.Session()
        session.headers["x-api-key"] = server.key
        count = 0
        while not stop.is_set():
            count += 1
            content = f"{number}-{count} ".encode() * (1 + count * 97 % 20000)
            try:
                if number % 2:
                    answer = session.post(server.url + "/upload", files={"file": (f"f{number}.dat", content)}, timeout=30)
                    if answer.status_code == 200:
                        body = answer.json()
                        answered.append(({"id": body["files"][0]["fileId"], "name": f"f{number}.dat", "storage_session_id": body["session_id"]}, content))
                else:
                    code = f"open('f{number}.dat', 'wb').write(b'{number}-{count} ' * {1 + count * 97 % 20000})"
                    answer = session.post(server.url + "/exec", json={"lang": "py", "code": code}, timeout=30)
                    if answer.status_code == 200:
                        body = answer.json()
                        if body["code"] == 0:
                            assert len(body["files"]) == 1, body
                            answered.append((ref(body["files"][0]), content))
            except (requests.RequestException, ValueError):
                time.sleep(0.02)  # cut off: nothing was promised

    threads = [threading.Thread(target=client, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            time.sleep(0.4 + chance.random())
            kill(victims(server, role))
            if role == "supervisor":
                server.process.wait(10)
                server.start()
            else:
                assert wait_until(lambda: server.is_ready(), 20)
                wait_until(lambda: len(server.role(role)) == 1, 10)
    finally:
        known = len(answered)
        wait_until(lambda: len(answered) > known + 4, 30)  # also of the last start
        stop.set()
        for thread in threads:
            thread.join()

    assert len(answered) > 20
    wrong = [reference for reference, content in answered if server.download(reference) != content]
    assert wrong == []
    last = answered[-5:]
    code = "cat " + " ".join(f"m{index}" for index in range(len(last))) + " | sha256sum | cut -c1-64"
    run = server.run("bash", code, files=[reference | {"name": f"m{index}"} for index, (reference, _) in enumerate(last)])
    assert run["stdout"].strip() == hashlib.sha256(b"".join(content for _, content in last)).hexdigest()
    assert server.stop() == 0 and host.left_behind() == []


# ---- what waits in sandboxd -----------------------------------------------------------------------------------------


def numbers(pid):
    """The process ids of a process, in ours and in each deeper namespace that it is in."""
    with contextlib.suppress(OSError):
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                return [int(word) for word in line.split()[1:]]
    return []


def waiting(server, word):
    """Pids of interpreters below a server, by how deep they are: zygotes share sandboxd's namespace, guests have their own."""
    found = {}
    for pid, _ in server.descendants():
        if word in command_line(pid) and "kubecoderun" not in command_line(pid).split()[0]:
            found.setdefault(len(numbers(pid)), []).append(pid)
    return found


def zygotes(server):
    found = waiting(server, "zygote.py")
    return sorted(found[min(found)]) if found else []


def test_each_zygote_may_die(make_server):
    """Whichever is gone, all are there again by the time that somebody needs one."""
    server = make_server(PYTHON_PRELOAD=None, POD_POOL_ENABLED="false", SANDBOX_ACQUIRE_TIMEOUT_SECONDS=60)
    # Not the number of processes: each zygote has a child for a moment, from which it learns.
    all_of_them = 1 + server.log_text().split("kinds=")[1].split()[0].count("py/")  # and the one that started the others
    if not wait_until(lambda: len(zygotes(server)) == all_of_them, 30):
        cannot("not all zygotes are here")
    # None has a number that a guest may have as well: OpenSSL would take one for the other.
    for pid in zygotes(server):
        assert numbers(pid)[-1] >= 1000
    sandboxd = server.role("sandboxd")
    programs = ("import numpy; print(1)", "import sklearn; print(1)", "print(1)")
    for turn in range(6):
        assert wait_until(lambda: len(zygotes(server)) == all_of_them, 60), zygotes(server)
        kill([zygotes(server)[turn % all_of_them]])
        for code in programs:
            assert server.py(code)["stdout"] == "1\n"
    assert server.role("sandboxd") == sandboxd


def test_a_sandbox_that_dies_while_it_waits_is_given_to_nobody(make_server):
    server = make_server(POD_POOL_PY=2, POD_POOL_JS=2)
    for lang, word, code in (("js", "node", "console.log(1)"), ("py", "zygote.py", "print(1)")):
        guests = waiting(server, word)
        victims = guests[max(guests)]
        assert len(victims) >= 2 and (lang == "js" or len(guests) == 2)
        agents = {(parent, harness._stat(parent)[1]) for parent in (harness._stat(pid)[0] for pid in victims)}
        kill(victims)
        assert wait_until(lambda: not alive(agents)), "its sandbox goes on without it"
        for _ in range(2):
            answer = server.run(lang, code)
            assert answer["stdout"] == "1\n" and answer["code"] == 0, answer


@pytest.mark.slow
def test_a_runtime_that_hangs_while_it_starts_holds_nobody_up_for_good(make_server):
    server = make_server(LANGUAGES="py,js", POD_POOL_JS=0, SANDBOX_ACQUIRE_TIMEOUT_SECONDS=60)
    answers = []
    run = threading.Thread(target=lambda: answers.append(server.run("js", "console.log(1)")))
    run.start()
    (pid,) = wait_until(lambda: waiting(server, "node").get(max(waiting(server, "node"), default=0)), 10, every=0.0)
    os.kill(pid, signal.SIGSTOP)
    stopped = {(pid, harness._stat(pid)[1])}
    began = time.monotonic()
    run.join(70)
    assert answers and answers[0]["stdout"] == "1\n"
    assert time.monotonic() - began > 20, "it was not stopped in time to mean anything"
    assert not alive(stopped)


def test_a_run_that_is_lost_after_its_answer_began_names_its_session(make_server):
    server = make_server(EXEC_KEEPALIVE_SECONDS=1)
    with server.post("/exec", json={"lang": "bash", "code": "sleep 30"}, stream=True) as answer:
        body = answer.iter_content(1)
        assert next(body) == b" "
        kill(server.role("sandboxd"))
        lost = json.loads(b"".join(body))
    assert re.match(harness.ID, lost["session_id"]) and "lost" in lost["stderr"], lost


def test_who_waits_for_a_turn_hears_that_somebody_is_alive(make_server):
    server = make_server(EXEC_KEEPALIVE_SECONDS=1)
    session = server.py("x = 1")["session_id"]
    first = threading.Thread(target=lambda: server.py("import time; time.sleep(5); x = 2", session_id=session))
    server.when_begun(first.start)
    began = time.monotonic()
    with server.post("/exec", json={"lang": "py", "code": "print(x)", "session_id": session}, stream=True) as answer:
        body = answer.iter_content(1)
        assert answer.status_code == 200 and next(body) == b" "
        assert time.monotonic() - began < 3
        assert json.loads(b"".join(body))["stdout"] == "2\n"
    first.join()


def test_a_kill_during_the_start(host, make_server):
    server = make_server(start=False)
    for delay in (0.0, 0.02, 0.1, 0.3, 0.8):
        with contextlib.suppress(DidNotStart):  # not ready in this time: it was stopped with SIGTERM
            server.start(delay)
            server.process.kill()
            server.process.wait(10)
    server.start()
    assert server.py("print(1)")["stdout"] == "1\n"
    assert server.stop() == 0 and host.left_behind() == []


def test_a_restart_keeps_sessions_and_files(make_server):
    server = make_server()
    upload = server.upload_one("in.txt", b"in")
    made = server.run("bash", "mkdir d; echo made > d/out.txt")
    server.stop()
    server.start()
    assert server.download(upload) == b"in" and server.download(made["files"][0]) == b"made\n"
    again = server.run("bash", "cat d/out.txt in.txt", session_id=made["session_id"], files=[upload])
    assert again["session_id"] == made["session_id"] and again["stdout"] == "made\nin\n"


def test_a_taken_port_is_an_error_that_says_so(make_server, server):
    second = make_server(start=False)
    second.port = second.settings["API_PORT"] = server.port
    second.is_ready = lambda: False  # it is the first one that answers there
    with pytest.raises(DidNotStart, match="exit code 1"):
        second.start(15)
    assert str(server.port) in second.log_text()
    assert server.py("print(1)")["stdout"] == "1\n"
