import pytest

from redis_server import RedisServer
from s3_server import S3Server


@pytest.fixture(scope="module")
def s3():
    """A real S3 server that this module's tests may stop and hang."""
    server = S3Server.or_skip(store="bluestore")
    yield server
    server.discard()


@pytest.fixture
def awake(s3):
    """The S3 server, working at the test's begin and again at its end, whatever the test did to it."""
    s3.up()
    yield s3
    s3.up_and_working()


@pytest.fixture
def redis():
    server = RedisServer.or_skip(password="p@ss: /wörd%")
    yield server
    server.discard()
