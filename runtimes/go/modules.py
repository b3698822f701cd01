#!/usr/bin/env python3
"""Makes Go's modules of Debian (golang-*-dev) usable without a network: modules.py GO OUTPUT SEEN.

SEEN is what programs call OUTPUT. Makes in OUTPUT

  proxy       the modules as a proxy of Go has them, for GOPROXY=file://…: with a go.mod beside the program or without
  cache       what the go command makes of those of MODULES, as it keeps it: it compiles none of them again
  importcfg, importcfg.link   (they are there) the same packages for who compiles and links without the go command

The go command remembers in which directory a package was: programs of ours unpack modules below GO_PATH (languages/table.cc), so that is
where the packages are compiled, in a root made for that. Where that is not allowed, only programs without a go.mod have them compiled.
"""

import hashlib
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile

SOURCES = pathlib.Path("/usr/share/gocode/src")
PACKAGES = pathlib.Path("/var/lib/dpkg/info")
GO_PATH = "/build/go"
# Of all that is installed, what is compiled ahead: whole modules, or these packages of them. docs/libraries.md names them.
MODULES = {
    "github.com/BurntSushi/toml": "", "github.com/davecgh/go-spew": "", "github.com/dustin/go-humanize": "", "github.com/emirpasic/gods": "",
    "github.com/fatih/color": "", "github.com/google/btree": "", "github.com/google/go-cmp": "cmp cmp/cmpopts", "github.com/google/uuid": "",
    "github.com/gorilla/mux": "", "github.com/hashicorp/go-multierror": "", "github.com/mitchellh/mapstructure": "",
    "github.com/montanaflynn/stats": "", "github.com/olekukonko/tablewriter": "", "github.com/pkg/errors": "",
    "github.com/shopspring/decimal": "", "github.com/sirupsen/logrus": ".", "github.com/spf13/cobra": ".", "github.com/spf13/pflag": "",
    "github.com/stretchr/testify": "assert require", "github.com/tidwall/gjson": "", "go.uber.org/zap": ". zapcore",
    "golang.org/x/crypto": "argon2 bcrypt blake2b chacha20poly1305 curve25519 ed25519 hkdf pbkdf2 scrypt sha3",
    "golang.org/x/exp": "constraints maps slices", "golang.org/x/net": "html html/atom idna", "golang.org/x/sync": "",
    "golang.org/x/term": "", "golang.org/x/text": "cases collate encoding/charmap encoding/unicode language message number runes transform "
    "unicode/norm width", "golang.org/x/time": "rate", "gopkg.in/yaml.v2": "", "gopkg.in/yaml.v3": "",
}  # fmt: skip


class Module:
    def __init__(self, path, version, folder):
        self.path, self.version, self.folder = path, version, folder
        self.files, self.requires, self.go = [], set(), "1.16"

    def escaped(self):
        return re.sub("[A-Z]", lambda letter: "!" + letter[0].lower(), self.path)


def semantic(debian):
    """Go's version for one of Debian: "1:0.7.0+dfsg-1" → v0.7.0, "0.0~git20221028.83b7d23-2" → v0.0.0-20221028000000-83b7d2300000."""
    upstream = re.sub(r"-[^-]*$", "", debian.split(":")[-1])
    numbers = (re.findall(r"\d+", re.match(r"[\d.]*", upstream)[0]) + ["0", "0"])[:3]
    version = "v" + ".".join(str(int(number)) for number in numbers)
    snapshot = re.search(r"([~+])git(\d{8})[.-]?(?:\d\.|r?\d?\.)?([0-9a-f]*)", upstream)
    if not snapshot:
        return version
    before = "" if version == "v0.0.0" else "0."
    if snapshot[1] == "+":  # after that version: so before the next one
        version, before = f"v{int(numbers[0])}.{int(numbers[1])}.{int(numbers[2]) + 1}", "0."
    return f"{version}-{before}{snapshot[2]}000000-{(snapshot[3] + '0' * 12)[:12]}"


def debian_versions():
    """{a directory with sources, below SOURCES: the version of the package that brings it}."""
    versions, name = {}, ""
    with open("/var/lib/dpkg/status", encoding="utf-8", errors="replace") as status:
        for line in status:
            if line.startswith("Package: "):
                name = line[9:].strip()
            elif line.startswith("Version: ") and name.startswith("golang-") and name.endswith("-dev"):
                versions[name] = line[9:].strip()
    found = {}
    for package, version in versions.items():
        try:
            listed = (PACKAGES / f"{package}.list").read_text()
        except OSError:
            continue
        for line in listed.splitlines():
            if line.startswith(f"{SOURCES}/") and (line.endswith(".go") or line.endswith("/go.mod")):
                found[os.path.dirname(line)] = version
    return found


