"""Files that go into a run and come out of it: exec.md 5 and 7.5."""

import hashlib
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import ID, file_named, names, ref, together

pytestmark = pytest.mark.every_store

WRITE = {
    "py": "open('made.txt', 'w').write('by hand')",
    "bash": "printf 'by hand' > made.txt",
    "js": "require('fs').writeFileSync('made.txt', 'by hand')",
}


# ---- outputs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", WRITE)
def test_a_file_comes_back(server, lang):
    answer = server.run(lang, WRITE[lang])
    file = file_named(answer, "made.txt")
    assert len(answer["files"]) == 1
    assert file["path"] is None and file["session_id"] == file["storage_session_id"] == answer["session_id"]
    assert re.match(ID, file["id"])
    assert "inherited" not in file and "modified_from" not in file
    assert server.download(file) == b"by hand"


def test_contents_come_back_byte_for_byte(server):
    code = "import hashlib, random\nb = random.Random(5).randbytes(3_000_001)\nopen('b.bin', 'wb').write(b)\nprint(hashlib.sha256(b).hexdigest())"
    answer = server.py(code)
    assert hashlib.sha256(server.download(file_named(answer, "b.bin"))).hexdigest() + "\n" == answer["stdout"]


def test_nested_names_keep_their_path_and_can_be_used_again(server):
    answer = server.run("bash", "mkdir -p charts/deep/er; printf one > charts/a.txt; printf two > charts/deep/er/b.txt; printf top > z.txt")
    assert names(answer) == ["charts/a.txt", "charts/deep/er/b.txt", "z.txt"]
    assert server.download(file_named(answer, "charts/deep/er/b.txt")) == b"two"
    again = server.run("bash", "cat charts/a.txt charts/deep/er/b.txt z.txt", files=[ref(file) for file in answer["files"]])
    assert again["stdout"] == "onetwotop\n"


def test_order_is_by_path(server):
    answer = server.run("bash", "mkdir b; for f in c.txt b/z.txt a.txt b/a.txt B.txt; do echo x > $f; done")
    assert names(answer) == sorted(["c.txt", "b/z.txt", "a.txt", "b/a.txt", "B.txt"])


def test_empty_files_come_back_and_empty_directories_do_not(server):
    answer = server.run("bash", "touch empty.txt; mkdir -p hollow/inside")
    assert names(answer) == ["empty.txt"] and server.download(answer["files"][0]) == b""


@pytest.mark.parametrize("lang", ["py", "bash", "js"])
def test_the_source_is_not_an_output(server, lang):
    code = {"py": "print(1)", "bash": "echo 1", "js": "console.log(1)"}[lang]
    assert server.run(lang, code)["files"] == []


SKIPPED = [".hidden", ".config/x.txt", "d/.deep/x.txt", "node_modules/x.js", "__pycache__/x.pyc", ".venv/x", "venv/x", "env/x", "site-packages/x",
           "target/x", "dist/x", "build/x", "vendor/x", "pkg/x", "sub/node_modules/y.js"]  # fmt: skip


def test_hidden_names_and_folders_of_dependencies_are_skipped(server):
    code = "import pathlib\nfor p in %r + ['kept.txt', 'sub/kept.txt']:\n    q = pathlib.Path(p); q.parent.mkdir(parents=True, exist_ok=True); q.write_text('x')" % SKIPPED
    answer = server.py(code)
    assert names(answer) == ["kept.txt", "sub/kept.txt"]
    # Hidden names, and what Python makes beside every module, are no news.
    told = [name.rsplit("/", 1)[0] + "/" for name in SKIPPED if not name.startswith((".", "d/.", "__pycache__"))]
    named, _, rest = answer["stderr"].removeprefix("files not returned: ").partition(" and ")
    assert len(named.split(", ")) == 5 and set(named.split(", ")) <= set(told)
    assert rest == f"{len(told) - 5} more (folder of dependencies or build results)"


@pytest.mark.parametrize("suffix", ["exe", "bat", "cmd", "ps1", "scr", "com"])
def test_outputs_that_are_programs_of_windows_are_dropped(server, suffix):
    assert names(server.run("bash", f"echo x > tool.{suffix}; echo x > ok.txt")) == ["ok.txt"]


