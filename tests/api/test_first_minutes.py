"""What a new user meets: where the sources happen to be, who starts the server, and what else runs on the host."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

import harness
from harness import ROOT, Server, alive, cgroup_directories, command, wait_until

PERSON = 23456  # a user id that owns a home directory; no account is needed for it
PROGRAMS = {
    "py": "print(6*7)", "js": "console.log(6*7)", "ts": "const n: number = 42; console.log(n)", "bash": "echo 42",
    "php": "<?php echo 6*7, PHP_EOL;", "r": "cat(6*7, '\\n')",
    "java": "public class Code { public static void main(String[] a) { System.out.println(6*7); } }",
}  # fmt: skip

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
    line = next(line for line in log.splitlines() if line.strip().startswith("languages  "))
    return set(line.split()[1:])


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
    closed = Server(program, LANGUAGES="php,py,bash")
    try:
        closed.start()
        assert languages_of(closed.log_text()) == {"bash"}
        assert "a language is not offered" in closed.log_text() and "may not be read by sandboxes" in closed.log_text()
    finally:
        closed.discard()


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


@needs_root
def test_who_started_the_server_with_sudo_may_read_its_key(make_server):
    server = make_server(start=False, API_KEY="", SUDO_UID=PERSON, SUDO_GID=PERSON)
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

