"""Languages whose interpreters wait ahead of time must behave as the plain tool does: each program below is also run by the tool itself,
in a directory of its own, and must give the same output, messages and exit status. A language that the server does not offer is skipped."""

import pathlib
import subprocess
import tempfile
import textwrap

import pytest

from harness import file_named, names

# How a person would run the source file of each language, in its directory.
PLAIN = {
    "java": ("Code.java", "/usr/bin/javac -d {dir}/classes {file} && /usr/bin/java -cp {dir}/classes {main} {args}"),
    "js": ("code.js", "/usr/bin/node {dir}/code.js {args}"),
    # Errors of types do not keep tsc from translating.
    "ts": ("code.ts", "cd {dir} && /usr/bin/tsc --target ES2019 --module commonjs --lib ES2019,DOM --outDir {dir}/made code.ts >/dev/null; mv made/code.js . && /usr/bin/node {dir}/code.js {args}"),
    "php": ("code.php", "/usr/bin/php {dir}/code.php {args}"),
    "r": ("code.r", "/usr/bin/Rscript {dir}/code.r {args}"),
}
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC", "TERM": "dumb",
    "NODE_PATH": "/usr/share/nodejs:/usr/lib/node_modules",
}  # fmt: skip

# (language, name): program. Programs of the same name do the same thing in each language.
PROGRAMS = {
    ("java", "hello"): 'public class Code { public static void main(String[] a) { System.out.println("hello " + String.join("|", a) + Thread.currentThread()); } }',
    ("java", "exit status"): 'class Code { public static void main(String[] a) { System.out.println("before"); System.exit(7); } }',
    ("java", "uncaught error"): """
        public class Code {
            static void f(int x) { throw new IllegalStateException("bad thing", new RuntimeException("cause")); }
            public static void main(String[] a) { System.out.println("before"); f(1); }
        }""",
    ("java", "caught error"): """
        public class Code { public static void main(String[] a) {
            try { Object o = "x"; Integer i = (Integer) o; } catch (RuntimeException e) { e.printStackTrace(); }
            new Exception("shown").printStackTrace(System.out);
            for (StackTraceElement e : Thread.currentThread().getStackTrace()) System.out.println(e);
        } }""",
    ("java", "syntax error"): 'public class Code {\n  public static void main(String[] a) {\n    int x = 1\n    String s = "" + y;\n  }\n}',
    ("java", "type errors"): "class Code {\n  static int f() { return \"text\"; }\n  String g = undefined;\n  void h() { new java.util.ArrayList().add(1); }\n}",
    ("java", "warnings"): "class Code { public static void main(String[] a) { new java.util.ArrayList().add(1); new Thread().stop(null); } }",
    ("java", "standard input"): 'class Code { public static void main(String[] a) throws Exception { System.out.println(System.in.read() + " " + new java.util.Scanner(System.in).hasNext()); } }',
    ("java", "unicode"): 'class Code { public static void main(String[] a) { System.out.println("žluť 漢字 🐎"); System.err.println("ä"); } }',
    ("java", "threads"): """
        public class Code { public static void main(String[] a) throws Exception {
            Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("hook")));
            new Thread(() -> { try { Thread.sleep(200); } catch (InterruptedException e) { } System.out.println("late"); }, "worker").start();
            Thread daemon = new Thread(() -> { for (;;) Thread.onSpinWait(); });
            daemon.setDaemon(true);
            daemon.start();
            Thread failing = new Thread(() -> { throw new RuntimeException("in a thread"); }, "failing");
            failing.start();
            failing.join();
            System.out.println("main ends");
        } }""",
    ("java", "no main method"): "public class Code { static int x; }",
    ("java", "failing initializer"): 'class Code { static int x = 1 / 0; public static void main(String[] a) { System.out.println("never"); } }',
    ("java", "assertions and recursion"): """
        class Code { static int depth; static void f() { depth++; f(); }
            public static void main(String[] a) { assert false; try { f(); } catch (StackOverflowError e) { System.out.println(depth > 1000); } } }""",
    ("java", "several types"): """
        interface Shape { double area(); }
        record Square(double side) implements Shape { public double area() { return side * side; } }
        enum Color { RED, GREEN; Color next() { return values()[(ordinal() + 1) % values().length]; } }
        class Code { public static void main(String[] a) {
            System.out.println(new Square(2) + " " + Color.GREEN.next() + new Square(3).area() + Code.class.getName());
            java.util.stream.IntStream.range(0, 3).mapToObj(i -> "x" + i).forEach(System.out::println);
        } }""",
    ("java", "file named after the public class"): 'public class Main { public static void main(String[] a) { System.out.println("main"); throw new Error("x"); } }',
    ("java", "error in a file named after the public class"): "// public class Other\npublic class Main { int x = y; }",
    ("js", "hello"): "console.log('hello', process.argv.slice(2), __filename, __dirname, process.cwd())",
    ("js", "exit status"): "process.stdout.write('before\\n'); process.exit(7)",
    ("js", "uncaught error"): "function f() {\n  throw new TypeError('bad thing');\n}\nconsole.log('before');\nf();",
    ("js", "rejected promise"): "console.log('before'); Promise.reject(new Error('lost'))",
    ("js", "syntax error"): "console.log('before');\nlet = = 3;",
    ("js", "unicode"): "console.log('žluťoučký 漢字 🐎'); console.error('ä')",
    ("js", "standard input"): "process.stdin.on('data', d => console.log(d)).on('end', () => console.log('end'))",
    ("js", "main module"): "console.log(require.main === module, module.paths[0], process.argv0, module.children.length, Object.keys(global))",
    ("js", "modules"): "const os = require('os'), {join} = require('path'); console.log(join('a', 'b'), typeof os.cpus)",
    ("js", "asynchronous"): "setTimeout(() => console.log('late'), 20); (async () => { await null; console.log('soon') })()",
    ("js", "exit handlers"): "process.on('exit', c => console.log('code', c)); process.exitCode = 3",
    ("ts", "hello"): "const x: string = 'hello'; console.log(x, process.argv.slice(2))",
    ("ts", "exit status"): "enum E { A = 7 }\nconsole.log('before');\nprocess.exit(E.A)",
    ("ts", "unicode"): "const s: string = 'žluťoučký 漢字 🐎'; console.log(s.length, s); console.error('ä')",
    ("php", "hello"): "<?php echo 'hello ', implode('|', $argv), $argc, __FILE__, __DIR__, getcwd(), PHP_SAPI, PHP_EOL;",
    ("php", "exit status"): "<?php echo 'before'; exit(7);",
    ("php", "exit text"): "<?php register_shutdown_function(fn() => print('after')); exit('bye ');",
    ("php", "uncaught error"): "<?php\nnamespace A;\nfunction f() { throw new \\RuntimeException('bad thing'); }\necho 'before';\nf();",
    ("php", "syntax error"): "<?php\necho 'before'\necho 'x';",
    ("php", "warnings"): "<?php\necho $nothing;\n$a = []; echo $a['x'];\ntrigger_error('deprecated', E_USER_DEPRECATED); echo intdiv(1, 0);",
    ("php", "strict types"): "#!/usr/bin/php\n<?php\ndeclare(strict_types=1);\nfunction f(int $x) { return $x; }\necho f('1');",
    ("php", "unicode"): "žluť <?= mb_strtoupper('žluť 漢字') ?> 🐎\n<?php fwrite(STDERR, 'ä');",
    ("php", "standard input"): "<?php var_dump(fgets(STDIN), feof(STDIN), file_get_contents('php://stdin'));",
    ("php", "traces"): "<?php function f() { debug_print_backtrace(); echo (new Exception)->getTraceAsString(); } f();",
    ("php", "variables"): "<?php print_r([array_keys(get_defined_vars()), array_keys($GLOBALS), $_SERVER['argv'], get_defined_functions()['user']]);",
    ("php", "destructors"): "<?php class A { function __destruct() { echo 'gone'; } } $a = new A; ob_start(); echo 'buffered ';",
    ("php", "halt compiler"): "<?php $f = fopen(__FILE__, 'r'); fseek($f, __COMPILER_HALT_OFFSET__); echo fgets($f);\n__halt_compiler();data",
    ("php", "libraries"): "<?php echo json_encode(['a' => 1]), mb_strlen('žluť'), bcadd('0.1', '0.2', 1), imagesx(imagecreate(3, 4)), hash('md5', '');",
    ("r", "hello"): "cat('hello', commandArgs(trailingOnly = TRUE), getwd(), interactive(), '\\n'); commandArgs(TRUE)",
    ("r", "exit status"): "cat('before\\n'); quit(status = 7); cat('after')",
    ("r", "last words"): ".Last <- function() cat('last\\n'); f <- function() { on.exit(cat('on exit\\n')); q('no', 3) }\nf()",
    ("r", "uncaught error"): "cat('before\\n')\ng <- function(x) stop('bad thing')\nf <- function() g(1)\nf()\ncat('after')",
    ("r", "syntax error"): "cat('before\\n')\nx <- = 3\ncat('after')",
    ("r", "printing"): "x <- 1:3\nx\ninvisible(4)\nprint('a')\n(function() 5)()\nNULL\ndata.frame(a = 1:2, b = c('x', 'y'))\nsummary(c(1, 2))",
    ("r", "warnings"): "f <- function() { warning('in f'); 1 }\nf()\nas.integer('x')\nfor (i in 1:3) warning('many ', i)\nmessage('said')",
    ("r", "unicode"): "cat('žluťoučký 漢字 🐎\\n'); print('é'); nchar('漢字'); message('ä')",
    ("r", "standard input"): "length(readLines(file('stdin'))); readline('? ')",
    ("r", "environment"): "ls(all.names = TRUE); search(); loadedNamespaces(); names(getLoadedDLLs()); Sys.getenv(c('R_PROFILE_USER', 'LD_PRELOAD'))",
    ("r", "frames"): "f <- function() { print(sys.calls()); traceback(1) }\nf(); sys.nframe(); warnings()",
    ("r", "random numbers"): "set.seed(1); runif(2); exists('.Random.seed')",
}  # fmt: skip
ARGUMENTS = ["one", "zwei drei", "ž'$*"]


