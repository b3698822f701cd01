"""docs/libraries.md is true: every name in it can be imported, loaded, included or called in a sandbox."""

import json
import platform
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

import harness

RELEASE = platform.freedesktop_os_release().get("VERSION_ID", "")
PAGE = (harness.ROOT / "docs/libraries.md").read_text()


def names(section):
    text = PAGE.split(f"\n## {section}\n", 1)[1].split("\n## ")[0]
    found = re.findall(r"`([^`]+)`(?: \(only Debian (\d+)\))?", text)
    return [name for name, release in found if name not in ("import", "require") and release in ("", RELEASE)]


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


@pytest.fixture(scope="module")
def patient_java(program):
    needs("javac")
    if not Path("/usr/share/java/commons-lang3.jar").exists():
        pytest.skip("Java's libraries are not installed: ./run --packages-only")
    server = harness.started(program, MAX_EXECUTION_TIME="300", LANGUAGES="py,java")
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


JAVA = """
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.common.collect.ImmutableList;
import com.google.gson.Gson;
import java.io.*;
import java.util.*;
import org.apache.commons.collections4.ListUtils;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.io.IOUtils;
import org.apache.commons.lang3.StringUtils;
import org.apache.commons.math3.stat.descriptive.DescriptiveStatistics;
import org.apache.commons.text.WordUtils;
import org.apache.pdfbox.pdmodel.*;
import org.apache.poi.hssf.usermodel.HSSFWorkbook;
import org.joda.time.DateTime;
import org.json.JSONObject;
import org.jsoup.Jsoup;

public class Main {
    public static void main(String[] args) throws Exception {
        System.out.println(StringUtils.reverse("ab") + WordUtils.capitalize("cd") + IOUtils.toString(new StringReader("ef")) + new TarArchiveEntry("gh").getName());
        System.out.println(CSVFormat.DEFAULT.parse(new StringReader("1,2")).getRecords().get(0).get(1) + ListUtils.partition(List.of(1, 2, 3), 2) + ImmutableList.of(4));
        System.out.println(new DescriptiveStatistics(new double[] {1, 2, 6}).getMean() + new Gson().toJson(Map.of("a", 1)) + new ObjectMapper().readTree("{\\"b\\": [2]}").get("b"));
        System.out.println(new JSONObject("{\\"c\\": 3}").getInt("c") + Jsoup.parse("<p>text</p>").text() + new DateTime(2020, 1, 2, 3, 4).getYear());
        var pdf = new ByteArrayOutputStream();
        try (var document = new PDDocument()) { document.addPage(new PDPage()); document.save(pdf); }
        try (var document = PDDocument.load(pdf.toByteArray())) { System.out.println(document.getNumberOfPages()); }
        var table = new ByteArrayOutputStream();
        try (var book = new HSSFWorkbook()) { book.createSheet("one").createRow(0).createCell(0).setCellValue("cell"); book.write(table); }
        try (var book = new HSSFWorkbook(new ByteArrayInputStream(table.toByteArray()))) { System.out.println(book.getSheet("one").getRow(0).getCell(0)); }
    }
}
"""


def test_java(patient_java):
    assert outcome(patient_java, "java", JAVA) == ("baCdefgh\n2[[1, 2], [3]][4]\n3.0{\"a\":1}[2]\n3text2020\n1\ncell\n", "")
    packages = "".join(f"import {name}.*;\n" for name in names("Java") if name.startswith(("com.", "org.")))
    assert outcome(patient_java, "java", packages + "class Main { public static void main(String[] a) { System.out.println(1); } }") == ("1\n", "")


def test_java_in_a_part_of_a_program(patient_java):
    words = b"package util;\npublic class Words { public static String turn(String s) { return org.apache.commons.lang3.StringUtils.reverse(s); } }"
    part = patient_java.upload_one("util/Words.java", words)
    program = "import util.Words;\nclass Main { public static void main(String[] a) { System.out.println(Words.turn(\"ab\")); } }"
    answer = patient_java.run("java", program, files=[part])
    assert (answer["stdout"], answer["stderr"]) == ("ba\n", "")


@pytest.fixture(scope="module")
def patient_r(program):
    """The tidyverse is seventy packages, which take as long to be read as the disk likes."""
    needs("Rscript")
    server = harness.started(program, MAX_EXECUTION_TIME="300", LANGUAGES="py,r")
    yield server
    server.discard()


