"""A small tree with layers: base < store (its backend is a private affair) < api < app, with a program."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from lint_includes import problems  # noqa: E402

LISTS = {
    "base": "ci_library(base fmt::fmt)",
    "store": "add_library(ci_store_api STATIC a.cc)\ntarget_link_libraries(ci_store_api PUBLIC ci_base)\nadd_library(ci_store STATIC open.cc)\n"
    "target_link_libraries(\n  ci_store PUBLIC ci_store_api PRIVATE ci_store_redis)",
    "store/redis": "ci_library(store_redis ci_store_api)",
    "api": "ci_library(api ci_store)  # not ci_app",
    "app": "ci_library(app ci_api)\nadd_executable(program main.cc)\ntarget_link_libraries(program PRIVATE ci_app ci_bench)",
    "bench": "ci_library(bench ci_base)",
}


@pytest.fixture
def tree(tmp_path):
    source = tmp_path / "src"
    for folder, text in LISTS.items():
        (source / folder).mkdir(parents=True, exist_ok=True)
        (source / folder / "CMakeLists.txt").write_text(text)
        (source / folder / "face.h").write_text("#pragma once\n")
    (source / "store/redis/redis_settings.h").write_text("#pragma once\n")
    return source


@pytest.mark.parametrize(
    "file, included, allowed",
    [
        ("api/routes.cc", "base/face.h", True),
        ("api/routes.cc", "store/face.h", True),
        ("api/routes.cc", "app/face.h", False),
        ("base/log.cc", "store/face.h", False),
        ("store/open.cc", "store/redis/face.h", True),
        ("api/routes.cc", "store/redis/face.h", False),
        ("api/routes.cc", "store/redis/redis_settings.h", True),
        ("base/log.cc", "store/redis/redis_settings.h", False),
        ("store/redis/client.cc", "store/face.h", True),
        ("app/main.cc", "bench/face.h", True),
        ("app/serve.cc", "bench/face.h", False),
        ("bench/bench.cc", "app/face.h", False),
        ("api/routes.cc", "vector", True),
    ],
)
def test_an_include_follows_the_links(tree, file, included, allowed):
    (tree / file).write_text(f'#include <string>\n\n#include "{included}"\n')
    found = list(problems(tree))
    assert (not found) == allowed
    if found:
        assert found[0].startswith(f"src/{file}:3: ") and included in found[0]