def find_modules():
    """The outermost directories with sources of each repository, and those that are modules by their own word."""
    versions = debian_versions()
    roots = {}
    for folder in sorted(versions):
        path = pathlib.Path(folder)
        if path.is_symlink() or any(parent.is_symlink() for parent in path.parents) or "testdata" in path.parts:
            continue
        name = str(path.relative_to(SOURCES))
        own = path / "go.mod"
        said = re.search(r"^module\s+\"?([^\s\"]+)", own.read_text(), re.M) if own.is_file() else None
        # A major version in the name may be written without a directory of its own: Debian puts such a module where its imports are.
        if (said and said[1] == name) or not any(name.startswith(root + "/") for root in roots):
            roots[name] = Module(name, semantic(versions[folder]), path)
    # Sources in several directories below none of their own are one module when they are of one repository.
    for name in list(roots):
        parts = name.split("/")
        repository = "/".join(parts[: 3 if parts[0] in ("github.com", "gitlab.com", "golang.org") else 2])
        if len(parts) > 3 and not (roots[name].folder / "go.mod").is_file() and not re.fullmatch(r"v\d+", parts[-1]):
            module = roots.pop(name)
            if repository not in roots:
                roots[repository] = Module(repository, module.version, SOURCES / repository)
    # The major version is part of the name.
    return {name: module for name, module in roots.items() if fits(name, module.version)}


def fits(name, version):
    major = int(re.match(r"v(\d+)", version)[1])
    named = re.search(r"(?:/|^gopkg\.in/.*\.)v(\d+)$", name)
    return major == int(named[1]) if named else major < 2


def owner(modules, package):
    """The module that a package is of, or None."""
    while package:
        if package in modules:
            return modules[package]
        package = package.rpartition("/")[0]
    return None


LIST = ["list", "-e", "-json=ImportPath,Name,Imports,CgoFiles,Export,Standard"]
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "GOENV": "off", "GOPROXY": "off", "GOSUMDB": "off", "GOTOOLCHAIN": "local"}


def objects(text):
    """What the go command lists."""
    decoder, at, found = json.JSONDecoder(), 0, []
    while at < len(text):
        one, at = decoder.raw_decode(text, at)
        found.append(one)
        at += 1  # the line's end
    return found


def fill(modules, packages):
    """What modules have and need: all but tests."""
    for package in packages:
        module = owner(modules, package["ImportPath"])
        if module and package.get("Name") != "main":
            needed = {owner(modules, name) for name in package.get("Imports", [])} - {None, module}
            module.requires |= needed
    for module in modules.values():
        own = module.folder / "go.mod"
        if own.is_file() and (said := re.search(r"^go\s+(\d+\.\d+)", own.read_text(), re.M)):
            module.go = said[1]
        for folder, folders, files in os.walk(module.folder):
            name = str(pathlib.Path(folder).relative_to(SOURCES))
            folders[:] = [
                each for each in sorted(folders)
                if each not in ("testdata", "vendor") and f"{name}/{each}" not in modules and not os.path.exists(f"{folder}/{each}/go.mod")
            ]  # fmt: skip
            module.files += [
                os.path.relpath(f"{folder}/{each}", module.folder) for each in sorted(files)
                if not each.endswith("_test.go") and each not in ("go.mod", "go.sum") and os.path.isfile(f"{folder}/{each}")
            ]  # fmt: skip


def description(module):
    requires = "".join(f"require {each.path} {each.version}\n" for each in sorted(module.requires, key=lambda each: each.path))
    return f"module {module.path}\n\ngo {module.go}\n\n{requires}"


