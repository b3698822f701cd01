#!/usr/bin/python3
"""Finds statements that GCC 12 compiles wrongly in a coroutine.

In a statement that contains co_await, GCC 12 destroys some temporaries twice, at every optimisation level:
  - what braces make, when the type is an aggregate: f(Request{...}), f({...}), also Point p{co_await x()};
  - a lambda that owns captures: f([text] {...}), f([p = std::move(p)] {...})
  - the object that ?: makes, wherever the co_await stands: auto s = ok ? co_await read() : std::string();
Plain values, calls of constructors with parentheses, and lambdas that capture nothing or only by reference are safe.
So: give the thing a name in a statement of its own, or write an if.

A type with a constructor may be made with braces, and ?: may choose between numbers. The tool does not know types: where it
is wrong, write the comment  // gcc12: reason  on the line it names, or on the line above.

usage: lint_coroutines.py FILE-OR-FOLDER...
"""

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

TOKEN = re.compile(
    r"""
      (?P<comment>//[^\n]*|/\*.*?\*/)
    | (?P<raw>(?:u8|[uUL])?R"(?P<mark>[^()\\\s]*)\(.*?\)(?P=mark)")
    | (?P<text>(?:u8|[uUL])?"(?:\\.|[^"\\\n])*"|(?:u8|[uUL])?'(?:\\.|[^'\\\n])*')
    | (?P<line>^[ \t]*\#(?:[^\n\\]|\\.|\\\n)*)
    | (?P<number>\.?\d(?:'?[\w.])*)
    | (?P<word>[A-Za-z_]\w*)
    | (?P<sign>::|->|&&|\|\||<<|<=|>=|==|!=|[^\s\w])
    """,
    re.X | re.S | re.M,
)

# A brace after one of these opens a block.
BLOCK_AFTER = {")", ";", "{", "}", ":", "else", "do", "try", "const", "noexcept", "override", "final", "mutable", "&", "&&"}
TYPE_WORDS = {"struct", "class", "union", "enum", "namespace", "extern", "concept"}
HEADS = {"if", "while", "for", "switch", "catch"}


@dataclass
class Statement:
    awaits: bool = False
    tokens: list = field(default_factory=list)     # words and signs outside of lambda bodies
    suspects: list = field(default_factory=list)   # (line, what)


@dataclass
class Token:
    text: str
    line: int
    word: bool = False


def tokens_of(source: str) -> tuple[list[Token], set[int]]:
    tokens, excused, line, at = [], set(), 1, 0
    for match in TOKEN.finditer(source):
        line += source.count("\n", at, match.start())
        at = match.start()
        kind = match.lastgroup if match.lastgroup != "mark" else "raw"
        if match.group("comment"):
            if "gcc12:" in match.group():
                excused |= {line, line + 1}
        elif match.group("line"):
            pass
        elif match.group("raw") or match.group("text"):
            tokens.append(Token('""', line))
        else:
            tokens.append(Token(match.group(), line, kind == "word"))
    return tokens, excused


def owning(captures: list[str]) -> bool:
    """Does a lambda with these captures own anything? [&], [this] and [&x] do not."""
    if not captures:
        return False
    items, depth = [[]], 0
    for text in captures:
        depth += text in {"(", "[", "{", "<"}
        depth -= text in {")", "]", "}", ">"}
        if text == "," and depth == 0:
            items.append([])
        else:
            items[-1].append(text)
    return any(item and item[0] != "&" and item != ["this"] for item in items)