@pytest.mark.parametrize("name", ["helper.sh", "data.parquet", "noextension", "odd.zzz", "a b (1).txt", "ünï 日本.txt", "-rf", "semi;colon.txt"])
def test_outputs_of_any_other_name(server, name):
    answer = server.py(f"open({name!r}, 'w').write('x')")
    assert names(answer) == [name] and server.download(answer["files"][0]) == b"x"
    assert server.py(f"print(open({name!r}).read())", files=[ref(answer["files"][0])])["stdout"] == "x\n"


def test_ten_levels_are_collected(server):
    # "up to 10 levels": a path of ten segments is still one.
    answer = server.run("bash", "d=1/2/3/4/5/6/7/8/9; mkdir -p $d/10/11; echo x > $d/f.txt; echo x > $d/10/11/g.txt")
    assert names(answer) == ["1/2/3/4/5/6/7/8/9/f.txt"]


def test_at_most_ten_outputs(server):
    answer = server.run("bash", "for i in $(seq -w 1 25); do echo $i > f$i.txt; done")
    assert names(answer) == [f"f{index:02}.txt" for index in range(1, 11)]


def test_an_output_above_the_size_limit_is_left_out(limited):
    answer = limited.py("open('big.bin', 'wb').write(b'x' * (2 * 1024 * 1024 + 1)); open('fits.bin', 'wb').write(b'y' * (2 * 1024 * 1024)); print('ok')")
    assert answer["stdout"] == "ok\n" and names(answer) == ["fits.bin"]
    assert limited.download(answer["files"][0]) == b"y" * (2 * 1024 * 1024)


@pytest.mark.parametrize("ending", ["raise ValueError('x')", "import sys; sys.exit(4)", "import os; os.kill(os.getpid(), 9)"])
def test_failed_runs_return_their_files_too(server, ending):
    answer = server.py("open('partial.txt', 'w').write('kept')\n" + ending)
    assert answer["code"] != 0 and server.download(file_named(answer, "partial.txt")) == b"kept"


def test_a_page_as_output_is_a_download_and_not_shown(server):
    answer = server.py("open('index.html', 'w').write('<script>alert(1)</script>')")
    got = server.get(f"/download/{answer['session_id']}/{answer['files'][0]['id']}")
    assert names(answer) == ["index.html"] and got.content == b"<script>alert(1)</script>"
    assert got.headers["content-disposition"].startswith("attachment;") and got.headers["x-content-type-options"] == "nosniff"


def test_files_outside_the_working_directory_are_not_outputs(server):
    assert server.run("bash", "echo x > /tmp/a.txt; echo x > /dev/shm/b.txt; echo x > c.txt")["files"][0]["name"] == "c.txt"


# ---- inputs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("old", [False, True], ids=["current", "older"])
@pytest.mark.parametrize("lang, code", [("py", "print(open('in.csv').read())"), ("bash", "cat /mnt/data/in.csv"), ("js", "console.log(require('fs').readFileSync('in.csv', 'utf8'))")])
def test_an_upload_is_there(server, lang, code, old):
    file = server.upload_one("in.csv", b"a,b\n1,2\n")
    file = ref(file, old) if old else file
    assert server.run(lang, code, files=[file])["stdout"] == "a,b\n1,2\n"


def test_both_names_of_the_session_may_be_given(server):
    file = server.upload_one("in.txt", b"both")
    file["session_id"] = "something else"  # storage_session_id is the one that counts
    assert server.run("bash", "cat in.txt", files=[file])["stdout"] == "both\n"


def test_an_empty_storage_session_falls_back(server):
    file = server.upload_one("in.txt", b"fallback")
    file = {"id": file["id"], "name": "in.txt", "storage_session_id": "", "session_id": file["storage_session_id"]}
    assert server.run("bash", "cat in.txt", files=[file])["stdout"] == "fallback\n"


@pytest.mark.parametrize("version", [1, "1", None, 2**40])
def test_additional_fields_of_a_reference(server, version):
    file = server.upload_one("in.txt", b"x") | {"resource_id": "r:1", "kind": "user", "entity_id": "agent_1", "content": "no", "version": version}
    assert server.run("bash", "cat in.txt", files=[file])["stdout"] == "x\n"


def test_files_of_many_sessions_are_mounted(server):
    files = together(lambda index: server.upload_one(f"f{index}.txt", str(index).encode()), range(12))
    assert server.run("bash", "cat f{0..11}.txt", files=files)["stdout"] == "01234567891011\n"


