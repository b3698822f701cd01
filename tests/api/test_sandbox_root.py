"""Programs that see another system than this machine's (SANDBOX_ROOT): a small tree of the stable release, made as `./dev root` makes it."""

import fcntl
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess

import pytest

import harness
from harness import cannot, command, started, wait_until

RELEASE = "trixie"
# A shell is in every tree. What is left out here takes long to install, and `./dev root` treats it alike.
PACKAGES = ("python3", "python3-cloudpickle", "nodejs", "node-typescript")
# Reasons that lie outside of what is tested, as tools/root.sh and packages/install.sh say them.
NOT_OUR_FAULT = ("could not be reached", "knows no source", "not enough disk space", "The disk is full", "needs 1000 MB")

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a tree of another release is made by root")


@pytest.fixture(scope="module")
def tree():
    """Kept for the next time, when it only is brought up to date. Making it takes minutes and fetches 300 MB."""
    if shutil.which("mmdebstrap") is None:
        cannot("mmdebstrap is not installed")
    if os.environ.get("ALLOW_WEAK_SANDBOX") and "namespaces" in os.environ["ALLOW_WEAK_SANDBOX"]:
        cannot("programs see the root of the container here")
    roots = harness.ROOT / ".cache/roots"
    if not os.environ.get("KUBECODERUN_TEST_LONG") and not (roots / RELEASE).exists():
        cannot("making a tree of another release takes minutes: ./test --long tests/api/test_sandbox_root.py")
    roots.mkdir(parents=True, exist_ok=True)
    further = [word for package in PACKAGES for word in ("--with", package)]
    with open(roots / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = subprocess.run(
            [harness.ROOT / "tools/root.sh", RELEASE, roots / RELEASE, "--languages", "c", *further],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=3000,
        )  # fmt: skip
    if made.returncode != 0 and any(reason in made.stdout for reason in NOT_OUR_FAULT):
        cannot(f"a tree cannot be made here: {made.stdout.splitlines()[-1]}")
    assert made.returncode == 0, made.stdout
    return roots / RELEASE


@pytest.fixture(scope="module")
def other(program, tree):
    server = started(program, SANDBOX_ROOT=tree, PYTHON_PRELOAD="stdlib", POD_POOL_TS=1, POD_POOL_C=1)
    yield server
    server.discard()


def os_release(root):
    lines = (root / "usr/lib/os-release").read_text().splitlines()
    return {name: value.strip('"') for name, _, value in (line.partition("=") for line in lines)}


def outside(tree, *words):
    """What a tool of the tree says without a server."""
    return subprocess.run(["chroot", tree, *words], stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout.strip()


def test_programs_see_the_other_release(other, tree):
    name = os_release(tree)["PRETTY_NAME"]
    version = outside(tree, "python3", "--version").split()[1]
    answer = other.py("import sys, platform\nprint(platform.freedesktop_os_release()['PRETTY_NAME'])\nprint(platform.python_version())")
    assert answer["stdout"].splitlines() == [name, version], answer
    assert other.run("bash", ". /etc/os-release; echo $PRETTY_NAME")["stdout"] == f"{name}\n"
    assert other.run("js", "console.log(process.version)")["stdout"].strip() == outside(tree, "node", "--version")
    assert other.run("ts", "const n: number = 6 * 7 satisfies number;\nconsole.log(n)")["stdout"] == "42\n"
    code = "#include <gnu/libc-version.h>\n#include <stdio.h>\nint main(void) { puts(gnu_get_libc_version()); puts(__VERSION__); }"
    answer = other.run("c", code)
    assert answer["stdout"].splitlines() == [outside(tree, "ldd", "--version").split("\n")[0].split()[-1], version_of(tree, "gcc")], answer
    if os_release(tree)["VERSION_ID"] != os_release(pathlib.Path("/"))["VERSION_ID"]:
        assert name != os_release(pathlib.Path("/"))["PRETTY_NAME"]


def version_of(tree, compiler):
    return re.search(r"\d+\.\d+\.\d+$", outside(tree, compiler, "--version").split("\n")[0])[0]


def test_state_is_kept(other):
    first = other.py("import sys\nclass Point:\n    x = 7\nvalues = {'a': [1, 2], 'p': Point()}\nmajor = sys.version_info[:2]")
    second = other.py("print(values['a'], values['p'].x, major == __import__('sys').version_info[:2])", session_id=first["session_id"])
    assert second["stdout"] == "[1, 2] 7 True\n", second


def test_only_languages_of_the_tree_are_offered(other):
    answer = other.get("/libraries?language=php")
    assert answer.status_code == 400, answer.text
    known = re.search(r"There are: ([a-z0-9, ]*)", answer.text)[1].split(", ")
    assert {"py", "js", "ts", "c", "bash"} <= set(known) and "php" not in known


def test_its_libraries_are_told(program, other, tree):
    there = {(one["language"], one["name"]) for one in other.get("/libraries").json()["libraries"]}
    listed = json.loads(command(program, "libraries", "--json", SANDBOX_ROOT=tree).stdout)["libraries"]
    assert ("py", "cloudpickle") in there and ("py", "numpy") not in there
    # The server's is of languages that it offers.
    assert {(one["language"], one["name"]) for one in listed if one["language"] != "cpp"} == there
    status = (tree / "var/lib/dpkg/status").read_text()
    version = re.search(r"\nPackage: python3-cloudpickle\n(?:.+\n)*?Version: ([0-9.]+)", status)[1]
    assert next(one["version"] for one in listed if one["name"] == "cloudpickle") == version


def test_nothing_of_it_can_be_changed_and_its_place_is_not_told(other, tree):
    code = """
    for place in /usr /usr/bin /usr/lib/os-release /etc/alternatives; do
      touch $place/x 2>/dev/null || touch $place 2>/dev/null || echo refused
    done
    cat /proc/self/mountinfo
    """
    lines = other.run("bash", code)["stdout"].splitlines()
    assert lines[:4] == ["refused"] * 4
    mounts = [line.split(" - ")[0].split() for line in lines[4:]]
    usr = next(fields for fields in mounts if fields[4] == "/usr")
    assert {"ro", "nosuid", "nodev"} <= set(usr[5].split(","))
    assert str(harness.ROOT) not in "\n".join(lines) and str(tree) not in "\n".join(lines)


def test_what_is_prepared_is_made_of_its_files_by_its_tools(program, other, tree):
    # Made by an unprivileged user, in namespaces of that user.
    allowed = other.run("bash", "echo here")["stdout"] == "here\n" and subprocess.run(
        ["setpriv", "--reuid=65531", "--regid=65531", "--clear-groups", "unshare", "--user", "--map-root-user", "true"], stderr=subprocess.DEVNULL
    ).returncode == 0  # fmt: skip
    if not allowed:
        pytest.skip("an ordinary user may make no namespaces here")
    made = other.data / "prepared/made/node"
    assert wait_until(lambda: (made / "inputs.txt").exists() or "cannot prepare" in other.log_text(), 300, 0.2), other.log_text()
    names = [line.split()[2] for line in (made / "inputs.txt").read_text().splitlines()]
    assert any(name.endswith("/typescript/lib/typescript.js") for name in names) and "/runtimes/node/compiler.js" in names
    report = command(program, "doctor", SANDBOX_ROOT=tree, DATA_DIR=other.data).stdout.decode()
    assert re.search(r"TypeScript's compiler.*made anew", report), report
    assert wait_until(lambda: is_prepared(other), 120, 1)


def is_prepared(server):
    return server.run("bash", "ls /prepared/node/typescript-*.cache >/dev/null && echo seen")["stdout"] == "seen\n"


def test_this_machines_own_system_in_another_place_will_do(program, tmp_path):
    """So that no tree has to be made for it: what tools of a tree prepare is there, and programs run."""
    found = subprocess.run(["node", "-p", f"require('{harness.ROOT}/runtimes/node/typescript_place.js').compiler"], capture_output=True, text=True)
    compiler = pathlib.Path(found.stdout.strip() or "/missing")
    if not compiler.exists():
        cannot("TypeScript is not installed")
    if subprocess.run(["unshare", "--mount", "mount", "--bind", "/", tmp_path], capture_output=True).returncode != 0:
        cannot("nothing can be mounted here")
    place, starter, newer = tmp_path / "system", tmp_path / "starter", tmp_path / "typescript.js"
    place.mkdir()
    shutil.copyfile(compiler, newer)  # of another time, so that what was prepared when the server was built does not fit
    mounted = f"mount --bind / '{place}' && mount --bind '{newer}' '{place}{compiler}' && exec '{program}' \"$@\""
    starter.write_text(f"#!/bin/sh\nexec unshare --mount --propagation private sh -c {shlex.quote(mounted)} sh \"$@\"\n")
    starter.chmod(0o755)
    server = started(starter, SANDBOX_ROOT=place, LANGUAGES="py,ts,bash", PYTHON_PRELOAD="stdlib")
    try:
        made = server.data / "prepared/made/node/inputs.txt"
        assert wait_until(lambda: made.exists() or "cannot prepare" in server.log_text(), 120, 0.2), server.log_text()
        assert made.exists(), server.log_text()
        assert wait_until(lambda: is_prepared(server), 120, 1)
        assert server.run("ts", "const n: number = 42; console.log(n)")["stdout"] == "42\n"
    finally:
        server.discard()


def test_doctor_looks_at_it(program, tree):
    report = command(program, "doctor", SANDBOX_ROOT=tree).stdout.decode()
    assert f"{os_release(tree)['PRETTY_NAME']} in {tree}" in report
    assert f"{tree}/usr/bin/python3" in report
    assert f"chroot {tree} apt-get install php-cli" in report
    settings = json.loads(command(program, "settings", "--json", SANDBOX_ROOT=tree).stdout)
    assert next(row["value"] for row in settings if row["name"] == "SANDBOX_ROOT") == str(tree)


def test_a_single_program_sees_it_too(program, tree):
    result = command(program, "run", "--lang", "bash", "-", stdin=b". /etc/os-release; echo $VERSION_CODENAME", SANDBOX_ROOT=tree)
    assert result.stdout.decode().strip() == RELEASE, result


def test_packages_of_another_version_are_refused(program, tree, tmp_path):
    result = command(program, "packages", "add", "py", "six", SANDBOX_ROOT=tree, SANDBOX_PACKAGES=tmp_path / "packages")
    assert result.returncode == 1 and b"docs/packages.md" in result.stderr, result


# ---- without a tree -------------------------------------------------------------------------------------------------


def refusal(program, place, root, **settings):
    settings = {"DATA_DIR": place / "data", "API_PORT": harness.free_port()} | settings
    result = command(program, "serve", SANDBOX_ROOT=root, **settings)
    assert result.returncode == 1, result
    report = command(program, "doctor", SANDBOX_ROOT=root, **settings)
    assert report.returncode == 1 and b"SANDBOX_ROOT" in report.stdout
    return result.stderr.decode()


def test_what_is_no_root_is_refused_and_nothing_is_made(program, tmp_path):
    assert f"SANDBOX_ROOT: {tmp_path / 'none'} is not a directory; `./dev root" in refusal(program, tmp_path, tmp_path / "none")
    empty = tmp_path / "empty"
    empty.mkdir()
    empty.chmod(0o755)
    assert "has no /bin/sh" in refusal(program, tmp_path, empty)
    (empty / "usr").mkdir()
    (empty / "usr").chmod(0o777)
    assert f"everybody may write to {empty / 'usr'}" in refusal(program, tmp_path, empty)
    assert not (tmp_path / "data").exists()


def test_a_container_that_is_the_boundary_has_its_own_root(program, tmp_path):
    said = refusal(program, tmp_path, tmp_path, ALLOW_WEAK_SANDBOX="namespaces")
    assert "leave one of the two out" in said
