"""Every test starts from the same seeds and must leave torch's global state as it found it."""

import os
import random

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

os.environ["CUDA_VISIBLE_DEVICES"] = ""  # what is compared here are sums of a processor

import qfp  # noqa: F401  (chooses threads, before torch is loaded)

import torch  # isort: skip

from qfp.live import browser  # isort: skip

torch.set_num_threads(min(2, torch.get_num_threads()))
# the same examples everywhere, however busy the machine
settings.register_profile(
    "qfp",
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("qfp")


def pytest_collection_modifyitems(items):
    """nbval lets a cell's output come 5 s late; a busy machine takes longer."""
    for item in items:
        if hasattr(item, "output_timeout"):
            item.output_timeout = 120


@pytest.fixture(autouse=True)
def seeds():
    """Fixed seeds before each test."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def global_state():
    """A test that changes torch's default dtype or thread count fails (and the next one starts
    clean again)."""
    dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
    yield
    after = torch.get_default_dtype(), torch.get_num_threads()
    torch.set_default_dtype(dtype)
    torch.set_num_threads(threads)
    assert after == (dtype, threads), (
        f"the test left (dtype, threads) = {after}, it found {(dtype, threads)}"
    )


@pytest.fixture(scope="module")
def chromium():
    """A browser, for the tests of a module."""
    with browser.launched() as found:
        yield found