def test_five_hundred_references(server):
    upload = server.upload(*[(f"n{index}.txt", b"%d" % index) for index in range(40)])
    files = [{"id": f["fileId"], "name": f["filename"], "storage_session_id": upload["session_id"]} for f in upload["files"]]
    files += [{"id": f"missing{index:014}", "name": f"m{index}.txt", "storage_session_id": upload["session_id"]} for index in range(460)]
    assert server.run("bash", "ls n*.txt | wc -l; ls | wc -l", files=files)["stdout"].split()[0] == "40"


@pytest.mark.parametrize(
    "missing",
    [
        {"id": "unknown00000000000000", "name": "gone.txt", "storage_session_id": "unknown00000000000000"},
        {"id": "x" * 128, "name": "gone.txt", "session_id": "y" * 128},
        {"id": "../../../etc/passwd", "name": "gone.txt", "session_id": "../.."},
        {"id": "*", "name": "gone.txt", "session_id": "*"},
    ],
)
def test_a_missing_file_does_not_fail_the_run(server, missing):
    present = server.upload_one("here.txt", b"here")
    answer = server.run("bash", "cat here.txt; ls gone.txt passwd", files=[missing, present])
    assert answer["stdout"] == "here\n" and "No such file" in answer["stderr"]


def test_a_file_is_found_by_its_name_when_the_id_is_unknown(server):
    file = server.upload_one("by-name.txt", b"found")
    assert server.run("bash", "cat by-name.txt", files=[file | {"id": "unknown00000000000000"}])["stdout"] == "found\n"


def test_a_later_reference_of_the_same_name_wins(server):
    first, second = server.upload_one("same.txt", b"first"), server.upload_one("same.txt", b"second")
    assert server.run("bash", "cat same.txt", files=[first, second])["stdout"] == "second\n"
    assert server.run("bash", "cat same.txt", files=[second, first])["stdout"] == "first\n"


def test_a_reference_given_twice(server):
    file = server.upload_one("twice.txt", b"once")
    assert server.run("bash", "cat twice.txt", files=[file, file])["stdout"] == "once\n"


def test_the_name_of_the_reference_is_where_it_is_mounted(server):
    file = server.upload_one("stored.txt", b"moved")
    assert server.run("bash", "cat sub/dir/other.txt", files=[file | {"name": "sub/dir/other.txt"}])["stdout"] == "moved\n"


@pytest.mark.parametrize("name", ["../up.txt", "/abs.txt", "a/../../up.txt", "back\\slash.txt", "nul\0.txt", "/".join("abcdefghijkl") + ".txt", "x" * 300])
def test_a_bad_name_in_a_reference_falls_back_to_the_stored_one(server, name):
    file = server.upload_one("stored.txt", b"safe")
    answer = server.run("bash", "cat stored.txt", files=[file | {"name": name}])
    assert answer["stdout"] == "safe\n"
    assert server.run("bash", "ls / | tr '\\n' ' '; ls -A /mnt", files=[file | {"name": name}])["stdout"].endswith("data\n")


def test_inputs_belong_to_the_user_and_can_be_written(server):
    file = server.upload_one("mine.txt", b"x")
    assert server.run("bash", "stat -c '%u %g' mine.txt; test -w mine.txt && echo writable", files=[file])["stdout"] == "65532 65532\nwritable\n"


def test_a_large_input_is_whole(server):
    body = bytes(range(256)) * 4096 * 8
    file = server.upload_one("large.dat", body)
    assert server.run("bash", "sha256sum < large.dat | cut -d' ' -f1", files=[file])["stdout"].strip() == hashlib.sha256(body).hexdigest()


# ---- inputs that come back ------------------------------------------------------------------------------------------


def test_an_edited_input_is_a_new_file_that_names_the_old_one(server):
    file = server.upload_one("data.csv", b"old\n")
    answer = server.run("bash", "echo new >> data.csv", files=[file])
    edited = file_named(answer, "data.csv")
    assert edited["modified_from"] == {"id": file["id"], "storage_session_id": file["storage_session_id"]}
    assert edited["id"] != file["id"] and "inherited" not in edited
    assert server.download(edited) == b"old\nnew\n" and server.download(file) == b"old\n"
    assert server.run("bash", "cat data.csv", files=[ref(edited)])["stdout"] == "old\nnew\n"


