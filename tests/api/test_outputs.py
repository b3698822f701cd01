"""What comes out of a run and how a client is told of it: exec.md 7.3 to 7.6, files.md 8.2, clients.md 7.5."""

import base64
import json
import os

import pytest

from harness import file_named, names, ref

NOTE = "\n[Output truncated - size limit exceeded]\n"


# ---- text of a terminal ---------------------------------------------------------------------------------------------

BARS = {
    "py": "import sys\nfor i in range(10001): sys.{stream}.write(f'\\r{{i // 100:3}}%|' + '#' * (i // 200) + ' ' * (50 - i // 200) + f'| {{i}}/10000')\nsys.{stream}.write('\\nready\\n')",
    "bash": "for ((i = 0; i <= 10000; i++)); do printf '\\r%3d%%|%-50s| %d/10000' $((i / 100)) \"${{bar:0:$((i / 200))}}\" $i; done {redirect}; printf '\\nready\\n' {redirect}",
    "js": "let out = ''; for (let i = 0; i <= 10000; i++) out += `\\r${{String(Math.floor(i / 100)).padStart(3)}}%|${{'#'.repeat(i / 200).padEnd(50)}}| ${{i}}/10000`; process.{stream}.write(out + '\\nready\\n')",
}


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("lang", BARS)
def test_ten_thousand_steps_of_a_progress_bar_are_one_line(server, lang, stream):
    code = BARS[lang].format(stream=stream, redirect=">&2" if stream == "stderr" else "")
    answer = server.run(lang, "bar=" + "'" + "#" * 50 + "'\n" + code if lang == "bash" else code)
    assert answer[stream].rstrip() == "100%|" + "#" * 50 + "| 10000/10000\nready"
    assert answer["status"] is None and answer["code"] == 0


@pytest.mark.parametrize("lang, code", [
    ("py", r"print('\x1b[1;31mred\x1b[0m', '\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\', '\x1b[?25l\x1b[2Kdone')"),
    ("bash", r"printf '\e[1;31mred\e[0m \e]8;;http://a\e\\link\e]8;;\e\\ \e[?25l\e[Kdone\n'"),
    ("js", r"console.log('\x1b[1;31mred\x1b[0m', '\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\', '\x1b[?25l\x1b[Kdone')"),
])  # fmt: skip
def test_escape_sequences_are_removed_whole(server, lang, code):
    expected = "done\n" if lang == "py" else "red link done\n"  # one of them erases its line
    assert server.run(lang, code)["stdout"].lstrip() == expected


def test_ends_of_lines_of_other_systems_stay(server):
    assert server.run("bash", r"printf 'a,b\r\n1,2\r\n'")["stdout"] == "a,b\r\n1,2\n"


def test_operators_may_keep_the_codes(make_server):
    server = make_server(KEEP_TERMINAL_CODES="true")
    assert server.run("bash", r"printf '\e[31mred\e[0m\r50%%\r100%%\a'")["stdout"] == "\x1b[31mred\x1b[0m\r50%\r100%\n"


# ---- more than fits -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [0, 3])
def test_a_cut_stdout_is_told_with_the_exit_code_of_the_program(server, code):
    answer = server.py(f"print('x' * 100_000)\nraise SystemExit({code})")
    assert answer["stdout"] == "x" * 65536 + NOTE and len(answer["stdout"]) == 65536 + len(NOTE)
    assert (answer["status"], answer["message"], answer["code"]) == ("OL", "stdout length exceeded", code)


def test_a_cut_stderr_is_no_status(server):
    answer = server.py("import sys; sys.stderr.write('x' * 100_000)")
    assert answer["status"] is None and answer["stderr"].endswith(NOTE.rstrip())


def test_worse_endings_count_more(limited):
    assert limited.py("print('x' * 100_000, flush=True)\nwhile True: pass")["status"] == "TO"
    assert limited.py("import os\nprint('x' * 100_000, flush=True)\nos.kill(os.getpid(), 9)")["status"] == "SG"


@pytest.mark.parametrize("megabytes", [0.1, 1, 5])
def test_all_of_a_long_output_is_a_file(server, megabytes):
    size = int(megabytes * 2**20)
    answer = server.py(f"import sys\nsys.stdout.write(('line\\n' * {size})[:{size}])\nopen('made.txt', 'w').write('1')")
    assert answer["status"] == "OL" and names(answer) == ["made.txt", "stdout.txt"]
    assert answer["stderr"] == "stdout was cut; all of it is in the file stdout.txt"
    assert server.download(file_named(answer, "stdout.txt")) == (b"line\n" * size)[:size]
    again = server.run("bash", "wc -c < stdout.txt", session_id=answer["session_id"])
    assert again["stdout"] == f"{size}\n"