def test_r(patient_r):
    there(Path("/usr/lib/R/site-library/tidyverse"))
    wanted = ", ".join(f'"{name}"' for name in names("R"))
    code = f"for (name in c({wanted})) if (!suppressWarnings(requireNamespace(name, quietly = TRUE))) cat(name, '\\n')"
    assert outcome(patient_r, "r", code)[0] == ""
    code = "suppressMessages(library(tidyverse))\ncat(tibble(a = 1:3) |> filter(a > 1) |> pull(a) |> str_c(collapse = '+'))"
    assert outcome(patient_r, "r", code) == ("2+3\n", "")


def test_php(server):
    needs("php")
    wanted = ", ".join(f"'{name}'" for name in names("PHP"))
    assert outcome(server, "php", f"<?php foreach ([{wanted}] as $name) if (!extension_loaded($name)) echo $name, ' ';")[0] == ""


@pytest.fixture(scope="module")
def compiling(program):
    """Compiling templates and linking crates takes as long as the machine likes."""
    server = harness.started(program, MAX_EXECUTION_TIME="300", LANGUAGES="py,c,cpp,rs")
    yield server
    server.discard()


@pytest.mark.parametrize("header", [name for name in names("C and C++") if re.fullmatch(r"\S+\.h(pp)?|eigen3/\S+", name)])
def test_cpp(compiling, header):
    needs("g++")
    there(Path("/usr/include") / header, Path("/usr/include/x86_64-linux-gnu") / header, Path("/usr/include/aarch64-linux-gnu") / header, *Path("/usr/lib/gcc").glob(f"*/*/include/{header}"))
    assert outcome(compiling, "cpp", f"#include <{header}>\n#include <cstdio>\nint main() {{ std::puts(\"included\"); }}") == ("included\n", "")


def there(*paths):
    if not any(path.exists() for path in paths):
        pytest.skip(f"{paths[0]} is not installed: ./run --packages-only")


C = r"""
#include <stdio.h>
#include <gsl/gsl_sf_bessel.h>
#include <lapacke.h>
#include <omp.h>
#include <zlib.h>

int main(void) {
  printf("%.6f %.3f\n", gsl_sf_bessel_J0(5), 0.5);
  double matrix[] = {2, 0, 0, 4}, right[] = {2, 8};
  lapack_int pivots[2];
  LAPACKE_dgesv(LAPACK_ROW_MAJOR, 2, 1, matrix, 2, pivots, right, 1);
  printf("%g %g\n", right[0], right[1]);
  int threads = 0;
#pragma omp parallel num_threads(2)
  {
#pragma omp atomic
    ++threads;
  }
  printf("%d %d\n", threads, omp_get_max_threads());
  printf("%lx\n", crc32(0, (const Bytef*)"text", 4));
}
"""


@pytest.mark.parametrize("language", ["c", "cpp"])
def test_programs_are_linked_with_what_they_include(compiling, language):
    needs("gcc" if language == "c" else "g++")
    there(Path("/usr/include/lapacke.h"))
    there(Path("/usr/include/gsl"))
    assert outcome(compiling, language, C) == ("-0.177597 0.500\n1 2\n2 1\n3b8ba7c7\n", "")


RUST = r"""
use itertools::Itertools;
use rand::Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::Digest;

#[derive(Serialize, Deserialize)]
struct Point { x: i32, name: String }

#[derive(thiserror::Error, Debug)]
enum Wrong { #[error("wrong {0}")] Number(i32) }

fn main() -> anyhow::Result<()> {
    let point: Point = serde_json::from_str(r#"{"x": 1, "name": "a"}"#)?;
    println!("{} {}", serde_json::to_string(&point)?, regex::Regex::new(r"(\d+)")?.replace_all("a1b22", "<$1>"));
    println!("{} {}", rand::thread_rng().gen_range(5..6), (1..4).map(|i| i * 2).join(","));
    println!("{} {}", chrono::NaiveDate::from_ymd_opt(2020, 1, 2).unwrap().format("%d.%m.%Y"), Wrong::Number(3));
    println!("{} {}", num::BigInt::from(2).pow(70), vec![1, 2, 3].par_iter().map(|i| i * i).sum::<i32>());
    println!("{}", hex::encode(&sha2::Sha256::digest(b"text")[..4]));
    Ok(())
}
"""


