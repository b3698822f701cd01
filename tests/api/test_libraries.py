"""docs/libraries.md is true: every name in it can be imported, loaded, included or called in a sandbox."""

import json
import re
import shutil
from pathlib import Path

import pytest

import harness

PAGE = (harness.ROOT / "docs/libraries.md").read_text()


def names(section):
    text = PAGE.split(f"\n## {section}\n", 1)[1].split("\n## ")[0]
    return [name for name in re.findall(r"`([^`]+)`", text) if name not in ("import", "require")]


def outcome(server, language, code):
    answer = server.run(language, code)
    return answer["stdout"], answer["stderr"]


def needs(program):
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


def test_python(server):
    code = f"for name in {names('Python')!r}:\n    try:\n        __import__(name)\n    except Exception as error:\n        print(name, repr(error))\n"
    assert outcome(server, "py", "import warnings\nwarnings.simplefilter('ignore')\n" + code)[0] == ""


NODE = harness.ROOT / "packages/node"


def test_node_libraries_are_those_of_the_page_from_any_registry():
    wanted = json.loads((NODE / "package.json").read_text())["dependencies"]
    page = [name for name in names("JavaScript and TypeScript") if re.fullmatch(r"[a-z0-9-]+", name) and name != "tsc"]
    assert sorted(name for name in wanted if not name.startswith("@types/")) == sorted(page)
    locked = json.loads((NODE / "package-lock.json").read_text())["packages"]
    assert all("integrity" in package and "resolved" not in package for name, package in locked.items() if name)


@pytest.fixture(scope="module")
def patient(program):
    """Reading hundreds of files for the first time takes as long as the disk likes."""
    needs("node")
    if not Path("/usr/lib/kubecoderun/node/node_modules").is_dir():
        pytest.skip("libraries of Node are not installed: ./run --packages-only, where npm's registry can be reached")
    server = harness.started(program, MAX_EXECUTION_TIME="600", LANGUAGES="py,js,ts,bash")
    yield server
    server.discard()


def test_node(patient):
    wanted = [name for name in json.loads((NODE / "package.json").read_text())["dependencies"] if not name.startswith("@types/")]
    code = "for (const name of NAMES) try { require(name) } catch (error) { console.log(name, error.message) }"
    assert outcome(patient, "js", code.replace("NAMES", json.dumps(wanted))) == ("", "")


def test_node_from_everywhere(patient):
    needs("tsc")
    module = "import _ from 'lodash';\nimport {DateTime} from 'luxon';\nconsole.log(_.sum([1, 2]), DateTime.utc(2020).year);\n"
    assert outcome(patient, "bash", f"cat >/tmp/a.mjs <<'END'\n{module}END\ncd / && node /tmp/a.mjs") == ("3 2020\n", "")
    assert outcome(patient, "ts", module) == ("3 2020\n", "")
    assert outcome(patient, "ts", module + "console.log(await Promise.resolve(1))") == ("3 2020\n1\n", "")
    own = "const fs = require('fs');\nfs.mkdirSync('node_modules/lodash', {recursive: true});\nfs.writeFileSync('node_modules/lodash/index.js', 'module.exports = 1');\n"
    assert outcome(patient, "js", own + "console.log(require('lodash'))")[0] == "1\n"


def test_node_in_threads_and_in_processes_that_a_program_starts(patient):
    code = """
const {Worker} = require('worker_threads');
const {spawnSync} = require('child_process');
const fs = require('fs');
const required = "console.log(require('lodash').sum([1, 2]))", imported = "import _ from 'lodash'; console.log(_.sum([1, 2]))";
fs.mkdirSync('/mnt/data/deep/er', {recursive: true});
for (const place of ['/mnt/data/deep/er', '/tmp']) {
  fs.writeFileSync(`${place}/a.js`, required);
  fs.writeFileSync(`${place}/a.mjs`, imported);
  for (const name of ['a.js', 'a.mjs']) process.stdout.write(spawnSync('node', [`${place}/${name}`], {cwd: '/usr'}).stdout);
}
process.stdout.write(spawnSync('node', ['--input-type=module', '-e', imported]).stdout);
new Worker(required, {eval: true}).on('exit', () => new Worker('/tmp/a.mjs'));
"""
    assert outcome(patient, "js", code) == ("3\n" * 7, "")


def test_npm_takes_the_folder_of_a_program_for_its_project(patient):
    needs("npm")
    code = """
mkdir -p /tmp/a/b /mnt/data/c/d && echo '{"scripts": {"where": "npm prefix"}}' >/mnt/data/c/package.json
for folder in /mnt/data /tmp/a/b /mnt/data/c/d; do cd $folder && npm prefix; done
npm run --silent where
cd /mnt/data && npm init -y >/dev/null && node -p 'require("./package.json").name' && npm ls >/dev/null && npx marked --version
"""
    marked = json.loads((NODE / "package-lock.json").read_text())["packages"]["node_modules/marked"]["version"]
    assert outcome(patient, "bash", code) == (f"/mnt/data\n/tmp/a/b\n/mnt/data/c\n/mnt/data/c\ndata\n{marked}\n", "")


