"""Each program in the folder of a language does with the server what it does with the tool itself: the same output, messages, exit status and
files. A folder NAME.files beside a program NAME.EXTENSION holds files that it finds."""

import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import bare  # noqa: E402
from differences import as_answered, status_of, without_differences  # noqa: E402

from harness import cannot, names  # noqa: E402

ARGUMENTS = ["one", "zwei drei", "ž'$*"]
PROGRAMS = sorted(path for lang in bare.TOOLS for path in (HERE / lang).glob("*.*") if path.is_file())


@pytest.fixture(scope="session")
def surroundings():
    if reason := bare.why_not():
        cannot(f"the plain tool cannot be run in the surroundings of a sandbox: {reason}")


def inputs_of(program):
    folder = program.with_suffix(".files")
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()} if folder.is_dir() else {}


@pytest.mark.parametrize("source", PROGRAMS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_does_what_it_does_with_the_plain_tool(server, surroundings, source):
    lang, code, inputs = source.parent.name, source.read_text(), inputs_of(source)
    if "unsupported_language" in server.post("/exec", json={"lang": lang, "code": " "}).text:
        pytest.skip(f"the server does not offer {lang}")
    files = [server.upload_one(name, body) for name, body in inputs.items()]
    answer = server.run(lang, code, args=ARGUMENTS, files=files)
    plain = bare.run(lang, code, ARGUMENTS, inputs)
    ours = answer["stdout"], answer["stderr"]
    assert [without_differences(lang, text) for text in ours] == [without_differences(lang, text) for text in as_answered(plain)]
    assert status_of(answer) == plain.code
    made = {name: server.download(next(file for file in answer["files"] if file["name"] == name)) for name in names(answer)}
    assert made == plain.files
