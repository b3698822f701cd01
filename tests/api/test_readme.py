"""The clients in README.md do what it says that they do."""

import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from harness import ROOT, cannot

README = (ROOT / "README.md").read_text()


def block(language):
    [code] = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return code


@pytest.fixture
def here(server, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/api_key").write_text(server.key + "\n")
    return tmp_path


def run(here, server, code, *command):
    assert "http://localhost:8000" in code
    result = subprocess.run(
        command, input=code.replace("http://localhost:8000", server.url), cwd=here, capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_python_client(server, here):
    lines = run(here, server, block("python"), sys.executable, "-").strip().splitlines()  # print ends what ended its line already
    assert lines[0] == "6" and lines[-1] == "3"
    assert any(line.startswith("mean,2.0") for line in lines)


def test_javascript_client(server, here):
    if not shutil.which("node"):
        cannot("node is not installed")
    assert run(here, server, block("js"), "node", "-").split() == ["3", "3", "3"]


def test_curl(server, here):
    command = next(text for text in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) if text.startswith("curl"))
    assert '"stdout":"2.0\\n"' in run(here, server, command, "bash", "-s")


def test_links_lead_somewhere():
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (pathlib.Path(page).parent / target).exists(), f"{page.name}: {target}"


def test_the_chart_shows_the_figures_of_the_guide():
    drawn = subprocess.run([sys.executable, "-c", "import chart; print(chart.chart(), end='')"], cwd=ROOT / "tools", capture_output=True, text=True)
    assert drawn.returncode == 0, drawn.stderr
    assert drawn.stdout == (ROOT / "docs/figures.svg").read_text(), "draw it again: tools/chart.py"
