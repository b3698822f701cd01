"""Upload, list, download, delete and object information: files.md."""

import datetime
import re
import time
import urllib.parse

import pytest
import requests

from harness import ID, http_bytes, read_response, ref
from test_exec import check_envelope

pytestmark = pytest.mark.every_store

MEGABYTE = 1024 * 1024
BOUNDARY = "a-boundary-of-tests"


def multipart(*parts):
    """A body as it goes over the wire. parts: (Content-Disposition parameters, body[, more header lines])."""
    body = b""
    for disposition, content, *more in parts:
        disposition = disposition if isinstance(disposition, bytes) else disposition.encode()
        body += b"--" + BOUNDARY.encode() + b"\r\nContent-Disposition: form-data; " + disposition + b"\r\n"
        body += b"".join(line.encode() + b"\r\n" for line in more) + b"\r\n" + content + b"\r\n"
    return body + b"--" + BOUNDARY.encode() + b"--\r\n"


def post_multipart(server, body, path="/upload"):
    return server.post(path, data=body, headers={"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"})


def upload_named(server, disposition, **fields):
    """Uploads "x" under a hand-written Content-Disposition; returns the entry of the answer and its session."""
    parts = [(f'name="{name}"', value.encode()) for name, value in fields.items()]
    answer = post_multipart(server, multipart(*parts, (disposition, b"x")))
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return body["files"][0], body["session_id"]


