"""What makes images of the server: the names that the pool of pods looks for, and the file for docker compose."""

import os
import re
import subprocess

import pytest

from harness import ROOT, command

# As the Python KubeCodeRun names them: operators have them in their registries.
NAMES = {
    "py": "python", "js": "nodejs", "ts": "nodejs", "go": "go", "java": "java", "c": "c-cpp", "cpp": "c-cpp", "php": "php", "rs": "rust",
    "r": "r", "f90": "fortran", "d": "d", "bash": "bash",
}  # fmt: skip


def made(*words, **environment):
    """{name of an image: its languages}; the program that would make them only says what it was told."""
    script = ROOT / "deploy/image/make-images"
    result = subprocess.run([script, *words], capture_output=True, text=True, timeout=60, env=os.environ | {"BUILDER": "echo"} | environment)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert all(f"DEBIAN={environment.get('DEBIAN', '12')} " in line for line in lines), lines
    found = [re.search(r"LANGUAGES=(\S+) -t (\S+) ", line.replace("BUILD_LANGUAGES", "")) for line in lines]
    return {match[2]: match[1].split(",") for match in found}, lines


def test_one_image_for_each_language_one_for_all_and_the_server():
    images, lines = made("registry.example/code", "1.2")
    for code, name in NAMES.items():
        assert code in images[f"registry.example/code-{name}:1.2"], images
    assert set(images["registry.example/code-all:1.2"]) == set(NAMES)
    assert images["registry.example/code-server:1.2"] == ["bash"]
    assert len(images) == len(set(NAMES.values())) + 2
    builds = {re.search(r"BUILD_LANGUAGES=(\S+)", line)[1] for line in lines}
    assert len(builds) == 1, "the server is built once for all of them"


def test_some_languages_on_another_debian():
    images, _ = made("code", "7", "js", "py", DEBIAN="13")
    assert set(images) == {"code-server:7", "code-python:7", "code-nodejs:7", "code-all:7"}
    assert images["code-nodejs:7"] == ["js"]
    wrong = subprocess.run([ROOT / "deploy/image/make-images", "code", "7", "cobol"], capture_output=True, text=True, timeout=60)
    assert wrong.returncode != 0 and "cobol" in wrong.stderr


def test_the_file_for_compose_says_what_the_server_understands(program):
    yaml = pytest.importorskip("yaml")
    file = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())
    services = file["services"]
    for name, service in services.items():
        assert "image" in service, name
        assert set(service.get("depends_on", {})) <= set(services), name
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in file["volumes"], volume
    server = services["server"]
    assert (ROOT / "deploy" / server["build"]["context"] / server["build"]["dockerfile"]).exists()
    arguments = re.findall(r"^ARG (\w+)", (ROOT / "deploy/image/Dockerfile").read_text(), re.MULTILINE)
    assert set(server["build"]["args"]) <= set(arguments)
    known = command(program, "settings").stdout.decode()
    unknown = [name for name in server["environment"] if not re.search(rf"^\W*{name}\b", known, re.MULTILINE)]
    assert not unknown, unknown
