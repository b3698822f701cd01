#!/usr/bin/python3
"""Finds text that must not be in the sources: paths of one person's machine and addresses of package registries."""

import re
import subprocess
import sys
from pathlib import Path

# Split, so that this file does not find itself.
HOME_PATH = re.compile(r"(?<![\w.$})-])/(?:wo" r"rk|home/\w+|Users/\w+)/")
ROOT_PATH = re.compile(r"(?<![\w.$})-])/ro" r"ot/")  # tests name it: a sandbox must not show it
REGISTRY = re.compile(r"regis" r"try\.npmjs|pypi\." r"org|crates\." r"io|proxy\.golang\." r"org|artifact" r"ory|\.pkg\.dev")
RESOLVED = re.compile(r'"resolved"\s*:')
CONFLICT = re.compile(r"^(?:<{7}|>{7}) ")


def problems(name: str, text: str) -> list[str]:
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if HOME_PATH.search(line) or (ROOT_PATH.search(line) and not name.startswith("tests/")):
            found.append(f"{name}:{number}: a path of one machine: {line.strip()[:100]}")
        if REGISTRY.search(line):
            found.append(f"{name}:{number}: address of a package registry: {line.strip()[:100]}")
        if name.endswith("package-lock.json") and RESOLVED.search(line):
            found.append(f"{name}:{number}: made without omit-lockfile-registry-resolved: {line.strip()[:100]}")
            break
        if CONFLICT.search(line):
            found.append(f"{name}:{number}: left over from a merge")
    return found


def main() -> int:
    root = Path(__file__).resolve().parent.parent
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root, capture_output=True, check=True, text=True,
    ).stdout
    found = []
    for name in sorted(set(filter(None, listed.split("\0")))):
        path = root / name
        if not path.is_file() or path.is_symlink():
            continue
        data = path.read_bytes()
        if b"\0" in data[:4096]:
            continue
        found += problems(name, data.decode(errors="replace"))
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