def parse_time(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


# ---- upload ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/upload", "/v1/upload", "/v1//upload", "/upload/"])
@pytest.mark.parametrize("field", ["file", "files", "anything"])
def test_upload(server, path, field):
    answer = server.post(path, files=[(field, ("a.txt", b"hello"))])
    body = answer.json()
    assert answer.status_code == 200 and body["message"] == "success"
    assert re.match(ID, body["session_id"]) and body["storage_session_id"] == body["session_id"]
    assert len(body["files"]) == 1 and body["files"][0]["filename"] == "a.txt" and re.match(ID, body["files"][0]["fileId"])
    assert server.get(f"/download/{body['session_id']}/{body['files'][0]['fileId']}").content == b"hello"


def test_many_files_keep_their_order(server):
    wanted = [f"{letter}.txt" for letter in "zyxabc"]
    body = server.upload(*[(name, name.encode()) for name in wanted])
    assert [entry["filename"] for entry in body["files"]] == wanted
    assert len({entry["fileId"] for entry in body["files"]}) == len(wanted)
    for entry in body["files"]:
        assert server.get(f"/download/{body['session_id']}/{entry['fileId']}").content == entry["filename"].encode()


@pytest.mark.parametrize("order", ["before", "after"])
def test_text_fields_in_any_order(server, order):
    fields = [('name="kind"', b"user"), ('name="id"', b"65f0c1"), ('name="unknown"', b"x")]
    file = [('name="file"; filename="a.txt"', b"x", "Content-Type: text/plain")]
    answer = post_multipart(server, multipart(*(fields + file if order == "before" else file + fields)))
    assert answer.status_code == 200 and answer.json()["files"][0]["filename"] == "a.txt"


def test_upload_without_a_file(server):
    answer = post_multipart(server, multipart(('name="kind"', b"user")))
    body = check_envelope(answer, 422, "validation")
    assert body["details"][0] == {"field": "body -> files", "message": "Field required", "code": "missing"}


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/octet-stream"])
def test_upload_that_is_no_form(server, kind):
    check_envelope(server.post("/upload", data=b"{}", headers={"Content-Type": kind}), 422, "validation")


@pytest.mark.parametrize("size", [0, 1, 8191, 8192, 8193, 65536, MEGABYTE + 1])
def test_sizes(server, size):
    body = bytes(index * 7 % 251 for index in range(min(size, 5000))) * (size // 5000 + 1)
    body = body[:size]
    assert server.download(server.upload_one("s.bin.dat", body)) == body


def test_content_that_looks_like_a_boundary(server):
    body = f"--{BOUNDARY}\r\n--{BOUNDARY[:-1]}--\r\n\r\n--{BOUNDARY} ".encode() + b"\r\n" * 3 + b"--"
    # requests chooses a boundary of its own, so that this is content
    assert server.download(server.upload_one("b.txt", body)) == body
    tricky = b"\r\n--" + BOUNDARY.encode()[:-1] + b"X\r\n\r\n-"
    answer = post_multipart(server, multipart(('name="file"; filename="t.txt"', tricky)))
    entry = answer.json()
    assert server.get(f"/download/{entry['session_id']}/{entry['files'][0]['fileId']}").content == tricky


def test_a_file_of_exactly_the_limit_passes_and_one_byte_more_does_not(server):
    exact = server.upload_one("exact.dat", b"x" * (10 * MEGABYTE))
    assert len(server.download(exact)) == 10 * MEGABYTE
    answer = server.post("/upload", files=[("file", ("large.dat", b"x" * (10 * MEGABYTE + 1)))])
    check_envelope(answer, 413, "resource_exhausted", "File large.dat exceeds maximum size of 10MB")


def test_a_refused_upload_leaves_nothing_behind(limited):
    before = sum(path.stat().st_size for path in limited.data.rglob("*") if path.is_file())
    for _ in range(3):
        assert limited.post("/upload", files=[("file", ("large.dat", b"x" * (3 * MEGABYTE)))]).status_code == 413
    after = sum(path.stat().st_size for path in limited.data.rglob("*") if path.is_file())
    assert after - before < MEGABYTE


def test_too_many_files(limited):
    parts = [("file", (f"f{index}.txt", b"x")) for index in range(21)]
    check_envelope(limited.post("/upload", files=parts), 413, "resource_exhausted", "Too many files. Maximum 20 files allowed")
    assert limited.post("/upload", files=parts[:20]).status_code == 200


def test_sum_of_a_request(limited):
    parts = [("file", (f"f{index}.dat", b"x" * (2 * MEGABYTE))) for index in range(5)]
    assert limited.post("/upload", files=parts).status_code == 200
    check_envelope(limited.post("/upload", files=parts + [("file", ("one.dat", b"x" * 1024))]), 413, "resource_exhausted")


@pytest.mark.parametrize("name", ["model.bin", "lib.so", "tool.exe"])
def test_any_type_may_be_uploaded(server, name):
    assert server.run("bash", f"cat {name}", files=[server.upload_one(name, b"x")])["stdout"] == "x\n"


def test_operators_may_block_names(make_server):
    server = make_server(BLOCKED_FILE_PATTERNS="*.exe,*.dll")
    for name in ("a.exe", "b.dll", "F.EXE"):
        check_envelope(server.post("/upload", files=[("file", (name, b"x"))]), 415, "validation", f"File type not allowed: {name}")
    assert server.upload_one("c.so", b"x")["name"] == "c.so"


def test_allowed_extensions_count_only_when_set(make_server, server):
    assert server.upload_one("picture.png", b"x")["name"] == "picture.png"
    strict = make_server(ALLOWED_FILE_EXTENSIONS=".csv,.txt")
    assert strict.upload_one("a.csv", b"x")["name"] == "a.csv"
    assert strict.post("/upload", files=[("file", ("a.png", b"x"))]).status_code == 415


def test_an_entity_keeps_one_session_for_one_user(server):
    entity = f"agent-{time.time_ns()}"
    first = server.upload(("a.txt", b"x"), entity_id=entity)["session_id"]
    assert server.upload(("b.txt", b"x"), entity_id=entity)["session_id"] == first
    assert server.upload(("b.txt", b"x"), entity_id=entity, headers={"User-Id": "ann"})["session_id"] != first
    assert server.upload(("b.txt", b"x"))["session_id"] != first


def test_agent_files_never_join_a_session(server):
    entity = f"agent-{time.time_ns()}"
    plain = server.upload(("a.txt", b"x"), entity_id=entity)["session_id"]
    shared = server.upload(("a.txt", b"x"), entity_id=entity, kind="agent", id="a1")["session_id"]
    assert shared != plain
    assert server.upload(("a.txt", b"x"), entity_id=entity, kind="agent", id="a1")["session_id"] not in (plain, shared)


# ---- names ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent, stored",
    [
        ("my file (1).csv", "my_file__1_.csv"),
        (".env", "_.env"),
        ("résumé.pdf", "r_sum_.pdf"),
        ("a_b-c.d.txt", "a_b-c.d.txt"),
        ("日本.txt", "__.txt"),
        ("отчёт 2025.csv", "_____" + "_2025.csv"),
        ("𝒳.txt", "_.txt"),
        ("...", "_..."),
        ("semi;colon.txt", "semi_colon.txt"),
        ("tab\there.txt", "tab_here.txt"),
        ("a%20b.txt", "a_b.txt"),
        ("no extension", "no_extension"),
        ("CAPS.TXT", "CAPS.TXT"),
    ],
)
def test_plain_names_are_sanitised(server, sent, stored):
    entry, session = upload_named(server, f'name="file"; filename="{sent}"')
    assert entry["filename"] == stored
    listed = server.get(f"/files/{session}").json()[0]
    assert listed["name"] == stored and listed["session_id"] == session
    run = server.run("bash", "ls -A", files=[{"id": entry["fileId"], "name": stored, "session_id": session}])
    assert stored in run["stdout"].splitlines()


def test_a_name_without_anything(server):
    answer = post_multipart(server, multipart(('name="file"; filename=""', b"x")))
    assert answer.status_code in (200, 422)
    if answer.status_code == 200:
        assert answer.json()["files"][0]["filename"] == "_"


def test_very_long_names_are_cut(server):
    entry, _ = upload_named(server, f'name="file"; filename="{"n" * 400}.csv"')
    assert re.fullmatch(r"n{244}-[0-9a-f]{6}\.csv", entry["filename"]), entry["filename"]
    entry, _ = upload_named(server, f'name="file"; filename="{"n" * 251}.csv"')
    assert entry["filename"] == "n" * 251 + ".csv"


@pytest.mark.parametrize(
    "disposition, original",
    [
        ("name=\"file\"; filename*=UTF-8''%D0%BE%D1%82%D1%87%D1%91%D1%82.csv", "отчёт.csv"),
        ("name=\"file\"; filename=\"fallback.csv\"; filename*=UTF-8''%D0%BE%D1%82%D1%87%D1%91%D1%82.csv", "отчёт.csv"),
        ('name="file"; filename="отчёт.csv"', "отчёт.csv"),
        ('name="file"; filename="%D0%BE%D1%82%D1%87%D1%91%D1%82.csv"', "отчёт.csv"),
        ("name=file; filename=bare.csv", "bare.csv"),
        ('name="file"; filename="quo\\"ted.csv"', 'quo"ted.csv'),
    ],
)
def test_spellings_of_a_file_name(server, disposition, original):
    entry, session = upload_named(server, disposition)
    assert server.get(f"/files/{session}").json()[0]["metadata"]["original-filename"] == original
    headers = server.get(f"/download/{session}/{entry['fileId']}").headers
    assert urllib.parse.quote(original, safe="") in headers["content-disposition"].replace("%5F", "_")


def test_paths_survive_when_a_kind_is_given(server):
    entry, session = upload_named(server, 'name="file"; filename="Daten/März 2025/a b.csv"', kind="user", id="u1")
    assert entry["filename"] == "Daten/März_2025/a_b.csv"
    file = {"id": entry["fileId"], "name": entry["filename"], "storage_session_id": session}
    assert server.run("bash", "cat 'Daten/März_2025/a_b.csv'", files=[file])["stdout"] == "x\n"


def test_decomposed_names_are_composed(server):
    entry, _ = upload_named(server, 'name="file"; filename="Ma\u0308rz.csv"', kind="user", id="u1")
    assert entry["filename"] == "März.csv"


@pytest.mark.parametrize("kind, stored", [("user", "d/_.hidden"), ("skill", "d/.hidden")])
def test_leading_dots_are_kept_for_skills_only(server, kind, stored):
    more = {"version": "1"} if kind == "skill" else {}
    assert upload_named(server, 'name="file"; filename="d/.hidden"', kind=kind, id="k", **more)[0]["filename"] == stored


HOSTILE = ["../../etc/passwd", "/etc/passwd", "a/../../../b.txt", "..", ".", "....//....//x", "..\\..\\x.txt", "C:\\x.txt", "a/./b", "a//b", "~/x", "con/../../.."]


@pytest.mark.parametrize("kind", [None, "user", "skill"])
@pytest.mark.parametrize("name", HOSTILE)
def test_upload_names_stay_below_the_working_directory(server, name, kind):
    fields = {"kind": kind, "id": "x"} | ({"version": "1"} if kind == "skill" else {}) if kind else {}
    parts = [(f'name="{field}"', value.encode()) for field, value in fields.items()]
    answer = post_multipart(server, multipart(*parts, (f'name="file"; filename="{name}"', b"mine")))
    assert answer.status_code in (200, 422), answer.text
    if answer.status_code == 422:
        return
    body = answer.json()
    stored = body["files"][0]["filename"]
    segments = stored.split("/")
    assert not stored.startswith("/") and "\\" not in stored and not {"", ".", ".."} & set(segments), stored
    file = {"id": body["files"][0]["fileId"], "name": stored, "storage_session_id": body["session_id"]}
    for reference in (file, file | {"name": name}):
        run = server.run("bash", "find /mnt/data -type f ! -name 'code.*' | wc -l; grep -c mine /etc/passwd; find /mnt /tmp -type f -not -path '/mnt/data/*' | wc -l", files=[reference])  # fmt: skip
        assert run["stdout"].split() == ["1", "0", "0"], run


@pytest.mark.parametrize("name", [b"nul\0byte.txt", b"line\nfeed.txt", b"cr\rx.txt", b"\xff\xfe.txt", "rtl\u202etxt.exe.txt".encode(), b"a" * 5000])
def test_bytes_in_names_that_do_not_belong_there(server, name):
    answer = post_multipart(server, multipart((b'name="file"; filename="' + name + b'"', b"x")))
    assert answer.status_code in (200, 400, 422), answer.text
    if answer.status_code == 200:
        body = answer.json()
        assert re.fullmatch(r"[A-Za-z0-9._-]{1,255}", body["files"][0]["filename"])
        headers = server.get(f"/download/{body['session_id']}/{body['files'][0]['fileId']}").headers
        assert not set("\r\n\0") & set(headers["content-disposition"])


def test_the_longest_name_is_a_setting(make_server):
    server = make_server(MAX_FILENAME_LENGTH=20)
    assert re.fullmatch(r"a{9}-[0-9a-f]{6}\.csv", server.upload_one("a" * 60 + ".csv", b"x")["name"])
    entry, _ = upload_named(server, 'name="file"; filename="Очень длинная папка 2025/файл.csv"', kind="user", id="u1")
    folder, name = entry["filename"].split("/")
    assert len(folder) == 20 and name == "файл.csv"
    body = post_multipart(server, multipart(*[(f'name="file"; filename="{name}"', b"1") for name in ("d/" + "x" * 20, "x" * 21)]), "/upload/batch").json()
    assert [entry["status"] for entry in body["files"]] == ["success", "error"] and body["files"][1]["error"] == "Invalid filename"


# ---- batch ----------------------------------------------------------------------------------------------------------


def test_batch_of_sixty_nested_files(server):
    wanted = [f"skills/report/part {index % 7}/Ünï-{index}.md" for index in range(60)]
    parts = [("file", (name, name.encode())) for name in wanted]
    answer = server.post("/upload/batch", files=parts, data={"kind": "skill", "id": "report", "version": "3", "read_only": "true"})
    body = answer.json()
    assert answer.status_code == 200 and body["message"] == "success" and (body["succeeded"], body["failed"]) == (60, 0)
    assert [entry["filename"] for entry in body["files"]] == wanted and {entry["status"] for entry in body["files"]} == {"success"}
    assert re.match(ID, body["storage_session_id"]) and body["session_id"] == body["storage_session_id"]
    files = [
        {"id": e["fileId"], "name": e["filename"], "storage_session_id": body["storage_session_id"], "kind": "skill", "version": 3, "resource_id": "report"}
        for e in body["files"]
    ]
    run = server.run("bash", "find skills -type f | wc -l; cat 'skills/report/part 3/Ünï-3.md'; echo; find skills -type f -perm /222 | wc -l", files=files)
    assert run["stdout"] == f"60\n{wanted[3]}\n0\n"


def test_batch_with_bad_entries(server):
    parts = [("good/a.txt", b"1"), ("../bad.txt", b"2"), ("large.dat", b"x" * (10 * MEGABYTE + 1)), ("good/b.txt", b"3"), ("/abs.txt", b"4"), ("back\\slash", b"5")]
    body = post_multipart(server, multipart(*[(f'name="file"; filename="{name}"', content) for name, content in parts]), "/upload/batch").json()
    assert body["message"] == "partial_success" and (body["succeeded"], body["failed"]) == (2, 4)
    assert [entry["status"] for entry in body["files"]] == ["success", "error", "error", "success", "error", "error"]
    assert [entry["filename"] for entry in body["files"]] == [name for name, _ in parts]
    assert body["files"][1]["error"] == "Invalid filename" and "exceeds maximum size of 10MB" in body["files"][2]["error"]


def test_batch_names_come_back_as_they_were_sent(server):
    sent = ["skills/a/100%41.md", "skills/a/%2e%2e.md", "skills/a/quote%22.md"]
    body = post_multipart(server, multipart(*[(f'name="file"; filename="{name}"', b"1") for name in sent]), "/upload/batch").json()
    wanted = [sent[0], sent[1], 'skills/a/quote".md']
    assert [entry["filename"] for entry in body["files"]] == wanted and body["message"] == "success"
    files = [{"id": e["fileId"], "name": e["filename"], "storage_session_id": body["storage_session_id"], "kind": "skill"} for e in body["files"]]
    assert sorted(server.run("bash", "ls skills/a", files=files)["stdout"].splitlines()) == sorted(name.split("/")[-1] for name in wanted)


def test_names_with_emoji(server):
    name = "отчёт/👩‍💻 план 🎉.txt"
    upload = server.upload((name, b"plan"), kind="user", id="u")
    file = {"id": upload["files"][0]["fileId"], "name": name, "storage_session_id": upload["session_id"]}
    assert server.run("bash", f"cat '{name}'; echo new > '🎉.md'", files=[file])["files"][0]["name"] == "🎉.md"
    assert server.run("bash", f"cat '{name}'", files=[file])["stdout"] == "plan\n"
    assert server.get(f"/sessions/{upload['session_id']}/objects/{file['id']}").json()["originalFilename"] == name
    batch = server.upload((name, b"plan"), path="/upload/batch", kind="skill", id="s", version="1")
    assert batch["files"][0]["filename"] == name


def test_batch_without_a_good_entry(server):
    answer = post_multipart(server, multipart(('name="file"; filename="../x"', b"1")), "/upload/batch")
    assert answer.status_code == 200 and answer.json()["message"] == "error"


def test_batch_without_files(server):
    check_envelope(post_multipart(server, multipart(('name="kind"', b"skill")), "/upload/batch"), 422, "validation")


# ---- list -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def listed(server):
    """A session with three files: (session, [(id, name, body)])."""
    body = server.upload(("one 1.csv", b"1,2"), ("two.txt", b"text"), ("three.png", b"\x89PNG"))
    return body["session_id"], [(entry["fileId"], entry["filename"]) for entry in body["files"]]


@pytest.mark.parametrize("query", ["", "?detail=full", "?detail=nonsense", "?detail=full&kind=user&id=u&version=1"])
def test_full_list(server, listed, query):
    session, files = listed
    entries = server.get(f"/files/{session}{query}").json()
    assert [(entry["id"], entry["name"]) for entry in entries] == files
    first = entries[0]
    assert first["session_id"] == first["storage_session_id"] == session and first["content"] is None and first["size"] == 3
    assert first["metadata"]["original-filename"] == "one 1.csv" and first["metadata"]["content-type"] == first["contentType"] == "text/csv"
    assert first["etag"].startswith('"') and abs(parse_time(first["lastModified"]) - time.time()) < 300
    assert first["lastModified"].endswith("+00:00")


def test_simple_list(server, listed):
    session, files = listed
    assert server.get(f"/files/{session}?detail=simple").json() == [{"id": fid, "name": name, "path": f"/{name}"} for fid, name in files]


def test_summary_list_is_fresh(server, listed):
    session, files = listed
    entries = server.get(f"/v1/files/{session}?detail=summary").json()
    assert [entry["name"] for entry in entries] == [f"{session}/{fid}" for fid, _ in files]
    for entry in entries:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry["lastModified"])
        assert abs(parse_time(entry["lastModified"]) - time.time()) < 5


