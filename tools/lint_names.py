#!/usr/bin/python3
"""Finds names that two sources of a folder each keep to themselves, in anonymous namespaces: a release compiles several sources of a folder
as one, where a name can be declared once (./test --unity compiles tests so, too). Functions may have one name when they take something else,
aliases when they say the same.

usage: lint_names.py [SOURCE-FOLDER]
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

ANONYMOUS = re.compile(r"^namespace \{\n(.*?)^\}  // namespace$", re.DOTALL | re.MULTILINE)
RAW_STRING = re.compile(r'R"(\w*)\(.*?\)\1"', re.DOTALL)
TYPE = re.compile(r"(?:struct|class|enum(?: class)?|union|concept) (\w+)")
ALIAS = re.compile(r"using (?:(\w+) = .*|[\w:]*::(\w+));")
# What is declared before its first bracket, initializer or end, and whether that is the bracket of parameters.
OTHER = re.compile(r"[^({=;]*?(\w+)(?:\[[^\]]*\])?\s*(?:\(((?:[^{;]|\{\})*?)\)\s*(?:const|noexcept|->|\{|;)|[={;])", re.DOTALL)


def types_of(parameters):
    """What a function takes, without the names of its parameters and what stands in for them."""
    words = [re.sub(r"\s*=.*", "", parameter.strip()) for parameter in re.split(r",(?![^<(]*[>)])", parameters)]
    return tuple(re.sub(r"(?<=[\s*&>])\w+$", "", word).strip() for word in words)


def declared(text):
    """(name, what it is) of each declaration at the outermost level of the anonymous namespaces."""
    for space in ANONYMOUS.findall(RAW_STRING.sub('""', text)):
        for begin in re.finditer(r"^(?![\s}#/*]|template|namespace|using namespace|extern)", space, re.MULTILINE):
            rest = space[begin.start() :]
            if found := TYPE.match(rest):
                yield found[1], "type"
            elif found := ALIAS.match(rest):
                yield found[1] or found[2], found[0].replace("using ::", "using ")
            elif found := OTHER.match(rest):
                yield found[1], "value" if found[2] is None else ("function", types_of(found[2]))
                if found[2] is None:
                    for further in re.findall(r", (\w+) =", rest.partition("\n")[0]):
                        yield further, "value"


def clashes(one, other):
    if one[0] == other[0] == "function":
        return one[1] == other[1]
    return one != other or one in ("type", "value")


def problems(source):
    seen = defaultdict(lambda: defaultdict(list))
    for file in sorted(source.rglob("*.cc")):
        for name, what in declared(file.read_text()):
            seen[file.parent, file.stem.endswith("_test")][name].append((file, what))
    for names in seen.values():
        for name, places in names.items():
            for index, (file, what) in enumerate(places):
                for other, before in places[:index]:
                    if other != file and clashes(what, before):
                        yield f"{file}: {name} is also in {other.name}; a release compiles both as one"
                        break


if __name__ == "__main__":
    found = list(problems(Path(sys.argv[1] if len(sys.argv) > 1 else "src")))
    print("\n".join(found))
    sys.exit(1 if found else 0)
