"""What other clients and hosts of this interface do from end to end: list what was uploaded, run with it, go on, look after edits,
fetch what came out. Each flow is one that a functional suite for such servers checks; all run against the default settings."""

import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from harness import file_named, names, started

pytestmark = pytest.mark.every_store

CSV = b"name,value\nAlice,10\nBob,20\n"


def new_name(kind="agent"):
    return f"{kind}-{uuid.uuid4().hex[:12]}"


def listed_references(server, session):
    """As agents before 3.1 make them: the id is the part of the name behind a slash, and our full list has none."""
    references = []
    for entry in server.get(f"/files/{session}?detail=full").json():
        parts = entry["name"].split("/")
        references.append({"id": parts[1].split(".")[0] if len(parts) > 1 else "", "name": entry["metadata"]["original-filename"], "storage_session_id": session})
    return references


def artifacts(answer):
    """What a host keeps of an answer and sends with the next run."""
    return [{"id": file["id"], "name": file["name"], "storage_session_id": file.get("storage_session_id") or answer["session_id"]} for file in answer["files"]]


def upload(server, name=None, body=CSV, field="files", **fields):
    """Returns (session, reference)."""
    answer = server.post("/upload", files=[(field, (name or "data.csv", body, "text/csv"))], data=fields)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["message"] == "success" and len(told["files"]) == 1
    file = told["files"][0]
    return told["storage_session_id"], {"id": file["fileId"], "name": file["filename"], "storage_session_id": told["session_id"]}


# ---- references from a list -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["file", "files"])
@pytest.mark.parametrize("name", ["report.csv", "my report (2).csv", "отчёт.csv"])
def test_a_listed_upload_is_there_in_the_first_and_in_the_next_run(server, field, name):
    session, _ = upload(server, name, field=field, entity_id=new_name())
    first = server.py(f"print(open({name!r}).read())", files=listed_references(server, session))
    assert first["stdout"].encode().strip() == CSV.strip() and first["stderr"] == ""
    assert names(first) == []
    again = server.py(f"print(open({name!r}).read())", session_id=first["session_id"], files=listed_references(server, first["session_id"]))
    assert again["stdout"] == first["stdout"]


def test_a_list_of_a_session_has_uploads_and_outputs(server):
    session, _ = upload(server, entity_id=new_name())
    first = server.py("open('copy.txt', 'w').write('copied ' + open('data.csv').read())", files=listed_references(server, session))
    assert names(first) == ["copy.txt"]
    again = server.py("print(open('data.csv').readline(), open('copy.txt').readline())", session_id=first["session_id"], files=listed_references(server, first["session_id"]))
    assert again["stdout"] == "name,value\n copied name,value\n"


def test_outputs_go_on_with_kept_and_with_listed_references(server):
    who = {"user_id": new_name("user")}
    first = server.py("open('analysis.txt', 'w').write('seed')", entity_id=new_name(), **who)
    session = first["session_id"]
    for references in (artifacts(first), listed_references(server, session)):
        assert server.py("print(open('analysis.txt').read())", session_id=session, files=references, **who)["stdout"] == "seed\n"


def test_references_of_the_same_user_lead_back_to_his_session(server):
    who = {"user_id": new_name("user")}
    first = server.py("x = 41; open('state.txt', 'w').write('kept')", **who)
    again = server.py("print(x + 1, open('state.txt').read())", files=artifacts(first), **who)
    assert again["stdout"] == "42 kept\n" and again["session_id"] == first["session_id"]


def test_users_of_an_agent_with_a_file_have_a_session_each(server):
    session, file = upload(server, field="file", entity_id=new_name())
    runs = {user: server.py("print(open('data.csv').readline())", files=[file], user_id=user) for user in (new_name("user"), new_name("user"))}
    assert {run["stdout"] for run in runs.values()} == {"name,value\n"}
    assert len({session} | {run["session_id"] for run in runs.values()}) == 3
    for user, run in runs.items():
        again = server.py("print(open('data.csv').readline())", session_id=run["session_id"], user_id=user)
        assert (again["stdout"], again["session_id"]) == ("name,value\n", run["session_id"])


def test_an_entity_keeps_its_session_and_its_variables(server):
    entity = new_name()
    first = server.py("import pandas as pd; counter = 100; df = pd.DataFrame({'a': [1, 2, 3]})\ndef greet(name): return f'Hello, {name}!'", entity_id=entity)
    again = server.py("print(counter + 1, df.a.sum(), greet('World'))", entity_id=entity)
    assert again["session_id"] == first["session_id"] and again["stdout"] == "101 6 Hello, World!\n"


# ---- edits ----------------------------------------------------------------------------------------------------------

