"""Thirty programs at once, beside the bare tool: starts a server of its own and says how long the last answer took, how long the tool needs for
as many, and their ratio. Rounds of both take turns, so that a busy machine slows both.

    /usr/bin/python3 tools/burst.py [--count 30] [--rounds 3] [LANGUAGE]...
"""

import argparse
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests"))
from harness import binary, started  # noqa: E402

# The program, with a number that makes each a new one, and how a person would run it.
PROGRAMS = {
    "js": ("console.log(6 * 7); // %d", "code.js", "node code.js"),
    "ts": ("const n: number = 6 * 7; console.log(n); // %d", "code.js", "node code.js"),  # as translated already
    "java": ("class Code { public static void main(String[] a) { System.out.println(6 * 7); } } // %d", "Code.java", "javac Code.java && java Code"),
    "c": ('#include <stdio.h>\nint main(void) { printf("%%d\\n", 6 * 7); } // %d', "code.c", "gcc code.c && ./a.out"),
    "cpp": ('#include <iostream>\nint main() { std::cout << 6 * 7 << "\\n"; } // %d', "code.cpp", "g++ code.cpp && ./a.out"),
}


def all_at_once(work, count):
    """Seconds until the last has ended."""
    threads = [threading.Thread(target=work, args=(i,)) for i in range(count)]
    begin = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.monotonic() - begin


def bare(language, count, base):
    program, name, command = PROGRAMS[language]
    if language == "ts":
        program = program.replace(": number", "")
    for i in range(count):
        base.joinpath(str(i)).mkdir(exist_ok=True)
        base.joinpath(str(i), name).write_text(program % i)

    def work(i):
        ran = subprocess.run(["/bin/sh", "-c", command], cwd=base / str(i), capture_output=True, text=True)
        assert ran.stdout == "42\n", ran.stderr

    return all_at_once(work, count)


def served(server, language, count, number):
    refused = []

    def work(i):
        answer = server.post("/exec", json={"lang": language, "code": PROGRAMS[language][0] % (number * count + i)}, timeout=600)
        if answer.status_code != 200:
            refused.append(answer.status_code)
        else:
            assert answer.json()["stdout"] == "42\n", answer.text

    return all_at_once(work, count), len(refused)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--count", type=int, default=30)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("languages", nargs="*", default=["java", "ts"], metavar="LANGUAGE")
    chosen = options.parse_args()
    server = started(binary())
    print("| at once | server, s | refused | bare tool, s | server / bare |\n|---|---|---|---|---|")
    try:
        for language in chosen.languages:
            ours, theirs, refused = [], [], 0
            for number in range(chosen.rounds):
                time.sleep(5)  # what the last burst set going has come to rest
                seconds, missed = served(server, language, chosen.count, number)
                ours.append(seconds)
                refused += missed
                with tempfile.TemporaryDirectory() as base:
                    theirs.append(bare(language, chosen.count, pathlib.Path(base)))
            middle, other = statistics.median(ours), statistics.median(theirs)
            print(f"| {chosen.count} {language} | {middle:.1f} | {refused} | {other:.1f} | {middle / other:.2f} |", flush=True)
    finally:
        server.discard()


main()
