import pytest

import cluster as clusters


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
