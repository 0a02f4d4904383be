"""Workers for independent pieces of work: the processes of this machine, or those of an existing
dask cluster.

Both are contexts that give submit(function, *arguments) -> concurrent.futures.Future. The function
runs with one thread (the last bits of a sum depend on their number), and its result comes back to
the caller, who alone writes files.
"""

import asyncio
import contextlib
import functools
import logging
import multiprocessing
import os
import threading
from concurrent.futures import BrokenExecutor, CancelledError, ProcessPoolExecutor
from importlib.metadata import version

import torch

from qfp import __version__
from qfp.threads import cores, fixed
from qfp.tools import SettingsError
from qfp.values import check_memory

ANSWER, PATIENCE = 30, 5  # seconds for a scheduler to answer, and for its first worker to be there
WORKER = 2.5e8  # bytes of memory that a process takes at least
AGAIN = "what is finished is kept, run the same command again to go on"


def pool(workers=None, scheduler=None):
    """Workers of the dask cluster at an address, or else `workers` processes here (None: one a
    core). SettingsError where there is no memory for so many."""
    if workers is not None:
        check_memory(workers * WORKER, f"--workers {workers}")
    return processes(workers) if scheduler is None else cluster(scheduler)


def _start():
    """First act of a process: one thread; and a watch on its parent, which, killed, cannot end its
    workers itself."""
    torch.set_num_threads(1)

    def end_with_parent():
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()


@contextlib.contextmanager
def processes(workers=None):
    """Worker processes of this machine. Raises SettingsError where one of them is killed."""
    spawn = multiprocessing.get_context("spawn")
    with (
        fixed(1),  # the last bits of a sum depend on it
        ProcessPoolExecutor(workers or cores(), spawn, _start) as executor,
    ):
        try:
            yield executor.submit
        except BrokenExecutor:
            raise SettingsError(
                "a worker process was killed, for want of memory perhaps: try fewer --workers; "
                f"{AGAIN}"
            ) from None
        finally:
            executor.shutdown(cancel_futures=True)


@contextlib.contextmanager
def one_torch_thread():
    """One thread for torch, and as many as before afterwards."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


_one_at_a_time = threading.Lock()


def one_thread(function, *arguments):
    """Call a function in a process that is not ours: with one thread, whatever its libraries were
    set to, and will be again. Where the process has several workers, they take turns: functions may
    keep buffers (`sweep` does)."""
    from threadpoolctl import threadpool_limits

    with _one_at_a_time, one_torch_thread(), threadpool_limits(1):
        return function(*arguments)


async def _identity(address):
    """What a dask scheduler says of itself. A Client in its place would wait for ever for something
    that never speaks."""
    from distributed import Security, rpc

    async with rpc(address, connection_args=Security().get_connection_args("client")) as scheduler:
        return await asyncio.wait_for(scheduler.identity(), ANSWER)


def _find_scheduler(address, where):
    """SettingsError where no dask scheduler answers at an address."""
    try:
        if asyncio.run(_identity(address))["type"] != "Scheduler":
            raise ValueError("it is not a scheduler")
    # the last ones: it speaks something else
    except (OSError, ValueError, TypeError, KeyError, MemoryError) as error:
        raise SettingsError(
            f"{where}: no dask scheduler answers there ({str(error) or 'silence'}); expected its "
            "address, such as tcp://HOST:8786"
        ) from None


def _check_workers(client, address, where):
    """SettingsError where a cluster has no workers, or they have no qfp of this version: a worker
    dies of a task that it cannot import."""
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
        found = {client.run_on_scheduler(version, "qfp"), *client.run(version, "qfp").values()}
        client.run(version, "threadpoolctl")
    except TimeoutError:
        raise SettingsError(
            f"{where}: it has no workers, start some: dask worker {address} --nthreads 1"
        ) from None
    except ImportError as error:
        raise SettingsError(
            f"{where}: {error.name} is missing there: install what is installed here"
        ) from None
    if found != {__version__}:
        raise SettingsError(
            f"{where}: it runs qfp {', '.join(sorted(found))}, this is {__version__}: install the "
            "same"
        )


@contextlib.contextmanager
def cluster(address):
    """Workers of an existing dask cluster, whose scheduler gives the work of a killed one to
    others.

    Raises SettingsError where dask is missing, no scheduler answers, it or its workers have no qfp
    of this version, there is none, and where they are lost."""
    where = f"--scheduler {address}"
    try:
        from distributed import Client, KilledWorker
    except ImportError:
        raise SettingsError(
            f"{where}: needs dask, which is not installed: pip install distributed threadpoolctl"
        ) from None
    _find_scheduler(address, where)
    # what it has to say comes as an exception, too
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    with Client(address, timeout=ANSWER, set_as_default=False) as client:
        _check_workers(client, address, where)
        executor = client.get_executor(pure=False)
        try:
            yield functools.partial(executor.submit, one_thread)
        except KilledWorker:
            raise SettingsError(
                f"{where}: several workers died of one task, for want of memory perhaps; {AGAIN}"
            ) from None
        except CancelledError:
            raise SettingsError(f"{where}: the scheduler was lost; {AGAIN}") from None
        finally:
            executor.shutdown(wait=False)
