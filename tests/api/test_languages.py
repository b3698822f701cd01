"""Every language that the server offers, by one table. A language is added here with an entry; what it has no text for is skipped."""

import dataclasses
import re
import time

import pytest

from harness import file_named, names, started


@dataclasses.dataclass
class Language:
    code: str
    arguments: str  # prints its arguments, one a line
    exit_seven: str  # prints "out" to stdout and "err" to stderr, ends with 7
    reads: str  # prints the first line of input.txt
    writes: str  # writes "made\n" to result.txt
    stdin: str  # prints how many bytes there were to read
    endless: str  # prints "begun" and never ends
    hungry: str  # takes memory without end
    broken: str  # is no program
    broken_says: str  # pattern: the compiler's message with the name the user knows
    broken_exits: tuple = (1,)
    crash: str = ""  # fails without having been asked
    crash_says: str = ""  # pattern of stderr, or "" for a signal
    crash_signal: str = ""
    library: tuple = ()  # (name, text) of a file of the user's own, and a program that prints 42 with it
    warns: str = ""  # prints "fine" although the compiler warns
    warns_says: str = ""


C = Language(
    code="c",
    arguments='#include <stdio.h>\nint main(int n, char **v) { for (int i = 1; i < n; i++) puts(v[i]); }',
    exit_seven='#include <stdio.h>\nint main(void) { puts("out"); fputs("err\\n", stderr); return 7; }',
    reads='#include <stdio.h>\nint main(void) { char s[99]; fgets(s, 99, fopen("input.txt", "r")); fputs(s, stdout); }',
    writes='#include <stdio.h>\nint main(void) { FILE *f = fopen("result.txt", "w"); fputs("made\\n", f); fclose(f); }',
    stdin='#include <stdio.h>\nint main(void) { int n = 0; while (getchar() != EOF) n++; printf("%d\\n", n); }',
    endless='#include <stdio.h>\nint main(void) { puts("begun"); fflush(stdout); for (;;); }',
    hungry='#include <stdlib.h>\n#include <string.h>\nint main(void) { for (;;) memset(malloc(1 << 20), 1, 1 << 20); }',
    broken='#include <stdio.h>\nint main(void) {\n  prinf("x")\n}\n',
    broken_says=r"(?m)^code\.c:3:13: error: expected .;.",
    crash="int main(void) { volatile int *p = 0; *p = 1; }",
    crash_signal="SIGSEGV",
    library=("answer.h", "#define ANSWER 42\n", '#include <stdio.h>\n#include "answer.h"\nint main(void) { printf("%d\\n", ANSWER); }'),
    warns='#include <stdio.h>\nint main(void) { char c = 300; return puts("fine") * c * 0; }',
    warns_says=r"code\.c:2:\d+: warning: ",
)
CPP = Language(
    code="cpp",
    arguments="#include <iostream>\nint main(int n, char** v) { for (int i = 1; i < n; i++) std::cout << v[i] << '\\n'; }",
    exit_seven='#include <iostream>\nint main() { std::cout << "out\\n"; std::cerr << "err\\n"; return 7; }',
    reads="#include <fstream>\n#include <iostream>\n#include <string>\n"
    'int main() { std::ifstream f("input.txt"); std::string s; std::getline(f, s); std::cout << s << "\\n"; }',
    writes='#include <fstream>\nint main() { std::ofstream("result.txt") << "made\\n"; }',
    stdin="#include <iostream>\nint main() { int n = 0; char c; while (std::cin.get(c)) n++; std::cout << n << '\\n'; }",
    endless='#include <iostream>\nint main() { std::cout << "begun" << std::endl; volatile int i = 0; for (;;) i = i + 1; }',
    hungry="#include <vector>\nint main() { std::vector<std::vector<char>> v; for (;;) v.emplace_back(1 << 20, 'x'); }",
    broken="#include <iostream>\n#include <vector>\nint main() {\n  std::cout << missing;\n}\n",
    broken_says=r"(?m)^code\.cpp:4:16: error: .missing. was not declared in this scope",
    crash='#include <stdexcept>\nint main() { throw std::runtime_error("too bad"); }',
    crash_says=r"what\(\):  too bad",
    crash_signal="SIGABRT",
    library=("answer.h", "inline int answer() { return 42; }\n", '#include <iostream>\n#include "answer.h"\nint main() { std::cout << answer() << "\\n"; }'),
    warns='#include <iostream>\nint f() {}\nint main() { std::cout << "fine\\n"; }',
    warns_says=r"code\.cpp:2:\d+: warning: no return statement",
)