def test_a_long_output_that_finds_no_room_is_only_cut(limited):
    answer = limited.run("bash", "head -c 3M /dev/zero | tr '\\0' x")
    assert answer["status"] == "OL" and answer["files"] == [] and answer["stderr"] == ""
    answer = limited.run("bash", "for i in 0 1 2 3 4 5 6 7 8 9; do echo > f$i; done; head -c 1M /dev/zero | tr '\\0' x")
    assert len(answer["files"]) == 10 and "stdout.txt" not in names(answer)


def test_operators_may_not_want_it(make_server):
    answer = make_server(KEEP_LONG_OUTPUT="false").py("print('x' * 100_000)")
    assert answer["status"] == "OL" and answer["files"] == []


READ_PIECE = """
python3 - <<'PY'
import base64, json, os
path, offset, size = '/mnt/data/picture.png', {offset}, {size}
with open(path, 'rb') as file:
    file.seek(offset)
    piece = file.read(size)
print(json.dumps({{'total': os.path.getsize(path), 'bytes': len(piece), 'data': base64.b64encode(piece).decode()}}))
PY
"""


def read_picture(server, files, size):
    """As LibreChat reads a picture: by bash, in pieces, smaller ones when one was cut."""
    picture, rounds = b"", 0
    while True:
        answer = server.run("bash", READ_PIECE.format(offset=len(picture), size=size), files=files)
        rounds += 1
        assert len(answer["stdout"]) <= 65536 + len(NOTE)
        last = [line for line in answer["stdout"].splitlines() if line.strip()][-1]
        try:
            piece = json.loads(last)
        except json.JSONDecodeError:
            assert answer["status"] == "OL", answer["status"]
            size //= 2
            continue
        assert answer["stderr"] == "" and answer["status"] is None
        picture += base64.b64decode(piece["data"])
        if len(picture) == piece["total"]:
            return picture, rounds


@pytest.mark.parametrize("size", [48_960, 60_000], ids=["pieces that just fit", "one piece is cut"])
def test_a_picture_is_read_in_pieces_through_stdout(server, size):
    content = os.urandom(300_000)
    picture, rounds = read_picture(server, [server.upload_one("picture.png", content)], size)
    assert picture == content and rounds <= 20


# ---- names ----------------------------------------------------------------------------------------------------------


def test_names_that_are_no_paths_are_cleaned(server):
    code = r"""
import os
made = {b"back\\slash.txt": "1", b"bad\xff\xfe.txt": "2", b"tab\t.txt": "3", b"line\nfeed.txt": "4", b"back_slash.txt": "5", b"esc\x1b[31m.txt": "6"}
for name, text in made.items():
    open(name, "w").write(text)
os.makedirs("d" * 200)
open("d" * 200 + "/" + "f" * 100 + ".csv", "w").write("7")
"""
    answer = server.py(code)
    found = {file["name"]: server.download(file).decode() for file in answer["files"]}
    (long,) = [name for name in found if name.startswith("ddd")]
    assert len(long) == 256 and long.endswith("/" + "f" * 100 + ".csv") and found.pop(long) == "7"
    assert found == {"back_slash.txt": "5", "back_slash-2.txt": "1", "bad__.txt": "2", "tab\t.txt": "3", "line\nfeed.txt": "4", "esc\x1b[31m.txt": "6"}
    assert answer["stderr"] == ""
    again = server.run("bash", "cat */*.csv *.txt", files=[ref(file) for file in answer["files"]])
    assert sorted(again["stdout"].strip()) == list("1234567")
    assert sorted(entry["name"] for entry in server.get(f"/files/{answer['session_id']}").json()) == sorted(file["name"] for file in answer["files"])


def test_hard_links_come_back_under_each_name(server):
    source = server.upload_one("input.txt", b"stored")
    answer = server.run("bash", "echo one > a.txt; ln a.txt b.txt; ln input.txt c.txt; echo more >> c.txt", files=[source])
    assert names(answer) == ["a.txt", "b.txt", "c.txt", "input.txt"]
    assert server.download(file_named(answer, "b.txt")) == b"one\n"
    assert server.download(file_named(answer, "c.txt")) == server.download(file_named(answer, "input.txt")) == b"storedmore\n"
    assert server.download(source) == b"stored"


def test_hard_links_reach_nothing_outside(server):
    code = """
import os
for target in ('/etc/passwd', '/usr/bin/env', '/tmp/own', '/dev/shm/own', '/proc/self/status', '/proc/self/exe'):
    if target.endswith('own'): open(target, 'w').write('x')
    try: os.link(target, 'link' + target.replace('/', '_')); print('linked', target)
    except OSError as problem: pass
open('mine', 'w').write('mine')
"""
    answer = server.py(code)
    assert answer["stdout"] == "" and names(answer) == ["mine"]


