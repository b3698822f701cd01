#!/usr/bin/env python3
"""Makes an environment of Python with libraries of an index: pypi.py WANTED LOCK ENVIRONMENT, with WANTED a file of requirements.

The first time LOCK is written: every file that pip chose, with its hash. From then on pip takes these and nothing else. Libraries that the system
has stay as they are: pip may only choose what fits to them.
"""

import hashlib
import importlib.metadata
import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.parse


def hash_of(download):
    """SHA-256 of a file that pip chose; older versions of it have another word for it, and none for files of this machine."""
    facts, address = download.get("archive_info", {}), urllib.parse.urlsplit(download["url"])
    if "sha256" in facts.get("hashes", {}):
        return facts["hashes"]["sha256"]
    if facts.get("hash", "").startswith("sha256="):
        return facts["hash"].partition("=")[2]
    if address.scheme == "file":
        return hashlib.sha256(pathlib.Path(urllib.parse.unquote(address.path)).read_bytes()).hexdigest()
    return sys.exit(f"no SHA-256 is known of {download['url']}, so it cannot be written down which file it was")


def lines_of(report):
    for each in sorted(report["install"], key=lambda one: one["metadata"]["name"].lower()):
        yield f"{each['metadata']['name']}=={each['metadata']['version']} --hash=sha256:{hash_of(each['download_info'])}\n"


def main():
    wanted, lock, environment = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", "--system-site-packages", environment], check=True)
    pip = ["/usr/bin/python3", "-m", "pip", "--python", f"{environment}/bin/python", "--disable-pip-version-check", "install", "--only-binary", ":all:"]
    head = f"# Written by ./run --with pypi for: {' '.join(pathlib.Path(wanted).read_text().split())}\n"
    if not lock.exists() or not lock.read_text().startswith(head):
        with tempfile.TemporaryDirectory() as work:
            fixed = {one.metadata["Name"]: one.version for one in importlib.metadata.distributions() if one.metadata["Name"]}
            constraints, report = pathlib.Path(work, "constraints.txt"), pathlib.Path(work, "report.json")
            constraints.write_text("".join(f"{name}=={version}\n" for name, version in sorted(fixed.items())))
            subprocess.run([*pip, "--dry-run", "--report", report, "--constraint", constraints, "--requirement", wanted], check=True)
            text = head + "".join(lines_of(json.loads(report.read_text())))
        lock.with_suffix(".new").write_text(text)
        lock.with_suffix(".new").replace(lock)
        lock.chmod(0o644)
    subprocess.run([*pip, "--no-deps", "--require-hashes", "--requirement", lock], check=True)


try:
    main()
except subprocess.CalledProcessError as error:
    sys.exit(f"{pathlib.Path(error.cmd[0]).name} ended with {error.returncode}: see above")