RUST = Language(
    code="rs",
    arguments='fn main() { for a in std::env::args().skip(1) { println!("{}", a); } }',
    exit_seven='fn main() { println!("out"); eprintln!("err"); std::process::exit(7); }',
    reads='fn main() { print!("{}", std::fs::read_to_string("input.txt").unwrap().lines().next().unwrap()); }',
    writes='fn main() { std::fs::write("result.txt", "made\\n").unwrap(); }',
    stdin='use std::io::Read;\nfn main() { let mut s = String::new(); println!("{}", std::io::stdin().read_to_string(&mut s).unwrap()); }',
    endless='use std::io::Write;\nfn main() { println!("begun"); std::io::stdout().flush().unwrap(); loop { std::hint::spin_loop(); } }',
    hungry="fn main() { let mut v = Vec::new(); loop { v.push(vec![1u8; 1 << 20]); } }",
    broken="fn main() {\n    let x: i32 = \"text\";\n}\n",
    broken_says=r"(?s)error\[E0308\]: mismatched types.*--> main\.rs:2:18",
    crash='fn main() { panic!("too bad"); }',
    crash_says=r"thread 'main' .*panicked at main\.rs:1:13:\ntoo bad",
    library=("answer.rs", "pub fn answer() -> i32 { 42 }\n", 'mod answer;\nfn main() { println!("{}", answer::answer()); }'),
    warns='fn main() { let unused = 1; println!("fine"); }',
    warns_says=r"(?s)warning: unused variable.*--> main\.rs:1:17",
)
FORTRAN = Language(
    code="f90",
    arguments="program p\n character(len=99) :: a\n integer :: i\n do i = 1, command_argument_count()\n call get_command_argument(i, a)\n"
    " write(*, '(a)') trim(a)\n end do\nend program",
    exit_seven="program p\n write(*, '(a)') 'out'\n write(0, '(a)') 'err'\n call exit(7)\nend program",
    reads="program p\n character(len=99) :: s\n open(10, file='input.txt', status='old')\n read(10, '(a)') s\n write(*, '(a)') trim(s)\nend program",
    writes="module own\n integer :: n = 1\nend module\nprogram p\n use own\n open(10, file='result.txt')\n write(10, '(a)') 'made'\n close(10)\nend program",
    stdin="program p\n character :: c\n integer :: e\n read(*, '(a)', iostat=e) c\n if (e < 0) write(*, '(a)') '0'\nend program",
    endless="program p\n write(*, '(a)') 'begun'\n flush(6)\n do\n end do\nend program",
    hungry="program p\n type t\n  real, allocatable :: x(:)\n end type\n type(t) :: v(10000)\n integer :: i\n do i = 1, 10000\n"
    "  allocate(v(i)%x(250000))\n  v(i)%x = 1.0\n end do\nend program",
    broken="program p\n  integer :: i\n  i = = 1\nend program\n",
    broken_says=r"(?m)^code\.f90:3:8:",
    crash="program p\n error stop 'too bad'\nend program",
    crash_says="ERROR STOP too bad",
    library=("answer.inc", " integer :: answer = 42\n", "program p\n include 'answer.inc'\n write(*, '(i0)') answer\nend program"),
)
D = Language(
    code="d",
    arguments="import std.stdio;\nvoid main(string[] a) { foreach (s; a[1 .. $]) writeln(s); }",
    exit_seven='import std.stdio;\nint main() { writeln("out"); stderr.writeln("err"); return 7; }',
    reads='import std.stdio;\nvoid main() { write(File("input.txt").readln()); }',
    writes='import std.stdio;\nvoid main() { File("result.txt", "w").writeln("made"); }',
    stdin="import std.stdio;\nvoid main() { int n; foreach (c; stdin.byChunk(99)) n += c.length; writeln(n); }",
    endless='import std.stdio;\nvoid main() { writeln("begun"); stdout.flush(); for (;;) {} }',
    hungry="void main() { ubyte[][] v; for (;;) { v ~= new ubyte[1 << 20]; v[$ - 1][] = 1; } }",
    broken="void main() {\n  missing();\n}\n",
    broken_says=r"(?m)^code\.d\(2\): Error: undefined identifier `missing`",
    crash='void main() { throw new Exception("too bad"); }',
    crash_says=r"object\.Exception@code\.d\(1\): too bad",
    library=("answer.d", "module answer;\nint answer() { return 42; }\n", "import std.stdio;\nstatic import answer;\nvoid main() { writeln(answer.answer()); }"),
)
GO = Language(
    code="go",
    arguments='package main\nimport ("fmt"; "os")\nfunc main() { for _, a := range os.Args[1:] { fmt.Println(a) } }',
    exit_seven='package main\nimport ("fmt"; "os")\nfunc main() { fmt.Println("out"); fmt.Fprintln(os.Stderr, "err"); os.Exit(7) }',
    reads='package main\nimport ("bufio"; "fmt"; "os")\nfunc main() { f, _ := os.Open("input.txt"); s := bufio.NewScanner(f); s.Scan(); fmt.Println(s.Text()) }',
    writes='package main\nimport "os"\nfunc main() { os.WriteFile("result.txt", []byte("made\\n"), 0o644) }',
    stdin='package main\nimport ("fmt"; "io"; "os")\nfunc main() { b, _ := io.ReadAll(os.Stdin); fmt.Println(len(b)) }',
    endless='package main\nimport "fmt"\nfunc main() { fmt.Println("begun"); for {} }',
    hungry="package main\nfunc main() { var v [][]byte; for { b := make([]byte, 1<<20); for i := range b { b[i] = 1 }; v = append(v, b) } }",
    broken='package main\n\nimport "fmt"\n\nfunc main() {\n\tfmt.Println(missing)\n}\n',
    broken_says=r"(?m)^# command-line-arguments\n\./main\.go:6:14: undefined: missing$",
    broken_exits=(1, 2),  # 2 until Go 1.19
    crash='package main\nfunc main() { panic("too bad") }',
    crash_says=r"(?s)panic: too bad\n.*main\.main\(\)\n\t/mnt/data/main\.go:2",
    library=("answer.txt", "42", 'package main\nimport (_ "embed"; "fmt")\n//go:embed answer.txt\nvar answer string\nfunc main() { fmt.Println(answer) }'),
)