def test_rust(compiling):
    needs("rustc")
    crates = list(Path(compiling.program).parent.glob("runtimes/rust/libserde-*.rlib"))
    if not crates:
        pytest.skip("the crates of Rust were not there when this was built: ./run --packages-only, then build again")
    assert outcome(compiling, "rs", RUST) == ('{"x":1,"name":"a"} a<1>b<22>\n5 2,4,6\n02.01.2020 wrong 3\n1180591620717411303424 14\n982d9e3e\n', "")
    crates = {name for name in names("Rust") if re.fullmatch(r"[a-z0-9_]+", name)} - {"v4", "derive"}
    uses = "".join(f"#[allow(unused_imports)] use {name} as my_{name};\n" for name in sorted(crates))
    assert outcome(compiling, "rs", uses + "fn main() {}") == ("", "")
    # What a program calls like a crate is its own.
    own = "mod rand { pub fn x() -> i32 { 4 } }\nuse rand::x;\nfn main() { println!(\"{}\", x()); }"
    assert outcome(compiling, "rs", own) == ("4\n", "")


@pytest.fixture(scope="module")
def go(program):
    needs("go")
    there(Path("/usr/share/gocode/src/github.com/google/uuid"))
    if not (Path(program).parent / "runtimes/go/proxy").is_dir():
        pytest.skip("the modules of Go were not there when this was built: ./run --packages-only, then build again")
    server = harness.started(program, MAX_EXECUTION_TIME="600", LANGUAGES="py,go,bash")
    yield server
    server.discard()


GO = """package main

import (
	"fmt"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"
	"github.com/sirupsen/logrus"
	"golang.org/x/crypto/sha3"
	"golang.org/x/exp/slices"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"gopkg.in/yaml.v3"
)

func main() {
	numbers := []int{3, 1, 2}
	slices.Sort(numbers)
	text, _ := yaml.Marshal(map[string][]int{"a": numbers})
	price, _ := decimal.NewFromString("0.1")
	message.NewPrinter(language.German).Println(1234567)
	fmt.Print(string(text), price.Mul(decimal.NewFromInt(3)), len(uuid.NewString()), logrus.InfoLevel, "\\n")
	fmt.Printf("%x\\n", sha3.Sum256(nil))
}
"""
GO_SAYS = "1.234.567\na:\n    - 1\n    - 2\n    - 3\n0.3 36 info\na7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a\n"


def test_go(go):
    assert outcome(go, "go", GO) == (GO_SAYS, "")
    packages = [name for name in names("Go") if re.match(r"[a-z]+(\.[a-z]+)+/", name)]
    assert len(packages) > 20
    imports = "".join(f'import _ "{name}"\n' for name in packages)
    assert outcome(go, "go", f"package main\n{imports}func main() {{}}") == ("", "")


def test_go_with_a_description_of_a_module(go):
    part = b"package part\nimport \"github.com/pkg/errors\"\nfunc Wrong() error { return errors.Wrap(errors.New(\"inner\"), \"outer\") }\n"
    program = 'package main\nimport ("fmt"; "example.org/ours/part"; "github.com/google/uuid")\nfunc main() { fmt.Println(part.Wrong(), len(uuid.NewString())) }\n'
    files = [go.upload_one("part/part.go", part), go.upload_one("go.mod", b"module example.org/ours\n\ngo 1.18\n")]
    answer = go.run("go", program, files=files)
    assert answer["stdout"] == "outer: inner 36\n", answer


def test_go_says_what_is_wrong_in_a_program_and_not_in_its_libraries(go):
    wrong = 'package main\nimport "github.com/spf13/cobra"\nfunc main() { cobra.Nothing() }\n'
    answer = go.run("go", wrong)
    assert "main.go:3:21: undefined: cobra.Nothing" in answer["stderr"] and "required module" not in answer["stderr"], answer


def test_go_that_a_program_starts_has_them(go):
    code = "mkdir /tmp/a && cd /tmp/a && go mod init example.org/ours 2>/dev/null && cat >main.go <<'END'\npackage main\nimport \"github.com/google/uuid\"\nfunc main() { println(len(uuid.NewString())) }\nEND\ngo mod tidy 2>&1 | grep -c found; go run . 2>&1"
    assert outcome(go, "bash", code)[0] == "1\n36\n"


def names_of_set(name):
    row = re.search(rf"^\| `{name}` \|(.*)\|$", PAGE, re.M)
    return set(re.findall(r"`([^`]+)`", row[1]))


