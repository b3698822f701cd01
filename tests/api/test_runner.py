"""The runner of an execution pod, in a container that is itself the boundary (container.py): one sandbox, one run."""

import json
import os
import pathlib
import platform
import subprocess
import sys

import pytest

from harness import cannot

CONTAINER = pathlib.Path(__file__).with_name("container.py")
TOKEN = "token-of-the-pod-0123456789"

START = """
export RUNNER_TOKEN=%s RUNNER_PORT=8080 LOG_FORMAT=text
/kubecoderun runner > /data/log 2>&1 &
runner=$!
/usr/bin/python3 -c "$KCR_TEST_PRELUDE
$KCR_TEST_CLIENT" || { cat /data/log >&2; exit 1; }
kill $runner 2> /dev/null
wait $runner
""" % TOKEN

# Inside of the container.
PRELUDE = """
import http.client, json, os, struct, sys, threading, time
TOKEN = 'token-of-the-pod-0123456789'
def connect(method, path, body=None, headers={}, token=TOKEN):
    connection = http.client.HTTPConnection('127.0.0.1', 8080, timeout=100)
    authorization = {'Authorization': 'Bearer ' + token} if token else {}
    connection.request(method, path, body=body, headers=authorization | headers)
    return connection
def ask(method, path, body=None, headers={}, token=TOKEN):
    if isinstance(body, dict): body = json.dumps(body).encode()
    answer = connect(method, path, body, headers, token).getresponse()
    return answer.status, answer.read()
def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end: raise SystemExit('waited in vain')
        time.sleep(0.02)
def is_ready():
    try: return ask('GET', '/ready', token=None)[0] == 200
    except OSError: return False
def frame(tag, payload=b''): return tag.encode() + struct.pack('>I', len(payload)) + payload
def program(lang, code, files=(), state=None, before=None, limit=10000, args=()):
    files = sorted(files, key=lambda file: len(file[1]) > 256 << 10)
    head = {'language': lang, 'code': code, 'args': list(args), 'time_limit_ms': limit, 'compile_limit_ms': 10000,
            'output_file_limit': 1 << 20, 'output_file_count': 50, 'a field of the future': 1,
            'inputs': [{'name': name, 'size': len(body)} for name, body in files]}
    if state: head['state'] = {'largest': state, 'before': before is not None}
    body = frame('P', json.dumps(head).encode())
    for contents in [body for _, body in files] + ([before] if before is not None else []):
        for at in range(0, len(contents), 100000): body += frame('D', contents[at:at + 100000])
        body += frame('E')
    return body
def frames(answer):
    while head := answer.read(5):
        yield chr(head[0]), answer.read(struct.unpack('>I', head[1:])[0])
def run(*words, **options):
    answer = connect('POST', '/run', program(*words, **options)).getresponse()
    if answer.status != 200: return {'status': answer.status, 'reason': answer.read().decode()}
    result = {'status': 200, 'out': b'', 'err': b'', 'files': {}, 'state': b''}
    body = None
    for tag, payload in frames(answer):
        if tag == 'o': result['out'] += payload
        elif tag == 'e': result['err'] += payload
        elif tag == 'O': result['outcome'] = json.loads(payload)
        elif tag == 'F': name = json.loads(payload)['name']; body = []
        elif tag == 'S': name = None; body = []
        elif tag == 'D': body.append(payload)
        elif tag == 'E' and name is None: result['state'] = b''.join(body)
        elif tag == 'E': result['files'][name] = b''.join(body)
        elif tag == 'X': result['collected'] = json.loads(payload)
        else: result['other'] = tag + payload.decode()
    return result
wait_until(is_ready)
"""


@pytest.fixture(scope="module")
def client(program):
    """Runs a client beside a runner of a language and returns what it printed, as JSON. Skips where no container can be made."""
    if os.geteuid() != 0:
        cannot("only root makes a container without a manager")
    if platform.machine() != "x86_64":
        cannot("the container's filter has numbers of x86-64")
    build = pathlib.Path(program).resolve().parent

    def inside(*words, **environment):
        return subprocess.run([sys.executable, CONTAINER, build, *words], capture_output=True, timeout=150, stdin=subprocess.DEVNULL,
                              env=os.environ | environment)

    first = inside("/usr/bin/true")
    if first.returncode != 0:
        cannot(f"a container cannot be made here: {first.stderr.decode()[-500:]}")

    def with_runner(language, code, start=START, **environment):
        script = f"export LANGUAGE={language}\n{start}"
        result = inside("/bin/bash", "-c", script, KCR_TEST_PRELUDE=PRELUDE, KCR_TEST_CLIENT=code, **environment)
        if b"has no sandbox for" in result.stdout + result.stderr:
            cannot(f"this host has no {language}")
        assert result.stdout, result.stderr.decode()[-4000:]
        return json.loads(result.stdout)

    return with_runner