def need(server, lang):
    """Skips when the server has no such language. A blank program is refused, but only after that."""
    if "unsupported_language" in server.post("/exec", json={"lang": lang, "code": " "}).text:
        pytest.skip(f"the server does not offer {lang}")


def plainly(lang, code, arguments=()):
    """(stdout, stderr, exit status) of the tool itself, with the directory's name as the sandbox has it."""
    file, command = PLAIN[lang]
    if "public class Main" in code:
        file = "Main.java"
    with tempfile.TemporaryDirectory() as directory:
        pathlib.Path(directory, file).write_text(code)
        # $@ hands each argument over as it is.
        shell = command.format(dir=directory, file=file, main=file.removesuffix(".java"), args='"$@"')
        ran = subprocess.run(
            ["/bin/sh", "-c", shell, "sh", *arguments], cwd=directory, env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, timeout=120,
        )  # fmt: skip
        return (*(text.decode(errors="replace").replace(directory, "/mnt/data") for text in (ran.stdout, ran.stderr)), ran.returncode)


def as_answered(stdout, stderr, code):
    """What the server makes of output: white space at the ends, and a text for a failure that says nothing."""
    stdout, stderr = ("\n".join(text.strip("\n").rstrip().split("\n")) for text in (stdout, stderr))
    if code and not stderr:
        stderr = f"Code execution failed with exit code {code}"
    return stdout + "\n" if stdout else "", stderr, code


