"""Languages whose interpreters wait ahead of time: what only the server does. That they behave as the plain tools do is for
tests/runtimes/plain. A language that the server does not offer is skipped."""

import pytest

from harness import file_named, names


def need(server, lang):
    """Skips when the server has no such language. A blank program is refused, but only after that."""
    if "unsupported_language" in server.post("/exec", json={"lang": lang, "code": " "}).text:
        pytest.skip(f"the server does not offer {lang}")


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
def test_keeps_what_was_printed_until_the_time_limit(patient, lang):
    need(patient, lang)
    answer = patient.run(lang, SPIN[lang], timeout=1000)
    assert answer["stdout"] == "before\n"
    assert "Execution timed out after" in answer["stderr"]


@pytest.mark.parametrize("lang", HOARD)
def test_says_when_memory_ran_out(patient, lang):
    need(patient, lang)
    answer = patient.run(lang, HOARD[lang])
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


def test_r_has_its_libraries_and_draws(patient):
    need(patient, "r")
    answer = patient.run("r", R_LIBRARIES)
    if "there is no package called" in answer["stderr"]:
        pytest.skip("R packages of packages/languages.tsv are not installed")
    assert answer["stdout"] == "11 7 14 \n2 1\n", answer
    for name in ("cairo.png", "gg.png"):
        assert patient.download(file_named(answer, name)).startswith(b"\x89PNG\r\n")


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


def test_java_finds_mounted_sources(server):
    need(server, "java")
    helper = server.upload_one("Helper.java", b"public class Helper { static int twice(int x) { return 2 * x; } public static void main(String[] a) { } }")
    code = "public class Main { public static void main(String[] a) { System.out.println(Helper.twice(21)); throw new Error(); } }"
    answer = server.run("java", code, files=[helper])
    assert answer["stdout"] == "42\n" and "at Main.main(Main.java:1)" in answer["stderr"], answer


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


# What came with 4.9 and 5.
NEWER_TYPESCRIPT = """
const colors = {red: [255, 0, 0], green: '#00ff00'} satisfies Record<string, string | number[]>;
function logged<This, Args extends any[], Return>(target: (this: This, ...args: Args) => Return, context: ClassMethodDecoratorContext) {
  return function (this: This, ...args: Args): Return { console.log('calling', String(context.name)); return target.call(this, ...args); };
}
const first = <const T extends readonly unknown[]>(items: T): T[0] => items[0];
class Box { @logged open(): number { return colors.red[0]; } }
console.log(new Box().open(), colors.green.toUpperCase(), first(['a', 'b']));
"""


def test_typescript_is_a_current_one(server):
    need(server, "ts")
    version = server.run("bash", "tsc --version")["stdout"]
    if not version.startswith("Version 5"):
        pytest.skip(f"{version.strip()}: a newer one comes with the libraries of Node (./run --packages-only)")
    answer = server.run("ts", NEWER_TYPESCRIPT)
    assert (answer["stdout"], answer["stderr"]) == ("calling open\n255 #00FF00 a\n", "")


# As they were before the standard had some. What each prints is what TypeScript 4 made of it.
OLD_DECORATORS = {
    "of a parameter": (
        "const seen: any[] = []; function Inject(target: any, key: any, index: number) { seen.push(index); }\n"
        "class A { constructor(x: number, @Inject y: number) {} } console.log(seen)",
        "[ 1 ]\n",
    ),
    "without a name of a type": (
        "function log(target: any, key: string, descriptor: any) { const f = descriptor.value; descriptor.value = function () { console.log(key); return f.call(this); }; }\n"
        "class A { @log open() { return 1; } } console.log(new A().open())",
        "open\n1\n",
    ),
    "of a property": (
        "function field(target: Object, propertyName: string) { console.log(propertyName); }\nclass A { @field size = 1; }",
        "size\n",
    ),
    "from another file": ("import {log} from './deco';\nclass A { @log open() {} }", "open function\n"),
}


@pytest.mark.parametrize("name", OLD_DECORATORS)
def test_typescript_has_decorators_of_before_the_standard(server, name):
    need(server, "ts")
    helper = server.upload_one("deco.ts", b"export function log(t: any, k: any, d: PropertyDescriptor) { console.log(k, typeof d.value); }")
    code, expected = OLD_DECORATORS[name]
    answer = server.run("ts", code, files=[helper])
    assert (answer["stdout"], answer["stderr"]) == (expected, "")


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