def make_proxy(modules, proxy):
    for module in modules.values():
        versions = proxy / module.escaped() / "@v"
        versions.mkdir(parents=True)
        facts = json.dumps({"Version": module.version, "Time": "2000-01-01T00:00:00Z"})
        (versions / "list").write_text("" if re.search(r"-\d{14}-|\.\d{14}-", module.version) else module.version + "\n")
        (versions / f"{module.version}.info").write_text(facts)
        (versions.parent / "@latest").write_text(facts)
        (versions / f"{module.version}.mod").write_text(description(module))
        with zipfile.ZipFile(versions / f"{module.version}.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr(f"{module.path}@{module.version}/go.mod", description(module))
            for name in module.files:
                archive.write(module.folder / name, f"{module.path}@{module.version}/{name}")


def at_the_place(work, output, command):
    """`command` where GO_PATH is what it is for programs and OUTPUT is /output: in a root of its own, for which one needs no rights."""
    root = work / "root"
    script = ["set -e"]
    for place in ("bin", "dev", "etc", "lib", "lib64", "proc", "usr"):
        source = pathlib.Path("/", place)
        if source.is_symlink():
            (root / place).symlink_to(source.readlink())
        elif source.is_dir():
            (root / place).mkdir()
            script.append(f"mount --rbind {source} {shlex.quote(str(root / place))}")
    (root / "output").mkdir()
    script += [f"mount --bind {shlex.quote(str(output))} {shlex.quote(str(root / 'output'))}", f"exec /usr/sbin/chroot {shlex.quote(str(root))} \"$@\""]
    unshare = ["/usr/bin/unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    return [*unshare, "/bin/sh", "-c", "\n".join(script), "sh", *command]


def compile_all(go, work, output, modules, packages):
    """{package: what the compiler made of it, below OUTPUT}: what MODULES says and all that it needs."""
    names = [
        package["ImportPath"] for package in packages
        if package.get("Name") not in (None, "main") and not package.get("CgoFiles") and is_wanted(modules, package["ImportPath"])
    ]  # fmt: skip
    main = work / "root/main"
    main.mkdir(parents=True)
    (work / "root/tmp").mkdir()
    (main / "go.mod").write_text("module main\n\ngo 1.18\n\n" + "".join(f"require {name} {modules[name].version}\n" for name in MODULES if name in modules))
    command = [go, *LIST, "-export", "-deps", *names]
    places = {"/output": output, "/main": main, GO_PATH: work / "root" / GO_PATH[1:]}
    places[GO_PATH].mkdir(parents=True)
    for inside in (True, False):
        path = (lambda name: name) if inside else (lambda name: str(places[name]))
        environment = {
            **ENVIRONMENT, "HOME": path("/main"), "PWD": path("/main"), "GOFLAGS": "-mod=mod -modcacherw", "GOPROXY": f"file://{path('/output')}/proxy,off",
            "GOCACHE": f"{path('/output')}/cache", "GOPATH": path(GO_PATH),
        }  # fmt: skip
        words = ["/usr/bin/env", "-C", path("/main"), *command]
        if inside:
            words = at_the_place(work, output, words)
        said = subprocess.run(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        compiled = {each["ImportPath"]: each["Export"] for each in objects(said.stdout) if each.get("Export") and not each.get("Standard")}
        if compiled:
            return {name: os.path.relpath(file, path("/output")) for name, file in compiled.items()}
        print(f"modules of Go are not compiled{' where programs have them' if inside else ''}: {said.stderr.strip()[-500:]}")
    return {}


def is_wanted(modules, package):
    module = owner(modules, package)
    if module is None or module.path not in MODULES or "internal" in package.split("/"):
        return False
    chosen = MODULES[module.path].split()
    return not chosen or (package[len(module.path) + 1 :] or ".") in chosen


def make(go, output, modules):
    """Fills OUTPUT; {package: its file, below OUTPUT}."""
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        environment = {**ENVIRONMENT, "HOME": name, "GOCACHE": f"{name}/cache", "GO111MODULE": "off", "GOPATH": str(SOURCES.parent)}
        places = sorted({path.split("/")[0] for path in modules})
        said = subprocess.run([go, *LIST, *(f"{place}/..." for place in places)], env=environment, cwd=name, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        packages = objects(said.stdout)
        fill(modules, packages)
        make_proxy(modules, output / "proxy")
        return compile_all(go, work, output, modules, packages)


def made_before(go, modules):
    """Where a user's cache has what is made of these, so that each build folder need not make it anew. Nothing where there is no such cache."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    if not os.access(cache, os.W_OK):
        return None
    version = subprocess.run([go, "version"], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, check=True).stdout
    facts = [pathlib.Path(__file__).read_text(), version, os.path.realpath(go), str(shutil.which("gcc", path="/usr/bin"))]
    facts += sorted(f"{module.path} {module.version} {os.stat(module.folder).st_mtime_ns}" for module in modules.values())
    return cache / "kubecoderun/go" / hashlib.sha256("\n".join(facts).encode()).hexdigest()[:32]


def main():
    go, output, seen = sys.argv[1], pathlib.Path(sys.argv[2]).resolve(), sys.argv[3]
    modules = find_modules()
    if not modules:
        return
    before = made_before(go, modules)
    if before and (before / "compiled.json").is_file():
        shutil.copytree(before, output, ignore=shutil.ignore_patterns("compiled.json"), dirs_exist_ok=True)
        compiled = json.loads((before / "compiled.json").read_text())
    else:
        compiled = make(go, output, modules)
        if compiled and before:
            shutil.rmtree(before.parent, ignore_errors=True)
            for each in ("proxy", "cache"):
                shutil.copytree(output / each, before / each)
            (before / "compiled.json").write_text(json.dumps(compiled))
    if not compiled:
        return
    with open(output / "importcfg.link", "a", encoding="utf-8") as link, open(output / "importcfg", "a", encoding="utf-8") as imports:
        for name, file in sorted(compiled.items()):
            line = f"packagefile {name}={seen}/{file}\n"
            link.write(line)
            if not re.search("/(internal|vendor)(/|$)", name):
                imports.write(line)


main()