@pytest.fixture(scope="module")
def further(program):
    """Libraries of hundreds of megabytes and whole office programs are read for the first time as fast as the disk likes."""
    server = harness.started(program, MAX_EXECUTION_TIME="300", LANGUAGES="py,bash")
    yield server
    server.discard()


# Name, a file of the package, a program and what it prints.
LARGE = {
    "cv2": ("cv2.*.so", """
import cv2, numpy as np
cv2.imwrite("in.png", cv2.circle(np.full((200, 300, 3), 255, np.uint8), (150, 100), 60, (0, 0, 255), -1))
small = cv2.resize(cv2.imread("in.png"), (150, 100))
print(small.shape, cv2.Canny(cv2.GaussianBlur(small, (5, 5), 0), 50, 150).any(), cv2.imwrite("out.jpg", small))
""", "(100, 150, 3) True True\n"),
    "numba": ("numba", """
import numba, numpy as np
@numba.njit
def squares(n):
    total = 0
    for i in range(n):
        total += i * i
    return total
@numba.njit(cache=True)
def mean(a):
    return a.mean()
@numba.njit(parallel=True)
def both(a):
    total = 0.0
    for i in numba.prange(len(a)):
        total += a[i]
    return total
print(squares(10), mean(np.arange(5.0)), both(np.ones(1000)))
""", "285 2.0 1000.0\n"),
    "gmsh": ("gmsh.py", """
import gmsh
gmsh.initialize()
gmsh.option.setNumber("General.Terminal", 0)
gmsh.model.occ.addBox(0, 0, 0, 1, 1, 1)
gmsh.model.occ.synchronize()
gmsh.model.mesh.generate(3)
gmsh.write("box.msh")
print(len(gmsh.model.mesh.getNodes()[0]) > 8, open("box.msh").readline().strip())
gmsh.finalize()
""", "True $MeshFormat\n"),
    "wordcloud": ("wordcloud", """
from wordcloud import WordCloud
cloud = WordCloud(width=300, height=200).generate("many words make a cloud of words")
cloud.to_file("cloud.png")
print(next(iter(cloud.words_)), cloud.to_array().shape)
""", "words (200, 300, 3)\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", LARGE)
def test_large(further, name):
    file, code, expected = LARGE[name]
    if not list(Path("/usr/lib/python3/dist-packages").glob(file)):
        pytest.skip(f"{name} is not installed: ./run --with large")
    assert outcome(further, "py", code) == (expected, "")


PICTURE = """
from PIL import Image, ImageDraw, ImageFont
picture = Image.new("L", (500, 100), 255)
ImageDraw.Draw(picture).text((20, 20), "Hello reader 42", font=ImageFont.truetype("DejaVuSans.ttf", 40), fill=0)
picture.save("picture.png")
"""
MARKDOWN = r"printf '# Head\n\nSome *words* and ümlauts.\n' >a.md; "
# Language, program, what it prints.
DOCUMENTS = {
    "pandoc": ("bash", MARKDOWN + """pandoc a.md -o a.docx && pandoc a.md -o a.html && cat a.html && pandoc a.docx -t markdown
[ -e /usr/bin/pdflatex ] || pandoc a.md -o a.pdf 2>why || grep -o "pdflatex not found" why >&2
""", '<h1 id="head">Head</h1>\n<p>Some <em>words</em> and ümlauts.</p>\n# Head\n\nSome *words* and ümlauts.\n'),
    "ffmpeg": ("py", """
import subprocess, wave
from PIL import Image
for number in range(20):
    Image.new("RGB", (160, 120), (number * 12, 0, 0)).save(f"/tmp/{number:02}.png")
sine = "-f lavfi -i sine=frequency=440:duration=2"
subprocess.run(f"ffmpeg -v error -framerate 10 -i /tmp/%02d.png {sine} -pix_fmt yuv420p film.mp4".split(), check=True)
subprocess.run("ffmpeg -v error -i film.mp4 -vn sound.wav".split(), check=True)
subprocess.run("ffmpeg -v error -i film.mp4 -c:v libx265 -x265-params log-level=error other.mp4".split(), check=True)
with wave.open("sound.wav") as sound:
    print(round(sound.getnframes() / sound.getframerate()))
del sound
""", "2\n"),
    "ffprobe": ("bash", "ffmpeg -v error -f lavfi -i testsrc=duration=2:size=160x120:rate=10 -pix_fmt yuv420p a.mp4\n"
                "ffprobe -v error -show_entries format=duration:stream=codec_name -of csv=p=0 a.mp4", "h264\n2.000000\n"),
    "tesseract": ("py", PICTURE + "import subprocess\nprint(subprocess.run(['tesseract', 'picture.png', '-'], capture_output=True, text=True).stdout, end='')", "Hello reader 42\n"),
    "tesserocr": ("py", PICTURE + "import tesserocr\nprint(tesserocr.image_to_text(picture), end='')", "Hello reader 42\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents(further, name):
    language, code, expected = DOCUMENTS[name]
    if name == "tesserocr":
        if not list(Path("/usr/lib/python3/dist-packages").glob("tesserocr*.so")):
            pytest.skip("tesserocr is not installed: ./run --with documents")
    elif shutil.which(name, path="/usr/bin") is None:
        pytest.skip(f"{name} is not installed: ./run --with documents")
    errors = "pdflatex not found" if name == "pandoc" and not Path("/usr/bin/pdflatex").exists() else ""
    assert outcome(further, language, code) == (expected, errors)


@pytest.fixture(scope="module")
def office(further):
    for part in ("sw", "sc", "sd"):
        there(Path(f"/usr/lib/libreoffice/program/lib{part}lo.so"))
    return further


MADE = """
import docx, openpyxl, subprocess
document = docx.Document()
document.add_paragraph("letters 中文")
document.save("a.docx")
book = openpyxl.Workbook()
for row in (20,), (22,), ("=A1+A2",):
    book.active.append(row)
book.save("b.xlsx")
subprocess.run(["pandoc", "-o", "c.pptx"], input="# Slide", text=True, check=True)
subprocess.run(["pandoc", "-o", "d.odt"], input="open", text=True, check=True)
"""
CONVERTED = """
import subprocess
for name, kind in ("a.docx", "pdf"), ("b.xlsx", "pdf"), ("c.pptx", "pdf"), ("d.odt", "docx"):
    subprocess.run(["soffice", "--headless", "--convert-to", kind, name], check=True, capture_output=True)
"""
PRINTED = """
import docx, pypdf
print(*(" ".join(pypdf.PdfReader(f"{name}.pdf").pages[0].extract_text().split()) for name in "abc"), docx.Document("d.docx").paragraphs[0].text)
"""
PAGES = "letters 中文 20 22 42 SLIDE open\n"


def test_soffice(office):
    first = office.py(MADE + CONVERTED + PRINTED)
    assert first["stdout"] == PAGES, first
    # Again in the same session, from a shell, by its other name, with a profile of the program's own.
    again = "rm -f *.pdf && libreoffice --headless --convert-to pdf *.docx *.xlsx *.pptx >/dev/null && soffice -env:UserInstallation=file:///tmp/own --headless --convert-to txt --outdir out a.docx >/dev/null"
    again += " && cat out/a.txt && for name in a b c; do pdftotext $name.pdf - | xargs; done"
    second = office.run("bash", again, session_id=first["session_id"])
    assert second["stdout"].removeprefix("\ufeff") == "letters 中文\nletters 中文\n20 22 42\nSLIDE\n", second


def test_soffice_does_not_try_out_how_to_draw(office):
    code = MADE + CONVERTED + """
import os, pathlib
settings = pathlib.Path("/tmp/.config/libreoffice/4/user")
print(os.path.exists(settings / "registrymodifications.xcu"), os.path.exists(settings / "GraphicsRenderTests.log"))
"""
    assert outcome(office, "py", code)[0] == "True False\n"


def test_letters_of_other_offices_have_their_width(further):
    there(Path("/usr/share/fonts/truetype/crosextra/Carlito-Regular.ttf"))
    code = "for name in Calibri Cambria Arial 'Times New Roman' 'Courier New'; do fc-match -f '%{family}\\n' \"$name\"; done"
    assert outcome(further, "bash", code) == ("Carlito\nCaladea\nLiberation Sans\nLiberation Serif\nLiberation Mono\n", "")


def test_soffice_is_found_only_where_it_is_installed(server):
    there = shutil.which("soffice", path="/usr/bin") is not None
    assert server.run("bash", "command -v soffice")["stdout"] == "/runtimes/office/soffice\n" * there


def test_every_name_of_the_sets_is_used():
    assert names_of_set("large") == set(LARGE)
    assert names_of_set("documents") == {*DOCUMENTS, "soffice"}


def test_packages_of_the_sets_are_to_be_had():
    needs("apt-cache")
    words = [word for row in (harness.ROOT / "packages/sets.tsv").read_text().splitlines() if row[0] != "#" for word in row.split("\t")[2].split()]
    policy = lambda *names: subprocess.run(["apt-cache", "policy", *names], capture_output=True, text=True, timeout=120).stdout
    if "://" not in policy():
        pytest.skip("apt has no lists of packages: apt-get update")
    known = set(re.findall(r"^(\S+):\n.*\n  Candidate: (?!\(none\))", policy(*(name for word in words for name in word.split("|"))), re.M))
    assert [word for word in words if not known & set(word.split("|"))] == []


def wheel(folder, name, needs=""):
    head = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}/__init__.py", f"name = {name!r}\n")
        archive.writestr(f"{head}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}")
        archive.writestr(f"{head}/WHEEL", "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{head}/RECORD", "")


def test_libraries_of_an_index_are_written_down_with_hashes_and_stay_the_same(tmp_path):
    if subprocess.run(["/usr/bin/python3", "-m", "pip", "--version"], capture_output=True, timeout=120).returncode != 0:
        pytest.skip("pip is not installed")
    wheels, wanted, lock = tmp_path / "wheels", tmp_path / "wanted.txt", tmp_path / "pypi.lock"
    wheels.mkdir()
    wheel(wheels, "ourcharts", "Requires-Dist: ourbase\n")
    wheel(wheels, "ourbase")
    wanted.write_text("ourcharts\n")
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}

    def make(name):
        command = ["/usr/bin/python3", harness.ROOT / "packages/pypi.py", wanted, lock, tmp_path / name]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)

    made = make("first")
    assert made.returncode == 0, made
    locked = lock.read_text()
    assert len(re.findall(r"^our(?:base|charts)==1.0 --hash=sha256:[0-9a-f]{64}$", locked, re.M)) == 2, locked
    assert len(list(tmp_path.glob("first/lib/python3*/site-packages/our*/__init__.py"))) == 2
    # Another file under the same name and version is refused.
    wheel(wheels, "ourbase", "Summary: changed\n")
    made = make("second")
    assert made.returncode == 1 and "HASHES" in made.stderr.upper() and made.stderr.endswith("see above\n"), made
    assert lock.read_text() == locked and not list(tmp_path.glob("second/lib/python3*/site-packages/our*"))


