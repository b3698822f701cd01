"""The files of an image, copied from this machine: those of its installed packages that the server's package and a language ask for, and of
what these ask for in turn. That takes seconds and no network, and what a package forgets to ask for is missing as it would be elsewhere.
deploy/image/make-rootfs is what operators use; it takes minutes."""

import glob
import os
import pathlib
import re
import subprocess

from harness import cannot

LEFT_OUT = ("/usr/share/doc/", "/usr/share/man/", "/usr/share/locale/", "/usr/share/info/", "/usr/share/lintian/", "/boot/")
LINKS = ("/bin", "/sbin", "/lib", "/lib64")
EMPTY = {"mnt/data": 0o755, "proc": 0o555, "sys": 0o555, "dev": 0o755, "run": 0o755, "tmp": 0o1777, "root": 0o700, "data": 0o755}
# Where programs find our files and make their own when the container is the sandbox.
LINKS_OF_PODS = {"build": "/tmp/build", "runtimes": "/usr/share/kubecoderun/runtimes"}
USER = 999


def _words(field):
    """Of "a (>= 1), b | c:any" the alternatives of each part."""
    return [[re.sub(r"[ (:].*", "", word.strip()) for word in part.split("|")] for part in field.split(",") if part.strip()]


def installed():
    """{package: (field of dependencies, whether it is essential)}, and who provides what."""
    query = "${Package}\t${db:Status-Status}\t${Essential}\t${Pre-Depends},${Depends}\t${Provides}\n"
    lines = subprocess.run(["dpkg-query", "-W", "-f", query], check=True, capture_output=True, text=True).stdout.splitlines()
    packages, providers = {}, {}
    for line in lines:
        name, status, essential, depends, provides = line.split("\t")
        if status != "installed":
            continue
        packages[name] = (depends, essential == "yes")
        for names in [[name], *_words(provides)]:
            providers.setdefault(names[0], name)
    return packages, providers


def closure(wanted):
    """All packages that `wanted`, a field like Depends, leads to. Of alternatives the first that is installed."""
    packages, providers = installed()
    found = set()
    frontier = [[name] for name, (_, essential) in packages.items() if essential] + _words(wanted)
    while frontier:
        alternatives = frontier.pop()
        name = next((providers[word] for word in alternatives if word in providers), None)
        if not name:
            cannot(f"the small image is made of this machine's packages, and none of these is installed: {', '.join(alternatives)}")
        if name not in found:
            found.add(name)
            frontier += _words(packages[name][0])
    return found


def _files_of(packages):
    paths = set()
    listed = subprocess.run(["dpkg-query", "-L", *sorted(packages)], check=True, capture_output=True, text=True).stdout.splitlines()
    for path in listed:
        if not path.startswith("/") or path.startswith(LEFT_OUT) or path == "/.":
            continue
        parent, name = os.path.split(path)
        path = os.path.join(os.path.realpath(parent), name)
        if path not in LINKS and os.path.lexists(path):
            paths.add(path)
    # What the scripts of packages have made: compiled Python, and which of several programs or libraries has a name.
    compiled = {os.path.join(path, "__pycache__") for path in paths if os.path.isdir(os.path.join(path, "__pycache__"))}
    for place in compiled:
        paths |= {place} | {os.path.join(place, name) for name in os.listdir(place)}
    for place in ("/usr/bin", "/usr/sbin", *glob.glob("/usr/lib/*-linux-gnu")):
        for entry in os.scandir(place):
            if entry.is_symlink() and os.readlink(entry).startswith("/etc/alternatives/") and os.path.realpath(entry) in paths:
                paths |= {entry.path, os.readlink(entry)}
    return paths | {link for link in LINKS if os.path.islink(link)}


def make(depends, folder: pathlib.Path):
    """`depends` is a field like Depends."""
    folder.mkdir(parents=True)
    names = "\0".join(sorted(path.lstrip("/") for path in _files_of(closure(depends)))).encode()
    packing = subprocess.Popen(["tar", "--null", "--no-recursion", "-C", "/", "-T", "-", "-cf", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    unpacking = subprocess.Popen(["tar", "-C", folder, "-xf", "-"], stdin=packing.stdout)
    packing.stdout.close()
    packing.stdin.write(names)
    packing.stdin.close()
    assert unpacking.wait(600) == 0 and packing.wait(60) == 0
    for name, mode in EMPTY.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name).chmod(mode)
    for kind, line in (("passwd", f"kubecoderun:x:{USER}:{USER}::/data:/usr/sbin/nologin\n"), ("group", f"kubecoderun:x:{USER}:\n")):
        (folder / "etc" / kind).write_text(pathlib.Path(f"/usr/share/base-passwd/{kind}.master").read_text().replace(":*:", ":x:") + line)
    os.chown(folder / "data", USER, USER)
    for name, target in LINKS_OF_PODS.items():
        (folder / name).symlink_to(target)
    subprocess.run(["ldconfig", "-r", folder], check=True)