def test_an_edit_is_found_by_content_even_with_size_and_time_restored(server):
    file = server.upload_one("data.csv", b"aaaa")
    code = "import os\ns = os.stat('data.csv')\nopen('data.csv', 'r+').write('bbbb')\nos.utime('data.csv', ns=(s.st_atime_ns, s.st_mtime_ns))"
    edited = file_named(server.py(code, files=[file]), "data.csv")
    assert edited["modified_from"]["id"] == file["id"] and server.download(edited) == b"bbbb"


def test_a_rewrite_with_the_same_content_is_no_edit(server):
    file = server.upload_one("data.csv", b"same")
    answer = server.py("b = open('data.csv','rb').read(); import os; os.remove('data.csv'); open('data.csv','wb').write(b)", files=[file])
    assert names(answer) == [] and names(answer, inherited=True) == ["data.csv"]


def test_a_replaced_input_is_an_edit(server):
    file = server.upload_one("data.csv", b"old")
    answer = server.run("bash", "printf new > t && mv t data.csv", files=[file])
    assert file_named(answer, "data.csv")["modified_from"]["id"] == file["id"]


def test_an_unchanged_input_is_inherited_for_current_clients(server):
    file = server.upload_one("in.txt", b"x")
    answer = server.run("bash", "cat in.txt; echo y > out.txt", files=[file | {"entity_id": "agent_9", "kind": "user", "resource_id": "r"}])
    assert [f["name"] for f in answer["files"]] == ["out.txt", "in.txt"]
    inherited = answer["files"][1]
    assert inherited["inherited"] is True and inherited["id"] == file["id"] and inherited["entity_id"] == "agent_9"
    assert inherited["storage_session_id"] == inherited["session_id"] == file["storage_session_id"]


def test_an_unchanged_input_is_absent_for_older_clients(server):
    file = server.upload_one("in.txt", b"x")
    answer = server.run("bash", "cat in.txt; echo y > out.txt", files=[ref(file, old=True)])
    assert [f["name"] for f in answer["files"]] == ["out.txt"]


def test_a_removed_input_is_not_returned(server):
    assert server.run("bash", "rm in.txt", files=[server.upload_one("in.txt", b"x")])["files"] == []


def test_new_files_come_before_inherited_ones_within_the_limit(server):
    upload = server.upload(*[(f"in{index}.txt", b"x") for index in range(6)])
    files = [{"id": f["fileId"], "name": f["filename"], "storage_session_id": upload["session_id"]} for f in upload["files"]]
    answer = server.run("bash", "for i in 1 2 3 4 5 6 7; do echo $i > out$i.txt; done", files=files)
    assert names(answer) == [f"out{index}.txt" for index in range(1, 8)]
    assert len(names(answer, inherited=True)) == 3 and len(answer["files"]) == 10


@pytest.mark.parametrize("kind", [{"kind": "skill", "id": "s1", "version": "1"}, {"kind": "agent", "id": "a1", "read_only": "true"}])
def test_read_only_inputs_cannot_be_changed(server, kind):
    answer = server.upload(("skills/s/SKILL.md", b"rules"), **kind)
    file = {"id": answer["files"][0]["fileId"], "name": "skills/s/SKILL.md", "storage_session_id": answer["storage_session_id"], "kind": kind["kind"]}
    if kind["kind"] == "skill":
        file["version"] = 1
    run = server.run("bash", "stat -c %a skills/s/SKILL.md; cat skills/s/SKILL.md; chmod u+w skills/s/SKILL.md; echo hacked > skills/s/SKILL.md; true", files=[file])
    assert run["stdout"] == "444\nrules\n"
    assert names(run) == [] and file_named(run, "skills/s/SKILL.md")["id"] == file["id"]
    assert server.download(file) == b"rules"


# ---- a conversation -------------------------------------------------------------------------------------------------


def test_outputs_are_listed_downloadable_and_mountable(server):
    answer = server.run("bash", "echo made > made.txt")
    file = file_named(answer, "made.txt")
    listed = server.get(f"/files/{answer['session_id']}").json()
    assert [(entry["id"], entry["name"]) for entry in listed] == [(file["id"], "made.txt")]
    assert server.download(file) == b"made\n"
    assert server.run("bash", "cat made.txt", files=[ref(file)])["stdout"] == "made\n"
    assert server.run("bash", "cat made.txt", files=[ref(file, old=True)])["stdout"] == "made\n"


