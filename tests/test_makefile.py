"""The Makefile where users run it: in a folder with a space in its name, in a shell that is set up
for another Python, two at once. Python and pip are scripts that write down what they are asked."""

import contextlib
import fcntl
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FAKE = """#!/bin/bash
settings=$(env | grep -E '^(PYTHON|PIP_)' | sort | tr '\\n' ' ')
echo "$* [$settings]" >> "$LOG"
case "$*" in
  *version_info*) echo "${VERSION:-3.11}" ;;
  "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
  *" pip "*) sleep 0.1 ;;
esac
"""
OTHER = {  # for another Python
    "PYTHONHOME": "/nonsense",
    "PYTHONPATH": "/nonsense",
    "PYTHONOPTIMIZE": "2",
    "PIP_USER": "1",
    "PIP_TARGET": "/nonsense",
    "PIP_PREFIX": "/nonsense",
}


@pytest.fixture
def checkout(tmp_path):
    """A folder with a space in its name that holds what an install reads, and a Python likewise."""
    folder = tmp_path / "a checkout"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    python = tmp_path / "my python" / "python3.11"
    python.parent.mkdir()
    python.write_text(FAKE)
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    return folder


def make(folder, *words, **settings):
    """`make` in a folder, as from a shell that is no make's."""
    names = "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "QFP_TURN", *OTHER
    clean = {name: value for name, value in os.environ.items() if name not in names}
    python = folder.parent / "my python" / "python3.11"
    return subprocess.Popen(
        ["make", f"PYTHON={python}", *words],
        cwd=folder,
        env=clean | {"LOG": str(folder / "log")} | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process):
    """Exit code, stdout and stderr."""
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def asked(folder):
    """What Python was asked, a list of lines."""
    return (folder / "log").read_text().splitlines()


def test_an_install_survives_spaces_and_a_shell_for_another_python(checkout):
    code, _, err = ended(make(checkout, "install", **OTHER))
    assert code == 0 and not err
    lines = asked(checkout)
    assert sum("-m pip" in line for line in lines) == 4 and "-m venv .venv" in "\n".join(lines)
    assert not any("nonsense" in line or "PIP_USER" in line for line in lines)
    code, out, _ = ended(make(checkout, "install"))
    assert code == 0 and "Nothing to be done" in out and asked(checkout) == lines


@contextlib.contextmanager
def held(lock, kind):
    """As long as another make is busy."""
    if kind == "flock":
        with lock.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
    else:
        folder = lock.with_name(lock.name + ".d")
        folder.mkdir()
        yield
        folder.rmdir()


@pytest.mark.parametrize("locks", ["flock", "mkdir"])
def test_of_two_at_once_the_second_waits_and_says_so(checkout, tmp_path, locks):
    path = os.environ["PATH"]
    if locks == "mkdir":  # all that a recipe calls, but no flock
        path = tmp_path / "bin"
        path.mkdir()
        for name in ("bash", "make", "mkdir", "rmdir", "sleep", "touch", "test", "env", "grep"):
            (path / name).symlink_to(shutil.which(name))
        for name in ("sort", "tr", "cp", "gcc", "g++"):
            (path / name).symlink_to(shutil.which(name))
    with held(checkout / ".install.lock", locks):
        makes = [make(checkout, "install", PATH=str(path)) for _ in range(2)]
        said = [process.stderr.readline() for process in makes]
    assert all("Another make is busy with the install" in line for line in said), said
    both = [ended(process) for process in makes]
    assert [(code, err) for code, _, err in both] == [(0, "")] * 2, both
    assert sum("-m pip" in line for line in asked(checkout)) == 4
    assert not list(checkout.glob(".*.d"))


@pytest.mark.parametrize("version", ["3.10", "3.12", "3.13"])
def test_another_python_is_refused_by_name(checkout, version):
    code, _, err = ended(make(checkout, "install", VERSION=version))
    assert code == 2 and f"is Python {version}; only 3.11 was tried" in err
    assert not (checkout / ".venv").exists()