def test_what_the_page_says_is_made_of_the_tables():
    made = subprocess.run(["/usr/bin/python3", harness.ROOT / "tools/libraries.py", "--check"], capture_output=True, text=True, timeout=60)
    assert (made.returncode, made.stderr) == (0, "")


def test_bash(server):
    code = f"for name in {' '.join(names('Bash'))}; do command -v $name >/dev/null || echo $name; done"
    assert outcome(server, "bash", code)[0] == ""


def test_charts_have_no_boxes(server):
    code = "import matplotlib.pyplot as plt\nplt.title('中文 日本語 한국어 العربية עברית हिन्दी বাংলা தமிழ் తెలుగు ગુજરાતી ਪੰਜਾਬੀ ಕನ್ನಡ മലയാളം ไทย Ελλάδα 😀 ✓')\nplt.savefig('a.png')\nprint('drawn')"
    for style in ("", "import seaborn\nseaborn.set_theme()\n", "import matplotlib.pyplot as plt\nplt.rcParams['font.family'] = ['DejaVu Serif']\n"):
        out, errors = outcome(server, "py", style + code)
        assert out == "drawn\n" and "missing from" not in errors, errors


def test_pictures_drawn_without_a_font_have_the_scripts_of_the_world(server):
    for font in ("opentype/noto/NotoSansCJK-Regular.ttc", "truetype/lohit-devanagari/Lohit-Devanagari.ttf", "truetype/tlwg/Loma.ttf"):
        there(Path("/usr/share/fonts") / font)
    code = """
from PIL import Image, ImageDraw, ImageFont
font = ImageFont.load_default()
if type(font).__mro__[1] is object:
    print("another font")
    raise SystemExit
def drawn(text, mode="L"):
    image = Image.new(mode, (200, 40))
    draw = ImageDraw.Draw(image)
    draw.text((2, 2), text, fill=1 if mode == "1" else 255)
    box = draw.textbbox((2, 2), text)
    assert image.getbbox() and image.getbbox()[2] <= box[2] + 2, (text, image.getbbox(), box)
    return image.tobytes()
for pair in "中文 日本 한국 अक কখ தம తల గਪ ਪਕ ગજ ಕನ മല กข αβ жш אב بت 😀🚀 ←→".split():
    assert drawn(pair[0]) != drawn(pair[1]), pair
    drawn(pair, "1")
draw = ImageDraw.Draw(Image.new("RGB", (99, 99)))
draw.text((0, 0), "两行\\n第二行 x")
assert draw.textlength("abc") == font.getlength("abc") == 18 and draw.textbbox((0, 0), "Hello") == (0, 0, 30, 11)
assert drawn("مرحبا") != drawn("م ر ح ب ا")
assert isinstance(font, ImageFont.ImageFont) and type(font).__name__ == "ImageFont"
print("drawn")
"""
    out, errors = outcome(server, "py", code)
    if out == "another font\n":
        pytest.skip("this version of Pillow has another font")
    assert out == "drawn\n", errors


