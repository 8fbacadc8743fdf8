"""The program keeps to one core by itself, without an environment that tells it to."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("threadpoolctl")

THREADS = """
import json, sys
import monitor.cli
loaded = "numpy" in sys.modules
monitor.cli.keep_to_one_core()
import numpy
from threadpoolctl import threadpool_info
numpy.ones((4, 4)) @ numpy.ones((4, 4))
print(json.dumps([loaded, [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]]))
"""


def threads(**environment: str) -> tuple[bool, list[int]]:
    """Whether numpy is loaded before anything is asked for, and how many threads its products have."""
    limits = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    clean = {name: value for name, value in os.environ.items() if name not in limits}
    ran = subprocess.run(
        [sys.executable, "-c", THREADS], env=clean | environment, capture_output=True, text=True, check=True
    )
    loaded, counts = json.loads(ran.stdout)
    return loaded, counts


def test_products_have_one_thread() -> None:
    loaded, counts = threads()
    assert not loaded  # the limit is read when numpy is loaded
    assert counts
    assert set(counts) == {1}


@pytest.mark.skipif(os.cpu_count() == 1, reason="one core has one thread whatever is asked for")
def test_the_users_environment_wins() -> None:
    _, counts = threads(OPENBLAS_NUM_THREADS="2")
    assert set(counts) == {2}
