"""For all tests of the bus."""

import pytest

from tests.helpers.engine_thread import EngineThread


@pytest.fixture
def engine():
    with EngineThread() as engine:
        yield engine