def test_normalized_list(server, listed):
    session, files = listed
    entries = server.get(f"/files/{session}?detail=normalized").json()
    assert [(e["id"], e["name"], e["storage_session_id"]) for e in entries] == [(fid, name, session) for fid, name in files]
    assert {"size", "contentType", "lastModified"} <= set(entries[0])


@pytest.mark.parametrize("session", ["unknown00000000000000", "x", "*", "a:b", "%2e%2e", "..%2f..%2fetc", "%00", "a" * 3000, "%ff"])
@pytest.mark.parametrize("detail", ["full", "summary"])
def test_list_of_an_unknown_session(server, session, detail):
    answer = server.get(f"/files/{session}?detail={detail}")
    assert (answer.status_code, answer.text) == (200, "[]") or answer.status_code in (400, 404), answer.text
    if re.fullmatch(r"[A-Za-z0-9_-]{1,128}", session):
        assert answer.status_code == 200 and answer.json() == []


# ---- download -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/download", "/v1/download", "//download"])
@pytest.mark.parametrize("query", ["", "?kind=user&id=u1&version=2"])
def test_download(server, listed, path, query):
    session, files = listed
    answer = server.get(f"{path}/{session}/{files[0][0]}{query}")
    assert answer.status_code == 200 and answer.content == b"1,2" and answer.headers["content-length"] == "3"
    assert answer.headers["content-type"].split(";")[0] == "text/csv"
    assert answer.headers["cache-control"] == "private, max-age=3600"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "GET, OPTIONS"
    assert answer.headers["access-control-allow-headers"] == "x-api-key, Content-Type"
    assert answer.headers["access-control-expose-headers"] == "Content-Disposition"


