"""How many threads compute, and how they wait: by what the machine has free when Python starts.

Libraries read the environment when they are loaded, so `import qfp` sets it before it loads any.
What a user has set stays.
"""

import contextlib
import os
import time
from pathlib import Path

NUMBER, OWN = "OMP_NUM_THREADS", "QFP_THREADS"  # OWN: NUMBER is this module's choice, not a user's
NUMBERS = NUMBER, "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"
QUIET = 0.5  # load that leaves all cores free
LOOKS, BETWEEN = 5, 0.002  # at what runs, and seconds from one to the next


def choose():
    """Set threads to wait without spinning, which beside any other load costs a factor, and as many
    as there are free cores. A process that this one starts chooses anew."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    if os.environ.get(NUMBER) == os.environ.get(OWN):  # both unset, or ours
        os.environ[NUMBER] = os.environ[OWN] = str(free())


def free():
    """Cores that this process may use and that nothing else keeps busy, 1 at least."""
    return max(1, min(cores(), round((os.cpu_count() or 1) - busy())))


def cores():
    """Cores that this process may use: of the machine, its affinity, and the quota of its group."""
    affinity = getattr(os, "sched_getaffinity", None)
    number = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(number, int(quota) // int(period)))
    except (OSError, ValueError):  # none such, or 'max'
        return number


def busy():
    """Cores that other processes keep busy: by the load of the last minute, but not more than run
    now, since the load remembers what has ended."""
    try:
        load = os.getloadavg()[0]
    except (OSError, AttributeError):
        return 0.0
    return min(load, running()) if load > QUIET else 0.0


def running():
    """Threads other than this one that run or could, the mean of some looks; infinite where no
    /proc tells."""
    found = []
    for _ in range(LOOKS):
        try:
            found.append(int(Path("/proc/loadavg").read_text().split()[3].split("/")[0]) - 1)
        except (OSError, ValueError, IndexError):
            return float("inf")
        time.sleep(BETWEEN)
    return sum(found) / LOOKS


@contextlib.contextmanager
def fixed(number):
    """Environment of processes that are to compute with so many threads, whatever is free."""
    before = {name: os.environ.get(name) for name in (*NUMBERS, OWN)}
    os.environ.update(dict.fromkeys(NUMBERS, str(number)))
    os.environ.pop(OWN, None)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def steady():
    """Environment of processes whose results must not hang on what else runs: all cores, unless the
    user has set a number."""
    return fixed(cores()) if OWN in os.environ else contextlib.nullcontext()
