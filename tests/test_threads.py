"""As many threads as the machine has free, chosen before a library is loaded; a user's word
stands."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qfp import threads

SETTINGS = "OMP_WAIT_POLICY", *threads.NUMBERS, threads.OWN


@pytest.fixture
def environment(monkeypatch):
    """An environment that says nothing of threads; what a test sets in it goes with the test."""
    monkeypatch.setattr(os, "environ", own := dict(os.environ))
    for name in SETTINGS:
        own.pop(name, None)
    return own


def machine(monkeypatch, cores, load, now, allowed=None):
    """A machine of so many cores with a load and as much that runs now."""
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    monkeypatch.setattr(threads, "cores", lambda: allowed or cores)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr(threads, "running", lambda: now)


@pytest.mark.parametrize(
    "cores, load, now, allowed, free",
    [
        (2, 0.1, 0, None, 2),
        (2, 1.1, 1, None, 1),  # one busy process beside us
        (2, 7.0, 6, None, 1),  # never none
        (2, 1.9, 0.2, None, 2),  # what loaded the last minute has ended
        (2, 0.2, 3, None, 2),  # a moment's work of others
        (8, 3.2, 3, None, 5),
        (64, 30, 31, 2, 2),  # two cores of a busy machine that are ours
        (4, 1.0, float("inf"), None, 3),  # no /proc: the load alone
    ],
)
def test_threads_are_the_cores_that_are_free(monkeypatch, cores, load, now, allowed, free):
    machine(monkeypatch, cores, load, now, allowed)
    assert threads.free() == free


def test_a_process_of_ours_chooses_anew_and_a_users_word_stands(environment, monkeypatch):
    machine(monkeypatch, 8, 4.0, 4)
    threads.choose()
    assert environment["OMP_NUM_THREADS"] == "4" and environment["OMP_WAIT_POLICY"] == "passive"
    machine(monkeypatch, 8, 0.0, 0)
    threads.choose()  # as a kernel does that this process starts
    assert environment["OMP_NUM_THREADS"] == "8"
    with threads.fixed(1):
        threads.choose()
        assert {environment[name] for name in threads.NUMBERS} == {"1"}
    assert environment["OMP_NUM_THREADS"] == "8" and "MKL_NUM_THREADS" not in environment
    environment |= {"OMP_NUM_THREADS": "3", "OMP_WAIT_POLICY": "active"}
    threads.choose()
    assert environment["OMP_NUM_THREADS"] == "3" and environment["OMP_WAIT_POLICY"] == "active"


def test_what_must_not_hang_on_the_load_takes_all_cores(environment, monkeypatch):
    machine(monkeypatch, 4, 3.0, 3)
    threads.choose()
    with threads.steady():
        assert environment["OMP_NUM_THREADS"] == "4"
    assert environment["OMP_NUM_THREADS"] == "1"
    del environment[threads.OWN]  # the user's own 1
    with threads.steady():
        assert environment["OMP_NUM_THREADS"] == "1"


def test_pytorch_takes_the_number_that_was_chosen(environment):
    code = "import qfp, torch, os; print(torch.get_num_threads(), os.environ['OMP_NUM_THREADS'])"
    for given in ({}, {"OMP_NUM_THREADS": "1"}):
        run = [sys.executable, "-c", code]
        found = subprocess.run(run, env=environment | given, capture_output=True, text=True)
        torch, chosen = found.stdout.split()
        assert chosen == given.get("OMP_NUM_THREADS", chosen)
        assert 1 <= int(torch) <= int(chosen)  # MKL takes no more than physical cores


@pytest.mark.skipif(not Path("/proc/loadavg").exists(), reason="no /proc")
def test_a_busy_process_is_seen(monkeypatch):
    monkeypatch.setattr(threads, "LOOKS", 40)
    end = time.monotonic() + 60
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        try:
            while threads.running() <= 0.5:  # it may not have begun
                assert time.monotonic() < end
        finally:
            process.kill()


def test_a_quota_counts_as_cores(monkeypatch):
    told = {"text": "150000 100000\n"}
    monkeypatch.setattr(Path, "read_text", lambda self: told["text"])
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(16)), raising=False)
    assert threads.cores() == 1
    told["text"] = "400000 100000\n"
    assert threads.cores() == 4
    told["text"] = "max 100000\n"
    assert threads.cores() == 16