@pytest.mark.parametrize(
    "name, ascii_name",
    [
        ("plain.csv", "plain.csv"),
        ("two words.csv", "two_words.csv"),
        ("отчёт 2025.csv", None),
        ("résumé.pdf", "resume.pdf"),
        ('quo"te;semi.txt', "quo_te_semi.txt"),
    ],
)
def test_download_names(server, name, ascii_name):
    body = server.upload((name, b"x")) if '"' not in name else None
    if body is None:
        entry, session = upload_named(server, 'name="file"; filename="quo\\"te;semi.txt"')
        fid = entry["fileId"]
    else:
        fid, session = body["files"][0]["fileId"], body["session_id"]
    disposition = server.get(f"/download/{session}/{fid}").headers["content-disposition"]
    match = re.fullmatch(r"attachment; filename=\"([A-Za-z0-9._-]+)\"; filename\*=UTF-8''([A-Za-z0-9._~%-]+)", disposition)
    assert match, disposition
    assert urllib.parse.unquote(match[2]) == name
    if ascii_name:
        assert match[1] == ascii_name


def test_download_of_a_nested_output_has_the_base_name(server):
    file = server.run("bash", "mkdir d; echo x > d/a.txt")["files"][0]
    headers = server.get(f"/download/{file['session_id']}/{file['id']}").headers
    assert 'filename="a.txt"' in headers["content-disposition"] and headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    "name, kind",
    [("a.txt", "text/plain"), ("a.csv", "text/csv"), ("a.json", "application/json"), ("a.png", "image/png"), ("a.JPG", "image/jpeg"), ("a.svg", "image/svg+xml"),
     ("a.pdf", "application/pdf"), ("a.zip", "application/zip"), ("a.html", "text/html"), ("a.webp", "image/webp"), ("a.mp3", "audio/mpeg"), ("a.wav", None),
     ("a.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"), ("a.unknownext", "application/octet-stream"), ("a", "application/octet-stream")],
)  # fmt: skip
def test_content_type_of_an_output_is_guessed(server, name, kind):
    file = server.run("bash", f"echo x > {name}")["files"][0]
    got = server.get(f"/download/{file['session_id']}/{file['id']}").headers["content-type"].split(";")[0]
    assert got == kind if kind else got != "application/octet-stream"


