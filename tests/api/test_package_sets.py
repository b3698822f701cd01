"""Sets of the operator's packages: each program finds its own, by its request or its key, and nothing of any other."""

import concurrent.futures
import functools
import json
import os
import re

import pytest

from harness import cannot, command, started, wait_until
from test_exec import check_envelope
from test_keys import MASTER, create, echo
from test_packages import PROGRAMS, TOOLS, fill, npm_tarball, packages, place, wheel  # noqa: F401

COMMON = "of all"


def make(program, directory, *words, **settings):
    """In the set that is this directory."""
    settings |= {"SANDBOX_PACKAGE_SETS": directory.parent}
    result = packages(program, directory.parent.parent / "packages", "--set", directory.name, "add", *words, **settings)
    assert result.returncode == 0, result


@pytest.fixture(scope="module")
def sets(program, place):  # noqa: F811
    """The directory of sets: "alpha" and "beta" have the same packages with other contents; beside it the one of packages for all."""
    common, directory = place / "packages", place / "sets"
    (common / "py").mkdir(parents=True)
    for name, text in (("ourtables", COMMON), ("ourcommon", COMMON)):
        (common / f"py/{name}.py").write_text(f"def hello():\n    return {text!r}\n")
    (common / "cpp/include").mkdir(parents=True)
    (common / "cpp/include/ours.h").write_text(f'#define OURS "{COMMON}"\n')
    (common / "cpp/include/common.h").write_text(f'#define COMMON "{COMMON}"\n')
    if os.access(TOOLS["js"], os.X_OK):
        (place / "common-sources").mkdir()
        for name in ("our-charts", "our-common"):
            package = npm_tarball(place / "common-sources", COMMON, name)
            assert packages(program, common, "add", "js", package, npm_config_offline="true").returncode == 0
    for number, name in enumerate(("alpha", "beta"), 1):
        fill(directory / name, place / f"sources-{name}", functools.partial(make, program, directory / name), f"of {name}", f"{number}.0")
        (directory / name / f"only-in-{name}").touch()
    (directory / "numbers/py/numpy").mkdir(parents=True)
    (directory / "numbers/py/numpy/__init__.py").write_text("from . import random\n__version__ = 'of the set'\n")
    (directory / "numbers/py/numpy/random.py").write_text("def seed():\n    pass\n")
    return directory


@pytest.fixture(scope="module")
def server(program, sets):
    served = started(
        program, SANDBOX_PACKAGES=sets.parent / "packages", SANDBOX_PACKAGE_SETS=sets, MAX_EXECUTION_TIME=120, MASTER_API_KEY=MASTER,
        SANDBOX_ACQUIRE_TIMEOUT_SECONDS=120,
    )  # fmt: skip
    yield served
    served.discard()


@pytest.mark.parametrize("what", PROGRAMS)
def test_programs_find_those_of_their_set(server, sets, what):
    language, code = PROGRAMS[what]
    folder = what.split()[0].strip(",")
    folder = {"c": "cpp", "ts": "js"}.get(folder, folder)
    if not (sets / "alpha" / folder).is_dir():
        pytest.skip(f"{TOOLS[folder]} is not installed")
    if server.post("/exec", json={"lang": language, "code": "x"}).status_code == 400:
        pytest.skip(f"{language} is not offered here")
    for name in ("alpha", "beta", "alpha"):
        answer = server.run(language, code, packages=name)
        assert answer["stdout"] == f"of {name}\n", answer


def test_what_all_have_is_found_behind_the_set(server, sets):
    code = "import ourtables, ourcommon\nprint(ourtables.hello(), ourcommon.hello(), sep=', ')"
    assert server.py(code, packages="alpha")["stdout"] == f"of alpha, {COMMON}\n"
    assert server.py(code)["stdout"] == f"{COMMON}, {COMMON}\n"
    code = "#include <common.h>\n#include <ours.h>\n#include <stdio.h>\nint main(void) { puts(COMMON); puts(OURS); }"
    if os.access("/usr/bin/gcc", os.X_OK):
        assert server.run("c", code, packages="beta")["stdout"] == f"{COMMON}\nof beta\n"
        assert server.run("c", code)["stdout"] == f"{COMMON}\n{COMMON}\n"
    if not (sets / "alpha/js").is_dir():
        pytest.skip("npm is not installed")
    for module in ("import a from 'our-charts'; import b from 'our-common';", "const a = require('our-charts'), b = require('our-common');"):
        code = f"{module}\nconsole.log(a.hello(), b.hello())"
        assert server.run("js", code, packages="beta")["stdout"] == f"of beta {COMMON}\n"
        assert server.run("js", code)["stdout"] == f"{COMMON} {COMMON}\n"