def test_a_reference_continues_the_session_it_names(server):
    answer = server.run("bash", "echo 1 > a.txt")
    again = server.run("bash", "cat a.txt; echo 2 > b.txt", files=[ref(answer["files"][0])])
    assert again["session_id"] == answer["session_id"] and again["stdout"] == "1\n"


def test_the_first_live_reference_decides(server):
    answer = server.run("bash", "echo 1 > a.txt")
    dead = {"id": "unknown00000000000000", "name": "b", "storage_session_id": "unknown00000000000000"}
    assert server.run("bash", "true", files=[dead, ref(answer["files"][0])])["session_id"] == answer["session_id"]


def test_a_continued_session_without_references_has_its_files(server):
    session = server.run("bash", "echo one > a.txt; mkdir d; echo two > d/b.txt")["session_id"]
    server.run("bash", "echo three > a.txt", session_id=session)
    assert server.run("bash", "cat a.txt d/b.txt", session_id=session)["stdout"] == "three\ntwo\n"


def test_references_do_not_hide_the_files_of_the_session(server):
    session = server.run("bash", "echo own > own.txt")["session_id"]
    other = server.upload_one("other.txt", b"other\n")
    assert server.run("bash", "cat own.txt other.txt", session_id=session, files=[other])["stdout"] == "own\nother\n"


def test_repeated_references_do_not_pile_up_copies(server):
    file = server.upload_one("in.txt", b"x")
    session = server.run("bash", "echo 1 > own.txt", files=[])["session_id"]
    for _ in range(4):
        server.run("bash", "cat in.txt", session_id=session, files=[file])
    listed = [entry["name"] for entry in server.get(f"/files/{session}").json()]
    assert listed.count("in.txt") <= 1 and listed.count("own.txt") == 1


def test_two_users_of_one_agent_file_do_not_share_a_session(server):
    shared = server.upload(("glossary.md", b"words"), kind="agent", id="agent_77")
    file = {"id": shared["files"][0]["fileId"], "name": "glossary.md", "storage_session_id": shared["storage_session_id"], "kind": "agent", "resource_id": "agent_77"}
    first = server.run("bash", "cat glossary.md; echo secret > notes.txt", files=[file], user_id="ann")
    second = server.run("bash", "cat glossary.md; ls notes.txt", files=[file], user_id="bob")
    assert first["stdout"] == second["stdout"] == "words\n"
    assert len({first["session_id"], second["session_id"], shared["session_id"]}) == 3


def test_an_upload_of_one_user_is_not_the_session_of_another(server):
    upload = server.upload(("in.txt", b"x"), headers={"User-Id": "ann"})
    file = {"id": upload["files"][0]["fileId"], "name": "in.txt", "storage_session_id": upload["session_id"]}
    assert server.run("bash", "true", files=[file], user_id="bob")["session_id"] != upload["session_id"]
    assert server.run("bash", "true", files=[file], user_id="ann")["session_id"] == upload["session_id"]
    assert server.run("bash", "true", files=[file])["session_id"] == upload["session_id"]


def upload_of_nobody(server):
    upload = server.upload(("in.txt", b"x"))
    return upload["session_id"], {"id": upload["files"][0]["fileId"], "name": "in.txt", "storage_session_id": upload["session_id"]}


@pytest.mark.parametrize("way", ["file", "session", "both", "hint", "header", "older"])
def test_two_users_of_a_file_that_nobody_owns_never_meet(server, way):
    """Neither finds what the other left: files, variables, or the session at all."""
    session, file = upload_of_nobody(server)
    more = {
        "file": {"files": [file]},
        "session": {"session_id": session},
        "both": {"files": [file], "session_id": session},
        "hint": {"files": [file], "runtime_session_hint": f"conversation:{session}"},
        "header": {"files": [file]},
        "older": {"files": [{"id": file["id"], "name": "in.txt", "session_id": session}], "session_id": session, "entity_id": session},
    }[way]

    def run(user, code):
        named = {"headers": {"User-Id": user}} if way == "header" else {}
        fields = more if way == "header" else more | {"user_id": user}
        answer = server.post("/exec", json={"lang": "py", "code": code} | fields, **named)
        assert answer.status_code == 200, answer.text
        return answer.json()

    ann = run("ann", "secret = 7; open('notes.txt', 'w').write('hers'); print(1)")
    bob = run("bob", "import os; print('secret' in globals(), *map(os.path.exists, ['notes.txt', 'in.txt']))")
    assert bob["stdout"] == f"False False {'files' in more}\n"
    assert len({session, ann["session_id"], bob["session_id"]}) == 3
    # Each goes on in a session of his own.
    again = server.py("print(secret)", session_id=ann["session_id"], user_id="ann")
    assert again["stdout"] == "7\n" and again["session_id"] == ann["session_id"]
    stranger = server.py("print('secret' in globals())", session_id=ann["session_id"], user_id="bob")
    assert stranger["stdout"] == "False\n" and stranger["session_id"] != ann["session_id"]


