"""Whatever befalls a command, nothing that it had is lost: it says what was the matter in one line,
and given again it ends as if nothing had happened."""

import ast
import json
import os
import shutil
from pathlib import Path

import nbformat
import numpy as np
import pytest
from faults import COMMANDS, ELSEWHERE, ROWS
from safetensors.torch import load_file

from qfp.tools import project_root

ALL = os.environ.get("HOSTILE") == "all"
CHOSEN = ROWS if ALL else ROWS[::3]  # a third in `make test`
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
OUTPUTS = {  # of a command, beside its standard output
    "decode": "out/*.npy",
    "export": "mine.*",
    "solve": "image.npy",
    "live": "page/*",
    "dataset": "data.h5",
}


@pytest.fixture(scope="session")
def undisturbed(server, tmp_path_factory):
    """(command) -> what comes of it where nothing happens."""
    known = {}

    def of(command):
        if command not in known:
            folder = prepared(tmp_path_factory.mktemp(command), server)
            code, out, err = run(server, command, folder, {})
            assert code == 0, err
            known[command] = outcome(command, folder, out)
        return known[command]

    return of


def prepared(folder, server):
    """A folder with data, curves and a root of a project of its own."""
    shutil.copy(server.inputs / "small.h5", folder / "own.h5")
    table = np.loadtxt(server.inputs / "good.csv", delimiter=",", skiprows=1)
    for k, name in enumerate("abc"):
        rows = "".join(f"{b!r},{g + k / 9!r}\n" for b, g in table.tolist())
        (folder / f"{name}.csv").write_text(f"field,conductance\n{rows}")
    root = folder / "root"
    for name in ("models", "results", "notebooks"):
        (root / name).mkdir(parents=True)
    (root / "presets").symlink_to(project_root() / "presets")
    (root / "_toc.yml").write_text("chapters:\n- file: notebooks/00_one\n")
    first = nbformat.v4.new_code_cell("preset = 'smoke'", metadata={"tags": ["parameters"]})
    cells = [first, nbformat.v4.new_code_cell("print(6 * 7)")]
    nbformat.write(
        nbformat.v4.new_notebook(cells=cells, metadata=KERNEL), root / "notebooks" / "00_one.ipynb"
    )
    return folder


def run(server, command, folder, job):
    """Exit code, stdout and stderr of a command in its folder."""
    words = COMMANDS[command].replace("@", f"{server.inputs}/").split()
    if (folder / "run" / "checkpoint.safetensors").exists():
        words.append("--resume")
    if (folder / "mine.safetensors").exists():
        words.append("--force")
    if "second" in str(job):
        job = job | {"second": [*words, "--resume"] if command == "train" else words}
    usual = {"inline": True, "blocks": 1, "environment": {"QFP_ROOT": str(folder / "root")}}
    return server.run(words, folder, **usual, **job)


def outcome(command, folder, out):
    """What a command gave, without times."""
    if command == "train":
        tensors = load_file(folder / "run" / "checkpoint.safetensors")
        log = [json.loads(line) for line in (folder / "run" / "log.jsonl").open()]
        return {k: v.numpy().tobytes() for k, v in tensors.items()}, [line["step"] for line in log]
    if command == "study":
        return json.loads((folder / "found.json").read_text())
    if command == "run":
        cells = nbformat.read(folder / "done" / "00_one.ipynb", 4).cells
        return json.loads((folder / "done" / "manifest.json").read_text())["status"], cells[-1][
            "outputs"
        ]
    files = {p.name: p.read_bytes() for p in folder.glob(OUTPUTS.get(command, "none"))}
    return files, out if command in ("solve", "decode", "validate") else ""


def left(folder):
    """What only a run at work may have."""
    names = [p for kind in ("tmp", "parts") for p in folder.rglob(f"*.{kind}")]
    return names + list(folder.glob("root/runs/*"))


def title(row):
    return f"{row.command}: {row.what}"


@pytest.mark.parametrize("row", CHOSEN, ids=title)
def test_nothing_is_lost(row, server, undisturbed, tmp_path):
    folder = prepared(tmp_path, server)
    with row.around(folder):
        code, out, err = run(server, row.command, folder, row.job)
    assert code == row.code, (code, err[-800:])
    assert "Traceback" not in out + err, err[-800:]
    if row.told:
        said = [line for line in err.replace("\r", "\n").splitlines() if line.startswith("qfp")]
        assert len(said) == 1 and row.told in said[0], err[-800:]
    if (folder / "second").exists():
        assert (folder / "second").read_text() == "2"
    if row.code:
        if row.between:
            row.between(folder)
        code, out, err = run(server, row.command, folder, {})
        assert code == 0, (code, err[-800:])
    assert outcome(row.command, folder, out) == undisturbed(row.command)
    assert not left(folder)


def test_there_are_enough_faults_and_those_elsewhere_exist():
    assert len(ROWS) + len(ELSEWHERE) >= 60 and len(set(map(title, ROWS))) == len(ROWS)
    for place in ELSEWHERE:
        file, _, name = place.partition("::")
        tree = ast.parse((Path(__file__).parents[1] / file).read_text())
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
