"""The faults: what befalls which command, what it says, and what must hold afterwards.

A row runs a command under a fault, then runs it again (or goes on with it) where all is well. The
second run ends as an undisturbed one, to the last byte of what it writes, and leaves nothing of the
first behind. What needs means of its own, a cluster for example, is a test elsewhere: ELSEWHERE.
"""

import contextlib
import fcntl
import os
from typing import NamedTuple

COMMANDS = {
    "dataset": "dataset --preset @small.yaml --workers 1 --out data.h5",
    "train": "train --preset @small.yaml --data own.h5 --out run --set training.max_steps=3",
    "decode": "decode --network-only --samples 1 --steps 1 --weights @good.safetensors --out out "
    "a.csv b.csv c.csv",
    "study": "study accuracy --curves 3 --data own.h5 --weights @good.safetensors --out found.json",
    "export": "export @run mine",
    "solve": "solve --antidots 10,20 33,41 --fields 0:0.02:2 --ldos image.npy",
    "live": "live --preset @small.yaml --out page",
    "run": "run --preset smoke --out done",
    "validate": "dataset --validate own.h5",
}


class Fault(NamedTuple):
    """A row of the table."""

    what: str
    command: str  # of COMMANDS
    job: dict  # what `runner` and `injected` do to the process
    code: int  # exit code; -9 and -15: ended by a signal
    told: str = ""  # words of the one line on stderr
    around: object = contextlib.nullcontext  # (cwd) -> context of the first run
    between: object = None  # (cwd): what happens before the second run


KILL, TERM, REPLACE, FSYNC = "SIGKILL", "SIGTERM", "os:replace", "os:fsync"
STEP = "qfp.training.train:Training.advance"
LOG, ANSWERS = "run/log.jsonl", "out/decode.parts/*/*/said.json"
DONE = {"SIGKILL": -9, "SIGTERM": -15, "SIGINT": 130}
SAID = {
    "ENOSPC": "the disk is full",
    "EDQUOT": "the quota of this disk is used up",
    "EROFS": "the disk is read-only",
    "EIO": "the disk cannot be read or written there",
}


def ended(command, call, number, how=KILL, after=False):
    """A signal ends a command at a call of a function."""
    when = "behind" if after else "at"
    name = call.partition(":")[2].rpartition(".")[2]
    what = f"{how} {when} {name} {number}"
    return Fault(what, command, {"at": [call, number, how, after]}, DONE[how])


def refused(command, call, number, how):
    """The disk refuses a call."""
    name = call.partition(":")[2]
    job = {"at": [call, number, how, False]}
    return Fault(f"{how} at {name} {number}", command, job, 2, SAID[how])


def limited(command, size):
    """No file may have more bytes."""
    return Fault(f"files of {size} bytes at most", command, {"limit": size}, 2, "File too large")


@contextlib.contextmanager
def mode(path, bits):
    """A path with other rights."""
    before = path.stat().st_mode
    path.chmod(bits)
    try:
        yield
    finally:
        path.chmod(before)


@contextlib.contextmanager
def locked(path):
    """Another process has locked a file or folder."""
    path.parent.mkdir(exist_ok=True)
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def cut(pattern, keep=0.5):
    """Cuts the first file of a pattern short, as a crash of the machine does."""

    def between(cwd):
        path = sorted(cwd.glob(pattern))[0]
        os.truncate(path, int(path.stat().st_size * keep))

    return between


def zeroed(pattern):
    """Fills the first file of a pattern with NULs, as a crash of the machine does."""

    def between(cwd):
        path = sorted(cwd.glob(pattern))[0]
        path.write_bytes(bytes(path.stat().st_size))

    return between


def appended(name, data):
    """Leaves half a line at the end of a file."""

    def between(cwd):
        with open(cwd / name, "ab") as file:
            file.write(data)

    return between


def aged(year):
    """All files are of another year."""

    def between(cwd):
        for path in cwd.rglob("*"):
            os.utime(path, (31_557_600 * (year - 1970),) * 2)

    return between


def after(row, what, change):
    """A row between whose runs something happens to what the first one left."""
    return row._replace(between=change, what=f"{row.what}, then {what}")


@contextlib.contextmanager
def half_file(cwd):
    """The dataset is cut short during the first run."""
    whole = (cwd / "own.h5").read_bytes()
    cut("own.h5")(cwd)
    yield
    (cwd / "own.h5").write_bytes(whole)


def joined(command, call, number):
    """Another process gives the same command while this one is at work, and is told to wait."""
    job = {"at": [call, number, "second", False]}
    return Fault(f"a second process at {call.partition(':')[2]} {number}", command, job, 0)


def no_rights(command, path, told):
    """A folder or file of others."""
    bits = 0o555 if path in ("", "run") else 0
    return Fault(
        f"no rights to {path or 'the folder'}",
        command,
        {"powerless": True},
        2,
        told,
        lambda cwd: mode(cwd / path, bits),
    )


