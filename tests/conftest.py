import os
import pathlib
import sys
import time

import pytest

import harness
import s3_server
from harness import LIMITS, cannot, started
from redis_server import RedisServer
from s3_server import S3Server

if os.environ.get("KUBECODERUN_TEST_EXECUTOR") == "kubernetes":
    sys.path.insert(0, str(pathlib.Path(__file__).with_name("kubernetes")))
    from in_pods import pytest_collection_modifyitems, servers_run_programs_in_pods  # noqa: F401


def every_store():
    """Where a server keeps its records, and where its files: what modules and tests marked "every_store" run with. Redis beside files on
    this machine is made of parts that the others have, so it takes the place of a missing S3 server unless it is asked for."""
    if wanted := os.environ.get("KUBECODERUN_TEST_STORES"):
        return [sys.intern(store) for store in wanted.split(",")]  # pytest keeps a fixture while its parameter is the same object
    return ["embedded", "redis" if s3_server.scripts() is None else "redis+s3"]


def pytest_generate_tests(metafunc):
    if metafunc.definition.get_closest_marker("every_store"):
        metafunc.parametrize("stores", every_store(), indirect=True, scope="session")


@pytest.fixture(scope="session")
def program():
    if path := harness.binary():
        return path
    cannot("no kubecoderun binary: build it, or name it in $KUBECODERUN")


@pytest.fixture(scope="session")
def stores(request):
    """Settings that say where a server keeps what it is given; the servers behind them run as long as they are needed."""
    wanted = getattr(request, "param", "embedded")
    behind, settings = [], {}
    if "redis" in wanted:
        behind.append(RedisServer.or_skip())
        settings |= behind[-1].settings()
    if "s3" in wanted:
        behind.append(S3Server.or_skip())
        settings |= behind[-1].settings(S3_TIMEOUT_SECONDS=20)
    yield settings
    for server in behind:
        server.discard()


@pytest.fixture(scope="session")
def server(program, stores):
    """The default settings, apart from the size of the pool."""
    server = started(program, **stores)
    yield server
    server.discard()


@pytest.fixture(scope="session")
def limited(program, stores):
    """Small limits, so that reaching them is quick."""
    server = started(program, **stores, **LIMITS)
    yield server
    server.discard()


@pytest.fixture(scope="session")
def patient(program, stores):
    """Little memory, and far more time than filling it takes, however busy the machine is."""
    server = started(program, **stores, MAX_EXECUTION_TIME=300, MAX_MEMORY_MB=512, MAX_PIDS=LIMITS["MAX_PIDS"])
    yield server
    server.discard()


@pytest.fixture
def make_server(program, stores):
    """Starts servers of a test's own: make_server(SETTING=value). They are as small as most tests want them; None takes a setting away."""
    made = []

    def make(start=True, **settings):
        settings = {name: value for name, value in (harness.SMALL | stores | settings).items() if value is not None}
        server = started(program, **settings) if start else harness.Server(program, **settings)
        made.append(server)
        return server

    yield make
    for server in made:
        server.discard()


# ---- the log of a server is part of a failure's report --------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    item.log_offsets = {id(server): server.log.stat().st_size for server in harness.Server.running if server.log.exists()}
    item.began = time.time()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.when == "call" and report.failed:
        for server in list(harness.Server.running):
            text = server.log_text(getattr(item, "log_offsets", {}).get(id(server), 0))
            if text:
                report.sections.append((f"log of the server on port {server.port}", text[-6000:]))