@pytest.mark.parametrize("lang, name", PROGRAMS)
def test_equals_the_plain_tool(server, lang, name):
    need(server, lang)
    code = textwrap.dedent(PROGRAMS[lang, name])
    answer = server.run(lang, code, args=ARGUMENTS)
    assert (answer["stdout"], answer["stderr"], answer["code"]) == as_answered(*plainly(lang, code, ARGUMENTS))


# ---- what only the server does --------------------------------------------------------------------------------------

SPIN = {
    "ts": "const x: string = 'before'; console.log(x); for (;;);",
    "java": 'class Code { public static void main(String[] a) { System.out.println("before"); for (;;); } }',
    "js": "console.log('before'); for (;;);",
    "php": "<?php echo 'before'; for (;;);",
    "r": "cat('before\\n'); repeat {}",
}
HOARD = {
    "ts": "console.log('before'); const a: Buffer[] = []; for (;;) a.push(Buffer.alloc(1 << 22, 1));",
    "java": 'class Code { public static void main(String[] a) { System.out.println("before"); var l = new java.util.ArrayList<byte[]>(); for (;;) l.add(new byte[1 << 24]); } }',
    "js": "console.log('before'); const a = []; for (;;) a.push(Buffer.alloc(1 << 22, 1));",
    "php": "<?php ini_set('memory_limit', '-1'); echo 'before'; for (;;) $a[] = str_repeat('x', 1 << 22);",
    "r": "cat('before\\n'); a <- list(); repeat a[[length(a) + 1]] <- rep(1, 4e6)",
}
COPY = {
    "ts": "import * as fs from 'fs'; fs.writeFileSync('out.txt', fs.readFileSync('in.txt', 'utf8').toUpperCase())",
    "java": """
        import java.nio.file.*;
        class Code { public static void main(String[] a) throws Exception {
            Files.writeString(Path.of("out.txt"), Files.readString(Path.of("in.txt")).toUpperCase());
        } }""",
    "js": "const fs = require('fs'); fs.writeFileSync('out.txt', fs.readFileSync('in.txt', 'utf8').toUpperCase())",
    "php": "<?php file_put_contents('out.txt', strtoupper(file_get_contents('in.txt')));",
    "r": "writeLines(toupper(readLines('in.txt')), 'out.txt')",
}


