"""Roots of Debian releases, made with mmdebstrap or debootstrap below .cache/debian, and the tree of these sources in them."""

import os
import pathlib
import shutil
import subprocess

import pytest
import requests

from harness import ROOT, cannot
from system import System

CODENAMES = {"12": "bookworm", "13": "trixie"}
# What is there when somebody begins: a system with apt, and sudo, which Debian's installer brings unless root has a password.
BEFORE = ["ca-certificates", "sudo"]
CACHE = ROOT / ".cache/debian"


def chosen():
    """The releases that ./test debian was asked for."""
    return os.environ.get("KUBECODERUN_TEST_DEBIAN", "").split()


@pytest.fixture(params=CODENAMES)
def release(request):
    if request.param not in chosen():
        pytest.skip(f"only when asked for: ./test debian {request.param}")
    if os.geteuid() != 0:
        cannot("only root makes roots")
    return request.param


def mirrors():
    """Where apt of this machine takes Debian from, and its security updates; None for what it does not take."""
    found = {}
    for label in ("Debian", "Debian-Security"):
        command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", f"Label: {label}"]
        lines = subprocess.run(command, capture_output=True, text=True).stdout.split() if shutil.which("apt-get") else []
        found[label] = next(iter(lines), None)
    return found["Debian"], found["Debian-Security"]


def sources(release):
    """Lines for sources.list. Skips where the mirror does not serve the release."""
    main, security = mirrors()
    name = CODENAMES[release]
    if main is None:
        cannot("apt knows no mirror of Debian here: apt-get update")
    try:
        if requests.head(f"{main}dists/{name}/Release", timeout=20, allow_redirects=True).status_code != 200:
            cannot(f"the mirror of this machine has no {name}")
    except requests.RequestException as error:
        cannot(f"the mirror of this machine does not answer: {type(error).__name__}")
    lines = [f"deb {main} {name} main", f"deb {main} {name}-updates main"]
    return lines + ([f"deb {security} {name}-security main"] if security else [])


def bare(release):
    """A folder with the files of the release before anything of ours is installed; made once."""
    folder = CACHE / release / "bare"
    if folder.exists():
        return folder
    lines = sources(release)
    new = CACHE / release / "bare.new"
    shutil.rmtree(new, ignore_errors=True)
    new.parent.mkdir(parents=True, exist_ok=True)
    if shutil.which("mmdebstrap"):
        command = ["mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", f"--include={','.join(BEFORE)}", CODENAMES[release], new, *lines]
    elif shutil.which("debootstrap"):
        command = ["debootstrap", "--variant=minbase", f"--include={','.join(BEFORE)}", CODENAMES[release], new, lines[0].split()[1]]
    else:
        cannot("neither mmdebstrap nor debootstrap is installed")
    # What is mounted meanwhile nobody else sees.
    made = subprocess.run(["unshare", "--mount", "--propagation", "private", *command], capture_output=True, text=True, timeout=3600)
    assert made.returncode == 0, made.stderr[-3000:]
    (new / "etc/apt/sources.list").write_text("".join(line + "\n" for line in lines))
    (new / "etc/dpkg/dpkg.cfg.d/quick").write_text("force-unsafe-io\n")  # what is here can be made again
    (new / "etc/sudoers.d/person").write_text("person ALL=(ALL) NOPASSWD: ALL\n")
    subprocess.run(["chroot", new, "useradd", "--create-home", "--shell", "/bin/bash", "person"], check=True)
    subprocess.run(["chroot", new, "chmod", "700", "/home/person"], check=True)  # as Debian 13 makes it, and many make it before
    new.rename(folder)
    return folder


class Machine:
    """A system of that release. Its files are below `folder`, those of apt's archive are shared with the others of the release."""

    def __init__(self, release, folder):
        self.folder, self.archives = folder, CACHE / release / "archives"
        if not folder.exists():
            subprocess.run(["cp", "-a", bare(release), folder], check=True)
        self.archives.mkdir(exist_ok=True)
        shutil.copy("/etc/resolv.conf", folder / "etc/resolv.conf")
        self.system = System(folder, f'mount --bind "$root" "$root" && mount --bind {self.archives} "$root/var/cache/apt/archives"')
        if not self.system.ready:
            self.system.end()
            cannot("no root can be put into its place here")

    def words(self, user, directory, *command, **environment):
        """What starts a command there as that user."""
        home = "/root" if user == "root" else f"/home/{user}"
        variables = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": home, "USER": user, "LANG": "C.UTF-8"}
        variables |= {name: os.environ[name] for name in ("http_proxy", "https_proxy", "no_proxy") if name in os.environ} | environment
        other = [] if user == "root" else ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
        there = ["sh", "-c", 'cd "$0" && exec "$@"', directory]
        return self.system.words("env", "-i", *[f"{name}={value}" for name, value in variables.items()], *other, *there, *command)

    def clone(self, user):
        """The sources as git would give them, in a home that is closed to others; what was built there before stays."""
        home = "/root" if user == "root" else f"/home/{user}"
        place = f"{home}/kubecoderun"
        files = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True).stdout
        there = [name for name in files.split(b"\0") if name and (ROOT / name.decode()).exists()]
        packed = subprocess.run(["tar", "--null", "-T", "-", "-cf", "-"], cwd=ROOT, input=b"\0".join(there), capture_output=True, check=True).stdout
        self.run(user, home, "mkdir", "-p", place)
        self.run(user, place, "find", ".", "-mindepth", "1", "-maxdepth", "1", "!", "-name", "build", "!", "-name", ".cache", "-exec", "rm", "-rf", "{}", "+")
        subprocess.run(self.words(user, place, "tar", "--no-same-owner", "-xf", "-"), input=packed, check=True)
        assert (self.folder / home.lstrip("/")).stat().st_mode & 0o077 == 0
        return place

    def run(self, user, directory, *command, seconds=600, **environment):
        result = subprocess.run(self.words(user, directory, *command, **environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=seconds)
        assert result.returncode == 0, f"{' '.join(map(str, command))}: {result.returncode}\n{result.stdout[-6000:]}"
        return result.stdout

    def end(self):
        self.system.end()


@pytest.fixture
def fresh(release):
    """A bare system, gone after the test."""
    folder = CACHE / release / "fresh"
    remove(folder)
    machine = Machine(release, folder)
    yield machine
    machine.end()
    remove(folder)


@pytest.fixture
def kept(release):
    """A system that keeps what is installed and built in it for the next time."""
    machine = Machine(release, CACHE / release / "kept")
    yield machine
    machine.end()


def remove(folder: pathlib.Path):
    subprocess.run(["rm", "-rf", "--one-file-system", folder], check=True)