# The twenty languages that most people speak, each in one of the countries where they do.
LOCALES = (
    "en_US zh_CN hi_IN es_ES fr_FR ar_EG bn_BD pt_BR ru_RU ur_PK id_ID de_DE ja_JP pa_IN mr_IN te_IN tr_TR ta_IN vi_VN yue_HK ko_KR it_IT".split()
)


def test_dates_are_written_as_a_country_does(server):
    if not Path("/usr/lib/locale/de_DE.utf8").is_dir():
        pytest.skip("locales are not installed: ./run --packages-only")
    code = f"""
import locale, time
for name in {LOCALES!r}:
    locale.setlocale(locale.LC_ALL, name + ".UTF-8")
    assert time.strftime("%A %B", (2020, 5, 6, 0, 0, 0, 2, 127, 0)).split() and locale.localeconv()["decimal_point"]
locale.setlocale(locale.LC_ALL, "de_DE.UTF-8")
print(time.strftime("%A, %d. %B", (2020, 5, 6, 0, 0, 0, 2, 127, 0)), locale.format_string("%.2f", 1234.5, grouping=True))
"""
    assert outcome(server, "py", code) == ("Mittwoch, 06. Mai 1.234,50\n", "")
    assert outcome(server, "bash", "LC_ALL=fr_FR.UTF-8 date -d 2020-05-06 '+%A %d %B'") == ("mercredi 06 mai\n", "")


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