def test_first_runs_of_many_users_at_once(server):
    _, file = upload_of_nobody(server)
    users = [f"user-{i}" for i in range(6)]
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda user: server.run("bash", "cat in.txt; ls; touch mine", files=[file], user_id=user), users))
    assert len({answer["session_id"] for answer in answers}) == 6
    assert {answer["stdout"] for answer in answers} == {answers[0]["stdout"]} and "mine" not in answers[0]["stdout"]


def test_who_names_no_user_goes_on_where_the_file_is(server):
    session, file = upload_of_nobody(server)
    server.py("x = 1", files=[file])
    server.py("x = 2", files=[file], user_id="ann")
    answer = server.py("print(x)", files=[file])
    assert answer["stdout"] == "1\n" and answer["session_id"] == session


def test_a_state_is_not_for_another_user(server):
    mine = {"User-Id": "ann"}
    session = server.py("x = 1", user_id="ann")["session_id"]
    assert server.get(f"/state/{session}", headers=mine).status_code == server.get(f"/state/{session}").status_code == 200
    other = {"User-Id": "bob"}
    assert server.get(f"/state/{session}", headers=other).status_code == 404
    assert server.get(f"/state/{session}/info", headers=other).json()["exists"] is False
    assert server.post(f"/state/{session}", data=b"\x01x", headers=other).status_code == 403
    assert server.request("DELETE", f"/state/{session}", headers=other).status_code == 204
    assert server.py("print(x)", session_id=session, user_id="ann")["stdout"] == "1\n"


@pytest.mark.parametrize("old", [False, True])
def test_a_reference_without_an_id_is_found_by_its_name(server, old):
    """LibreChat with agents 3.0 takes the id from a listed name, which has none."""
    file = server.upload_one("my report (1).csv", b"a,b\n")
    session = file["storage_session_id"]
    for name in ("my_report__1_.csv", "my report (1).csv"):
        reference = {"id": "", "name": name, "session_id" if old else "storage_session_id": session}
        answer = server.run("bash", f"cat '{name}'", files=[reference])
        assert (answer["stdout"], answer["stderr"]) == ("a,b\n", "")
    made = server.run("bash", "echo 1 > out.txt; mkdir d; echo 2 > d/deep.txt", files=[file])
    by_name = [{"id": "", "name": entry["name"], "session_id": entry["session_id"]} for entry in made["files"]]
    assert server.run("bash", "cat out.txt d/deep.txt", files=by_name)["stdout"] == "1\n2\n"
    nothing = {"id": "", "name": "nothing.txt", "session_id": session}
    assert server.run("bash", "echo ok", files=[nothing])["stdout"] == "ok\n"


def test_ten_calls_of_a_conversation(server):
    """As a current client does it: every known file is sent each time, a newer file replaces one of the same name."""
    known = {"sales.csv": server.upload_one("sales.csv", b"n\n")}
    for index in range(10):
        answer = server.run("bash", f"echo {index} >> sales.csv; wc -l < sales.csv; echo {index} > note{index % 3}.txt", files=list(known.values()))
        assert answer["stdout"] == f"{index + 2}\n"
        for file in answer["files"]:
            known[file["name"]] = ref(file)
    assert server.download(known["sales.csv"]) == b"n\n" + b"".join(b"%d\n" % index for index in range(10))
    assert set(known) == {"sales.csv", "note0.txt", "note1.txt", "note2.txt"}


def test_a_picture_of_matplotlib(server):
    code = """
import hashlib
import matplotlib.pyplot as plt
plt.plot([1, 4, 9]); plt.savefig('plot.png')
print(hashlib.sha256(open('plot.png', 'rb').read()).hexdigest())
"""
    probe = server.py("import importlib.util as u; print(u.find_spec('matplotlib') is not None)")
    if probe["stdout"] != "True\n":
        pytest.skip("matplotlib is not installed for the sandboxes")
    answer = server.py(code)
    picture = server.download(file_named(answer, "plot.png"))
    assert answer["stderr"] == "" and picture.startswith(b"\x89PNG") and hashlib.sha256(picture).hexdigest() == answer["stdout"].strip()


