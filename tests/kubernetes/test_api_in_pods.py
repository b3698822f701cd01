"""Tests of tests/api with servers whose programs run in pods: those that say most about it. in_pods.py runs all of them."""

import os
import subprocess
import sys
import xml.etree.ElementTree

import pytest

from harness import ROOT

pytestmark = pytest.mark.slow

CHOSEN = {
    "exec": """
        test_says_hello test_environment_has_no_secret_of_the_server test_runs_do_not_see_each_other
        test_streams_are_kept_apart_and_in_order
    """,
    "exec_files": """
        test_contents_come_back_byte_for_byte test_at_most_ten_outputs test_a_large_input_is_whole
        test_an_edited_input_is_a_new_file_that_names_the_old_one test_a_continued_session_without_references_has_its_files
    """,
    "state": "test_a_variable test_classes_and_their_instances test_forged_words",
    "limits": "test_open_files test_files_written_before_the_limit_are_kept test_the_rest_of_the_file_system_is_read_only",
}


@pytest.fixture(scope="module")
def outcomes(cluster, program, request, tmp_path_factory):
    """{test: why it did not pass, empty when it did} of those that are wanted, which run together: a server for each costs seconds."""
    wanted = [item.callspec.params["name"] for item in request.session.items if item.fspath == request.node.fspath]
    report = tmp_path_factory.mktemp("outcomes") / "report.xml"
    words = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "--junitxml", report, *(ROOT / "tests/api" / name for name in wanted)]
    environment = os.environ | {"KUBECODERUN_TEST_EXECUTOR": "kubernetes", "KUBECODERUN_TEST_CLUSTER": "keep", "KUBECODERUN": str(program),
                                "KUBECODERUN_TEST_STORES": "embedded"}  # fmt: skip
    with open(report.with_name("said.log"), "w+") as said:
        ended = subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, timeout=800).returncode
        said.seek(0)
        assert report.exists(), f"{ended}: {said.read()[-5000:]}"
    found = {}
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        problems = [f"{part.tag}: {part.get('message')}\n{part.text}" for part in case if part.tag in ("failure", "error", "skipped")]
        name = f"{case.get('classname').rpartition('.')[2]}.py::{case.get('name').partition('[')[0]}"
        found.setdefault(name, []).extend(problems)
    return found


@pytest.mark.parametrize("name", [f"test_{file}.py::{name}" for file, names in CHOSEN.items() for name in names.split()])
def test_passes_in_pods(outcomes, name):
    assert name in outcomes, f"{name} did not run: {sorted(outcomes)}"
    assert not outcomes[name], "\n".join(outcomes[name])[-8000:]