SECTIONS = {"py": "Python", "js": "JavaScript and TypeScript", "r": "R", "php": "PHP", "rs": "Rust"}


def test_the_server_lists_what_the_page_names(server, program):
    answer = server.get("/libraries")
    listed = answer.json()["libraries"]
    assert answer.status_code == 200 and all(one["name"] and one["version"] for one in listed if one["language"] != "java")
    imported = {}
    for one in listed:
        imported.setdefault(one["language"], set()).update(one.get("imports", [one["name"]]))
    for language, section in SECTIONS.items():
        named = {name for name in names(section) if re.fullmatch(r"[A-Za-z][\w.-]*", name)} - {"json", "PATH", "node_modules", "tsc", "derive", "v4"}
        assert language not in imported or named <= imported[language], language
    # Sorted, each once, and the same on a terminal.
    for language in imported:
        mine = [one for one in listed if one["language"] == language]
        assert [one["name"].lower() for one in mine] == sorted({one["name"].lower() for one in mine})
        assert server.get("/libraries", params={"language": language.upper()}).json()["libraries"] == mine
        told = subprocess.run([program, "libraries", language, "--json"], capture_output=True, text=True, check=True).stdout
        assert json.loads(told)["libraries"] == mine
    table = subprocess.run([program, "libraries", "python"], capture_output=True, text=True, check=True).stdout
    assert re.search(r"^ *Language +Name +Version", table) and re.search(r"^ *py +numpy +\d", table, re.M), table[:1000]


def test_libraries_of_an_unknown_language(server, program):
    answer = server.get("/libraries", params={"language": "cobol"})
    assert answer.status_code == 400 and "py" in answer.json()["details"][0]["message"], answer.text
    assert server.get("/libraries", headers={"x-api-key": None}).status_code == 401
    told = subprocess.run([program, "libraries", "cobol"], capture_output=True, text=True)
    assert told.returncode != 0 and "there is no language \"cobol\"" in told.stderr, told
