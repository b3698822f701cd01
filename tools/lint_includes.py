#!/usr/bin/python3
"""Finds includes that point upwards: a file may include its own folder and those that its library links, directly or by way of another.

Which library links which is read from the CMakeLists.txt below src/. A folder without a library of its own belongs to the one above it;
testing/ folders are for test programs. Settings of a backend that a library links privately are plain values, which whoever links that
library may include.

usage: lint_includes.py [SOURCE-FOLDER]
"""

import re
import sys
from pathlib import Path

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', re.MULTILINE)
CALL = re.compile(r"\b(ci_library|add_library|add_executable|target_link_libraries)\s*\(([^)]*)\)")


def libraries(source):
    """({folder: its libraries}, {library: those that it links}, the same without those that are its private affair)."""
    folders, links, passed_on = {}, {}, {}
    for file in sorted(source.rglob("CMakeLists.txt")):
        folder = file.parent.relative_to(source)
        for call, words in CALL.findall(re.sub(r"#.*", "", file.read_text())):
            name, *rest = words.split()
            name = f"ci_{name}" if call == "ci_library" else name
            if call in ("ci_library", "add_library") and name.startswith("ci_"):
                folders.setdefault(folder, set()).add(name)
            private = False
            for word in rest:
                private = word == "PRIVATE" if word in ("PUBLIC", "PRIVATE", "INTERFACE") else private
                if word.startswith("ci_"):
                    links.setdefault(name, set()).add(word)
                    if not private:
                        passed_on.setdefault(name, set()).add(word)
    return folders, links, passed_on


def reachable(names, links, passed_on):
    seen = set(names)
    left = [other for name in names for other in links.get(name, ())]
    while left:
        name = left.pop()
        if name not in seen:
            seen.add(name)
            left += passed_on.get(name, ())
    return seen


def folder_of(path, folders):
    for folder in (path, *path.parents):
        if folder in folders:
            return folder
    return None


def problems(source):
    folders, links, passed_on = libraries(source)
    programs = {name for name in links if not name.startswith("ci_")}
    for file in sorted(source.rglob("*")):
        if file.suffix not in (".cc", ".h"):
            continue
        here = file.relative_to(source)
        own = folder_of(here.parent, folders)
        if own is None:
            continue
        # The sources of a program stand beside a library: main.cc sees what the program links.
        begin = folders[own] | (programs if here.name == "main.cc" else set())
        allowed, with_private = reachable(begin, links, passed_on), reachable(begin, links, links)
        text = file.read_text()
        for match in INCLUDE.finditer(text):
            target = Path(match[1])
            there = folder_of(target.parent, folders)
            if there is None or there == own or not (source / target).exists() or folders[there] & allowed:
                continue
            if target.stem.endswith("settings") and folders[there] & with_private:
                continue
            if "testing" in target.parts and (here.stem.endswith("_test") or "testing" in here.parts):
                continue
            line = text.count("\n", 0, match.start()) + 1
            yield f"{source.name}/{here}:{line}: {here.parent} does not link {there}, so it cannot include {match[1]}"


def main():
    source = Path(sys.argv[1] if len(sys.argv) > 1 else "src")
    found = list(problems(source))
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