def test_head(server, listed):
    session, files = listed
    answer = server.request("HEAD", f"/download/{session}/{files[0][0]}")
    assert answer.status_code == 200 and answer.content == b"" and answer.headers["content-length"] == "3"
    with server.socket() as connection:  # nothing may follow on the connection
        connection.sendall(http_bytes("HEAD", f"/download/{session}/{files[0][0]}") + http_bytes("GET", "/health"))
        status, _, _, rest = read_response(connection, head_only=True)
        assert status == 200
        status, _, body, _ = read_response(connection, rest)
        assert status == 200 and b"healthy" in body


@pytest.mark.parametrize(
    "wanted, status, body, where",
    [
        ("bytes=1-1", 206, b",", "bytes 1-1/3"),
        ("bytes=1-", 206, b",2", "bytes 1-2/3"),
        ("bytes=-1", 206, b"2", "bytes 2-2/3"),
        ("bytes=0-99", 206, b"1,2", "bytes 0-2/3"),
        ("bytes=3-", 416, None, "bytes */3"),
        ("bytes=0-0,2-2", 200, b"1,2", None),
        ("lines=1-1", 200, b"1,2", None),
    ],
)
def test_download_of_a_part(server, listed, wanted, status, body, where):
    session, files = listed
    answer = server.get(f"/download/{session}/{files[0][0]}", headers={"Range": wanted})
    assert answer.status_code == status and answer.headers.get("content-range") == where
    if body is not None:
        assert answer.content == body and answer.headers["accept-ranges"] == "bytes"
    else:
        assert answer.json()["error_type"]