@pytest.mark.parametrize("lang", SPIN)
def test_keeps_what_was_printed_until_the_time_limit(limited, lang):
    need(limited, lang)
    answer = limited.run(lang, SPIN[lang], timeout=1000)
    assert answer["stdout"] == "before\n"
    assert "Execution timed out after" in answer["stderr"]


@pytest.mark.parametrize("lang", HOARD)
def test_says_when_memory_ran_out(limited, lang):
    need(limited, lang)
    answer = limited.run(lang, HOARD[lang], timeout=20000)
    assert answer["stdout"] == "before\n"
    # Java has a limit of its own below the sandbox's, and an error that a program can see.
    assert ("OutOfMemoryError" if lang == "java" else "Out of memory") in answer["stderr"], answer


@pytest.mark.parametrize("lang", COPY)
def test_reads_and_writes_files_and_shows_none_of_ours(server, lang):
    need(server, lang)
    answer = server.run(lang, COPY[lang], files=[server.upload_one("in.txt", b"some text\n")])
    assert names(answer) == ["out.txt"], answer
    assert server.download(file_named(answer, "out.txt")) in (b"SOME TEXT\n", b"SOME TEXT")


R_LIBRARIES = """
suppressPackageStartupMessages({library(dplyr); library(ggplot2); library(data.table)})
cat(mtcars |> group_by(cyl) |> summarise(n = n()) |> pull(n), "\\n")
cat(data.table(a = c(1, 1, 2))[, .N, by = a]$N, "\\n")
Cairo::CairoPNG("cairo.png", 300, 200); plot(1:10); invisible(dev.off())
ggsave("gg.png", ggplot(mtcars, aes(wt, mpg)) + geom_point(), width = 3, height = 2)
"""


def test_r_has_its_libraries_and_draws(server):
    need(server, "r")
    answer = server.run("r", R_LIBRARIES)
    if "there is no package called" in answer["stderr"]:
        pytest.skip("R packages of packages/languages.tsv are not installed")
    assert answer["stdout"] == "11 7 14 \n2 1\n", answer
    for name in ("cairo.png", "gg.png"):
        assert server.download(file_named(answer, name)).startswith(b"\x89PNG\r\n")