LANGUAGES = {language.code: language for language in (C, CPP, RUST, FORTRAN, D, GO)}
LIMIT = 10  # MAX_EXECUTION_TIME of the fixture


@pytest.fixture(scope="session")
def roomy(program):
    """Limits that a compiler keeps to, and that are reached soon."""
    server = started(program, MAX_EXECUTION_TIME=LIMIT, MAX_MEMORY_MB=512)
    yield server
    server.discard()


def offered(server, code):
    return server.post("/exec", json={"lang": code, "code": "?"}).status_code != 400


@pytest.fixture(params=LANGUAGES)
def language(request, server):
    if not offered(server, request.param):
        pytest.skip(f"the server does not offer {request.param}")
    return LANGUAGES[request.param]


def ended_well(answer):
    return (answer["code"], answer["signal"], answer["status"]) == (0, None, None)


def test_arguments(language, server):
    answer = server.run(language.code, language.arguments, args=["one", "two words", "ü$'\""])
    assert answer["stdout"] == "one\ntwo words\nü$'\"\n" and answer["stderr"] == "", answer
    assert ended_well(answer) and answer["files"] == []


def test_exit_code_and_both_streams(language, server):
    answer = server.run(language.code, language.exit_seven)
    assert (answer["stdout"], answer["stderr"], answer["code"]) == ("out\n", "err", 7)


def test_reads_an_input_file(language, server):
    file = server.upload_one("input.txt", b"first line\nsecond\n")
    answer = server.run(language.code, language.reads, files=[file])
    assert answer["stdout"].strip() == "first line", answer
    assert names(answer) == []


