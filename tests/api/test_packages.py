"""Packages of the operator's own: installed with `kubecoderun packages`, found by programs of each language, read-only and from nowhere."""

import functools
import io
import json
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile
import zipfile

import pytest

from harness import Server, cannot, command, started, wait_until

HELLO = "hello from ours"


def in_zip(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def in_tar(path, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return path


def wheel(folder, version="1.0", text=HELLO):
    head = f"ourtables-{version}.dist-info"
    return in_zip(folder / f"ourtables-{version}-py3-none-any.whl", {
        "ourtables/__init__.py": f"def hello():\n    return {text!r}\n",
        f"{head}/METADATA": f"Metadata-Version: 2.1\nName: ourtables\nVersion: {version}\n",
        f"{head}/WHEEL": "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{head}/RECORD": "",
    })  # fmt: skip


def npm_tarball(folder, text=HELLO, name="our-charts"):
    return in_tar(folder / f"{name}-1.2.0.tgz", {
        "package/package.json": json.dumps({"name": name, "version": "1.2.0", "main": "index.js"}),
        "package/index.js": f"exports.hello = () => '{text}';\n",
    })  # fmt: skip


def r_source(folder, text=HELLO):
    return in_tar(folder / "ourR_1.2.tar.gz", {
        "ourR/DESCRIPTION": "Package: ourR\nVersion: 1.2\nTitle: Ours\nDescription: Ours.\nAuthor: us\nMaintainer: us <us@example.org>\nLicense: MIT\n",
        "ourR/NAMESPACE": "export(hello)\n",
        "ourR/R/hello.R": f"hello <- function() '{text}'\n",
    })  # fmt: skip


def jar(folder, text=HELLO):
    source = folder / "ours/greeting/Greeting.java"
    source.parent.mkdir(parents=True)
    source.write_text(f'package ours.greeting;\npublic class Greeting {{ public static String hello() {{ return "{text}"; }} }}\n')
    subprocess.run(["javac", "-d", folder / "classes", source], check=True, timeout=120)
    return in_zip(folder / "greeting.jar", {"ours/greeting/Greeting.class": (folder / "classes/ours/greeting/Greeting.class").read_bytes()})


MODULE = "example.org/ours/Greeting"


def go_proxy(folder, text=HELLO):
    """What a proxy of Go answers for one module, as files."""
    versions = folder / "proxy/example.org/ours/!greeting/@v"
    versions.mkdir(parents=True)
    description = f"module {MODULE}\n\ngo 1.19\n"
    (versions / "list").write_text("v1.0.0\n")
    (versions / "v1.0.0.info").write_text('{"Version": "v1.0.0", "Time": "2024-01-01T00:00:00Z"}')
    (versions / "v1.0.0.mod").write_text(description)
    in_zip(versions / "v1.0.0.zip", {
        f"{MODULE}@v1.0.0/go.mod": description,
        f"{MODULE}@v1.0.0/greeting.go": f'package greeting\n\nfunc Hello() string {{ return "{text}" }}\n',
    })  # fmt: skip
    return folder / "proxy"


TOOLS = {"py": "/usr/bin/python3", "js": "/usr/bin/npm", "r": "/usr/bin/Rscript", "java": "/usr/bin/javac", "go": "/usr/bin/go"}


@pytest.fixture(scope="module")
def place():
    """Not below a directory that is closed to the users of sandboxes, as those of pytest are."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="kubecoderun-test-"))
    folder.chmod(0o755)
    yield folder
    subprocess.run(["chmod", "-R", "u+w", folder])
    shutil.rmtree(folder, ignore_errors=True)


def packages(program, directory, *words, seconds=300, **settings):
    home = directory.parent / "home"
    home.mkdir(exist_ok=True)
    return command(program, "packages", *words, seconds=seconds, SANDBOX_PACKAGES=directory, HOME=home, **settings)


def added(program, directory, *words, **settings):
    result = packages(program, directory, "add", *words, **settings)
    assert result.returncode == 0, result
    return result


def fill(directory, sources, add, text=HELLO, version="1.0"):
    """The directory gets a package for each language whose tool is here. `add`: what installs one."""
    sources.mkdir()
    here = {language for language, tool in TOOLS.items() if os.access(tool, os.X_OK)}
    if "py" in here:
        wheel(sources, version, text)
        add("py", "ourtables", "--", "--no-index", "--find-links", sources)
    if "js" in here:
        add("js", npm_tarball(sources, text), npm_config_offline="true")
    if "r" in here:
        add("r", r_source(sources, text))
    if "java" in here:
        add("java", jar(sources, text))
    if "go" in here:
        add("go", f"{MODULE}@v1.0.0", GOPROXY=f"file://{go_proxy(sources, text)}", GOSUMDB="off", GOFLAGS="-modcacherw")
    (directory / "cpp/include").mkdir(parents=True)
    (directory / "cpp/include/ours.h").write_text(f'#define OURS "{text}"\n')
    return directory


@pytest.fixture(scope="module")
def installed(program, place):
    directory = place / "packages"
    return fill(directory, place / "sources", functools.partial(added, program, directory))


@pytest.fixture(scope="module")
def own(program, installed):
    server = started(program, SANDBOX_PACKAGES=installed, MAX_EXECUTION_TIME=120, PYTHON_PRELOAD="stdlib,full,ourtables")
    yield server
    server.discard()


PROGRAMS = {
    "py": ("py", "import ourtables\nprint(ourtables.hello())"),
    "js": ("js", "console.log(require('our-charts').hello())"),
    "js, as an ES module": ("js", "import charts from 'our-charts';\nconsole.log(charts.hello())"),
    "ts": ("ts", "import {hello} from 'our-charts';\nconsole.log(hello())"),
    "r": ("r", "library(ourR)\ncat(hello(), '\\n', sep = '')"),
    "java": ("java", "import ours.greeting.Greeting;\npublic class Code { public static void main(String[] a) { System.out.println(Greeting.hello()); } }"),
    "go": ("go", f'package main\nimport ("fmt"; greeting "{MODULE}")\nfunc main() {{ fmt.Println(greeting.Hello()) }}'),
    "c": ("c", '#include <ours.h>\n#include <stdio.h>\nint main(void) { puts(OURS); }'),
    "cpp": ("cpp", '#include <ours.h>\n#include <iostream>\nint main() { std::cout << OURS << std::endl; }'),
    "py from bash": ("bash", "cd /tmp && python3 -c 'import ourtables; print(ourtables.hello())'"),
    "js from bash": ("bash", "cd /tmp && node -e \"console.log(require('our-charts').hello())\""),
    "r from bash": ("bash", "Rscript -e 'cat(ourR::hello(), \"\\n\", sep = \"\")'"),
    "java from bash": ("bash", "echo 'public class A { public static void main(String[] a) { System.out.println(ours.greeting.Greeting.hello()); } }' >A.java && java A.java"),
}  # fmt: skip


@pytest.mark.parametrize("what", PROGRAMS)
def test_programs_find_them(own, installed, what):
    language, code = PROGRAMS[what]
    folder = {"c": "cpp", "ts": "js"}.get(what.split()[0].strip(","), what.split()[0].strip(","))
    if not (installed / folder).is_dir():
        pytest.skip(f"{TOOLS[folder]} is not installed")
    answer = own.run(language, code)
    if answer.get("error") == "invalid_request" or "not supported" in str(answer):
        pytest.skip(f"{language} is not offered here")
    assert answer["stdout"] == HELLO + "\n", answer


def test_a_module_that_is_to_be_loaded_ahead_is(own):
    code = "import sys\nprint('ourtables' in sys.modules)\nimport ourtables, numpy"
    assert own.py(code)["stdout"] == "True\n"


def test_pip_knows_that_they_are_there(own):
    answer = own.run("bash", "pip install ourtables && pip list 2>/dev/null | grep ourtables")
    assert "ourtables     " in answer["stdout"] or "ourtables 1.0" in " ".join(answer["stdout"].split()), answer


def test_they_cannot_be_changed_and_lead_nowhere(own, installed):
    code = """
    ls -a / >/tmp/root; ls -a /packages/.. | cmp - /tmp/root && echo same
    touch /packages/x /packages/py/x 2>/dev/null || echo refused
    echo 'x = 1' >>"$(python3 -c 'import ourtables; print(ourtables.__file__)')" 2>/dev/null || echo refused
    rm -rf /packages/js 2>/dev/null || echo refused
    chmod 777 /packages 2>/dev/null || echo refused
    """
    answer = own.run("bash", code)
    assert answer["stdout"].split() == ["same", "refused", "refused", "refused", "refused"], answer
    seen = own.run("bash", "cat /proc/self/mountinfo; echo; grep packages /proc/self/mountinfo")["stdout"]
    options = next(line for line in seen.splitlines() if " /packages " in line).split(" - ")[0].split()[5].split(",")
    assert {"ro", "nosuid", "nodev"} <= set(options)
    assert str(installed.parent) not in seen and installed.parent.name not in seen
    assert (installed / "js").is_dir() and not (installed / "x").exists()


def test_commands_list_and_remove(program, place):
    if not os.access(TOOLS["py"], os.X_OK):
        cannot("python3 is not installed")
    directory, sources = place / "listed", place / "listed-sources"
    sources.mkdir()
    find = ("--", "--no-index", "--find-links", sources)
    listed = lambda: json.loads(packages(program, directory, "list", "--json").stdout)
    assert listed() == []
    assert b"Nothing is in" in packages(program, directory, "list").stdout
    wheel(sources)
    added(program, directory, "py", "ourtables", *find)
    assert listed() == [{"language": "py", "name": "ourtables", "version": "1.0"}]
    wheel(sources, "2.0")
    added(program, directory, "py", "ourtables==2.0", *find)
    assert [each["version"] for each in listed()] == ["2.0"]
    # What fails changes nothing.
    failed = packages(program, directory, "add", "py", "nosuchthing", *find)
    assert failed.returncode == 1 and b"nothing was changed" in failed.stderr
    assert [each["version"] for each in listed()] == ["2.0"]
    assert sorted(path.name for path in directory.iterdir() if path.name.endswith(".new")) == []
    absent = packages(program, directory, "remove", "py", "nosuchthing")
    assert absent.returncode == 1 and b'there is no "nosuchthing"' in absent.stderr
    assert packages(program, directory, "remove", "py", "OurTables").returncode == 0
    assert listed() == []
    for words, reason in (
        (("add", "cobol", "x"), b'there is no such command for "cobol", but for go, java, js, py, r'),
        (("add", "java", "group:artifact:1.0"), b"is not a .jar file"),
        (("remove", "java", "../py"), b'there is no "../py"'),
    ):
        result = packages(program, directory, *words)
        assert result.returncode == 1 and reason in result.stderr, result


def test_what_is_added_while_the_server_runs_is_found(program, place):
    if not os.access(TOOLS["py"], os.X_OK):
        cannot("python3 is not installed")
    directory, sources = place / "later", place / "later-sources"
    sources.mkdir()
    directory.mkdir()
    wheel(sources)
    server = started(program, SANDBOX_PACKAGES=directory, LANGUAGES="py,bash", POD_POOL_PY=1, PYTHON_PRELOAD="stdlib")
    try:
        code = "import ourtables\nprint(ourtables.hello())"
        assert "No module named 'ourtables'" in server.py(code)["stderr"]
        added(program, directory, "py", "ourtables", "--", "--no-index", "--find-links", sources)
        assert wait_until(lambda: server.py(code).get("stdout") == HELLO + "\n", 300, 2), server.log_text()
    finally:
        server.discard()


def test_a_directory_that_others_can_change_is_refused(program, place):
    directory = place / "open"
    (directory / "py").mkdir(parents=True)
    for closed_mode, path in ((0o755, directory), (0o755, directory / "py")):
        path.chmod(0o777)
        result = command(program, "serve", SANDBOX_PACKAGES=directory, DATA_DIR=place / "open-data")
        assert result.returncode == 1
        assert f"SANDBOX_PACKAGES: everybody may write to {path}".encode() in result.stderr, result
        assert f"chmod -R o-w {path}".encode() in result.stderr
        report = command(program, "doctor", SANDBOX_PACKAGES=directory).stdout.decode()
        assert f"everybody may write to {path}" in report
        path.chmod(closed_mode)
    if os.geteuid() == 0:
        os.chown(directory, 23456, 23456)
        result = command(program, "serve", SANDBOX_PACKAGES=directory, DATA_DIR=place / "open-data")
        assert result.returncode == 1 and b"belongs to user 23456" in result.stderr
    absent = command(program, "serve", SANDBOX_PACKAGES=place / "absent", DATA_DIR=place / "open-data")
    assert absent.returncode == 1 and b"is not there; `kubecoderun packages add` makes it" in absent.stderr


def test_beside_the_data_directory_without_a_setting(program, place):
    data = place / "kept"
    (place / "kept-packages/py").mkdir(parents=True)
    (place / "kept-packages/py/ours_flat.py").write_text(f"text = {HELLO!r}\n")
    server = Server(program, DATA_DIR=data, LANGUAGES="py", POD_POOL_PY=1, PYTHON_PRELOAD="stdlib")
    server.data = data
    try:
        server.start()
        assert server.py("import ours_flat\nprint(ours_flat.text)")["stdout"] == HELLO + "\n"
    finally:
        server.discard()
        shutil.rmtree(data, ignore_errors=True)


def test_doctor_says_what_sandboxes_cannot_read(program, place):
    directory = place / "closed"
    (directory / "js/node_modules").mkdir(parents=True)
    findings = lambda: {each["name"]: each for each in json.loads(command(program, "doctor", "--json", SANDBOX_PACKAGES=directory).stdout)["findings"]}
    assert findings()["may be read by sandboxes"]["state"] == "ok"
    (directory / "js/node_modules").chmod(0o700)
    found = findings()["may be read by sandboxes"]
    assert found["state"] == "lacking" and f"chmod -R go+rX {directory}" in found["remedy"]


# ---- what is not there ----------------------------------------------------------------------------------------------

NO_NETWORK = "sandbox has no network to install"
ASKING = {
    "js": ("js", "require('our-chartz')", "our-charts"),
    "js, as an ES module": ("js", "import x from 'our-chartz/part';", "our-charts"),
    "ts": ("ts", "import x from 'our-chartz';\nconsole.log(x)", "our-charts"),
    "r": ("r", "library(ourS)", "ourR"),
    "r, by its name space": ("r", "ourS::hello()", "ourR"),
    "java": ("java", "import com.nobody.Thing;\npublic class Code { public static void main(String[] a) { new Thing(); } }", None),
    "go": ("go", 'package main\nimport "nobody.example/thing"\nfunc main() { thing.Do() }', None),
    "rs": ("rs", "extern crate nobodys_thing;\nfn main() {}", None),
    "py from bash": ("bash", "python3 -c 'import ourtablez'", "ourtables"),
    "py": ("py", "import ourtablez", "ourtables"),
    "pip": ("bash", "pip install ourtablez; echo went on >&2", "ourtables"),
    "pip from py": ("py", "import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'pip', 'install', 'ourtablez'])", "ourtables"),
    "npm": ("bash", "npm install our-chartz", None),
}  # fmt: skip


@pytest.mark.parametrize("what", ASKING)
def test_who_asks_for_what_is_not_there_is_told_why_in_one_line(own, installed, what):
    language, code, close = ASKING[what]
    folder = what.split()[0].strip(",")
    tool = {"ts": "/usr/bin/tsc", "rs": "/usr/bin/rustc", "pip": "/usr/bin/pip", "npm": TOOLS["js"]}.get(folder, TOOLS.get(folder))
    if not os.access(tool, os.X_OK):
        pytest.skip(f"{tool} is not installed")
    answer = own.run(language, code, timeout=120_000)
    assert answer["status"] is None, answer  # it did not run into its time limit
    lines = answer["stderr"].splitlines()
    told = [line for line in lines if NO_NETWORK in line]
    assert len(told) == 1, answer
    if folder != "rs":
        assert "`kubecoderun packages`" in told[0]
    if close:
        assert told[0].endswith(f"What is there and may do: {close}."), told


@pytest.mark.parametrize(
    "language, code",
    [
        ("js", "try { require('our-chartz') } catch { console.log('no') }"),
        ("js", "require('./our-chartz')"),
        ("js", "require('our-charts/nothing')"),
        ("r", "if (!suppressWarnings(require(ourS))) cat('no\\n')"),
        ("java", "public class Code { public static void main(String[] a) { system.out.println(1); } }"),
        ("go", 'package main\nimport "mathh"\nfunc main() { mathh.Do() }'),
        ("bash", "python3 -c 'import json.nothing'"),
    ],
)
def test_nothing_is_said_where_a_package_is_not_what_is_missing(own, installed, language, code):
    if not os.access(TOOLS.get(language, "/bin/bash"), os.X_OK):
        pytest.skip(f"{TOOLS[language]} is not installed")
    answer = own.run(language, code)
    assert NO_NETWORK not in answer["stderr"], answer