@pytest.mark.parametrize(
    "code, stdout",
    [
        ("package a.b; public class Tool { public static void main(String[] x) { System.out.println(Tool.class); } }", "class a.b.Tool"),
        ("class A { public static void main(String[] x) { System.out.println('A'); } } class B {}", "A"),
        ("class A { public static void main(String[] x) {} } class Code { public static void main(String[] x) { System.out.println('C'); } }", "C"),
        ("public interface Shape { int n(); } class Code { public static void main(String[] x) { System.out.println(1); } }", "1"),
        ("public record P(int x) { public static void main(String[] a) { System.out.println(new P(1)); } }", "P[x=1]"),
        ("public enum E { A; public static void main(String[] a) { System.out.println(A); } }", "A"),
        ("package über.bär; public class Größe { public static void main(String[] a) { System.out.println(Größe.class); } }", "class über.bär.Größe"),
        ("public class T { public static void main(String[] a) { System.out.println(\"" + "0123456789" * 6000 + "\".length()); } }", "60000"),
        ("public class T { public static void main(String[] a) { System.out.println(\"" + '\\"' * 1600 + "\".length()); } }", "1600"),
        ("public class \\u0054 { public static void main(String[] a) { System.out.println(\"\\u0022.length()); } }", "0"),
        ("class Code { static class Inner { public static void main(String[] a) {} } } class B { public static void main(String[] a) { System.out.println('B'); } }", "B"),
        ('/* public class X */ final public class Y { String s = "public class Z {"; public static void main(String[] a) { System.out.println(2); } }', "2"),
    ],
)  # fmt: skip
def test_java_finds_the_class_to_run(server, code, stdout):
    need(server, "java")
    answer = server.run("java", code)
    assert (answer["stdout"], answer["stderr"]) == (stdout + "\n", "")
    assert answer["files"] == []


def test_java_errors_of_syntax_name_the_file_of_the_public_class(server):
    need(server, "java")
    answer = server.run("java", "public class Main {\n  int x = 1\n}")
    assert answer["stderr"].startswith("Main.java:2: error: ';' expected"), answer


def test_java_traces_name_the_file_of_the_public_class(server):
    need(server, "java")
    answer = server.run("java", "public class Größe { public static void main(String[] a) { throw new Error(); } }")
    assert "at Größe.main(Größe.java:1)" in answer["stderr"], answer


TYPESCRIPT = """
import * as fs from 'fs';
import path, {join} from 'path';
interface Point { x: number }
enum Color { Red, Green }
function logged(target: any, key: string, descriptor: PropertyDescriptor) { console.log('decorated', key); }
class Box<T> { constructor(private value: T) {} @logged get(): T { return this.value; } }
namespace Inner { export const a = 1; }
const late = async (): Promise<void> => { await null; console.log('late'); };
console.log(join('a', 'b'), path.sep, fs.existsSync('/'), Color[1], new Box<number>(4).get(), Inner.a, process.argv.slice(2));
late();
const wrong: number = 'types are not checked';
"""


def test_typescript_is_translated(server):
    need(server, "ts")
    answer = server.run("ts", TYPESCRIPT, args=["one", "zwei drei"])
    assert answer["stdout"] == "decorated get\na/b / true Green 4 1 [ 'one', 'zwei drei' ]\nlate\n", answer
    assert (answer["stderr"], answer["code"]) == ("", 0)


def test_typescript_syntax_errors_are_those_of_tsc(server):
    need(server, "ts")
    answer = server.run("ts", "console.log('before');\nconst x: number = ;\nfunction f( {\n")
    assert (answer["stdout"], answer["code"]) == ("", 2)
    assert answer["stderr"].splitlines()[0] == "code.ts(2,19): error TS1109: Expression expected."