def test_writes_a_file_and_nothing_of_the_compiler_comes_back(language, server):
    answer = server.run(language.code, language.writes)
    assert ended_well(answer), answer
    assert names(answer) == ["result.txt"]
    assert server.download(file_named(answer, "result.txt")) == b"made\n"


def test_standard_input_is_empty(language, server):
    assert server.run(language.code, language.stdin)["stdout"].strip() == "0"


def test_a_broken_program_is_explained_with_the_name_the_user_knows(language, server):
    answer = server.run(language.code, language.broken)
    assert re.search(language.broken_says, answer["stderr"]), answer["stderr"]
    assert answer["code"] in language.broken_exits and answer["stdout"] == "" and answer["status"] is None
    assert "/build/" not in answer["stderr"] and "/runtimes/" not in answer["stderr"]
    assert answer["files"] == []


def test_a_crash_is_told(language, server):
    if not language.crash:
        pytest.skip("no text for it")
    answer = server.run(language.code, language.crash)
    assert re.search(language.crash_says, answer["stderr"]), answer["stderr"]
    assert answer["signal"] == (language.crash_signal or None)
    assert answer["code"] != 0


def test_own_library(language, server):
    if not language.library:
        pytest.skip("no text for it")
    name, text, code = language.library
    file = server.upload_one(name, text.encode())
    answer = server.run(language.code, code, files=[file])
    assert answer["stdout"] == "42\n" and ended_well(answer), answer
    assert names(answer) == []


def test_warnings_are_kept(language, server):
    if not language.warns:
        pytest.skip("no text for it")
    answer = server.run(language.code, language.warns)
    assert answer["stdout"] == "fine\n", answer
    assert re.search(language.warns_says, answer["stderr"]), answer["stderr"]


@pytest.mark.slow
def test_time_limit_of_the_program(language, roomy):
    answer = roomy.run(language.code, language.endless, timeout=4000)
    assert answer["stdout"] == "begun\n", answer
    assert answer["stderr"].splitlines()[-1] == "Execution timed out after 4 seconds"
    assert answer["status"] == "TO"


def test_memory_limit(language, patient):
    answer = patient.run(language.code, language.hungry)
    assert "Out of memory" in answer["stderr"] or re.search(r"(?i)bad_alloc|memory|allocat", answer["stderr"]), answer
    assert answer["code"] != 0 or answer["signal"]


# ---- what compiles --------------------------------------------------------------------------------------------------

