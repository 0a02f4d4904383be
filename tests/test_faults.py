"""The generation under faults, with real processes: killed workers and jobs, a full disk, damaged
files. The bytes of the file are those of an undisturbed run every time."""

import hashlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time

import h5py
import psutil
import pytest
import torch
from threadpoolctl import threadpool_info

from qfp.cli import main
from qfp.data import workers

SETTINGS = [
    "--preset",
    "smoke",
    "--set",
    "dataset.configurations=12",
    "--set",
    "device.field_points=10",
]
CHUNKS = 2 + 2 * 10
# An undisturbed local run, in which dask is never imported.
REFERENCE = """
import sys
from qfp.cli import main
assert main(["dataset", *sys.argv[1:], "--workers", "2"]) == 0
assert not {"dask", "distributed", "threadpoolctl"} & set(sys.modules)
"""

# A job that stands still once it has stored so many chunks, or (0) while it assembles the file,
# until another file is there: what happens to it then does not hang on who is faster.
HELD = """
import sys, time
from pathlib import Path
from qfp.cli import main
from qfp.data import generate

number, go, *words = sys.argv[1:]
store, check, stored = generate._store, generate.spot_check, []

def hold():
    while not Path(go).exists():
        time.sleep(0.01)

def storing(path, values):
    store(path, values)
    stored.append(path)
    if len(stored) == int(number):
        hold()

def checking(*arrays):
    if number == "0":
        hold()
    return check(*arrays)

generate._store, generate.spot_check = storing, checking
sys.exit(main(["dataset", *words]))
"""


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    path = tmp_path_factory.mktemp("reference") / "small.h5"
    subprocess.run(
        [sys.executable, "-c", REFERENCE, *SETTINGS, "--out", path], check=True, capture_output=True
    )
    return path


def start(*command, log, **options):
    """A process in a session of its own, so that it can be killed with all its children."""
    with open(log, "ab") as stream:
        return subprocess.Popen(
            [sys.executable, *command],
            stdout=stream,
            stderr=stream,
            start_new_session=True,
            **options,
        )


def generate(out, *more, held=None):
    """A job; held: see HELD, `out` with the suffix .go lets it go on."""
    how = ["-m", "qfp.cli", "dataset"]
    if held is not None:
        how = ["-c", HELD, str(held), out.with_suffix(".go")]
    return start(*how, *SETTINGS, "--out", out, *more, log=out.with_suffix(".log"))


def finished(out):
    """Names of the chunks that are stored."""
    return {path.name for path in out.parent.glob(f"{out.name}.parts/*/*.npy")}


