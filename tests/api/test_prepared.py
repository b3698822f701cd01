"""What is made of the system's files to be quicker, and what waits in memory: both follow an update of these files."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

import harness
from harness import Server, cannot, command, wait_until

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else, and mount")


@pytest.fixture
def runtimes(program):
    """A copy of the runtimes that a test may change."""
    base = pathlib.Path(tempfile.mkdtemp(prefix="kubecoderun-test-"))
    base.chmod(0o755)
    yield pathlib.Path(shutil.copytree(program.parent / "runtimes", base / "runtimes", ignore=shutil.ignore_patterns("*.gch")))
    shutil.rmtree(base, ignore_errors=True)


def outdate(folder):
    """As if one of the files that the folder's content was made of had been replaced since."""
    inputs = folder / "inputs.txt"
    lines = inputs.read_text().splitlines()
    size, rest = lines[0].split(" ", 1)
    inputs.write_text("\n".join([f"{int(size) + 1} {rest}", *lines[1:]]) + "\n")


def findings(program, **settings):
    result = command(program, "doctor", "--json", **settings)
    return {finding["name"]: finding for finding in json.loads(result.stdout)["findings"] if finding["group"] == "Quick compiling"}


PREPARED = {
    "cpp": ("cpp", "C++ headers", "list.txt"),
    "ts": ("node", "TypeScript's compiler", "typescript-*.cache"),
    "java": ("java", "Java's class archive", "ahead.jsa"),
    "go": ("go", "packages of Go", "importcfg"),
}


@pytest.mark.slow
@pytest.mark.parametrize("language", ["ts", "java", "go", "cpp"])
def test_what_was_made_of_replaced_files_is_made_anew(program, runtimes, language):
    folder, what, file = PREPARED[language]
    if not (runtimes / folder / "inputs.txt").exists():
        cannot(f"{language} is not installed")
    assert findings(program)[what]["state"] == "ok"
    outdate(runtimes / folder)
    server = Server(program, RUNTIMES_DIR=runtimes, LANGUAGES=f"{language},bash", POD_POOL_JAVA=0, POD_POOL_TS=0)
    where = {"RUNTIMES_DIR": runtimes, "DATA_DIR": server.data}
    try:
        assert findings(program, **where)[what]["state"] == "lacking"
        server.start(60)
        assert wait_until(lambda: "prepared what=" in server.log_text(), 600, 0.2), server.log_text()
        assert findings(program, **where)[what]["state"] == "ok"
        assert str(server.data / "prepared/made" / folder) in findings(program, **where)[what]["detail"]
        # Sandboxes have it, and cannot change it; where it comes from is not told.
        look = f"ls /prepared/{folder}/{file} && ! touch /prepared/x 2>/dev/null && ! grep -q '{server.data}' /proc/self/mountinfo && echo all"
        assert wait_until(lambda: server.run("bash", look)["stdout"].endswith("all\n"), 60, 0.2), server.run("bash", look)
        log = server.log_text()
        server.stop()
        server.start(60)
        assert server.run("bash", "echo 42")["stdout"] == "42\n"
        assert server.log_text().count("preparing in the background") == log.count("preparing in the background"), "it is kept"
    finally:
        server.discard()


@needs_root
@pytest.mark.slow
def test_it_is_made_out_of_a_closed_home_and_a_failure_is_told(program, runtimes):
    if not (runtimes / "node/inputs.txt").exists():
        cannot("TypeScript is not installed")
    outdate(runtimes / "node")
    script = (runtimes / "node/prepare.js").read_text()
    (runtimes / "node/prepare.js").write_text("console.error('no more room for this'); process.exit(3);\n")
    home = runtimes.parent
    home.chmod(0o700)
    os.chown(home, 23456, 23456)
    server = Server(program, RUNTIMES_DIR=runtimes, DATA_DIR=home / "data", LANGUAGES="ts,bash", POD_POOL_TS=0)
    try:
        server.start(60)
        assert wait_until(lambda: "cannot prepare" in server.log_text(), 60), server.log_text()
        line = next(line for line in server.log_text().splitlines() if "cannot prepare" in line)
        assert "its script ended with 3: no more room for this" in line and "TypeScript takes longer to get ready" in line
        # It is tried again, and nothing of the failure is left.
        (runtimes / "node/prepare.js").write_text(script)
        assert wait_until(lambda: "prepared what=" in server.log_text(), 300, 0.2), server.log_text()
        assert [path.name for path in (home / "data/prepared/made").iterdir()] == ["node"]
    finally:
        server.discard()


@needs_root
@pytest.mark.slow
def test_what_waits_is_made_anew_when_a_library_is_replaced(program):
    packages = "/usr/lib/python3/dist-packages"
    if not os.path.isdir(packages):
        cannot("Python has no packages here")
    server = Server(program, LANGUAGES="py,bash", POD_POOL_PY=1, PYTHON_PRELOAD="stdlib,full,kubecoderun_probe")
    layer = server.base / "layer"
    layer.mkdir()
    # It wants to be told of forks: a guest is one.
    probe = "import os; VALUE = 1; told = []; os.register_at_fork(after_in_child=lambda: told.append(os.getpid()))"
    # A layer over the packages that only this server sees.
    inside = f"""mount -t tmpfs layer {layer} && mkdir {layer}/upper {layer}/work &&
        mount -t overlay overlay -o lowerdir={packages},upperdir={layer}/upper,workdir={layer}/work {packages} &&
        echo '{probe}' > {packages}/kubecoderun_probe.py && exec {program} serve"""
    try:
        with open(server.log, "ab") as log:
            server.process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", inside], cwd=server.base, env=server.environment(), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        harness.sessions.add(server.process.pid)
        Server.running.append(server)
        if not wait_until(lambda: server.is_ready() or server.process.poll() is not None, 90) or server.process.poll() is not None:
            cannot(f"no layer can be mounted here: {server.log_text()[-500:]}")
        code = "import kubecoderun_probe; print(kubecoderun_probe.VALUE)"
        assert server.py(code)["stdout"] == "1\n"
        assert server.py("import os, kubecoderun_probe as probe; print(probe.told[-1] == os.getpid())")["stdout"] == "True\n"
        seen = pathlib.Path(f"/proc/{server.pid}/root{packages}/kubecoderun_probe.py")
        seen.with_suffix(".new").write_text("VALUE = 2  # replaced\n")
        seen.with_suffix(".new").replace(seen)
        assert wait_until(lambda: "what waits is made anew" in server.log_text(), 120, 0.2), server.log_text()
        assert wait_until(lambda: server.py(code)["stdout"] == "2\n", 60)
        assert server.process.poll() is None
    finally:
        server.discard()
