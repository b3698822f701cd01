import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import s3_server  # noqa: E402


@pytest.fixture(scope="module")
def s3():
    """A real S3 server that this module's tests may stop and hang."""
    if s3_server.scripts() is None:
        pytest.skip("needs the scripts that start an S3 server: set KUBECODERUN_SHARED")
    server = s3_server.S3Server()
    try:
        yield server.up()
    finally:
        server.discard()


@pytest.fixture
def awake(s3):
    """The S3 server, working at the test's begin and again at its end, whatever the test did to it."""
    s3.up()
    yield s3
    s3.up()