def test_runs_that_alternate_quickly_are_never_mixed_up(server):
    c = '#include <ours.h>\n#include <stdio.h>\nint main(void) { puts(OURS); }'
    py = "import ourtables\nprint(ourtables.hello())"
    wishes = [(language, code, name) for _ in range(6) for name in ("alpha", "beta", None) for language, code in (("py", py), ("c", c))]
    if not os.access("/usr/bin/gcc", os.X_OK):
        wishes = [wish for wish in wishes if wish[0] != "c"]

    def run(wish):
        language, code, name = wish
        return server.run(language, code, **({"packages": name} if name else {}))["stdout"]

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        outputs = list(pool.map(run, wishes))
    assert outputs == [f"of {name}\n" if name else f"{COMMON}\n" for _, _, name in wishes]


def test_what_python_has_loaded_ahead_is_of_the_set(server):
    code = "import numpy\nprint(numpy.__version__)"
    assert server.py(code, packages="numbers")["stdout"] == "of the set\n"
    assert server.py(code, packages="numbers")["stdout"] == "of the set\n"
    without = server.py(code)
    assert "of the set" not in without["stdout"], without
    assert server.py(code, packages="alpha")["stdout"] == without["stdout"]


LOOK = """
ls -A /packages-set; echo ---
find / -xdev -name 'only-in-*' 2>/dev/null; find /packages* -name 'only-in-*' 2>/dev/null; echo ---
touch /packages-set/x /packages-set/py/x 2>/dev/null || echo refused
ls -a / >/tmp/root; ls -a /packages-set/.. | cmp - /tmp/root && echo same
echo ---; cat /proc/self/mountinfo
"""


def test_nobody_sees_another_set_or_where_any_of_them_is(server, sets):
    for name, other in (("alpha", "beta"), ("beta", "alpha")):
        answer = server.run("bash", LOOK, packages=name)
        listed, found, tried, mounts = answer["stdout"].split("---\n")
        assert set(listed.split()) == {path.name for path in (sets / name).iterdir() if not path.name.startswith(".")}
        assert set(found.split()) == {f"/packages-set/only-in-{name}"}
        assert tried.split() == ["refused", "same"], answer
        own = [line for line in mounts.splitlines() if " /packages-set " in line]
        assert len(own) == 1 and {"ro", "nosuid", "nodev"} <= set(own[0].split(" - ")[0].split()[5].split(",")), mounts
        assert other not in mounts and str(sets) not in mounts and sets.parent.name not in mounts
    listed, found, tried, mounts = server.run("bash", LOOK)["stdout"].split("---\n")
    assert (listed, found) == ("", "") and "packages-set" not in mounts and "refused" in tried
    assert not (sets / "alpha/x").exists()
    # Nor does an interpreter have anything open of where it was started.
    code = "import os\nprint([os.readlink(f'/proc/self/fd/{fd}') for fd in os.listdir('/proc/self/fd') if os.path.exists(f'/proc/self/fd/{fd}')])"
    without, with_set = (re.sub(r"\d+", "N", server.py(code, packages=name)["stdout"]) for name in (None, "alpha"))
    assert with_set == without


def test_unknown_ones_are_refused_and_the_known_ones_named(server):
    for name in ("nothing", "One", "../alpha", "alpha,beta", "alpha\n", "."):
        answer = server.post("/exec", json={"lang": "py", "code": "1", "packages": name})
        assert "there are: alpha, beta, numbers" in check_envelope(answer, 400, "validation")["details"][0]["message"], answer.text
    for name in (5, ["alpha"], {"a": 1}):
        answer = server.post("/exec", json={"lang": "py", "code": "1", "packages": name})
        assert check_envelope(answer, 422, "validation")["details"][0]["field"] == "body -> packages"
    for name in (None, ""):
        assert server.py("print(1)", packages=name)["stdout"] == "1\n"