# ---- nothing vanishes without a word --------------------------------------------------------------------------------


def test_what_is_left_out_is_named_in_one_line(server):
    answer = server.run("bash", "mkdir -p build/deep; echo 1 > build/a.o; echo 2 > build/deep/b.o; echo > tool.bat; ln -s tool.bat link; mkfifo pipe; echo > ok.txt")
    assert names(answer) == ["ok.txt"]
    assert answer["stderr"] == (
        "files not returned: build/ (folder of dependencies or build results); link (symbolic link); "
        "pipe (not a regular file); tool.bat (files of this type are not returned)"
    )
    assert "artifact_truncation" not in answer  # all of it on purpose


def test_limits_are_told_to_programs_too(limited):
    deep = "/".join("abcdefghijkl")
    answer = limited.run("bash", f"for i in 01 02 03 04 05 06 07 08 09 10 11 12; do echo $i > f$i; done; head -c 3M /dev/zero > big.bin; mkdir -p {deep}; echo > {deep}/x")
    assert names(answer) == [f"f{i:02}" for i in range(1, 11)]
    assert answer["artifact_truncation"] == {
        "code": "artifact_truncated", "reasons": {"max_files": 2, "size": 1, "depth": 1},
        "skipped": ["f11", "f12", "a/b/c/d/e/f/g/h/i/j/", "big.bin"], "skipped_count": 4,
    }  # fmt: skip
    assert "f11, f12 (no more than 10 files are returned)" in answer["stderr"] and "big.bin (larger than 2 MB)" in answer["stderr"]
    assert answer["stderr"].count("\n") == 0


def test_programs_find_their_directory_by_the_name_that_librechat_gives_it(server):
    assert server.run("bash", 'cd /; echo x > "$LIBRECHAT_CODE_DATA_DIR/a.txt"')["files"][0]["name"] == "a.txt"


def test_good_runs_say_nothing(server):
    code = "import os\nos.makedirs('.cache'); open('.cache/x', 'w').write('x'); open('helper.py', 'w').write('y = 1')\nimport helper\nprint(os.path.isdir('__pycache__'))"
    answer = server.py(code)
    assert answer["stderr"] == "" and names(answer) == ["helper.py"]
    assert not {"deleted_files", "artifact_delivery", "artifact_truncation"} & set(answer)


def test_inputs_in_folders_that_are_passed_over_come_back_changed_and_are_not_missed(server):
    body = server.upload(("build/same.txt", b"same"), ("build/edit.txt", b"old"), ("node_modules/m/index.js", b"1"), kind="user", id="u")
    files = [{"id": f["fileId"], "name": f["filename"], "storage_session_id": body["session_id"]} for f in body["files"]]
    answer = server.run("bash", "echo new > build/edit.txt; cat build/same.txt", files=files)
    assert names(answer) == ["build/edit.txt"] and answer["stderr"] == ""
    assert file_named(answer, "build/edit.txt")["modified_from"]["id"] == files[1]["id"]


@pytest.mark.parametrize("lang, name, code", [("bash", "code.sh", "cat code.sh | wc -l"), ("js", "code.js", "console.log(1)"), ("php", "code.php", "<?php echo 1;")])
def test_an_input_named_like_the_source_is_told(server, lang, name, code):
    answer = server.run(lang, code, files=[server.upload_one(name, b"mine\n" * 9)])
    assert answer["code"] == 0
    assert answer["stderr"] == f'file "{name}" was not mounted: the program\'s own text has this name'


@pytest.mark.parametrize("lang, name, code", [
    ("bash", "code.sh", "echo made > code.sh; exit"),
    ("js", "code.js", "require('fs').writeFileSync('code.js', 'made\\n')"),
    ("php", "code.php", "<?php file_put_contents('code.php', \"made\\n\");"),
    ("py", "code.py", "open('code.py', 'w').write('made\\n')"),
])  # fmt: skip
def test_what_a_program_writes_in_place_of_its_source_is_an_output(server, lang, name, code):
    answer = server.run(lang, code)
    assert names(answer) == [name] and server.download(answer["files"][0]) == b"made\n"


def test_outputs_that_cannot_be_stored_are_counted(make_server):
    server = make_server()
    assert names(server.py("open('before', 'w').write('1')")) == ["before"]
    files = server.data / "files"
    if not files.is_dir():
        pytest.skip("the bodies of files are not kept in this directory")
    directories = [files, *[path for path in files.rglob("*") if path.is_dir()]]
    modes = {path: path.stat().st_mode for path in directories}
    try:
        for path in directories:
            path.chmod(0o555)
        answer = server.py("for name in 'ab': open(name, 'w').write('1')\nprint('ran')")
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
    assert answer["stdout"] == "ran\n" and answer["files"] == []
    assert answer["artifact_delivery"] == {"code": "artifact_delivery_failed", "status": "failed", "attempted": 2, "delivered": 0, "failed": 2}
    assert answer["stderr"] == "files not returned: a, b (could not be stored)"


