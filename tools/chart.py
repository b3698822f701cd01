#!/usr/bin/python3
"""Draws docs/figures.svg, the chart of README.md, from the table "Languages" in docs/performance.md. Without arguments; after new figures.

Each program has two bars: a run here, with its sandbox and HTTP, and the bare tool of the same machine. The scale is logarithmic, so that two
milliseconds and a second fit into one picture."""

import math
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"
SHOWN = {
    "py hello": "Python", "py pandas": "Python with pandas", "py sklearn": "Python with scikit-learn", "js hello": "JavaScript",
    "ts hello": "TypeScript", "bash hello": "Bash", "php hello": "PHP", "r hello": "R", "c hello": "C", "cpp hello": "C++",
    "rs hello": "Rust", "go hello": "Go", "java hello": "Java",
}  # fmt: skip
LEFT, WIDTH, ROW, BAR, TOP = 170, 640, 28, 11, 34
LEAST, MOST = 1.0, 2000.0  # milliseconds


def medians(text):
    """{case: (ours, bare)}, in milliseconds."""
    lines = iter(text.split("### Languages\n", 1)[1].splitlines())
    cells = lambda line: [cell.strip() for cell in line.strip("|").split("|")]
    head = next(cells(line) for line in lines if line.startswith("|"))
    found = {}
    for line in lines:
        if not line.startswith("|"):
            break
        row = dict(zip(head, cells(line)))
        if row["case"] in SHOWN:
            found[row["case"]] = float(row["p50"]), float(row["bare p50"])
    return found


def place(milliseconds):
    share = math.log(max(milliseconds, LEAST) / LEAST) / math.log(MOST / LEAST)
    return LEFT + share * (WIDTH - LEFT - 70)


def label(milliseconds):
    return f"{milliseconds:.1f} ms" if milliseconds < 10 else f"{milliseconds:.0f} ms"


def draw(found):
    height = TOP + ROW * len(found) + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="12">',
        "<title>Median time of a run, here and with the bare tool</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<rect x="{LEFT}" y="10" width="{BAR}" height="{BAR}" fill="#1f77b4"/><text x="{LEFT + 16}" y="20">KubeCodeRun</text>',
        f'<rect x="{LEFT + 120}" y="10" width="{BAR}" height="{BAR}" fill="#c8c8c8"/><text x="{LEFT + 136}" y="20">the bare tool, no sandbox</text>',
    ]
    for index, (case, times) in enumerate(found.items()):
        y = TOP + index * ROW
        parts.append(f'<text x="{LEFT - 8}" y="{y + 16}" text-anchor="end">{SHOWN[case]}</text>')
        for offset, (time, color) in enumerate(zip(times, ("#1f77b4", "#c8c8c8"))):
            end = place(time)
            top = y + offset * (BAR + 1)
            parts.append(f'<rect x="{LEFT}" y="{top}" width="{end - LEFT:.1f}" height="{BAR}" fill="{color}"/>')
            parts.append(f'<text x="{end + 5:.1f}" y="{top + 10}" fill="#333333">{label(time)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def chart():
    return draw(medians((DOCS / "performance.md").read_text()))


if __name__ == "__main__":
    (DOCS / "figures.svg").write_text(chart())