def test_a_key_has_its_own(server):
    key, record = create(server, "of beta", ceilings={"package_sets": ["beta", "alpha"]})
    assert record["ceilings"]["package_sets"] == ["beta", "alpha"]
    wish = {"lang": "py", "code": "import ourtables\nprint(ourtables.hello())"}
    assert echo(server, key, **wish).json()["stdout"] == "of beta\n"
    assert echo(server, key, **wish, packages="alpha").json()["stdout"] == "of alpha\n"
    for name in ("numbers", "nothing"):
        refused = check_envelope(echo(server, key, **wish, packages=name), 403, "authorization")
        assert refused["error"] == f"This key may not use the packages {name}; it may use beta, alpha"
    other, _ = create(server, "of what is not there yet", ceilings={"package_sets": ["later", "alpha"]})
    assert "set of packages, later, is not on this server" in check_envelope(echo(server, other, **wish), 503, "service_unavailable")["error"]
    unknown = check_envelope(echo(server, other, **wish, packages="later"), 400, "validation")
    assert unknown["details"][0]["message"] == "There is no set of packages 'later'; there are: alpha"
    assert echo(server, other, **wish, packages="alpha").json()["stdout"] == "of alpha\n"
    free, _ = create(server, "without")
    assert echo(server, free, **wish).json()["stdout"] == f"{COMMON}\n"
    assert echo(server, free, **wish, packages="alpha").json()["stdout"] == "of alpha\n"


def test_the_list_of_libraries_has_them(server, program, sets):
    def listed(key=server.key, **wish):
        answer = server.get("/libraries", params=wish, headers={"x-api-key": key})
        assert answer.status_code == 200, answer.text
        return {(one["language"], one["name"]): one["version"] for one in answer.json()["libraries"]}

    mine, _ = create(server, "beta by itself", ceilings={"package_sets": ["beta"]})
    assert ("py", "ourtables") not in listed(), "what is for all has no description"
    for found, version in ((listed(packages="alpha"), "1.0"), (listed(packages="beta"), "2.0"), (listed(mine), "2.0")):
        assert found["py", "ourtables"] == version and ("py", "numpy") in found
        if (sets / "alpha/js").is_dir():
            assert found["js", "our-charts"] == found["ts", "our-charts"] == "1.2.0"
    assert set(language for language, _ in listed(packages="alpha", language="py")) == {"py"}
    check_envelope(server.get("/libraries", params={"packages": "gamma"}), 400, "validation")
    check_envelope(server.get("/libraries", params={"packages": "alpha"}, headers={"x-api-key": mine}), 403, "authorization")
    environment = {"SANDBOX_PACKAGES": sets.parent / "packages", "SANDBOX_PACKAGE_SETS": sets}
    told = command(program, "libraries", "py", "--packages", "beta", **environment)
    assert re.search(r"^ *py +ourtables +2\.0", told.stdout.decode(), re.M), told
    told = command(program, "libraries", "--packages", "gamma", **environment)
    assert told.returncode != 0 and b"there are: alpha, beta, numbers" in told.stderr, told


def test_a_session_may_go_on_with_another_set(server):
    first = server.py("import ourtables\nnumber, table = 6, ourtables\nprint(table.hello())", packages="alpha")
    assert first["stdout"] == "of alpha\n", first
    session = first["session_id"]
    more = server.py("print(number * 7, table.hello())", packages="beta", session_id=session)
    assert more["stdout"] == "42 of beta\n", more
    assert server.py("print(number, table.hello())", session_id=session)["stdout"] == f"6 {COMMON}\n"
    assert server.py("print(number)", packages="numbers", session_id=session)["stdout"] == "6\n"


def test_who_asks_in_vain_is_told_of_what_the_set_has(server, sets):
    if not (sets / "alpha/r").is_dir():
        pytest.skip("R is not installed")
    answer = server.run("r", "library(ourS)", packages="alpha")
    assert answer["stderr"].rstrip().endswith("What is there and may do: ourR."), answer
    assert "ourR" not in server.run("r", "library(ourS)")["stderr"]


