#!/usr/bin/env python3
"""Makes the tables of docs/libraries.md of packages/libraries.tsv: libraries.py, or libraries.py --check, which only says what is not as it
would be made. Refuses what would not be true: a name whose package packages/languages.tsv does not install, a package that nobody is told of."""

import json
import pathlib
import re
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/libraries.md"
WORDS = {"py": "`import`", "js": "`require` or `import`", "java": "packages", "cpp": "`#include`", "go": "`import`"}
SAID = {"gsl/gsl_sf_bessel.h": "(GSL)", "omp.h": "(OpenMP)", "PyPDF2": "(only Debian 12)"}
# The Debian package of a name, where the table does not say it.
RULES = {
    "py": lambda name: "python3-" + name.lower().replace("_", "-"),
    "r": lambda name: "r-cran-" + name.lower(),
    "rs": lambda name: "librust-" + name.replace("_", "-") + "-dev",
    "php": lambda name: "php-" + name,
    "bash": lambda name: name,
}
# Of languages.tsv, what is no library: the tools themselves, what these need, fonts and locales.
TOOLS = re.compile(
    r"fonts-.*|locales-all|python3|python3-(pip|deprecation)|python-is-python3|php-cli|golang-go|r-base-core|default-jdk-headless"
    r"|rustc-web|cargo-web|mold|binutils-gold|librust-(aho-corasick|serde-derive)-dev|g\+\+"
)  # fmt: skip


def rows(file):
    lines = (ROOT / file).read_text().splitlines()
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


def mistakes(table, installed):
    told = {}
    for language, _, items in table:
        for item in items.split():
            name, _, package = item.partition("=")
            if language == "js":
                continue
            package = package or RULES[language](name)
            told.setdefault(language, set()).add(package)
            there = set().union(*installed.values()) if language == "bash" else installed[language]
            if package not in there:
                yield f"{name} ({language}) is said to come with {package}, which packages/languages.tsv does not install"
    for language in ("py", "java", "r", "php", "cpp", "go", "rs"):
        for package in sorted(installed[language] - told[language]):
            if not TOOLS.fullmatch(package):
                yield f"packages/languages.tsv installs {package} for {language}, and packages/libraries.tsv does not say what for"
    named = {item for language, _, items in table if language == "js" for item in items.split()}
    wanted = {name for name in json.loads((ROOT / "packages/node/package.json").read_text())["dependencies"] if not name.startswith("@types/")}
    for name in sorted(named ^ wanted):
        yield f"{name} is only in one of packages/libraries.tsv and packages/node/package.json"


def written(language, table):
    """The lines that the page has for a language."""
    names = lambda items: " ".join(" ".join(filter(None, (f"`{name}`", SAID.get(name)))) for name in (item.partition("=")[0] for item in items.split()))
    own = [(topic, names(items)) for code, topic, items in table if code == language]
    if not own[0][0]:
        return textwrap.wrap(own[0][1], 140, break_long_words=False, break_on_hyphens=False)
    return [f"| For | {WORDS[language]} |", "|---|---|", *(f"| {topic} | {text} |" for topic, text in own)]


def main():
    table = rows("packages/libraries.tsv")
    installed = {code: {name for word in packages.split() for name in word.partition("?")[0].split("|")} for code, _, packages in rows("packages/languages.tsv")}
    wrong = list(mistakes(table, installed))
    text = PAGE.read_text()
    made = text
    for language in dict.fromkeys(row[0] for row in table):
        mark = f"<!-- {language}: made of packages/libraries.tsv by ./dev libraries -->\n"
        if mark not in made:
            wrong.append(f"{PAGE.relative_to(ROOT)} has no line {mark.strip()}")
            continue
        before, after = made.split(mark, 1)
        rest = after[after.index("\n\n") :]
        made = before + mark + "\n".join(written(language, table)) + rest
    if "--check" not in sys.argv[1:] and made != text and not wrong:
        PAGE.write_text(made)
    elif made != text:
        wrong.append(f"{PAGE.relative_to(ROOT)} is not what packages/libraries.tsv makes of it: ./dev libraries")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


sys.exit(main())