ROWS = [
    # --- the dataset
    ended("dataset", REPLACE, 1),
    ended("dataset", REPLACE, 5),
    ended("dataset", REPLACE, 10),
    ended("dataset", REPLACE, 10, after=True),
    ended("dataset", FSYNC, 4),
    ended("dataset", FSYNC, 10, TERM),
    ended("dataset", REPLACE, 3, TERM),
    ended("dataset", REPLACE, 6, "SIGINT"),
    refused("dataset", FSYNC, 1, "ENOSPC"),
    refused("dataset", FSYNC, 10, "ENOSPC"),
    refused("dataset", REPLACE, 7, "EDQUOT"),
    refused("dataset", REPLACE, 2, "EROFS"),
    refused("dataset", FSYNC, 6, "EIO"),
    limited("dataset", 400),
    limited("dataset", 80_000),
    no_rights("dataset", "", "no permission"),
    joined("dataset", REPLACE, 3),
    after(ended("dataset", REPLACE, 8), "a part is cut short", cut("data.h5.parts/*/*.npy")),
    after(ended("dataset", REPLACE, 8), "a part is all NULs", zeroed("data.h5.parts/*/*.npy")),
    after(ended("dataset", REPLACE, 8), "files of the future", aged(2040)),
    Fault("the clock goes back a year", "dataset", {"clock": -3.2e7}, 0),
    # --- reading one
    Fault("cut short", "validate", {}, 1, "", half_file),
    Fault("locked", "validate", {}, 2, "another program", lambda c: locked(c / "own.h5")),
    no_rights("validate", "own.h5", "no permission"),
    # --- a training
    ended("train", REPLACE, 1),
    ended("train", REPLACE, 1, after=True),
    ended("train", FSYNC, 1),
    ended("train", STEP, 2),
    ended("train", REPLACE, 3),
    ended("train", REPLACE, 3, after=True),
    ended("train", STEP, 3, TERM),
    ended("train", STEP, 2, "SIGINT"),
    refused("train", FSYNC, 1, "ENOSPC"),
    refused("train", FSYNC, 3, "ENOSPC"),
    refused("train", REPLACE, 2, "EIO"),
    limited("train", 2000),
    no_rights("train", "", "no permission"),
    no_rights("train", "own.h5", "no permission"),
    joined("train", STEP, 2),
    Fault("the data is locked", "train", {}, 2, "may be whole", lambda c: locked(c / "own.h5")),
    Fault("the data is cut short", "train", {}, 2, "cut short", half_file),
    after(
        ended("train", STEP, 3),
        "half a line in the log",
        appended("run/log.jsonl", b'{"step": 1, "min'),
    ),
    after(ended("train", STEP, 3), "NULs in the log", appended(LOG, b"\0" * 600)),
    after(
        ended("train", STEP, 3),
        "half a file",
        appended("run/checkpoint.safetensors.77.tmp", b"half"),
    ),
    after(ended("train", STEP, 3), "files of last century", aged(1999)),
    Fault("the clock goes on a year", "train", {"clock": 3.2e7}, 0),
    # --- decoding many curves
    ended("decode", REPLACE, 2),
    ended("decode", REPLACE, 6),
    ended("decode", REPLACE, 12, TERM),
    ended("decode", FSYNC, 5),
    refused("decode", FSYNC, 4, "ENOSPC"),
    refused("decode", REPLACE, 8, "EROFS"),
    limited("decode", 9000),
    no_rights("decode", "", "no permission"),
    joined("decode", REPLACE, 5),
    ended("decode", "shutil:rmtree", 2, after=True),
    after(ended("decode", REPLACE, 7), "an answer is cut short", cut(ANSWERS)),
    after(ended("decode", REPLACE, 7), "an answer is all NULs", zeroed(ANSWERS)),
    # --- a study
    ended("study", REPLACE, 2),
    ended("study", FSYNC, 3, TERM),
    refused("study", FSYNC, 2, "ENOSPC"),
    limited("study", 900),
    after(ended("study", REPLACE, 3), "a part is cut short", cut("root/runs/*/*.npy")),
    after(ended("study", REPLACE, 3), "a part is all NULs", zeroed("root/runs/*/*.npy")),
    # --- others that write
    ended("export", REPLACE, 1, after=True),
    refused("export", FSYNC, 2, "ENOSPC"),
    limited("export", 3000),
    no_rights("export", "", "no permission"),
    ended("solve", REPLACE, 1),
    refused("solve", FSYNC, 1, "ENOSPC"),
    limited("solve", 5000),
    Fault("a reader that has gone", "solve", {"closed": True}, 141),
    Fault("a full standard output", "solve", {"out": "/dev/full"}, 2, "standard output: the disk"),
    ended("live", REPLACE, 3),
    refused("live", FSYNC, 2, "ENOSPC"),
    ended("run", REPLACE, 1),
    refused("run", FSYNC, 1, "ENOSPC"),
]

# What has a test of its own: a cluster, workers that are killed, files that are damaged inside.
ELSEWHERE = [
    "test_faults.py::test_a_killed_worker_of_a_cluster_changes_nothing",
    "test_faults.py::test_a_killed_job_resumes_and_leaves_no_process",
    "test_faults.py::test_a_full_disk_is_one_line_and_keeps_what_is_finished",
    "test_faults.py::test_damage_is_named_and_repaired_to_the_same_bytes",
    "test_faults.py::test_what_cannot_be_repaired_is_said_to_be_so",
    "test_dataset.py::test_one_process_at_a_time_makes_or_mends_a_file",
    "test_train.py::test_a_second_interrupt_ends_at_once",
    "test_train.py::test_a_training_that_diverges_keeps_its_last_good_checkpoint",
    "test_train.py::test_a_killed_learning_curve_goes_on_as_if_nothing_had_happened",
    "test_vae.py::test_a_killed_stage_goes_on_to_the_same_weights",
    "test_decode.py::test_a_killed_call_goes_on_to_the_same_answers",
    "test_decode.py::test_a_call_killed_while_it_tidies_up_goes_on_and_decodes_nothing_again",
    "test_decode.py::test_other_settings_or_another_file_are_decoded_again_and_nothing_is_lost",
    "test_makefile.py::test_of_two_at_once_the_second_waits_and_says_so",
]