def test_a_set_that_is_made_while_the_server_runs_is_found(program, place):  # noqa: F811
    if not os.access(TOOLS["py"], os.X_OK):
        cannot("python3 is not installed")
    directory, sources = place / "later-sets", place / "later-set-sources"
    sources.mkdir()
    directory.mkdir()
    wheel(sources)
    served = started(program, SANDBOX_PACKAGE_SETS=directory, LANGUAGES="py", POD_POOL_PY=1, PYTHON_PRELOAD="stdlib")
    try:
        wish = {"lang": "py", "code": "import ourtables\nprint(ourtables.hello())", "packages": "late"}
        refused = check_envelope(served.post("/exec", json=wish), 400, "validation")
        assert "there are none on this server" in refused["details"][0]["message"]
        make(program, directory / "late", "py", "ourtables", "--", "--no-index", "--find-links", sources)

        def found():
            answer = served.post("/exec", json=wish)
            return answer.status_code == 200 and answer.json()["stdout"].startswith("hello")

        assert wait_until(found, 300, 2), served.log_text()
    finally:
        served.discard()


def test_commands_know_sets(program, place):  # noqa: F811
    if not os.access(TOOLS["py"], os.X_OK):
        cannot("python3 is not installed")
    directory, sources = place / "listed-sets", place / "listed-set-sources"
    sources.mkdir()
    wheel(sources)
    call = functools.partial(packages, program, place / "listed-common", SANDBOX_PACKAGE_SETS=directory)
    make(program, directory / "a-1", "py", "ourtables", "--", "--no-index", "--find-links", sources)
    expected = [{"language": "py", "name": "ourtables", "version": "1.0"}]
    assert json.loads(call("--set", "a-1", "list", "--json").stdout) == expected
    assert json.loads(call("list", "--set", "a-1", "--json").stdout) == expected
    assert json.loads(call("list", "--json").stdout) == []
    assert b"There is a set: kubecoderun packages --set a-1 list" in call("list").stdout
    assert b'there is no "ourtables"' in call("remove", "py", "ourtables").stderr
    assert call("remove", "--set", "a-1", "py", "ourtables").returncode == 0
    assert json.loads(call("--set", "a-1", "list", "--json").stdout) == []
    for name in ("../a", "A", "", "x" * 33):
        result = call(f"--set={name}", "add", "py", "ourtables", "--", "--no-index")
        assert result.returncode != 0, result
        if name:
            assert b"is no name of a set: lower-case letters" in result.stderr, result
    assert not (place / "a").exists()


def test_a_program_from_the_terminal_may_have_one(program, sets):
    settings = {"SANDBOX_PACKAGES": sets.parent / "packages", "SANDBOX_PACKAGE_SETS": sets, "PYTHON_PRELOAD": "stdlib"}
    code = b"import ourtables\nprint(ourtables.hello())"
    result = command(program, "run", "--lang", "py", "--packages", "beta", stdin=code, **settings)
    assert result.stdout == b"of beta\n", result
    result = command(program, "run", "--lang", "py", "--packages", "nothing", stdin=code, **settings)
    assert result.returncode != 0 and b"no set of packages nothing" in result.stderr, result


def test_a_set_that_others_can_change_is_refused(program, place):  # noqa: F811
    directory = place / "open-sets"
    (directory / "a/py").mkdir(parents=True)
    (directory / "Not A Set").mkdir()
    for path in (directory, directory / "a", directory / "a/py"):
        path.chmod(0o777)
        result = command(program, "serve", SANDBOX_PACKAGE_SETS=directory, DATA_DIR=place / "open-sets-data")
        assert result.returncode == 1
        assert f"SANDBOX_PACKAGE_SETS: everybody may write to {path}".encode() in result.stderr, result
        path.chmod(0o755)
    report = command(program, "doctor", "--json", SANDBOX_PACKAGE_SETS=directory).stdout
    assert {each["name"]: each for each in json.loads(report)["findings"]}["set a: may be read by sandboxes"]["state"] == "ok"
    absent = command(program, "serve", SANDBOX_PACKAGE_SETS=place / "absent", DATA_DIR=place / "open-sets-data")
    assert absent.returncode == 1 and b"is not there; `kubecoderun packages --set NAME add` makes it" in absent.stderr