def check(source: str) -> list[tuple[int, str]]:
    tokens, excused = tokens_of(source)
    found: list[tuple[int, str]] = []
    statement = Statement()
    stack: list[tuple[str, Statement | None]] = []  # what is open, and the statement to go back to
    lambda_bodies: set[int] = set()                  # places of the braces that open a lambda's body
    head_closers: set[int] = set()                   # depth of the parentheses that belong to if, while, for …

    def finish():
        nonlocal statement
        if statement.awaits:
            found.extend(s for s in statement.suspects if s[0] not in excused)
        statement = Statement()

    def matching(start: int, opener: str, closer: str) -> int:
        depth = 0
        for place in range(start, len(tokens)):
            depth += tokens[place].text == opener
            depth -= tokens[place].text == closer
            if depth == 0:
                return place
        return len(tokens) - 1

    def body_of_lambda(place: int) -> int | None:
        """The brace that opens the body, for a lambda whose captures end just before `place`."""
        while place < len(tokens):
            text = tokens[place].text
            if text == "(":
                place = matching(place, "(", ")")
            elif text == "{":
                return place
            elif text in {";", ")", "}", ",", "]"}:
                return None
            place += 1
        return None

    place = 0
    while place < len(tokens):
        token = tokens[place]
        text = token.text
        before = statement.tokens[-1] if statement.tokens else ";"
        if text == "co_await":
            statement.awaits = True
        if text == "[" and not (place and (tokens[place - 1].word and before not in {"return", "co_return", "co_await", "case"}
                                           or tokens[place - 1].text in {")", "]", '""'})):
            if place + 1 < len(tokens) and tokens[place + 1].text == "[":  # an attribute
                place = matching(place, "[", "]") + 1
                continue
            end = matching(place, "[", "]")
            body = body_of_lambda(end + 1)
            if body is not None:
                lambda_bodies.add(body)
                if owning([t.text for t in tokens[place + 1:end]]):
                    statement.suspects.append((token.line, "a lambda that owns its captures"))
                # What stands in the captures belongs to this statement too: [x = co_await f()].
                statement.awaits |= any(t.text == "co_await" for t in tokens[place:end])
                place = body
                continue
        if text == "?":
            statement.suspects.append((token.line, "?:"))
        if text == "(":
            stack.append(("head" if before in HEADS or (before == "constexpr" and "if" in statement.tokens[-2:]) else "(", None))
        elif text == ")":
            if stack and stack[-1][0] in {"(", "head"}:
                kind = stack.pop()[0]
                if kind == "head":
                    finish()
                    statement.tokens = [")"]
                    place += 1
                    continue
        elif text == "{":
            if place in lambda_bodies:
                stack.append(("lambda", statement))
                statement = Statement()
                place += 1
                continue
            inside = bool(stack) and stack[-1][0] in {"(", "head", "init"}
            type_head = bool(TYPE_WORDS & set(statement.tokens)) and "=" not in statement.tokens and not statement.awaits
            returns = "->" in statement.tokens and "=" not in statement.tokens and not statement.awaits and not inside
            if not inside and (before in BLOCK_AFTER or type_head or returns):
                finish()
                stack.append(("block", None))
                place += 1
                continue
            stack.append(("init", None))
            # A name of the standard library other than an array or a pair has constructors.
            name, back = [], place - 1
            if back >= 0 and tokens[back].text == ">":
                depth = 0
                while back >= 0:
                    depth += tokens[back].text == ">"
                    depth -= tokens[back].text == "<"
                    back -= 1
                    if depth == 0:
                        break
            while back >= 0 and (tokens[back].word or tokens[back].text == "::"):
                name.insert(0, tokens[back].text)
                back -= 1
            while name and name[0] in {"co_await", "co_return", "return", "const", "static", "auto"}:
                name.pop(0)
            # For std::string s{…} this also finds std first, because the words follow each other.
            if not (name[:2] == ["std", "::"] and name[2:3] != ["array"]):
                statement.suspects.append((token.line, "an object made with braces"))
        elif text == "}":
            kind, outer = stack.pop() if stack else ("block", None)
            if kind == "lambda":
                finish()
                statement = outer
                statement.tokens.append("}")
                place += 1
                continue
            if kind == "block":
                finish()
                place += 1
                continue
        elif text == ";":
            finish()
            place += 1
            continue
        statement.tokens.append(text)
        if text in {"else", "do"}:
            finish()
            statement.tokens = [text]
        place += 1
    finish()
    return sorted(set(found))


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0] in {"-h", "--help"}:
        print(__doc__)
        return 0 if arguments else 2
    failed = False
    for argument in map(Path, arguments):
        if not argument.exists():
            print(f"{argument}: no such file or folder")
            return 2
        files = sorted(argument.rglob("*")) if argument.is_dir() else [argument]
        for path in files:
            if path.suffix not in {".cc", ".h"} or not path.is_file():
                continue
            for line, what in check(path.read_text(errors="replace")):
                failed = True
                print(f"{path}:{line}: {what}, in a statement with co_await; see tools/lint_coroutines.py --help")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