def wait(condition, process=None, seconds=300):
    """Wait for a condition, which a process must live to see."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end and (process is None or process.poll() is None)
        time.sleep(0.005)


def announced(file):
    """What a scheduler wrote of itself, or None: its file is there before it has a word."""
    try:
        return json.loads(file.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def ended(process):
    try:
        return process.status() == psutil.STATUS_ZOMBIE  # where nobody collects orphans
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def cluster(tmp_path):
    """A dask scheduler's address, and a function that starts workers; all of them end with the
    test."""
    started = []
    environment = {
        name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")
    }

    def dask(*arguments):
        arguments = [
            "-m",
            "dask",
            *arguments,
            "--no-dashboard",
            "--dashboard-address",
            "127.0.0.1:0",
        ]
        started.append(start(*arguments, log=tmp_path / "dask.log", env=environment))
        return started[-1]

    file = tmp_path / "scheduler.json"
    scheduler = dask(
        "scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file)
    )
    wait(lambda: announced(file), scheduler)
    address = announced(file)["address"]
    yield (
        address,
        lambda *more: dask(
            "worker", address, "--no-nanny", "--local-directory", str(tmp_path), *more
        ),
    )
    for process in started:
        process.kill()
        process.wait()


def test_a_killed_worker_of_a_cluster_changes_nothing(reference, cluster, tmp_path, capsys):
    address, worker = cluster
    out, log = tmp_path / "small.h5", tmp_path / "dask.log"
    assert main(["dataset", *SETTINGS, "--out", str(out), "--scheduler", address]) == 2
    assert "it has no workers" in capsys.readouterr().err
    victim = worker("--nthreads", "1")
    worker("--nthreads", "2")  # its threads take turns
    # one that the scheduler does not know cannot be missed
    wait(lambda: log.read_text().count("Register worker") >= 2, victim)
    number = random.Random(1).randrange(3, 12)
    job = generate(out, "--scheduler", address, held=number)
    wait(lambda: len(finished(out)) == number, job)
    victim.kill()
    out.with_suffix(".go").touch()
    assert job.wait(300) == 0, out.with_suffix(".log").read_text()
    assert sha256(out) == sha256(reference)
    assert "Remove worker" in log.read_text()


def test_a_killed_job_resumes_and_leaves_no_process(reference, tmp_path):
    out = tmp_path / "small.h5"
    before = 0
    for number, moment in enumerate(sorted(random.Random(2).sample(range(1, CHUNKS), 3))):
        job = generate(out, "--workers", "2", held=moment - before)
        wait(lambda moment=moment: len(finished(out)) == moment, job)
        family = psutil.Process(job.pid).children(recursive=True)
        assert family and not out.exists()
        if number % 2:
            job.kill()  # the parent alone
        else:
            os.killpg(job.pid, signal.SIGKILL)
        job.wait()
        # no worker outlives the job
        wait(lambda family=family: all(map(ended, family)))
        assert len(finished(out)) == moment
        before = moment
    job = generate(out, "--workers", "2", held=0)
    wait(out.with_name(f"small.h5.{job.pid}.tmp").exists, job)  # while it assembles the file
    os.killpg(job.pid, signal.SIGKILL)
    job.wait()
    assert not out.exists() and len(finished(out)) == CHUNKS
    assert generate(out, "--workers", "2").wait(300) == 0
    assert sha256(out) == sha256(reference)
    assert not list(tmp_path.glob("*.parts")) and not list(tmp_path.glob("*.tmp"))


def test_a_full_disk_is_one_line_and_keeps_what_is_finished(reference, tmp_path):
    out = tmp_path / "small.h5"
    image, whole = 12 * 60 * 50 * 2, reference.stat().st_size

    def run(limit):
        """The job where no file may grow beyond a limit [bytes]."""
        process = subprocess.run(
            [sys.executable, "-m", "qfp.cli", "dataset", *SETTINGS, "--out", out, "--workers", "1"],
            check=False,
            text=True,
            capture_output=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        )
        return process.returncode, [
            line for line in process.stderr.splitlines() if line and "%|" not in line
        ]

    code, errors = run(whole - 100)  # the file itself does not fit
    assert code == 2 and len(errors) == 1 and f"cannot write {out}: File too large" in errors[0], (
        errors
    )
    assert len(finished(out)) == CHUNKS and not out.exists() and not list(tmp_path.glob("*.tmp"))
    for name in ("ldos_p1_n00000.npy", "conductance_p0_f003.npy"):
        next(tmp_path.glob(f"*.parts/*/{name}")).unlink()
    code, errors = run(image)  # a chunk does not fit: it has a header
    assert code == 2 and len(errors) == 1 and "ldos_p1_n00000.npy: File too large" in errors[0], (
        errors
    )
    assert CHUNKS - 2 <= len(finished(out)) < CHUNKS and not list(tmp_path.glob("*.parts/*/*.tmp"))
    assert run(resource.RLIM_INFINITY)[0] == 0
    assert sha256(out) == sha256(reference)


def damaged(reference, path, *places):
    """A copy with one bit flipped in each place (dataset, number of its HDF5 chunk)."""
    data = bytearray(reference.read_bytes())
    with h5py.File(reference) as file:
        for name, number in places:
            chunk = file[name].id.get_chunk_info(number)
            data[chunk.byte_offset + chunk.size // 2] ^= 1
    path.write_bytes(data)
    return str(path)


def test_damage_is_named_and_repaired_to_the_same_bytes(reference, tmp_path, capsys):
    places = ("conductance", 1), ("ldos", 0), ("antidots", 0), ("potentials", 0)
    file = damaged(reference, tmp_path / "flipped.h5", *places)
    assert main(["dataset", "--validate", file]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5 and lines[-1] == f"{file}: 4 problems"
    for where in (
        "/antidots:",
        "/potentials:",
        "/conductance[1, 0:12] (potential 1, configurations 0 to 11): checksum wrong",
        "/ldos[0, 0:12] (potential 0, configurations 0 to 11): checksum wrong",
    ):
        assert any(line.startswith(where) for line in lines), lines
    assert main(["dataset", "--validate", file, "--repair", "--workers", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert (
        any(f"11 of {CHUNKS} chunks to compute" in line for line in lines)
        and lines[-1] == f"{file}: whole"
    )
    assert sha256(tmp_path / "flipped.h5") == sha256(reference)
    assert [path.name for path in tmp_path.iterdir()] == ["flipped.h5"]


def test_what_cannot_be_repaired_is_said_to_be_so(reference, tmp_path, capsys):
    whole = reference.read_bytes()
    cut, garbled, wrong = (tmp_path / name for name in ("cut.h5", "garbled.h5", "wrong.h5"))
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    garbled.write_bytes(whole.replace(b'"seed": 0', b'"seed": 1'))
    wrong.write_bytes(whole)
    with h5py.File(wrong, "r+") as file:
        file["conductance"][...] += 0.01  # plausible, under checksums that hold
    for file, words in (
        (cut, "not a readable HDF5 file"),
        (garbled, "settings"),
        (wrong, "differs from Kwant"),
    ):
        before = sha256(file)
        for more in ([], ["--repair"]):
            assert main(["dataset", "--validate", str(file), *more]) == 1
            line, last = capsys.readouterr().out.splitlines()
            assert words in line and "generate it again" in line and last == f"{file}: 1 problems"
        assert sha256(file) == before


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--repair"], "--repair mends the file of --validate"),
        (["--scheduler", "tcp://127.0.0.1:1", "--workers", "2"], "one of them"),
        (["--scheduler", "tcp://127.0.0.1:1"], "no dask scheduler answers there"),
        (["--scheduler", "nonsense"], "missing port number"),
    ],
)
def test_errors_of_use_are_one_line(capsys, tmp_path, monkeypatch, arguments, words):
    monkeypatch.setattr(workers, "ANSWER", 1)
    assert main(["dataset", *SETTINGS, "--out", str(tmp_path / "small.h5"), *arguments]) == 2
    err = capsys.readouterr().err
    assert words in err and err.count("\n") == 1 and not list(tmp_path.iterdir())


def test_missing_dask_is_one_line(capsys, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert (
        main(
            [
                "dataset",
                *SETTINGS,
                "--out",
                str(tmp_path / "small.h5"),
                "--scheduler",
                "tcp://127.0.0.1:1",
            ]
        )
        == 2
    )
    err = capsys.readouterr().err
    assert "needs dask" in err and err.count("\n") == 1


def test_work_on_a_cluster_leaves_its_threads_alone():
    def settings():
        return torch.get_num_threads(), [library["num_threads"] for library in threadpool_info()]

    usual = torch.get_num_threads()
    torch.set_num_threads(3)
    before = settings()
    threads, libraries = workers.one_thread(settings)
    assert threads == 1 and set(libraries) == {1}
    assert settings() == before and before[0] == 3
    torch.set_num_threads(usual)
