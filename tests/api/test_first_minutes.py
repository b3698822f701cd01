"""What a new user meets: where the sources happen to be, who starts the server, and what else runs on the host."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import pytest
import requests

import harness
from harness import FORTY_TWO, ROOT, Server, alive, cgroup_directories, command, wait_until

PERSON = 23456  # a user id that owns a home directory; no account is needed for it

# Those that need files of ours inside of their sandboxes, and one that does not.
PROGRAMS = {language: FORTY_TWO[language] for language in ("py", "js", "ts", "bash", "php", "r", "java")}

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


@pytest.fixture
def home(program):
    """A home directory as Debian makes it, with a copy of what a build makes in it."""
    base = pathlib.Path(tempfile.mkdtemp(prefix="kubecoderun-test-"))
    base.chmod(0o755)
    build = base / "somebody" / "clone" / "build"
    build.mkdir(parents=True)
    shutil.copy(program, build / "kubecoderun")
    shutil.copytree(program.parent / "runtimes", build / "runtimes", ignore=shutil.ignore_patterns("*.gch"))
    for path in [base / "somebody", *(base / "somebody").rglob("*")]:
        os.lchown(path, PERSON, PERSON)
    (base / "somebody").chmod(0o700)
    yield base / "somebody"
    shutil.rmtree(base, ignore_errors=True)


def languages_of(log):
    return set(" ".join(re.search(r' ready .* languages=(?:"([^"]*)"|(\S+))', log).groups("")).split())


@needs_root
def test_a_clone_in_a_closed_home_runs_every_language(server, home):
    expected = languages_of(server.log_text())
    inside = Server(home / "clone" / "build" / "kubecoderun", DATA_DIR=home / "clone" / "data")
    try:
        inside.start()
        assert languages_of(inside.log_text()) == expected
        for language in sorted(expected & set(PROGRAMS)):
            answer = inside.run(language, PROGRAMS[language])
            assert answer["stdout"].strip() == "42", f"{language}: {answer}"
    finally:
        inside.discard()


@needs_root
def test_a_user_runs_every_language_out_of_a_closed_home(server, home):
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "ALLOW_WEAK_SANDBOX": "cgroup"}
    for language in sorted(languages_of(server.log_text()) & set(PROGRAMS)):
        result = subprocess.run(
            [home / "clone/build/kubecoderun", "run", "--lang", language], input=PROGRAMS[language].encode(), env=environment,
            capture_output=True, user=PERSON, group=PERSON, extra_groups=[], cwd="/", timeout=120,
        )  # fmt: skip
        if b"user namespaces" in result.stderr.lower():
            harness.cannot("this host lets only root make user namespaces")
        assert result.stdout.strip() == b"42", f"{language}: {result}"


@needs_root
def test_files_that_only_their_owner_may_read_are_named_with_the_command_that_opens_them(home):
    runtimes = home / "clone/build/runtimes"
    for path in (runtimes / "php/wait.php", runtimes / "python"):
        path.chmod(0o700)
    program = home / "clone/build/kubecoderun"
    text = command(program, "doctor").stdout.decode()
    for language in ("PHP (php)", "Python (py)"):
        if f"{language}: /usr" not in text or "is not there" in text.split(f"{language}: ")[1].split("\n")[0]:
            continue
        finding = text.split(f"{language}: ")[1]
        assert "closed to the users of sandboxes" in finding.split("\n")[0]
        assert f"chmod -R go+rX {runtimes}" in finding.split("to get:")[1].split("\n")[0]
    closed = Server(program)
    try:
        closed.start()
        assert "bash" in languages_of(closed.log_text()) and not {"php", "py"} & languages_of(closed.log_text())
        assert "a language is not offered" in closed.log_text() and "may not be read by sandboxes" in closed.log_text()
    finally:
        closed.discard()


@needs_root
def test_doctor_asks_for_no_right_that_sandboxes_do_not_need(program):
    without = ["setpriv", "--inh-caps=-setfcap", "--bounding-set=-setfcap", program]
    environment = {"PATH": os.environ["PATH"]}
    found = subprocess.run([*without, "doctor"], capture_output=True, text=True, env=environment, timeout=120)
    assert "MISSING" not in found.stdout and found.returncode == 0, found.stdout
    made = subprocess.run([*without, "run", "--lang", "bash"], input="echo 42", capture_output=True, text=True, env=environment, timeout=120)
    assert made.stdout == "42\n", made


@needs_root
def test_run_tells_a_user_without_control_groups_before_it_builds():
    clone = pathlib.Path(tempfile.mkdtemp(prefix="kubecoderun-test-"))
    try:
        clone.chmod(0o755)
        for name in ("run", "tools", "packages"):
            (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, clone / name)
        for path in [clone, *clone.rglob("*")]:
            os.lchown(path, PERSON, PERSON)
        arguments = ["./run", "--no-install", "--port", "21499"]
        result = subprocess.run(
            arguments, cwd=clone, env={"PATH": os.environ["PATH"]}, user=PERSON, group=PERSON, extra_groups=[], capture_output=True, text=True
        )
        assert result.returncode == 1
        assert "sudo ./run --no-install --port 21499" in result.stderr and "ALLOW_WEAK_SANDBOX=cgroup" in result.stderr
        assert not (clone / "build").exists() and not (clone / ".cache").exists()
    finally:
        shutil.rmtree(clone)


@pytest.mark.parametrize(
    "words, reason",
    [
        (["--languages="], "--languages needs a list, for example --languages py,js. Known: py,"),
        (["--languages", ""], "--languages needs a list"),
        (["--languages=py,cobol"], 'there is no language "cobol"'),
        (["--port", "99999"], '--port needs a number from 1 to 65535, not "99999"'),
        (["--prot", "1"], 'unknown option "--prot"'),
    ],
)
def test_mistakes_in_the_options_of_run_are_explained(words, reason):
    result = subprocess.run([ROOT / "run", *words, "--no-install"], capture_output=True, text=True, timeout=60)
    assert result.returncode == 1 and reason in result.stderr


@needs_root
def test_who_started_the_server_with_sudo_may_read_its_key(make_server):
    server = make_server(start=False, SUDO_UID=PERSON, SUDO_GID=PERSON)
    del server.settings["API_KEY"]
    server.start()
    path = server.data / "api_key"
    read = lambda user: subprocess.run(["cat", path], user=user, group=user, extra_groups=[], capture_output=True, text=True)
    key = read(PERSON).stdout.strip()
    assert len(key) >= 16
    assert server.get("/state/none", headers={"x-api-key": key}).status_code != 401
    assert read(PERSON + 1).returncode != 0
    # It stays readable, and nothing else becomes so.
    listing = subprocess.run(["ls", server.data], user=PERSON, group=PERSON, extra_groups=[], capture_output=True)
    assert listing.returncode != 0
    server.stop()
    server.start()
    assert read(PERSON).stdout.strip() == key


def test_a_second_server_with_the_same_directory_is_refused(make_server, program):
    first = make_server()
    second = command(program, "serve", DATA_DIR=first.data, API_PORT=harness.free_port(), API_KEY=harness.KEY, LOG_FORMAT="text")
    assert second.returncode == 1
    assert f"{first.data} is in use by another server (process {first.pid})".encode() in second.stderr
    assert first.py("print(42)")["stdout"] == "42\n"
    # A killed server holds nothing.
    everything = first.descendants()
    first.process.kill()
    first.process.wait()
    assert wait_until(lambda: not alive(everything), 10)
    first.start()
    assert first.py("print(42)")["stdout"] == "42\n"


@needs_root
def test_doctor_and_servers_of_other_namespaces_leave_the_groups_of_a_server_alone(server, program):
    before = {path for path in cgroup_directories() if f"kubecoderun-{server.role('sandboxd')[0]}-" in path}
    if not before:
        harness.cannot("the server runs without control groups")
    owners = {path for path in before if "sandbox-" not in path}
    other = ["unshare", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*other, "true"], capture_output=True).returncode != 0:
        harness.cannot("no pid namespace can be made")
    for words in (["doctor"], ["run", "--lang", "bash"]):
        for prefix in ([], other):
            result = subprocess.run([*prefix, program, *words], input=b"echo 42", capture_output=True, timeout=120)
            assert result.returncode == 0, result
            assert owners <= cgroup_directories(), f"{prefix} {words}"
            assert server.py("print(42)")["stdout"] == "42\n"
            # Nothing of theirs stays either.
            ours = {pathlib.Path(path).name for path in cgroup_directories()}
            assert not [name for name in ours if name.startswith("kubecoderun-1-")], ours



@needs_root
def test_a_language_that_was_named_and_cannot_run_stops_the_start(home):
    (home / "clone/build/runtimes/python/zygote.py").chmod(0o600)
    program = home / "clone/build/kubecoderun"
    lacking = Server(program, LANGUAGES="bash,py")
    try:
        with pytest.raises(harness.DidNotStart, match="exit code 1"):
            lacking.start()
        assert "LANGUAGES: py cannot run here" in lacking.log_text()
    finally:
        lacking.discard()


@pytest.mark.parametrize(
    "settings, reason",
    [
        ({"AUTH_TRUSTED_NETWORKS": "10.0.0.0/8,everybody"}, 'AUTH_TRUSTED_NETWORKS: "everybody" is not an address or a network'),
        ({"LANGUAGES": "py,cobol"}, 'LANGUAGES: there is no language "cobol"'),
    ],
)
def test_a_setting_that_cannot_be_meant_stops_the_start(program, tmp_path, settings, reason):
    result = command(program, "serve", DATA_DIR=tmp_path / "data", API_PORT=harness.free_port(), **settings)
    assert result.returncode == 1
    assert reason in result.stderr.decode()


@pytest.mark.parametrize(
    "words, reason",
    [
        (["serve", "--port", "99999"], "--port: Value 99999 not in range 1 to 65535"),
        (["start"], 'there is no command "start". Commands: serve, run,'),
    ],
)
def test_a_mistake_on_the_command_line_is_explained(program, words, reason):
    result = command(program, *words)
    assert result.returncode != 0
    assert reason in (result.stderr + result.stdout).decode()


def test_mistakes_in_the_env_file_are_told(program, tmp_path):
    def settings(text):
        (tmp_path / ".env").write_text(text)
        return subprocess.run([program, "settings"], cwd=tmp_path, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True)

    broken = settings("API_PORT=8123\n\nAPI_KEY='at-least-sixteen\nDEBUG=true\n")
    assert broken.returncode == 1 and ".env: the quote in line 3 does not end" in broken.stderr
    assert settings("API_PORT=8123\n").returncode == 0


def test_a_setting_that_is_nearly_one_is_told_at_the_start(make_server):
    server = make_server(API_KYES="one,two", MAX_EXECUTION_TIMES=5)
    log = server.log_text()
    assert "no such setting name=MAX_EXECUTION_TIMES did_you_mean=MAX_EXECUTION_TIME" in log
    assert "no such setting name=API_KYES did_you_mean=API_KEYS" in log


def test_nohup_keeps_the_server(make_server, program):
    started = []

    def serve(*prefix):
        server = make_server(start=False)
        server.program = program
        with open(server.log, "ab") as log:
            server.process = subprocess.Popen(
                [*prefix, program, "serve"], cwd=server.base, env=server.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        harness.sessions.add(server.process.pid)
        Server.running.append(server)
        started.append(server)
        assert wait_until(server.is_ready, 60)
        return server

    kept = serve("nohup")
    os.kill(kept.pid, signal.SIGHUP)
    assert kept.py("print(42)")["stdout"] == "42\n"
    # The same signal ends one that was not told to ignore it, as these tests themselves may have been.
    ended = serve("env", "--default-signal=HUP")
    os.kill(ended.pid, signal.SIGHUP)
    assert ended.process.wait(30) == 0
    assert kept.process.poll() is None and kept.py("print(42)")["stdout"] == "42\n"
    os.kill(kept.pid, signal.SIGTERM)
    assert kept.process.wait(30) == 0


@needs_root
def test_the_log_file_may_be_in_a_directory_of_root(make_server):
    place = pathlib.Path(tempfile.mkdtemp(prefix="kubecoderun-test-"))
    place.chmod(0o755)
    try:
        server = make_server(LOG_FILE=place / "server.log", LOG_LEVEL="INFO")
        text = (place / "server.log").read_text()
        assert "the log file is not rotated" in text
        assert (place / "server.log").stat().st_uid == server.data.stat().st_uid
        server.stop()
        # What belongs to somebody else, and is not empty, is not taken over.
        other = place / "other.log"
        other.write_text("root's\n")
        result = command(server.program, "serve", **(server.settings | {"LOG_FILE": other}))
        assert result.returncode == 1 and f"LOG_FILE: {other} belongs to another user" in result.stderr.decode()
        assert other.stat().st_uid == 0
    finally:
        shutil.rmtree(place)


def test_a_full_disk_is_told(program):
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0:
        harness.cannot("nothing can be mounted")
    server = Server(program)
    server.data.mkdir()
    try:
        # A disk of its own, in a mount namespace of its own: the server and what we ask of the disk run in there.
        inside = f"mount -t tmpfs -o size=24m tmpfs {server.data} && exec {program} serve"
        with open(server.log, "ab") as log:
            server.process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", inside], cwd=server.base, env=server.environment(), stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True,
            )  # fmt: skip
        harness.sessions.add(server.process.pid)
        Server.running.append(server)
        assert wait_until(server.is_ready, 60), server.log_text()
        outside = pathlib.Path(f"/proc/{server.pid}/root{server.data}")
        with open(outside / "filler", "wb") as filler, pytest.raises(OSError):
            while True:
                filler.write(bytes(1 << 20))
                filler.flush()
        assert wait_until(lambda: requests.get(server.url + "/ready", timeout=5).status_code == 503, 20)
        answer = requests.get(server.url + "/ready", timeout=5).json()
        assert "the disk is full" in answer["reason"] and str(server.data) not in answer["reason"]
        (outside / "filler").unlink()
        assert wait_until(server.is_ready, 20)
    finally:
        server.discard()


def test_the_answer_to_an_unknown_language_names_the_known(server):
    answer = server.post("/exec", json={"lang": "cobol", "code": "DISPLAY 42"})
    assert answer.status_code == 400
    message = answer.json()["details"][0]["message"]
    assert message.startswith("Language 'cobol' is not supported; there are: ") and "bash" in message