def test_download_only_of_what_is_new(server, listed):
    session, files = listed
    path = f"/download/{session}/{files[0][0]}"
    first = server.get(path)
    tag, date = first.headers["etag"], first.headers["last-modified"]
    for header in ({"If-None-Match": tag}, {"If-None-Match": f'"x", W/{tag}'}, {"If-None-Match": "*"}, {"If-Modified-Since": date}):
        answer = server.get(path, headers=header)
        assert answer.status_code == 304 and answer.content == b"" and answer.headers["etag"] == tag, header
    assert server.get(path, headers={"If-None-Match": '"x"'}).content == b"1,2"
    part = {"Range": "bytes=1-1"}
    assert server.get(path, headers=part | {"If-Range": tag}).content == b","
    assert server.get(path, headers=part | {"If-Range": '"x"'}).content == b"1,2"


@pytest.mark.parametrize("path", ["/download", "/v1/download"])
def test_options_needs_no_key(server, path):
    answer = requests.options(f"{server.url}{path}/anything/atall", timeout=10)
    assert answer.status_code == 204 and answer.content == b""
    assert answer.headers["access-control-allow-origin"] == "*" and answer.headers["access-control-max-age"] == "3600"
    assert answer.headers["access-control-allow-methods"] == "GET, OPTIONS"
    assert answer.headers["access-control-allow-headers"] == "x-api-key, Content-Type"


