"""The runner refuses before it runs, stops at the first error, compares, and leaves a manifest."""

import dataclasses
import hashlib
import json
import random
import shutil
from pathlib import Path

import jupytext
import nbformat
import pytest

from qfp.book.notebook import VIEW, WIDGETS, normalise
from qfp.book.parameters import book_notebooks, parse_parameters, select
from qfp.book.run import main, refresh, run
from qfp.config import Config
from qfp.tools import SettingsError

ROOT = Path(__file__).parents[1]
KEYS = [field.name for field in dataclasses.fields(Config)][1:]
PARAMETERS = 'preset = "laptop"\n' + "\n".join(f"{key} = None" for key in KEYS)


def cell(source, *tags):
    head = "# %%" + (f" tags={json.dumps(list(tags))}" if tags else "")
    return f"{head}\n{source}\n\n"


FIRST = (
    cell(PARAMETERS, "parameters")
    + cell(
        "from qfp.config import load_preset\n"
        "config = load_preset(preset, seed=seed, training=training, "
        "notebook_configurations=notebook_configurations)\n"
        "print(config.preset, config.seed, config.notebook_configurations)"
    )
    + cell("print(6 * 7)", "nbval-check-output")
)
SECOND = (
    cell(PARAMETERS, "parameters")
    + cell("assert (seed or 0) < 5, 'seed\\ntoo large'")
    + cell("import os; print(os.path.basename(os.getcwd()))", "nbval-check-output")
)


