"""What befalls a process of `runner` while it runs: at the n-th call of a function it is killed,
refused by the disk or joined by another; its clock jumps, or it has no rights."""

import contextlib
import ctypes
import errno
import importlib
import itertools
import os
import signal
import time
from concurrent.futures import Future

from qfp import values


def prepare(job, run):
    """Let all befall this process that a job asks for; run: (words) -> exit code, of another
    process's command line."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a shell's background
    values.memory = lambda: 16 * 2**30  # what is refused must not hang on the machine
    if "at" in job:
        watch(*job["at"], lambda: joined(job, run))
    if "clock" in job:
        usual, calls = time.time, itertools.count()
        time.time = lambda: usual() + job["clock"] * (next(calls) > 2)
    if job.get("powerless"):
        without_rights()
    if job.get("inline"):
        from qfp.data import generate

        generate.pool, generate.spot_check = inline, lambda *arrays: "not run: half of the time"
    if job.get("blocks"):
        from qfp.decoding import answer

        usual = answer.in_blocks
        answer.in_blocks = lambda *a, **options: usual(*a, **options, block=job["blocks"])


def watch(name, number, what, after, join):
    """Strike at the number-th call of a function, 'module:attribute.attribute', before or after."""
    module, _, path = name.partition(":")
    *way, last = path.split(".")
    owner = importlib.import_module(module)
    for step in way:
        owner = getattr(owner, step)
    usual, calls = getattr(owner, last), itertools.count(1)

    def watched(*arguments, **options):
        now = next(calls) == number
        if now and not after:
            strike(what, join)
        result = usual(*arguments, **options)
        if now and after:
            strike(what, join)
        return result

    setattr(owner, last, watched)


def strike(what, join):
    """A signal, an error of the disk, or another process."""
    if what == "second":
        join()
    elif what.startswith("SIG"):
        os.kill(os.getpid(), getattr(signal, what))
    else:
        number = getattr(errno, what)
        raise OSError(number, os.strerror(number))


def joined(job, run):
    """Another process runs `words` to the end; its exit code goes into the file `second`."""
    pid = os.fork()
    if not pid:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        with contextlib.suppress(BaseException):
            os._exit(run(job["second"]))
        os._exit(99)
    status = os.waitpid(pid, 0)[1]
    with open(os.path.join(job["cwd"], "second"), "w") as file:
        file.write(str(os.waitstatus_to_exitcode(status)))


def without_rights():
    """Root without its capabilities obeys the modes of files as others do."""
    header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    if ctypes.CDLL(None, use_errno=True).capset(header, none):
        raise OSError(ctypes.get_errno(), "capset")


@contextlib.contextmanager
def inline(workers=None, scheduler=None):
    """In place of `workers.pool`: work is done where it is handed over, which spares a start of
    Python."""

    def submit(function, *arguments):
        future = Future()
        future.set_result(function(*arguments))
        return future

    yield submit
