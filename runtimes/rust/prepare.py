#!/usr/bin/env python3
"""Compiles the crates that programs in Rust may use: prepare.py RUSTC OUTPUT.

Their sources are Debian's (librust-*-dev), built by cargo without a network. Makes OUTPUT/crates.txt, read by src/sandbox/link_options.cc: a
crate and its file on each line. What they need lies beside them. OUTPUT/inputs.txt names the files that all of it was made of
(src/app/preparations.h). Where there are no crates, or no cargo, the list is empty: programs compile all the same.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

REGISTRY = pathlib.Path("/usr/share/cargo/registry")
CARGO = "/usr/bin/cargo"
# The crates that programs can name, with the features that are not theirs by default.
CRATES = {
    "anyhow": [], "base64": [], "chrono": [], "csv": [], "hex": [], "indexmap": [], "itertools": [], "lazy_static": [], "num": [], "num-bigint": [],
    "num-traits": [], "once_cell": [], "rand": [], "rayon": [], "regex": [], "serde": ["derive"], "serde_json": [], "sha2": [], "thiserror": [],
    "uuid": ["v4"],
}  # fmt: skip


def versions():
    """{crate: its version} of those that are installed."""
    found = {}
    for place in sorted(REGISTRY.glob("*/Cargo.toml")):
        if match := re.fullmatch(r"(.+?)-(\d+\.\d+\.\d+.*)", place.parent.name):
            found[match[1]] = match[2]
    return {crate: found[crate] for crate in CRATES if crate in found}


def build(work, rustc, crates):
    """Paths of what cargo makes: {crate: library}, and all files."""
    (work / "src").mkdir()
    (work / "src/lib.rs").touch()
    dependencies = "".join(f"{name} = {{version = \"={version}\", features = {json.dumps(CRATES[name])}}}\n" for name, version in crates.items())
    # A program's own code is compiled without optimization; what it calls is worth a little.
    profile = "[profile.release]\nopt-level = 1\ndebug = false\ndebug-assertions = false\n"
    package = '[package]\nname = "crates"\nversion = "0.0.0"\nedition = "2021"\n'
    (work / "Cargo.toml").write_text(f"{package}{profile}[dependencies]\n{dependencies}")
    (work / ".cargo").mkdir()
    (work / ".cargo/config.toml").write_text(
        f'[source.crates-io]\nreplace-with = "debian"\n[source.debian]\ndirectory = "{REGISTRY}"\n'
    )
    # What a user's cache holds is not compiled again for each build folder; cargo knows what of it is current.
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    target = cache / "kubecoderun/crates" if os.access(cache, os.W_OK) else work / "target"
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(work), "CARGO_HOME": str(work / "home"), "LC_ALL": "C.UTF-8", "RUSTC": rustc, "CARGO_TARGET_DIR": str(target)}
    command = [CARGO, "build", "--offline", "--release", "--quiet", "--message-format", "json"]
    said = subprocess.run(command, cwd=work, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
    libraries, files = {}, []
    for message in map(json.loads, said.splitlines()):
        if message["reason"] != "compiler-artifact" or "custom-build" in message["target"]["kind"]:
            continue
        made = [pathlib.Path(path) for path in message["filenames"] if path.endswith((".rlib", ".so"))]
        files += [path for path in made if path.parent.name == "deps"]
        name = message["target"]["name"].replace("-", "_")
        for path in made:
            version = message["package_id"].rsplit("#", 1)[-1].rsplit("@", 1)[-1]
            if any(crate.replace("-", "_") == name and crates[crate] == version for crate in crates):
                libraries[name] = path
    return libraries, files


def main():
    rustc, output = sys.argv[1], pathlib.Path(sys.argv[2])
    output.mkdir(parents=True, exist_ok=True)
    for old in [*output.glob("*.rlib"), *output.glob("*.so"), *output.glob("*.txt")]:
        old.unlink()
    crates = versions() if os.access(CARGO, os.X_OK) else {}
    made_of = {os.path.realpath(path) for path in (__file__, rustc, CARGO) if os.path.exists(path)}
    # The directory changes when crates come and go.
    made_of |= {str(path) for path in (REGISTRY, *REGISTRY.glob("*/Cargo.toml")) if path.exists()}
    lines = []
    if crates:
        with tempfile.TemporaryDirectory() as work:
            try:
                libraries, files = build(pathlib.Path(work), rustc, crates)
            except subprocess.CalledProcessError as error:
                print(f"crates of Rust are not prepared: {error}")
                libraries, files = {}, []
            for path in files:
                shutil.copy(path, output / path.name)
                (output / path.name).chmod(0o644)
            lines = [f"{name} {path.name}\n" for name, path in sorted(libraries.items())]
    facts = [(os.stat(file), file) for file in sorted(made_of)]
    (output / "inputs.txt").write_text("".join(f"{fact.st_size} {int(fact.st_mtime)} {file}\n" for fact, file in facts))
    # Last, and at once: without it nothing is used.
    (output / "crates.new").write_text("".join(lines))
    (output / "crates.new").replace(output / "crates.txt")


main()