def test_an_answer_waits_until_its_files_are_stored(server):
    began = time.monotonic()
    for index in range(15):
        answer = server.py(f"open('f.bin', 'wb').write(b'{index}' * 400000)")
        assert server.download(answer["files"][0]) == str(index).encode() * 400000
    assert time.monotonic() - began < 60


# ---- what does not fit, and what was planted --------------------------------------------------------------------------


def test_inputs_larger_than_the_workspace_leave_something_out_and_say_so(make_server):
    """A conversation that has more than a sandbox holds goes on, with the newest of it."""
    server = make_server(MAX_MEMORY_MB=96, SANDBOX_WORKSPACE_MB=48, SANDBOX_TMP_MB=8)
    files = [server.upload_one(f"f{i}.dat", bytes([i]) * (9 << 20)) for i in range(6)]
    answer = server.run("bash", "ls *.dat; head -c 4M /dev/zero > out.bin && echo written", files=[ref(file) for file in files])
    assert answer["stdout"].split() == ["f3.dat", "f4.dat", "f5.dat", "written"]
    assert 'file "f0.dat" was not mounted: /mnt/data holds at most 48 MB' in answer["stderr"]
    assert names(answer) == ["out.bin"]

    name = f"rooms:{time.time()}"
    for i in range(6):
        server.run("bash", f"head -c 9M /dev/urandom > g{i}.dat", runtime_session_hint=name)
    answer = server.run("bash", "ls *.dat", runtime_session_hint=name)
    assert answer["stdout"].split() == ["g3.dat", "g4.dat", "g5.dat"]
    assert answer["stderr"].count("was not mounted") == 3
    # What there was no room for is not taken for removed.
    server.run("bash", "rm g3.dat g4.dat g5.dat", runtime_session_hint=name)
    assert server.run("bash", "ls *.dat", runtime_session_hint=name)["stdout"].split() == ["g0.dat", "g1.dat", "g2.dat"]


PLANTED = {
    "numpy.py": b"raise SystemExit('planted numpy')\n",
    "json.py": b"raise SystemExit('planted json')\n",
    "sitecustomize.py": b"open('/mnt/data/owned', 'w').write('site')\n",
    "usercustomize.py": b"open('/mnt/data/owned', 'w').write('user')\n",
    "dill.py": b"raise SystemExit('planted dill')\n",
    "package.json": b'{"main": "owned.js", "scripts": {"start": "touch owned"}}',
    "node_modules/fs/index.js": b"require('child_process').execSync('touch owned')\n",
    ".bashrc": b"touch /mnt/data/owned\n",
    ".profile": b"touch /mnt/data/owned\n",
    ".Rprofile": b"file.create('/mnt/data/owned')\n",
    ".noderc": b"x",
}


@pytest.mark.parametrize("lang, code, expected", [
    ("py", "x = 1\nprint(6 * 7)", "42"),
    ("js", "console.log(6 * 7, typeof require('fs').readFileSync)", "42 function"),
    ("bash", "echo $((6 * 7))", "42"),
])  # fmt: skip
def test_planted_files_run_only_when_the_program_asks_for_them(server, lang, code, expected):
    """A session's files are the program's own. What surrounds the program takes nothing from them."""
    parts = [("file", (name, body)) for name, body in PLANTED.items()]
    body = server.post("/upload/batch", files=parts, data={"kind": "skill", "id": "s", "version": "1"}).json()
    files = [{"id": e["fileId"], "name": e["filename"], "storage_session_id": body["storage_session_id"]} for e in body["files"] if e["status"] == "success"]
    assert len(files) == len(PLANTED)
    name = f"planted:{lang}:{time.time()}"
    for _ in range(2):
        answer = server.run(lang, code, files=files, runtime_session_hint=name)
        assert answer["stdout"].strip() == expected, answer
        assert "owned" not in names(answer) and "planted" not in answer["stderr"]
    # The same files in nobody else's way.
    assert server.py("import numpy, json; print(json.dumps(numpy.arange(2).tolist()))")["stdout"] == "[0, 1]\n"
