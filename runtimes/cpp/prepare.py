#!/usr/bin/env python3
"""Compiles sets of standard headers ahead of time: prepare.py COMPILER OUTPUT.

Makes OUTPUT/list.txt (read by src/sandbox/headers.cc, which explains when a set may be used) and for each set a folder with
all.h, all.h.gch and files.txt: size, time of change and path of every file that it was made of.
"""

import os
import pathlib
import shutil
import subprocess
import sys

# What programs begin with. A set is used by every program that includes all of it and perhaps more; loading one costs
# time in proportion to its size, so a large one for everything would be slower than none.
SETS = [
    "bits/stdc++.h",
    "iostream",
    "iostream vector",
    "iostream vector algorithm",
    "iostream unordered_map vector",
    "iostream memory vector",
    "iostream vector algorithm map",
    "iostream iomanip vector",
    "iostream sstream vector",
    "iostream thread mutex vector",
]
HEADERS = (
    "algorithm any array atomic bitset cassert cctype cerrno cfloat charconv chrono climits cmath complex "
    "condition_variable cstddef cstdint cstdio cstdlib cstring ctime deque exception filesystem forward_list fstream "
    "functional future initializer_list iomanip ios iosfwd iostream istream iterator limits list locale map memory mutex "
    "new numeric optional ostream queue random ratio regex set shared_mutex sstream stack stdexcept streambuf string "
    "string_view system_error thread tuple type_traits typeindex typeinfo unordered_map unordered_set utility valarray "
    "variant vector bits/stdc++.h"
).split()


def files_of(compiler, header):
    """(every file that this include reads, the first of them: the header itself)."""
    command = [compiler, "-x", "c++", "-M", "-H", "-"]
    result = subprocess.run(command, input=f"#include <{header}>\n", capture_output=True, text=True, check=True)
    read = {word for word in result.stdout.replace("\\\n", " ").split() if word.startswith("/")}
    return read, next(line[2:] for line in result.stderr.splitlines() if line.startswith(". "))


def main():
    compiler, output = sys.argv[1], pathlib.Path(sys.argv[2])
    # Nothing of the builder's own (CPATH …) may get in.
    os.environ.clear()
    os.environ.update(PATH="/usr/bin:/bin", LC_ALL="C")
    read, path = {}, {}
    for header in HEADERS:
        read[header], path[header] = files_of(compiler, header)
    lines = []
    for header, files in read.items():
        brought = [other for other in read if other != header and path[other] in files and read[other] <= files]
        lines.append(" ".join(["brings", header, *brought]))

    sizes = {}
    for headers in map(str.split, SETS):
        name = "-".join(headers).replace("/", ".")
        folder = output / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "all.h").write_text("".join(f"#include <{header}>\n" for header in headers))
        subprocess.run([compiler, "-x", "c++-header", folder / "all.h", "-o", folder / "all.h.gch"], check=True)
        files = set().union(*(read[header] for header in headers))
        facts = [(os.stat(file), file) for file in sorted(files)]
        (folder / "files.txt").write_text("".join(f"{fact.st_size} {int(fact.st_mtime)} {file}\n" for fact, file in facts))
        sizes[" ".join(["set", name, *headers])] = (folder / "all.h.gch").stat().st_size
    lines += sorted(sizes, key=sizes.get, reverse=True)
    # By which a server sees that all of it is to be made again (src/app/preparations.h).
    made_of = set().union(*read.values())
    backend = subprocess.run([compiler, "-print-prog-name=cc1plus"], capture_output=True, text=True, check=True).stdout.strip()
    made_of |= {os.path.realpath(path) for path in (__file__, compiler, backend)}
    facts = [(os.stat(file), file) for file in sorted(made_of)]
    (output / "inputs.txt").write_text("".join(f"{fact.st_size} {int(fact.st_mtime)} {file}\n" for fact, file in facts))
    # Last, and at once: without it nothing is used.
    (output / "list.new").write_text("\n".join(lines) + "\n")
    (output / "list.new").replace(output / "list.txt")


main()