COMPILE_BOMBS = {
    "endless include": ("c", '#include "/dev/zero"\nint main(void) { return 0; }'),
    "include of itself": ("c", '#include "code.c"\n#include "code.c"\nint main(void) { return 0; }'),
    "giant array": ("c", "char a[2000000000] = {1};\nint main(void) { return a[5]; }"),
    "endless constants": (
        "cpp",
        "constexpr long f(long n) { long s = 0; for (long i = 0; i < n; ++i) s += i & 1; return s; }\n"
        + "".join(f"constexpr long v{i} = f(30000000 + {i}); \n" for i in range(300))
        + "int main() {}",
    ),
    "templates": ("cpp", "template <int n> struct T { T<n + 1> next; };\nint main() { T<0> t; }"),
    "many templates": (
        "cpp",
        "template <int a, int b> struct F { static constexpr long v = F<a - 1, b * 2>::v + F<a - 1, b * 2 + 1>::v; };\n"
        "template <int b> struct F<0, b> { static constexpr long v = 1; };\nint main() { return F<30, 0>::v; }",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("bomb", COMPILE_BOMBS)
def test_a_compile_that_would_not_end_ends(roomy, bomb):
    code, text = COMPILE_BOMBS[bomb]
    if not offered(roomy, code):
        pytest.skip(f"the server does not offer {code}")
    began = time.monotonic()
    answer = roomy.run(code, text, timeout=4000)
    assert time.monotonic() - began < 10 + 10  # the compiler's time, however short the program's, and what ending everything takes
    assert answer["stdout"] == "" and answer["code"] != 0 and answer["files"] == []
    last = answer["stderr"].splitlines()[-1]
    if answer["status"] == "TO":
        assert re.fullmatch(r"Compilation timed out after \d+ seconds", last), answer
    elif answer["status"] == "SG":
        assert "Out of memory" in last
    else:
        assert re.search(r"error|Error|terminated", answer["stderr"]), answer
    assert roomy.run("bash", "echo well")["stdout"] == "well\n"


@pytest.mark.parametrize(
    "code, text",
    [
        ("cpp", "#include <bits/stdc++.h>\n#include <regex>\nint main() { std::cout << std::regex_replace(\"a1\", std::regex(\"[0-9]\"), \"x\"); }"),
        ("d", "import std.regex, std.stdio;\nvoid main() { write(\"a1\".replaceAll(regex(`[0-9]`), \"x\")); }"),
        ("rs", "fn main() { print!(\"a{}\", \"x\"); }"),
    ],
)
def test_compilers_have_time_and_memory_of_their_own(patient, code, text):
    """However little their program has: some need more than a second, and more than half a gigabyte."""
    if not offered(patient, code):
        pytest.skip(f"the server does not offer {code}")
    answer = patient.run(code, text, timeout=1000)
    assert (answer["stdout"], answer["stderr"], answer["code"]) == ("ax\n", "", 0), answer


def test_a_program_has_no_more_memory_than_others_because_it_was_compiled(patient):
    if not offered(patient, "c"):
        pytest.skip("the server does not offer c")
    taken = "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\nint main(void) { for (int i = 0; i < 70; ++i) { memset(malloc(10 << 20), 1, 10 << 20); } puts(\"never\"); }"
    answer = patient.run("c", taken)
    assert "never" not in answer["stdout"] and "Out of memory: the program" in answer["stderr"], answer


# ---- fast ways must not change what a program means ---------------------------------------------------------------------


def test_prepared_headers_declare_nothing_that_the_program_does_not_include(server):
    if not offered(server, "cpp"):
        pytest.skip("the server does not offer cpp")
    answer = server.run("cpp", "#include <iostream>\nint main() { std::vector<int> v; std::cout << v.size(); }\n#include <vector>\n")
    assert "code.cpp:2:" in answer["stderr"] and answer["code"] == 1
    answer = server.run("cpp", '#include <iostream>\n#include <vector>\nint main() { std::vector<int> v(3); std::cout << v.size() << __LINE__ << __FILE__ << "\\n"; }')
    assert (answer["stdout"], answer["stderr"]) == ("33code.cpp\n", "")


def test_go_refuses_what_only_its_library_may_import(server):
    if not offered(server, "go"):
        pytest.skip("the server does not offer go")
    answer = server.run("go", 'package main\nimport "internal/abi"\nfunc main() { println(abi.FuncPCABI0(main)) }')
    assert "use of internal package internal/abi not allowed" in answer["stderr"] and answer["code"] != 0


def test_go_knows_how_it_was_built(server):
    if not offered(server, "go"):
        pytest.skip("the server does not offer go")
    code = 'package main\nimport ("fmt"; "runtime/debug")\nfunc main() { b, ok := debug.ReadBuildInfo(); fmt.Println(ok, b.Path) }'
    assert server.run("go", code)["stdout"] == "true command-line-arguments\n"


def test_outputs_of_java_may_have_any_name(server):
    if not offered(server, "java"):
        pytest.skip("the server does not offer java")
    lines = 'java.nio.file.Files.writeString(java.nio.file.Path.of("{}"), "made");'
    code = "class Code { public static void main(String[] a) throws Exception { " + lines.format("Data.class") + lines.format("Other.java") + " } }"
    answer = server.run("java", code.ljust(300))
    assert sorted(file["name"] for file in answer["files"]) == ["Data.class", "Other.java"]
    named = 'public class Main { public static void main(String[] a) { System.out.println(1); } }'
    answer = server.run("java", named)
    assert answer["stdout"] == "1\n" and answer["files"] == [], answer


def test_own_module_of_go(server):
    if not offered(server, "go"):
        pytest.skip("the server does not offer go")
    files = [server.upload_one("go.mod", b"module example\n\ngo 1.19\n"), server.upload_one("util/util.go", b"package util\n\nfunc Answer() int { return 42 }\n")]
    answer = server.run("go", 'package main\n\nimport ("fmt"; "example/util")\n\nfunc main() { fmt.Println(util.Answer()) }\n', files=files)
    assert answer["stdout"] == "42\n", answer