@pytest.mark.parametrize("lang, code, out", [
    ("py", "import sys; print('hello', sys.argv[1])", "hello a b\n"),
    ("bash", 'echo "hello $1"', "hello a b\n"),
    ("js", "console.log('hello', process.argv[2])", "hello a b\n"),
    ("cpp", "#include <iostream>\nint main(int, char** a) { std::cout << \"hello \" << a[1] << std::endl; }", "hello a b\n"),
])
def test_a_streamed_run(client, lang, code, out):
    result = client(lang, f"r = run({lang!r}, {code!r}, args=['a b']); print(json.dumps([r['status'], r.get('out', b'').decode(), r.get('outcome'), r.get('reason')]))")
    status, printed, outcome, reason = result
    assert (status, printed) == (200, out), (reason, outcome)
    assert (outcome["ended"], outcome["exit_code"]) == ("exited", 0)


def test_files_and_state_go_with_it_and_come_back(client):
    code = """
open('made', 'wb').write(open('large', 'rb').read()[::-1])
open('small', 'a').write('!')
import os; os.mkdir('folder'); open('folder/inner', 'w').write('inner'); os.remove('gone')
x = 6 * 7
print(len(open('large', 'rb').read()), open('empty').read() == '')
"""
    first = client("py", f"""
large = os.urandom(900000)
files = [('large', large), ('small', b'text'), ('gone', b'x'), ('empty', b'')]
r = run('py', {code!r}, files=files, state=1 << 20)
print(json.dumps([r['out'].decode(), r['err'].decode(), r['files']['made'] == large[::-1], r['files']['small'].decode(), r['files']['folder/inner'].decode(),
                  r['collected']['gone'], r['collected']['complete'], r['outcome']['state_captured'], r['state'].hex()]))
""")
    *seen, state = first
    assert seen == ["900000 True\n", "", True, "text!", "inner", ["gone"], True, True]
    second = client("py", f"r = run('py', 'print(x)', state=1 << 20, before=bytes.fromhex({state!r})); print(json.dumps([r['out'].decode(), r['err'].decode()]))")
    assert second == ["42\n", ""]


def test_the_pod_ends_with_its_run(client):
    # A second run is refused, and the process is gone soon.
    after = START.replace("kill $runner 2> /dev/null\nwait $runner", "wait $runner; test $? = 0 && echo true")
    script = "r = run('bash', 'echo 1'); print('[' + json.dumps([r['out'].decode(), run('bash', 'echo 2').get('status')]) + ',')"
    refusable = "def run_again():\n  try: return run('bash', 'echo 2')['status']\n  except OSError: return 409\n"
    script = refusable + "r = run('bash', 'echo 1'); print('[' + json.dumps([r['out'].decode(), run_again()]) + ',')"
    assert client("bash", script, start=after + "\necho ']'\n") == [["1\n", 409], True]


def test_without_the_token_nothing_is_run(client):
    script = """
body = program('bash', 'echo 1')
refused = [ask('POST', '/run', body, token=token)[0] for token in (None, 'wrong', TOKEN + 'x')]
refused += [ask(method, path, token=None)[0] for method, path in (('POST', '/execute'), ('GET', '/files'), ('POST', '/word'), ('POST', '/cancel'))]
print(json.dumps([refused, ask('GET', '/health', token=None)[0], run('bash', 'echo 1')['out'].decode()]))
"""
    assert client("bash", script) == [[401] * 7, 200, "1\n"]


def test_the_program_finds_no_token(client):
    code = """
import os, urllib.request
found = 'TOKEN' in str(os.environ)
def is_of_the_test(pid):  # which knows the token, of course
    try: return any(word in open(f'/proc/{pid}/cmdline').read() for word in ('def connect', 'runner=$!'))
    except OSError: return False
for pid in filter(str.isdigit, os.listdir('/proc')):
    if is_of_the_test(pid): continue
    for name in ('environ', 'mem', 'cmdline'):
        try: found = found or (name != 'mem' and b'token-of-the-pod' in open(f'/proc/{pid}/{name}', 'rb').read())
        except OSError: pass
try: status = urllib.request.urlopen(urllib.request.Request('http://127.0.0.1:8080/word', data=b'{}'), timeout=20).status
except urllib.error.HTTPError as problem: status = problem.code
except OSError: status = 0
print(found, status)
"""
    out, err = client("py", f"r = run('py', {code!r}); print(json.dumps([r['out'].decode(), r['err'].decode()]))")
    assert out in ("False 401\n", "False 0\n"), (out, err)


