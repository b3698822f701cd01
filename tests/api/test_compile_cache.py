"""Programs that were compiled before: what is used again, what is not, and what a program cannot do to the next run's."""

import uuid

import pytest

from harness import names, started

# Behaves by its arguments, which are no part of what it is compiled from.
TAMPERING = r"""
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
static const char forged[] = "#!/bin/sh\necho forged\n";
static void overwrite(const char *path) {
  int f = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);
  if (f >= 0) { write(f, forged, sizeof forged - 1); close(f); }
}
int main(int n, char **v) {
  char self[4096];
  self[readlink("/proc/self/exe", self, sizeof self - 1)] = 0;
  if (n < 2) { printf("honest %s\n", UNIQUE); return 0; }
  if (!strcmp(v[1], "write")) { overwrite("/proc/self/exe"); overwrite(self); }
  if (!strcmp(v[1], "replace")) { unlink(self); overwrite(self); }
  if (!strcmp(v[1], "rename")) { overwrite("/build/other"); rename("/build/other", self); }
  if (!strcmp(v[1], "mode")) { chmod("/proc/self/exe", 0); chmod("/build", 0); }
  if (!strcmp(v[1], "later")) { if (!fork()) { sleep(1); unlink(self); overwrite(self); } }
  puts("tampered");
}
"""


def unique(code):
    return code.replace("UNIQUE", f'"{uuid.uuid4()}"')


# Steps are told in a header, which an answer that begins before the run has ended does not have.
WHOLE_ANSWERS = {"EXEC_KEEPALIVE_SECONDS": 0}


@pytest.fixture(scope="module")
def compiling(program):
    server = started(program, **WHOLE_ANSWERS)
    if server.post("/exec", json={"lang": "c", "code": "?"}).status_code == 400:
        server.discard()
        pytest.skip("the server does not offer c")
    yield server
    server.discard()


def run(server, lang, code, **fields):
    """(answer, whether it was compiled before)"""
    answer = server.post("/exec", json={"lang": lang, "code": code} | fields)
    assert answer.status_code == 200, answer.text[:1000]
    steps = answer.headers["Server-Timing"]
    assert ("cached" in steps) != ("sandbox_compile" in steps), steps
    return answer.json(), "cached" in steps


HELLO = '#include <stdio.h>\nint main(int n, char **v) { printf("%s %s\\n", UNIQUE, n > 1 ? v[1] : "-"); }'


def test_the_same_source_is_compiled_once(compiling):
    code = unique(HELLO)
    first, cached = run(compiling, "c", code, args=["one"])
    assert not cached and first["stdout"].endswith(" one\n"), first
    second, cached = run(compiling, "c", code, args=["two"])
    assert cached and second["stdout"] == first["stdout"].replace("one", "two"), second
    assert second["files"] == [] and second["code"] == 0
    other, cached = run(compiling, "c", code + " ")
    assert not cached and other["code"] == 0


@pytest.mark.parametrize(
    "lang, code",
    [
        ("cpp", '#include <iostream>\nint main() { std::cout << UNIQUE << "\\n"; }'),
        ("rs", 'fn main() { println!("{}", UNIQUE); }'),
        ("f90", "program p\n print *, UNIQUE\nend program"),
        ("d", "import std.stdio;\nvoid main() { writeln(UNIQUE); }"),
        ("go", 'package main\nimport "fmt"\nfunc main() { fmt.Println(UNIQUE) }'),
    ],
)
def test_every_compiled_language_is_kept(compiling, lang, code):
    if compiling.post("/exec", json={"lang": lang, "code": "?"}).status_code == 400:
        pytest.skip(f"the server does not offer {lang}")
    code = unique(code)
    first, cached = run(compiling, lang, code)
    assert not cached and first["code"] == 0, first
    second, cached = run(compiling, lang, code)
    assert cached and second["stdout"] == first["stdout"]


def test_failures_and_warnings_are_told_every_time(compiling):
    broken, warned = unique("int main(void) { return UNIQUE }"), unique("int main(void) { return *UNIQUE && UNIQUE; }\nint f() { return \"\"; }")
    for _ in range(2):
        answer, cached = run(compiling, "c", broken)
        assert not cached and "error: expected" in answer["stderr"] and answer["code"] == 1
        answer, cached = run(compiling, "c", warned)
        assert not cached and "warning: " in answer["stderr"], answer


def test_what_a_compiler_may_have_read_besides_is_never_kept(compiling):
    header = compiling.upload_one("own.h", b'#define OWN "1"\n')
    code = unique('#include <stdio.h>\n#if __has_include("own.h")\n#include "own.h"\n#else\n#define OWN "none"\n#endif\nint main(void) { puts(OWN UNIQUE); }')
    with_header, cached = run(compiling, "c", code, files=[header])
    assert not cached and with_header["stdout"].startswith("1")
    without, cached = run(compiling, "c", code)
    assert not cached and without["stdout"].startswith("none")
    again, cached = run(compiling, "c", code, files=[header])
    assert not cached and again["stdout"] == with_header["stdout"]
    for mention in ["const char *t = __TIME__;", 'asm(".incbin \\"/proc/self/stat\\"");']:
        code = unique(f"{mention}\nint main(void) {{ return !UNIQUE; }}")
        assert not run(compiling, "c", code)[1] and not run(compiling, "c", code)[1]


@pytest.mark.parametrize("attempt", ["write", "replace", "rename", "mode", "later"])
def test_a_program_cannot_change_what_the_next_run_gets(compiling, attempt):
    code = unique(TAMPERING)
    for expected in (False, True):  # once as compiled here, once as a copy of what was kept
        answer, cached = run(compiling, "c", code, args=[attempt])
        assert cached == expected and answer["stdout"] == "tampered\n", answer
        answer, cached = run(compiling, "c", code)
        assert cached and answer["stdout"].startswith("honest "), answer


def test_nothing_of_the_compiler_is_left_for_the_program(compiling):
    code = unique(
        '#include <dirent.h>\n#include <stdio.h>\nint main(void) { DIR *d = opendir("/build"); struct dirent *e; (void)UNIQUE;\n'
        'while ((e = readdir(d))) if (e->d_name[0] != \'.\') puts(e->d_name); d = opendir("/proc/self/fd"); int n = 0; while (readdir(d)) n++; printf("%d\\n", n); }'
    )
    for expected in (False, True):
        answer, cached = run(compiling, "c", code)
        # Three streams, the two directories, "." and "..".
        assert cached == expected and answer["stdout"] == "code\n7\n", answer
        assert names(answer) == []


def test_the_cache_can_be_off(make_server):
    server = make_server(LANGUAGES=None, COMPILE_CACHE_MB=0, **WHOLE_ANSWERS)
    if server.post("/exec", json={"lang": "c", "code": "?"}).status_code == 400:
        pytest.skip("the server does not offer c")
    code = unique(HELLO)
    assert not run(server, "c", code)[1] and not run(server, "c", code)[1]
