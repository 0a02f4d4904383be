"""Whatever a command is given, it answers with one line and exit code 2, or with what was asked
for: no traceback, no silence, no end that does not come."""

import os
import shlex
from pathlib import Path

import pytest
from table import DECODE, ROWS

ALL = os.environ.get("HOSTILE") == "all"
CHOSEN = ROWS if ALL else ROWS[::3]  # a third in `make test`


@pytest.fixture(scope="session")
def untouched(server):
    """The inputs are at the end as they were at the start."""

    def state():
        return {
            str(path): (path.lstat().st_size, path.lstat().st_mtime_ns, path.lstat().st_mode)
            for path in server.inputs.rglob("*")
            if not path.is_dir() and "c-log-" not in str(path)
        }

    before = state()
    yield
    assert state() == before


def words_of(command, inputs):
    """Words of a row, its inputs named in full."""
    words = shlex.split(command) if isinstance(command, str) else command
    own = os.fsencode(inputs) + b"/"
    return [own + w[1:] if w[:1] == b"@" else w for w in map(os.fsencode, words)]


def title(row):
    """Name of a row's test."""
    kind, command, _ = row
    text = (
        command
        if isinstance(command, str)
        else " ".join(map(os.fsdecode, map(os.fsencode, command)))
    )
    return f"{kind}: {text[:90]}".encode("ascii", "backslashreplace").decode()


@pytest.mark.parametrize("row", CHOSEN, ids=title)
def test_an_input_is_answered_or_refused_in_one_line(row, server, untouched, tmp_path):
    _, command, told = row
    code, out, err = server.run(words_of(command, server.inputs), tmp_path)
    told = told.replace("@", f"{server.inputs}/")
    assert code is not None, "no end"
    assert "Traceback" not in out + err, err[-600:]
    if told[:2] in ("0:", "1:"):
        assert code == int(told[0]) and told[2:] in out, (code, out[-400:], err[-400:])
        return
    assert code == 2 and err.count("\n") == 1 and err.startswith("qfp"), (code, err[-600:])
    assert told in err and err.isprintable() is False and err[:-1].isprintable(), err
    assert not out and not list(Path(tmp_path).iterdir()), (out[-300:], list(tmp_path.iterdir()))


def test_there_are_enough_inputs():
    assert len(ROWS) >= 400 and len({repr(row) for row in ROWS}) == len(ROWS)


def test_a_curve_comes_through_a_pipe_that_ends(server, tmp_path):
    words = words_of(DECODE.removesuffix("@good.csv") + "-", server.inputs)
    code, out, err = server.run(words, tmp_path, **{"in": str(server.inputs / "good.csv")})
    assert code == 0 and "-: antidots at" in out, err
    code, out, err = server.run(words, tmp_path, **{"in": "/dev/zero"})
    assert code == 2 and "- has more, and at most 64 MiB are read" in err and not out