@pytest.mark.parametrize("path", ["{session}/unknown00000000000000", "unknown00000000000000/{file}", "unknown00000000000000/x", "{session}/{session}"])
def test_download_of_nothing(server, listed, path):
    session, files = listed
    check_envelope(server.get("/download/" + path.format(session=session, file=files[0][0])), 404, "resource_not_found", "File not found")


ODD_IDS = ["*", "a:b", "%2e%2e", "..%2f..%2f..%2fetc%2fpasswd", "%00", "a%0d%0aX-Injected:%201", "%ff", "x" * 4000, "?", "%2a"]


@pytest.mark.parametrize("odd", ODD_IDS)
def test_odd_ids_find_nothing(server, listed, odd):
    session, files = listed
    for path in (f"/download/{odd}/{files[0][0]}", f"/download/{session}/{odd}", f"/sessions/{session}/objects/{odd}"):
        answer = server.get(path)
        assert answer.status_code in (400, 404, 405, 414), (path, answer.text)
        assert "x-injected" not in {name.lower() for name in answer.headers}
    assert server.request("DELETE", f"/files/{odd}/{files[0][0]}").status_code in (400, 404, 405)
    assert len(server.get(f"/files/{session}").json()) == 3


@pytest.mark.parametrize("path", ["/download/../../etc/passwd", "/download/%2e%2e/%2e%2e/etc/passwd", "/files/../health", "/../../etc/passwd", "/download/..;/x"])
def test_paths_are_never_resolved_on_the_disk(server, path):
    with server.socket() as connection:
        connection.sendall(http_bytes("GET", path))
        status, _, body, _ = read_response(connection)
    assert status in (200, 400, 404, 405) and b"root:" not in body


# ---- delete, object information -------------------------------------------------------------------------------------


def test_delete(server):
    file = server.upload_one("a.txt", b"x")
    session = file["storage_session_id"]
    answer = server.request("DELETE", f"/files/{session}/{file['id']}?kind=user&id=1")
    assert answer.status_code == 200
    assert answer.json() == {"message": "File deleted successfully", "session_id": session, "fileId": file["id"]}
    assert server.get(f"/files/{session}").json() == []
    check_envelope(server.get(f"/download/{session}/{file['id']}"), 404, "resource_not_found", "File not found")
    check_envelope(server.get(f"/sessions/{session}/objects/{file['id']}"), 404, "resource_not_found")
    check_envelope(server.request("DELETE", f"/files/{session}/{file['id']}"), 404, "resource_not_found", "File not found")
    assert "No such file" in server.run("bash", "cat a.txt", files=[file])["stderr"]