def checkout(path):
    """A small checkout at path with two notebooks, listed in the order 01, 00."""
    shutil.copytree(ROOT / "presets", path / "presets")
    for folder in ("notebooks", "models", "results"):
        (path / folder).mkdir()
    (path / "models" / "laptop.safetensors").write_bytes(b"weights")
    (path / "_toc.yml").write_text(
        "format: jb-book\nroot: intro\nparts:\n- chapters:\n"
        "  - file: notebooks/01_first\n  - file: claims\n  - file: notebooks/00_second\n"
    )
    (path / "notebooks" / "01_first.py").write_text(FIRST)
    (path / "notebooks" / "00_second.py").write_text(SECOND)
    return path


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The small checkout with executed notebooks; made once, never changed."""
    path = checkout(tmp_path_factory.mktemp("executed"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QFP_ROOT", str(path))
        refresh()
    return path


@pytest.fixture
def committed(executed, tmp_path, monkeypatch):
    """A copy of the executed checkout, and the root of the project for this test."""
    path = shutil.copytree(executed, tmp_path / "project", ignore=shutil.ignore_patterns("runs"))
    monkeypatch.setenv("QFP_ROOT", str(path))
    return path


def replace(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_order_is_the_books(committed):
    assert book_notebooks(committed) == ["notebooks/01_first.ipynb", "notebooks/00_second.ipynb"]


def test_select():
    paths = ["notebooks/00_a.ipynb", "notebooks/04_b.ipynb", "notebooks/05_c.ipynb"]
    assert select(paths, None) == paths
    assert select(paths, "05,04") == paths[1:]
    assert select(paths, ["04_b"]) == select(paths, "b") == paths[1:2]
    with pytest.raises(SettingsError, match="no notebook starts with '07'"):
        select(paths, "04,07")


def test_parse_parameters():
    assert parse_parameters(["seed=3", "training={minutes: 1.5}", "device=null"]) == {
        "seed": 3,
        "training": {"minutes": 1.5},
        "device": None,
    }
    assert parse_parameters(None) == {}
    for bad in ("seed", "=3", "a b=1"):
        with pytest.raises(SettingsError, match="KEY=VALUE"):
            parse_parameters([bad])
    with pytest.raises(SettingsError, match="not valid YAML"):
        parse_parameters(["seed=[1"])


def test_run_writes_notebooks_and_manifest(committed, capsys):
    before = {p.name: p.read_bytes() for p in (committed / "notebooks").iterdir()}
    manifest = run("smoke", parameters={"seed": 3})
    folder = committed / "runs" / "smoke"
    assert manifest == json.loads((folder / "manifest.json").read_text())
    assert manifest["status"] == "done"
    assert manifest["parameters"] == {"preset": "smoke", "seed": 3}
    assert manifest["seeds"] == {"seed": 3}
    assert [entry["name"] for entry in manifest["notebooks"]] == book_notebooks(committed)
    assert (
        manifest["notebooks"][0]["sha256"] == hashlib.sha256(before["01_first.ipynb"]).hexdigest()
    )
    assert manifest["weights"] == {"laptop.safetensors": hashlib.sha256(b"weights").hexdigest()}
    assert (
        manifest["versions"]["torch"]
        and manifest["seconds"] > 0
        and manifest["peak_memory_mib"] > 0
    )
    executed = nbformat.read(folder / "01_first.ipynb", as_version=4)
    assert "smoke 3 24" in [o.text.strip() for c in executed.cells for o in c.get("outputs", [])]
    assert {p.name: p.read_bytes() for p in (committed / "notebooks").iterdir()} == before
    assert "01_first.ipynb" in capsys.readouterr().out


def test_only_and_the_comparison(committed):
    manifest = run("laptop", only="00")
    assert [(e["name"], e["outputs_compared"]) for e in manifest["notebooks"]] == [
        ("notebooks/00_second.ipynb", 1)
    ]
    assert run("smoke", only="00")["notebooks"][0]["outputs_compared"] is None
    replace(committed / "notebooks" / "00_second.ipynb", '"notebooks\\n"', '"elsewhere\\n"')
    with pytest.raises(
        SettingsError, match=r"00_second.ipynb, cell .*committed 'elsewhere', now 'notebooks'"
    ):
        run("laptop", only="00")
    assert json.loads((committed / "runs" / "laptop" / "manifest.json").read_text())[
        "status"
    ].startswith("stopped")
    assert run("laptop", only="00", compare=False)["status"] == "done"


def test_stops_at_the_first_error_and_names_it_in_one_line(committed):
    with pytest.raises(SettingsError) as caught:
        run("smoke", parameters={"seed": 9}, out=committed / "elsewhere")
    message = str(caught.value)
    assert "\n" not in message
    assert (
        message.startswith("notebooks/00_second.ipynb, cell ")
        and "AssertionError: seed too large" in message
    )
    assert {p.name for p in (committed / "elsewhere").iterdir()} == {
        "01_first.ipynb",
        "00_second.ipynb",
        "manifest.json",
    }


def test_a_kernel_that_dies_is_one_line(committed, caplog):
    replace(committed / "notebooks" / "01_first.ipynb", "print(6 * 7)", "import os; os._exit(1)")
    with pytest.raises(SettingsError, match="01_first.ipynb: DeadKernelError: Kernel died"):
        run("smoke", only="01")
    assert "Kernel died" not in caplog.text


@pytest.mark.parametrize(
    "preset, parameters, message",
    [
        ("smok", {}, "unknown preset 'smok'"),
        ("smoke", {"sed": 1}, "unknown key 'sed'"),
        ("smoke", {"training": {"minuts": 1}}, "unknown key 'minuts'"),
        ("smoke", {"seed": "many"}, "seed must be int"),
        ("smoke", {"preset": "laptop"}, "--preset"),
    ],
)
def test_refuses_settings_before_running(committed, preset, parameters, message):
    with pytest.raises(SettingsError, match=message):
        run(preset, parameters=parameters)
    assert not (committed / "runs" / "smoke").exists()


def test_a_notebook_may_have_parameters_of_its_own(committed, tmp_path, monkeypatch):
    """They are no keys of a preset; files are named as seen from where the runner is started."""
    replace(
        committed / "notebooks" / "00_second.ipynb",
        "seed = None\\n",
        "seed = None\\ncurve = 'c.csv'\\n",
    )
    (tmp_path / "own.csv").write_text("")
    monkeypatch.chdir(tmp_path)
    assert run("smoke", only="00", parameters={"curve": "own.csv"})["parameters"]["curve"] == str(
        tmp_path / "own.csv"
    )
    assert (
        run("smoke", only="00", parameters={"curve": "none.csv"})["parameters"]["curve"]
        == "none.csv"
    )
    with pytest.raises(SettingsError, match="01_first.ipynb has no parameter 'curve'"):
        run("smoke", parameters={"curve": "own.csv"})


def test_refuses_a_notebook_that_lacks_a_parameter(committed):
    replace(committed / "notebooks" / "00_second.ipynb", "seed = None\\n", "")
    with pytest.raises(
        SettingsError, match="00_second.ipynb has no parameter 'seed'; it has: preset, weights"
    ):
        run("smoke", parameters={"seed": 1})
    assert not (committed / "runs" / "smoke").exists()


def test_refuses_a_notebook_without_a_parameters_cell(committed):
    replace(committed / "notebooks" / "00_second.ipynb", '"parameters"', '"other"')
    with pytest.raises(
        SettingsError, match="00_second.ipynb needs exactly one cell tagged 'parameters'"
    ):
        run("smoke")
    (committed / "notebooks" / "00_second.ipynb").unlink()
    with pytest.raises(
        SettingsError, match="00_second.ipynb is listed in _toc.yml but does not exist"
    ):
        run("smoke")


def test_a_preset_file_of_the_users(committed):
    own = committed / "mine.yaml"
    own.write_text(
        (committed / "presets" / "smoke.yaml").read_text().replace("preset: smoke", "preset: mine")
    )
    manifest = run(str(own), only="01")
    executed = nbformat.read(committed / "runs" / "mine" / "01_first.ipynb", as_version=4)
    assert manifest["preset"] == "mine"
    assert "mine 0 24" in [o.text.strip() for c in executed.cells for o in c.get("outputs", [])]


def test_refresh_twice_changes_nothing(committed):
    before = {p.name: p.read_bytes() for p in (committed / "notebooks").glob("*.ipynb")}
    refresh("01")
    assert main(["--refresh"]) == 0
    assert {p.name: p.read_bytes() for p in (committed / "notebooks").glob("*.ipynb")} == before
    assert b"papermill" not in before["01_first.ipynb"]


def test_refresh_leaves_a_failing_notebook_alone(committed, capsys):
    before = (committed / "notebooks" / "00_second.ipynb").read_bytes()
    (committed / "notebooks" / "00_second.py").write_text(SECOND + cell("1 / 0"))
    assert main(["--refresh", "00"]) == 2
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert (committed / "notebooks" / "00_second.ipynb").read_bytes() == before


def widget_notebook(seed):
    """A notebook with a box, a slider and a link, as two runs of it would differ."""
    generator = random.Random(seed)
    box, slider, style, link, orphan = (f"{generator.getrandbits(128):032x}" for _ in range(5))
    states = {
        box: {"model_name": "VBoxModel", "state": {"children": [f"IPY_MODEL_{slider}"]}},
        slider: {"model_name": "SliderModel", "state": {"style": f"IPY_MODEL_{style}"}},
        style: {"model_name": "StyleModel", "state": {}},
        link: {"model_name": "LinkModel", "state": {"source": [f"IPY_MODEL_{slider}", "value"]}},
        orphan: {"model_name": "LayoutModel", "state": {}},
    }
    keys = list(states)
    generator.shuffle(keys)
    notebook = jupytext.reads(FIRST, fmt="py:percent")
    notebook.cells[1].outputs = [
        nbformat.v4.new_output(
            "display_data",
            data={
                VIEW: {"model_id": box, "version_major": 2, "version_minor": 0},
                "text/plain": "VBox()",
            },
        )
    ]
    notebook.metadata["widgets"] = {
        WIDGETS: {"state": {key: states[key] for key in keys}, "version_major": 2}
    }
    notebook.metadata["papermill"] = {"duration": generator.random()}
    notebook.cells[1].metadata.update(execution={"at": generator.random()}, tags=[])
    return nbformat.from_dict(notebook)


def test_normaliser_names_widgets_by_what_they_are():
    texts = {nbformat.writes(normalise(widget_notebook(seed))) for seed in range(4)}
    assert len(texts) == 1
    (text,) = texts
    state = json.loads(text)["metadata"]["widgets"][WIDGETS]["state"]
    first = f"{1:032x}"
    assert state[first]["model_name"] == "VBoxModel"
    assert state[f"{2:032x}"]["state"]["style"] == f"IPY_MODEL_{3:032x}"
    assert first in text.split('"cells"')[1]
    assert "papermill" not in text and '"tags": []' not in text
    assert nbformat.writes(normalise(nbformat.reads(text, as_version=4))) == text