# ---- files that are there again, and files that are gone --------------------------------------------------------------


@pytest.mark.every_store
@pytest.mark.parametrize("code", ["cp plot.png t; cat t > plot.png; rm t", "cp plot.png t; mv t plot.png"], ids=["written", "replaced"])
def test_what_is_made_again_is_an_output_where_the_session_was_only_continued(server, code):
    first = server.run("bash", "printf picture > plot.png; printf other > other.txt")
    again = server.run("bash", code, session_id=first["session_id"])
    assert names(again) == ["plot.png"] and again["files"][0]["id"] != file_named(first, "plot.png")["id"]
    assert "modified_from" not in again["files"][0] and server.download(again["files"][0]) == b"picture"
    # Who names it knows it.
    named = server.run("bash", code, files=[ref(file_named(first, "plot.png"))])
    assert names(named) == [] and names(named, inherited=True) == ["plot.png"]


def test_only_touching_or_reading_is_no_output(server):
    session = server.run("bash", "echo 1 > a.txt")["session_id"]
    assert server.run("bash", "cat a.txt; chmod 600 a.txt; ln a.txt b; rm b", session_id=session)["files"] == []


@pytest.mark.every_store
def test_a_removed_input_is_told_and_stays_away(server):
    kept, gone = server.upload_one("kept.txt", b"kept"), server.upload_one("gone.txt", b"gone")
    answer = server.run("bash", "rm gone.txt", files=[kept, gone])
    assert answer["deleted_files"] == ["gone.txt"]
    assert server.run("bash", "ls *.txt", session_id=answer["session_id"])["stdout"] == "kept.txt\n"
    # Nothing is lost: who names it has it.
    assert server.download(gone) == b"gone"
    again = server.run("bash", "cat gone.txt", session_id=answer["session_id"], files=[gone])
    assert again["stdout"] == "gone\n" and "deleted_files" not in again
    assert server.run("bash", "ls *.txt", session_id=answer["session_id"])["stdout"] == "gone.txt\nkept.txt\n"


def test_a_removed_output_stays_away_without_a_named_session(server):
    session = server.run("bash", "echo 1 > a.txt; echo 2 > b.txt")["session_id"]
    answer = server.run("bash", "rm a.txt", session_id=session)
    assert "deleted_files" not in answer  # no reference named it
    assert server.run("bash", "ls *.txt", session_id=session)["stdout"] == "b.txt\n"


def test_the_name_of_the_reference_is_told(server):
    file = server.upload_one("stored.txt", b"x") | {"name": "told/as this.txt"}
    assert server.run("bash", "mv 'told/as this.txt' moved.txt", files=[file])["deleted_files"] == ["told/as this.txt"]


@pytest.mark.parametrize("code", ["echo other > in.txt", "rm in.txt; ln -s /etc/passwd in.txt", "mv in.txt x; mkdir d; mv x d/; echo > in.txt", "truncate -s 20M in.txt"])
def test_what_is_still_there_in_some_form_is_not_told(server, code):
    assert "deleted_files" not in server.run("bash", code, files=[server.upload_one("in.txt", b"x")])


def test_what_was_never_there_or_cannot_be_removed_is_not_told(server):
    missing = {"id": "unknown00000000000000", "name": "gone.txt", "storage_session_id": "unknown00000000000000"}
    skill = server.upload(("rules.md", b"x"), kind="skill", id="s", version="1")
    skill = {"id": skill["files"][0]["fileId"], "name": "rules.md", "storage_session_id": skill["session_id"], "kind": "skill", "version": 1}
    answer = server.run("bash", "rm -f rules.md gone.txt code.sh", files=[missing, skill])
    assert "deleted_files" not in answer


def test_nothing_is_told_of_a_run_whose_directory_was_too_large_to_be_searched(server):
    code = "import os\nos.remove('in.txt')\nfor i in range(130_000): os.close(os.open(f'.{i}', os.O_CREAT))"
    answer = server.py(code, files=[server.upload_one("in.txt", b"x")])
    if "No space left" in answer["stderr"]:
        pytest.skip("the workspace holds fewer files than are looked at")
    assert "deleted_files" not in answer and "not all of /mnt/data could be searched" in answer["stderr"]


def test_a_program_that_is_killed_has_removed_what_it_removed(server):
    answer = server.run("bash", "rm in.txt; kill -9 $$", files=[server.upload_one("in.txt", b"x")])
    assert answer["signal"] == "SIGKILL" and answer["deleted_files"] == ["in.txt"]
