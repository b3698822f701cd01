"""The words between guests and their agent, in every language that spells them."""

import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "runtimes/python"))
import session  # noqa: E402

HEADER = (TOP / "src/sandbox/guest/words.h").read_text()
WORDS = dict(re.findall(r"(\w+) = '(\w)'", HEADER))
DESCRIPTORS = {name: int(number) for name, number in re.findall(r"(from_agent|to_agent|calls_to|answers_from) = (\d)", HEADER)}


def test_the_header_has_them():
    assert sorted(DESCRIPTORS.values()) == [3, 4, 5, 6] and len(WORDS) == 13
    guests = [WORDS[name] for name in ("ready", "failed", "compiled", "compiled_silently", "unreadable", "ended")]
    agents = [WORDS[name] for name in ("build", "go", "go_keep_after_errors", "state_after", "state_before", "calls", "answers")]
    assert len(set(guests)) == len(guests) and len(set(agents)) == len(agents)


def test_python_spells_them_alike():
    for name in ("ready", "go", "go_keep_after_errors", "unreadable", "ended", "state_after", "state_before", "calls", "answers"):
        assert getattr(session, name.upper()) == WORDS[name].encode(), name
    for name, number in DESCRIPTORS.items():
        assert getattr(session, name.upper()) == number


def test_node_spells_them_alike():
    text = (TOP / "runtimes/node/ahead.js").read_text()
    assert dict(re.findall(r"(\w+): '(\w)'", text)) == {name: WORDS[name] for name in ("ready", "compiled")}
    assert re.search(r"const fromAgent = (\d), toAgent = (\d);", text).groups() == (str(DESCRIPTORS["from_agent"]), str(DESCRIPTORS["to_agent"]))
