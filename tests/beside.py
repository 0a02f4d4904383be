"""How much longer does a command take beside a busy process, with qfp's choice of threads and as
libraries would have it? A measurement, no test: the machine must be quiet.

    .venv/bin/python tests/beside.py                          notebook 08
    .venv/bin/python tests/beside.py --rounds 3 decode notebooks/curves/test.csv
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from statistics import median

from qfp import threads

QUIET = "alone"
CASES = {  # busy processes beside it, and what the environment says
    QUIET: (0, {}),
    "beside one busy process": (1, {}),
    "the same, threads as libraries have them": (
        1,
        {"OMP_NUM_THREADS": str(threads.cores()), "OMP_WAIT_POLICY": "active"},
    ),
}


@contextlib.contextmanager
def company(number):
    """So many processes that compute nothing."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    time.sleep(60 if busy else 0)  # the load of the last minute must know of them
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def seconds(words, number, environment):
    """Wall time of a command beside some busy processes."""
    names = "OMP_WAIT_POLICY", *threads.NUMBERS, threads.OWN
    clean = {name: value for name, value in os.environ.items() if name not in names}
    with company(number):
        start = time.perf_counter()
        command = [sys.executable, "-m", "qfp.cli", *words]
        subprocess.run(command, env=clean | environment, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start


def main():
    """Take turns, and print medians."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=1)
    given, words = parser.parse_known_args()
    print(f"load {os.getloadavg()[0]:.2f} before, {threads.cores()} cores")
    with tempfile.TemporaryDirectory() as folder:
        words = words or ["run", "--only", "08", "--out", folder]
        times = {name: [] for name in CASES}
        for _ in range(given.rounds):
            for name, case in CASES.items():
                times[name].append(seconds(words, *case))
    for name, found in times.items():
        took = median(found)
        print(f"{took:7.1f} s, {took / median(times[QUIET]):.2f} times: {name}")


if __name__ == "__main__":
    main()
