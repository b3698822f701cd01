import pathlib

import pytest

import cluster as clusters


def pytest_collection_modifyitems(items):
    """Tests of the cluster come last, so that it takes nothing from the others while it waits for the end."""
    here = pathlib.Path(__file__).parent
    items.sort(key=lambda item: here in item.path.parents)


@pytest.fixture(scope="session")
def cluster(program):
    """A cluster that knows the image of the program under test. It is gone when the tests are through, also when they fail."""
    running = clusters.Cluster.or_skip()
    try:
        running.load(program)
        yield running
    finally:
        running.discard()


@pytest.fixture(scope="session")
def stores_of_cluster(cluster):
    stores = clusters.Stores()
    yield stores
    stores.discard()