@pytest.mark.parametrize("path", ["/files/{}/{}", "/v1/files/{}/{}", "/sessions/{}/objects/{}", "/v1/sessions/{}/objects/{}"])
def test_both_ways_to_delete(server, path):
    """The second is that of older LibreChat. Both have the queries."""
    file = server.upload_one("a.txt", b"x")
    session = file["storage_session_id"]
    path = path.format(session, file["id"]) + "?kind=skill&id=s&version=3"
    answer = server.request("DELETE", path, headers={"User-Id": "ann"})
    assert answer.status_code == 200
    assert answer.json() == {"message": "File deleted successfully", "session_id": session, "fileId": file["id"]}
    check_envelope(server.request("DELETE", path), 404, "resource_not_found", "File not found")
    check_envelope(server.get(f"/sessions/{session}/objects/{file['id']}"), 404, "resource_not_found")
    check_envelope(server.request("DELETE", f"/sessions/{'x' * 21}/objects/{file['id']}"), 404, "resource_not_found")


def test_delete_with_a_content_type_and_no_body(server):
    file = server.upload_one("a.txt", b"x")
    answer = server.request("DELETE", f"/v1/files/{file['storage_session_id']}/{file['id']}", headers={"Content-Type": "application/json"})
    assert answer.status_code == 200


def test_a_deleted_source_does_not_take_a_link_with_it(server):
    file = server.upload_one("in.txt", b"kept")
    session = server.run("bash", "echo 1 > own.txt")["session_id"]
    server.run("bash", "cat in.txt", session_id=session, files=[file])
    assert server.request("DELETE", f"/files/{file['storage_session_id']}/{file['id']}").status_code == 200
    assert server.run("bash", "cat in.txt", session_id=session)["stdout"] == "kept\n"


@pytest.mark.parametrize("prefix", ["", "/v1"])
def test_object_information(server, listed, prefix):
    session, files = listed
    body = server.get(f"{prefix}/sessions/{session}/objects/{files[0][0]}?kind=user&id=u").json()
    assert body["id"] == files[0][0] and body["name"] == f"{session}/{files[0][0]}" and body["originalFilename"] in ("one 1.csv", files[0][1])
    assert body["session_id"] == body["storage_session_id"] == session and body["size"] == 3 and body["readOnly"] is False
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", body["lastModified"]) and abs(parse_time(body["lastModified"]) - time.time()) < 5
    assert body["contentType"] == "text/csv" and body["etag"].startswith('"')


def test_read_only_files_are_marked(server):
    answer = server.upload(("a.md", b"x"), kind="agent", id="a1", read_only="yes")
    session, fid = answer["session_id"], answer["files"][0]["fileId"]
    assert server.get(f"/sessions/{session}/objects/{fid}").json()["readOnly"] is True
    assert server.get(f"/download/{session}/{fid}").headers["x-read-only"] == "true"


# ---- a name from upload to download ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [{}, {"kind": "user", "id": "u1"}], ids=["older", "current"])
def test_a_name_that_is_not_ascii_survives_everything(server, kind):
    body = server.upload(("отчёт 2025.csv", b"a,b\n"), **kind)
    stored, session, fid = body["files"][0]["filename"], body["session_id"], body["files"][0]["fileId"]
    assert stored == ("отчёт_2025.csv" if kind else "______2025.csv")
    assert server.get(f"/files/{session}").json()[0]["metadata"]["original-filename"] == "отчёт 2025.csv"
    run = server.py(f"import os; print(os.path.exists({stored!r})); open('копия.csv', 'w').write(open({stored!r}).read())", files=[{"id": fid, "name": stored, "storage_session_id": session}])  # fmt: skip
    assert run["stdout"] == "True\n"
    copy = [file for file in run["files"] if not file.get("inherited")][0]
    assert copy["name"] == "копия.csv"
    again = server.py("print(open('копия.csv').read())", files=[ref(copy)])
    assert again["stdout"] == "a,b\n"
    assert urllib.parse.quote("копия.csv") in server.get(f"/download/{copy['session_id']}/{copy['id']}").headers["content-disposition"]