@pytest.mark.parametrize("way", ["/word", "/cancel", "leave"])
def test_a_run_is_ended_within_a_second(client, way):
    script = f"""
way = {way!r}
connection = connect('POST', '/run', program('bash', 'trap "" TERM INT; echo on; while :; do :; done', limit=100000))
answer = connection.getresponse()
stream = frames(answer)
assert next(stream) == ('o', b'on\\n')
begin = time.monotonic()
if way == 'leave':
    answer.close(); connection.close()
    def is_gone():
        try: return ask('GET', '/health', token=None)[0] != 200
        except OSError: return True
    wait_until(is_gone)
    print(json.dumps('interrupted'))
else:
    status, _ = ask('POST', way, dict(word='interrupt') if way == '/word' else b'')
    outcome = next(payload for tag, payload in stream if tag == 'O')
    took = time.monotonic() - begin
    print(json.dumps(json.loads(outcome)['ended'] if status == 200 and took < 10 else [status, took]))
"""
    assert client("bash", script) == "interrupted"


def test_limits_hold(client):
    script = "r = run('py', 'a = []\\nwhile True: a.append(bytearray(10 << 20))'); print(json.dumps([r['outcome']['ended'], r['err'].decode()[-300:]]))"
    ended, err = client("py", script, MAX_MEMORY_MB="256")
    assert ended == "out_of_memory" or "MemoryError" in err
    script = "r = run('bash', 'echo on; sleep 100', limit=1000); print(json.dumps([r['outcome']['ended'], r['out'].decode()]))"
    assert client("bash", script) == ["timed_out", "on\n"]


def test_what_is_no_run_is_refused_and_costs_nothing(client):
    script = """
bad = [b'', b'P', frame('P', b'no json'), frame('P', b'{}'), frame('D', b'x'), b'P' + struct.pack('>I', 1 << 31),
       program('cobol', 'x'), program('bash', 'x', files=[('../up', b'1')]), program('bash', 'x', files=[('code.sh', b'1')])]
print(json.dumps([[ask('POST', '/run', body)[0] for body in bad], run('bash', 'echo 1')['out'].decode()]))
"""
    statuses, out = client("bash", script)
    assert (statuses, out) == ([400] * 9, "1\n")


def test_the_requests_of_the_runner_before(client):
    # As an API server of the Python KubeCodeRun sends them.
    form = "--b\\r\\nContent-Disposition: form-data; name=\"files\"; filename=\"in put.txt\"\\r\\n\\r\\nsent\\r\\n--b\\r\\nContent-Disposition: form-data; name=\"x\"; filename=\".hidden\"\\r\\n\\r\\nx\\r\\n--b--\\r\\n"
    code = "import os\nprint(open('in put.txt').read())\nopen('index.html', 'w').write('<p>')\nos.mkdir('d'); open('d/f', 'w').write('1')\nimport sys; sys.exit(3)"
    script = f"""
uploaded = json.loads(ask('POST', '/files', b'{form}', {{'Content-Type': 'multipart/form-data; boundary=b'}})[1])
done = json.loads(ask('POST', '/execute', {{'code': {code!r}, 'timeout': 5, 'working_dir': '/mnt/data'}})[1])
files = json.loads(ask('GET', '/files')[1])['files']
page = ask('GET', '/files/index.html')
inner = json.loads(ask('GET', '/files/d')[1])['files']
removed = ask('DELETE', '/files/d')[0], ask('GET', '/files/d/f')[0], ask('GET', '/files/..%2Fetc')[0], ask('DELETE', '/files')[0]
again = ask('POST', '/execute', {{'code': 'print(1)'}})[0]
print(json.dumps([uploaded, done['exit_code'], done['stdout'], sorted(one['name'] for one in files), page[1].decode(), inner, removed, again]))
"""
    uploaded, exit_code, out, names, page, inner, removed, again = client("py", script)
    assert uploaded == {"uploaded": [{"name": "in put.txt", "path": "/mnt/data/in put.txt", "size": 4}]}
    assert (exit_code, out) == (3, "sent\n")
    assert names == ["d", "in put.txt", "index.html"] and page == "<p>"
    assert inner == [{"name": "f", "path": "/mnt/data/d/f", "size": 1}]
    assert removed == [200, 404, 403, 403] and again == 409