def test_types_of_node_libraries(patient):
    needs("tsc")
    wanted = [name for name in json.loads((NODE / "package.json").read_text())["dependencies"] if not name.startswith("@types/")]
    imports = "".join(f"import * as library{number} from '{name}';\nexport {{library{number}}};\n" for number, name in enumerate(wanted))
    wrong = "import _ from 'lodash';\nimport express from 'express';\nconst app: express.Express = express();\nexport const text: string = _.sum([1, 2]);\n"
    check = "tsc --noEmit --strict --esModuleInterop --skipLibCheck --target es2020 --moduleResolution node all.ts wrong.ts"
    code = f"cat >all.ts <<'END'\n{imports}END\ncat >wrong.ts <<'END'\n{wrong}END\n{check} || true"
    assert outcome(patient, "bash", code) == ("wrong.ts(4,14): error TS2322: Type 'number' is not assignable to type 'string'.\n", "")


def test_r(server):
    needs("Rscript")
    wanted = ", ".join(f'"{name}"' for name in names("R"))
    code = f"for (name in c({wanted})) if (!suppressWarnings(requireNamespace(name, quietly = TRUE))) cat(name, '\\n')"
    assert outcome(server, "r", code)[0] == ""


def test_php(server):
    needs("php")
    wanted = ", ".join(f"'{name}'" for name in names("PHP"))
    assert outcome(server, "php", f"<?php foreach ([{wanted}] as $name) if (!extension_loaded($name)) echo $name, ' ';")[0] == ""


@pytest.mark.parametrize("header", names("C++"))
def test_cpp(server, header):
    needs("g++")
    assert outcome(server, "cpp", f"#include <{header}>\n#include <cstdio>\nint main() {{ std::puts(\"included\"); }}") == ("included\n", "")


def test_bash(server):
    code = f"for name in {' '.join(names('Bash'))}; do command -v $name >/dev/null || echo $name; done"
    assert outcome(server, "bash", code)[0] == ""


def test_charts_have_no_boxes(server):
    code = "import matplotlib.pyplot as plt\nplt.title('中文 日本語 한국어 العربية עברית हिन्दी ไทย Ελλάδα 😀 ✓')\nplt.savefig('a.png')\nprint('drawn')"
    for style in ("", "import seaborn\nseaborn.set_theme()\n", "import matplotlib.pyplot as plt\nplt.rcParams['font.family'] = ['DejaVu Serif']\n"):
        out, errors = outcome(server, "py", style + code)
        assert out == "drawn\n" and "missing from" not in errors, errors


def test_what_is_missing_is_explained(server):
    out, errors = outcome(server, "py", "import pandaz")
    assert "ModuleNotFoundError: No module named 'pandaz'\n" in errors and errors.rstrip().endswith("may do: pandas.")
    assert "no network" in errors
    # Not where the program deals with it, nor for a part of what is there.
    assert outcome(server, "py", "try:\n    import pandaz\nexcept ImportError:\n    print('no')") == ("no\n", "")
    for whole, last in (("json", "No module named 'json.nothing'"), ("__main__", "is not a package")):
        errors = outcome(server, "py", f"import {whole}.nothing")[1]
        assert "network" not in errors and errors.rstrip().endswith(last), errors


@pytest.mark.parametrize("name", ["5", "'a\\0b'", "'.x'", "'a b'", "type('Name', (str,), {'partition': None})('abc')"])
def test_errors_that_programs_make_themselves_are_shown_as_they_are(server, name):
    errors = outcome(server, "py", f"raise ModuleNotFoundError('of mine', name={name})")[1]
    assert errors.rstrip().endswith("ModuleNotFoundError: of mine") and "excepthook" not in errors, errors


def test_a_finder_of_the_program_does_not_spoil_the_trace(server):
    code = "import sys\nclass Finder:\n    def find_spec(self, *_):\n        raise ModuleNotFoundError('mine', name='gone.part')\nsys.meta_path.insert(0, Finder())\nimport gone"
    errors = outcome(server, "py", code)[1]
    assert errors.rstrip().endswith("ModuleNotFoundError: mine") and "excepthook" not in errors, errors


def test_pip_says_at_once_what_it_can_do(server):
    out, errors = outcome(server, "bash", "pip install pandas >/dev/null && echo there; timeout 60 pip install nosuchthing >/dev/null || echo $?")
    assert out == "there\n1\n" and "No matching distribution" in errors
