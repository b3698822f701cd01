"""packages/install.sh finds out what is missing, and under which name this release has it."""

import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent


@pytest.fixture
def shell(tmp_path):
    """Calls a function of install.sh on a system with these packages installed, and these to be had."""

    def call(function, *words, installed=(), known=()):
        shims = {
            "dpkg-query": "".join(f"case \" $* \" in *' {name} '*) echo installed {name};; esac\n" for name in installed) + "exit 1\n",
            "apt-cache": "".join(f"case \" $* \" in *' {name} '*) printf '{name}:\\n  Installed: (none)\\n  Candidate: 1.0\\n';; esac\n" for name in known),
        }
        for name, text in shims.items():
            (tmp_path / name).write_text("#!/bin/sh\n" + text)
            (tmp_path / name).chmod(0o755)
        script = f". {ROOT}/tools/shell.sh; . {ROOT}/packages/install.sh; {function} \"$@\""
        environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        return subprocess.run(["bash", "-c", script, "bash", *words], env=environment, capture_output=True, text=True, check=True).stdout.split()

    return call


def test_of_alternatives_one_that_is_installed_is_enough(shell):
    words = ["gcc", "new-dev|old-dev", "first|second|third", "tool?/usr/bin/env", "other?/nonexistent"]
    assert shell("missing_packages", *words, installed=["gcc", "old-dev"]) == ["first|second|third", "other"]
    assert shell("missing_packages", *words, installed=["gcc", "new-dev", "third", "other"]) == []
    assert shell("missing_packages", "a|b", "a|b") == ["a|b"]


def test_the_first_name_that_the_release_has_is_installed(shell):
    words = ["gcc", "new-dev|old-dev", "new-dev|of-our-own"]
    assert shell("choose_packages", *words, known=["gcc", "new-dev", "old-dev"]) == ["gcc", "new-dev", "new-dev"]
    assert shell("choose_packages", *words, known=["gcc", "old-dev"]) == ["gcc", "old-dev", "of-our-own"]
    assert shell("choose_packages", "virtual") == ["virtual"], "apt knows what provides it"


def test_every_language_has_its_packages(shell):
    lists = (ROOT / "packages/languages.tsv").read_text().splitlines()
    codes = [line.split("\t")[0] for line in lists if not line.startswith("#")]
    assert shell("language_codes") == codes and len(codes) == 13
    assert "libboost-url-dev|kubecoderun-boost-headers" in shell("read_list", "build.list")
