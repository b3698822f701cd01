"""The Debian package: made of the program under test, then installed, started as its unit does, and removed, in a copy of this
system that nobody else sees."""

import os
import pathlib
import re
import subprocess

import pytest
import requests

import harness
from harness import ROOT, cannot, wait_until
from system import System

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def packages(program, tmp_path_factory):
    if not (pathlib.Path("/usr/bin/dpkg-shlibdeps").exists() and pathlib.Path("/usr/bin/objcopy").exists()):
        cannot("dpkg-dev or binutils is not installed")
    output = tmp_path_factory.mktemp("packages")
    build = os.path.relpath(program.parent, ROOT)  # as ./dev package names it
    subprocess.run([ROOT / "tools/package.sh", build, output], check=True, capture_output=True, timeout=600, cwd=ROOT)
    main, symbols = sorted(output.glob("kubecoderun_*.deb")) + sorted(output.glob("kubecoderun-dbgsym_*.deb"))
    return main, symbols


def contents(package):
    lines = subprocess.run(["dpkg-deb", "--contents", package], check=True, capture_output=True, text=True).stdout.splitlines()
    return {line.split()[5].lstrip("."): line.split()[:2] for line in lines}


def field(package, name):
    return subprocess.run(["dpkg-deb", "--field", package, name], check=True, capture_output=True, text=True).stdout.strip()


def test_holds_what_it_should(packages):
    main, symbols = packages
    files = contents(main)
    assert files["/usr/bin/kubecoderun"] == ["-rwxr-xr-x", "root/root"]
    assert files["/etc/kubecoderun.env"] == ["-rw-r-----", "root/root"]
    for path in (
        "/usr/lib/systemd/system/kubecoderun.service", "/usr/lib/sysusers.d/kubecoderun.conf", "/usr/lib/sysctl.d/kubecoderun.conf",
        "/usr/share/doc/kubecoderun/copyright",
        "/usr/share/kubecoderun/runtimes/python/zygote.py", "/usr/share/kubecoderun/runtimes/python/_kubecoderun.abi3.so",
    ):  # fmt: skip
        assert path in files, path
    assert not [path for path in files if "cmake" in path.lower() or path.endswith(".gch")]
    assert all(mode[7] == "r" or path.endswith(".env") for path, (mode, _) in files.items() if mode[0] == "-"), "readable in sandboxes"
    assert re.search(r"\blibc6 \(>= ", field(main, "Depends")) and "libssl3" in field(main, "Depends")
    assert "libspdlog" in field(main, "Depends") and "libseccomp" not in field(main, "Depends"), "that is inside: sandboxes may have another root"
    assert "python3-numpy" in field(main, "Recommends")


def test_symbols_are_beside_it(packages, tmp_path):
    main, symbols = packages
    for package in (main, symbols):
        subprocess.run(["dpkg-deb", "--extract", package, tmp_path], check=True)
    program = tmp_path / "usr/bin/kubecoderun"
    sections = subprocess.run(["readelf", "-S", "-W", program], check=True, capture_output=True, text=True).stdout
    assert ".symtab" not in sections and ".debug_info" not in sections
    notes = subprocess.run(["readelf", "-n", program], check=True, capture_output=True, text=True).stdout
    build_id = re.search(r"Build ID: (\w+)", notes)[1]
    assert (tmp_path / "usr/lib/debug/.build-id" / build_id[:2] / f"{build_id[2:]}.debug").stat().st_size > 1_000_000


@pytest.fixture
def system(tmp_path):
    if os.geteuid() != 0:
        cannot("only root installs packages")
    system = System.above_host(tmp_path)
    if not system.ready:
        system.end()
        cannot("no layer over the system can be mounted here")
    yield system
    system.end()


def unit(text, name):
    return re.findall(rf"^{name}=(.*)$", text, re.MULTILINE)


def test_installs_starts_and_goes(packages, system):
    port = harness.free_port()
    data = packages[0].read_bytes()
    subprocess.run(system.words("sh", "-c", "cat > /tmp/kubecoderun.deb"), input=data, check=True)
    installed = system.run("dpkg", "--install", "/tmp/kubecoderun.deb")
    assert installed.returncode == 0, installed.stderr
    assert system.run("id", "kubecoderun").returncode == 0
    service = system.run("cat", "/usr/lib/systemd/system/kubecoderun.service").stdout
    if system.run("which", "systemd-analyze").returncode == 0:
        verdict = system.run("systemd-analyze", "verify", "/usr/lib/systemd/system/kubecoderun.service")
        assert "kubecoderun.service:" not in verdict.stderr, verdict.stderr

    # As systemd would start it.
    environment = {"PATH": "/usr/bin:/bin"}
    for line in unit(service, "Environment") + system.run("grep", "-v", "^#", "/etc/kubecoderun.env").stdout.split():
        name, _, value = line.partition("=")
        environment[name] = value
    assert environment["API_HOST"] == "127.0.0.1", "nobody else reaches what was only installed"
    environment["API_PORT"] = str(port)
    [command] = unit(service, "ExecStart")
    server = subprocess.Popen(system.words("env", "-i", *[f"{k}={v}" for k, v in environment.items()], *command.split()), start_new_session=True)
    harness.sessions.add(server.pid)
    try:

        def ready():
            try:
                return requests.get(f"http://127.0.0.1:{port}/ready", timeout=2).status_code == 200
            except requests.RequestException:
                return False

        assert wait_until(lambda: ready() or server.poll() is not None, 60) and server.poll() is None
        key = system.run("cat", "/var/lib/kubecoderun/api_key").stdout.strip()
        body = {"lang": "py", "code": "print(6*7)"}
        answer = requests.post(f"http://127.0.0.1:{port}/exec", json=body, headers={"x-api-key": key}, timeout=60)
        assert answer.status_code == 200 and answer.json()["stdout"] == "42\n"
        owner = system.run("stat", "-c", "%U", "/var/lib/kubecoderun").stdout.strip()
        assert owner == "kubecoderun"
    finally:
        server.terminate()
        assert server.wait(60) == 0

    removed = system.run("dpkg", "--remove", "kubecoderun")
    assert removed.returncode == 0, removed.stderr
    assert system.run("test", "-e", "/usr/bin/kubecoderun").returncode == 1
    assert system.run("test", "-e", "/usr/share/kubecoderun").returncode == 1
    assert system.run("test", "-e", "/var/lib/kubecoderun/api_key").returncode == 0, "what users stored stays"
    assert system.run("test", "-e", "/etc/kubecoderun.env").returncode == 0
    purged = system.run("dpkg", "--purge", "kubecoderun")
    assert purged.returncode == 0, purged.stderr
    assert system.run("test", "-e", "/var/lib/kubecoderun").returncode == 1
    assert system.run("test", "-e", "/etc/kubecoderun.env").returncode == 1