EDITS = {
    "overwrite": ("open('/mnt/data/data.csv', 'w').write('modified')", b"modified"),
    "append": ("open('/mnt/data/data.csv', 'a').write('Eve,30\\n')", CSV + b"Eve,30\n"),
    "pandas": ("import pandas as pd; d = pd.read_csv('data.csv'); d['value'] *= 2; d.to_csv('data.csv', index=False)", b"name,value\nAlice,20\nBob,40\n"),
    "replace": ("import os; open('new', 'w').write('other'); os.replace('new', 'data.csv')", b"other"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_input_is_a_new_file_that_says_where_it_came_from(server, edit):
    code, expected = EDITS[edit]
    session, file = upload(server)
    answer = server.py(code, session_id=session, files=[file])
    edited = file_named(answer, "data.csv")
    assert edited["modified_from"] == {"id": file["id"], "storage_session_id": session} and not edited.get("inherited")
    # By the session of the answer, which hosts use for all files of it.
    assert server.get(f"/download/{answer['session_id']}/{edited['id']}").content == expected
    assert server.download(file) == CSV


def test_a_deleted_input_is_no_error(server):
    _, file = upload(server, entity_id=new_name())
    answer = server.py("import os; os.remove('/mnt/data/data.csv'); print('gone')", files=[file])
    assert (answer["stdout"], answer["stderr"]) == ("gone\n", "") and "data.csv" not in names(answer) + names(answer, inherited=True)


# ---- outputs --------------------------------------------------------------------------------------------------------


def test_several_pictures_are_whole_and_fetched_at_once(server):
    code = "import matplotlib.pyplot as plt\nfor name in ('alpha', 'beta', 'gamma'):\n    plt.figure(); plt.plot([1, 2, 3], [1, 4, 9]); plt.savefig(f'/mnt/data/{name}.png')"
    answer = server.py(code, entity_id=new_name())
    assert names(answer) == ["alpha.png", "beta.png", "gamma.png"]
    with ThreadPoolExecutor(3) as threads:
        bodies = list(threads.map(lambda file: server.get(f"/download/{answer['session_id']}/{file['id']}"), answer["files"]))
    for body in bodies:
        assert body.headers["Content-Type"] == "image/png" and int(body.headers["Content-Length"]) == len(body.content) > 1000
        assert body.content.startswith(b"\x89PNG\r\n\x1a\n") and body.content.endswith(b"IEND\xaeB`\x82")


def test_an_upload_is_processed_and_the_result_fetched(server):
    session, file = upload(server)
    code = "import csv\nrows = list(csv.DictReader(open('/mnt/data/data.csv')))\nwith open('/mnt/data/output.csv', 'w', newline='') as out:\n    w = csv.writer(out); w.writerow(['name', 'tax']); [w.writerow([r['name'], int(r['value']) / 10]) for r in rows]\nprint(len(rows))"
    answer = server.py(code, session_id=session, files=[{"id": file["id"], "name": file["name"], "session_id": session}])
    assert (answer["stdout"], answer["stderr"], names(answer)) == ("2\n", "", ["output.csv"])
    assert server.get(f"/download/{session}/{answer['files'][0]['id']}").text == "name,tax\r\nAlice,1.0\r\nBob,2.0\r\n"


# ---- the transport --------------------------------------------------------------------------------------------------


def test_a_long_run_sends_a_space_before_its_document(server):
    body = {"lang": "py", "code": "import time; time.sleep(5); print('done')"}
    answer = server.post("/v1/exec", json=body, stream=True)
    began = time.monotonic()
    assert answer.status_code == 200 and answer.raw.read(1) == b" "
    rest = answer.raw.read()
    assert time.monotonic() - began > 0.5, "the space came with the document"
    assert json.loads(rest)["stdout"] == "done\n"


@pytest.mark.slow
def test_runs_with_a_large_file_let_small_ones_pass(program, stores):
    server = started(program, **stores, MAX_FILE_SIZE_MB=100, MAX_TOTAL_FILE_SIZE_MB=200, MAX_MEMORY_MB=1024, SANDBOX_WORKSPACE_MB=256)
    try:
        body = b"col1,col2,col3\n" * (50 * 1024 * 1024 // 15)
        session, file = upload(server, "large.csv", body, entity_id=new_name())
        ended = {}

        def run(index):
            large = index < 3
            fields = {"session_id": session, "files": [file]} if large else {}
            answer = server.post("/exec", json={"lang": "bash", "code": "stat -c %s large.csv" if large else "echo ping"} | fields, timeout=120)
            ended[index] = time.monotonic()
            return answer

        with ThreadPoolExecutor(6) as threads:
            answers = list(threads.map(run, range(6)))
        assert [answer.status_code for answer in answers] == [200] * 6, [answer.text[:300] for answer in answers]
        assert [answer.json()["stdout"].strip() for answer in answers] == [str(len(body))] * 3 + ["ping"] * 3
        assert min(ended[index] for index in (3, 4, 5)) < max(ended[index] for index in (0, 1, 2)), "small runs waited for all large ones"
    finally:
        server.discard()


def test_health_tells_of_all_parts_and_needs_a_key(server):
    assert requests.get(server.url + "/health", timeout=10).json()["status"] == "healthy"
    assert requests.get(server.url + "/health/detailed", timeout=10).status_code == 401
    told = server.get("/health/detailed?use_cache=false").json()
    assert told["status"] == "healthy" and {"redis", "minio", "pod_pool"} <= set(told["services"])
    assert told["summary"]["total_services"] == len(told["services"]) == told["summary"]["healthy_services"]
    redis, minio = told["services"]["redis"], told["services"]["minio"]
    assert redis["service"] == "redis" and redis["response_time_ms"] >= 0 and redis["details"]["version"]
    assert minio["details"]["bucket_exists"] is True and minio["details"]["endpoint"] and minio["details"]["bucket"] and minio["details"]["secure"] is False
    if redis["details"]["backend"] == "redis":
        assert {"connected_clients", "memory_usage_mb", "keyspace_hits", "keyspace_misses", "uptime_seconds"} <= set(redis["details"])
        assert redis["details"]["connected_clients"] >= 1
    for path, service in (("redis", "redis"), ("minio", "minio"), ("s3", "minio")):
        answer = server.get(f"/health/{path}")
        assert answer.status_code == 200 and answer.json()["service"] == service