def test_typescript_errors_name_the_lines_of_the_program(server):
    need(server, "ts")
    answer = server.run("ts", "interface A {\n  x: number;\n}\n\nfunction f(a: A): never {\n  throw new TypeError('bad ' + a.x);\n}\nf({x: 1});")
    assert answer["code"] == 1
    assert "TypeError: bad 1" in answer["stderr"] and "at f (/mnt/data/code.ts:6:9)" in answer["stderr"], answer["stderr"]


def test_typescript_finds_mounted_modules(server):
    need(server, "ts")
    helper = server.upload_one("helper.ts", b"export const twice = (x: number): number => 2 * x;")
    answer = server.run("ts", "import {twice} from './helper'; console.log(twice(21))", files=[helper])
    assert (answer["stdout"], answer["stderr"]) == ("42\n", "")


MODULE = """
import * as fs from 'fs';
import {basename} from 'path';
enum E { A = 3 }
const x: number = await Promise.resolve(E.A);
console.log(x, basename(import.meta.url), typeof require, process.argv.slice(2), fs.existsSync('/'));
for await (const y of [Promise.resolve(4)]) console.log(y);
const {twice} = await import('./helper');
console.log(twice(21));
interface Point { x: number }
function f(p: Point): never {

  throw new TypeError(`bad ${p.x}`);
}
f({x: 1});
"""


@pytest.mark.parametrize("package", [None, b'{"type": "module"}'])
def test_typescript_that_only_an_es_module_can_be_runs_as_one(server, package):
    need(server, "ts")
    files = [server.upload_one("helper.ts", b"export const twice = (x: number): number => 2 * x;")]
    if package:
        files.append(server.upload_one("package.json", package))
    answer = server.run("ts", MODULE, args=["one"], files=files)
    assert answer["stdout"] == "3 code.ts undefined [ 'one' ] true\n4\n42\n", answer
    assert "TypeError: bad 1" in answer["stderr"] and "at f (/mnt/data/code.ts:13:9)" in answer["stderr"], answer
    assert answer["code"] == 1


def test_typescript_that_waits_for_what_never_comes_ends_as_node_does(server):
    need(server, "ts")
    answer = server.run("ts", "console.log('a');\nawait new Promise(() => {});\nconsole.log('b');")
    assert (answer["stdout"], answer["code"]) == ("a\n", 13) and "unsettled top-level await" in answer["stderr"], answer


def test_await_in_a_function_does_not_make_a_module(server):
    need(server, "ts")
    answer = server.run("ts", "import fs = require('fs'); // await\n(async () => { await null; console.log(typeof require, typeof fs); })()")
    assert answer["stdout"] == "function object\n", answer


WORKERS = {
    "js": """
const {Worker, isMainThread, parentPort} = require('worker_threads');
const fs = require('fs');
const say = (name) => (m) => console.log(name, m);
if (isMainThread) {
  fs.writeFileSync('/tmp/m.mjs', "import {parentPort} from 'worker_threads'; parentPort.postMessage(1);");
  const run = (name, next, ...rest) => new Worker(...rest).on('message', say(name)).on('error', say(name)).on('exit', next);
  run('file', () => run('eval', () => run('module', () => {}, '/tmp/m.mjs'), "require('worker_threads').parentPort.postMessage(process.execArgv)", {eval: true}), __filename);
} else parentPort.postMessage(Object.keys(require.cache));
""",
    "ts": """
import {Worker, isMainThread, parentPort} from 'worker_threads';
if (isMainThread) new Worker(__filename).on('message', (m: string[]) => console.log('file', m)).on('error', (e: Error) => console.log(e));
else { const names: string[] = Object.keys(require.cache); parentPort!.postMessage(names); }
""",
}


@pytest.mark.parametrize("lang", WORKERS)
def test_threads_of_node_start_without_waiting_for_a_program(server, lang):
    need(server, lang)
    answer = server.run(lang, WORKERS[lang])
    expected = {"js": "file [ '/mnt/data/code.js' ]\neval []\nmodule 1\n", "ts": "file [ '/mnt/data/code.ts' ]\n"}
    assert (answer["stdout"], answer["stderr"]) == (expected[lang], ""), answer
