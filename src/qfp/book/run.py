"""The notebook runner: papermill over the notebooks in the book's order, with every check before
the first cell runs.

`run` writes executed copies and a manifest into runs/NAME/; `refresh` executes the committed
notebooks again in place.
"""

import dataclasses
import datetime
import hashlib
import importlib.metadata
import json
import platform
import re
import resource
import sys
import time
from pathlib import Path

import yaml

from qfp.config import Config, load_preset
from qfp.tools import SettingsError, digest, project_root, write_text

COMPARED = "nbval-check-output"  # tag of cells whose outputs must be the same again
COMMITTED = "laptop"  # preset that the committed notebooks were executed with
PACKAGES = (
    "numpy",
    "scipy",
    "torch",
    "h5py",
    "safetensors",
    "matplotlib",
    "ipywidgets",
    "papermill",
    "kwant",
)
ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")


def book_notebooks(root):
    """Notebook paths relative to the checkout, in the order of _toc.yml."""

    def files(node):
        if isinstance(node, dict):
            if "file" in node:
                yield node["file"]
            for value in node.values():
                yield from files(value)
        elif isinstance(node, list):
            for value in node:
                yield from files(value)

    toc = yaml.safe_load((root / "_toc.yml").read_text())
    return [f"{name}.ipynb" for name in files(toc) if name.startswith("notebooks/")]


def select(notebooks, only):
    """The notebooks whose file name starts with an entry of `only` (all where it is empty), in the
    given order."""
    if not only:
        return list(notebooks)
    names = [entry.strip() for entry in (only.split(",") if isinstance(only, str) else only)]
    for name in names:
        if not any(Path(path).name.startswith(name) for path in notebooks):
            raise SettingsError(
                f"no notebook starts with {name!r}; there are: "
                + ", ".join(Path(path).stem for path in notebooks)
            )
    return [path for path in notebooks if Path(path).name.startswith(tuple(names))]


def parse_parameters(pairs):
    """Dict from KEY=VALUE strings; values are read as YAML (numbers, lists, {mappings}, null)."""
    parameters = {}
    for pair in pairs or ():
        key, equals, value = pair.partition("=")
        if not equals or not key.isidentifier():
            raise SettingsError(f"parameter {pair!r} is not of the form KEY=VALUE")
        try:
            parameters[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise SettingsError(f"parameter {key}: {value!r} is not valid YAML") from None
    return parameters


def check_parameters(root, notebooks, parameters):
    """Refuses notebooks that are missing or have no parameters cell, and parameters that one of
    them does not declare.

    papermill itself only logs these and goes on."""
    import nbformat
    import papermill

    for path in notebooks:
        if not (root / path).is_file():
            raise SettingsError(f"{path} is listed in _toc.yml but does not exist")
        cells = nbformat.read(root / path, as_version=4).cells
        if sum("parameters" in cell.metadata.get("tags", []) for cell in cells) != 1:
            raise SettingsError(f"{path} needs exactly one cell tagged 'parameters'")
        declared = papermill.inspect_notebook(str(root / path))
        unknown = sorted(set(parameters) - set(declared))
        if unknown:
            raise SettingsError(
                f"{path} has no parameter {unknown[0]!r}; it has: {', '.join(declared)}"
            )


def own_parameters(root, notebooks, parameters):
    """Those of `parameters` that are no keys of a preset but declared by one of the notebooks.

    Notebooks run in their own folder, so the name of a file that exists, seen from here, is given
    to them in full."""
    import papermill

    found = {
        key: value
        for key, value in parameters.items()
        if key not in {field.name for field in dataclasses.fields(Config)}
    }
    declared = {
        key
        for path in notebooks
        if found and (root / path).is_file()
        for key in papermill.inspect_notebook(str(root / path))
    }
    return {
        key: str(Path(value).resolve())
        if isinstance(value, str) and Path(value).is_file()
        else value
        for key, value in found.items()
        if key in declared
    }


def _execute(source, target, cwd, parameters, name):
    """papermill on one notebook; the first failing cell becomes a one-line SettingsError."""
    import papermill

    try:
        papermill.execute_notebook(
            str(source),
            str(target),
            parameters=parameters,
            cwd=str(cwd),
            kernel_name="python3",
            progress_bar=False,
            log_output=False,
            # kernels chat about sockets
            extra_arguments=["--log-level=CRITICAL"],
        )
    except papermill.PapermillExecutionError as error:
        first = next((line for line in error.source.splitlines() if line.strip()), "").strip()
        message = " ".join(f"{error.ename}: {error.evalue}".split())
        raise SettingsError(
            f"{name}, cell {error.cell_index + 1} ({first[:60]}): {message[:300]}"
        ) from None
    except Exception as error:  # a kernel that died or did not start
        raise SettingsError(
            f"{name}: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
        ) from None


def compared_outputs(notebook):
    """[(source, [(kind, text)])] of the cells tagged for comparison: text only, addresses masked,
    streams joined."""
    found = []
    for cell in notebook.cells:
        if cell.cell_type != "code" or COMPARED not in cell.metadata.get("tags", []):
            continue
        texts = {}
        for output in cell.outputs:
            if output.output_type == "stream":
                texts[output.name] = texts.get(output.name, "") + output.text
            for kind, data in output.get("data", {}).items():
                if kind.startswith("text/"):
                    texts[kind] = texts.get(kind, "") + data
        found.append(
            (
                cell.source,
                [(kind, ADDRESS.sub("ADDRESS", text)) for kind, text in sorted(texts.items())],
            )
        )
    return found


def compare_outputs(name, committed, executed):
    """Number of tagged cells that agree; SettingsError names the first that does not."""
    import nbformat

    before = compared_outputs(nbformat.read(committed, as_version=4))
    after = compared_outputs(nbformat.read(executed, as_version=4))
    for (source, old), (_, new) in zip(before, after, strict=True):
        if old != new:
            old_lines, new_lines = (
                " ".join(text for _, text in side).splitlines() for side in (old, new)
            )
            line = next(
                (pair for pair in zip(old_lines, new_lines) if pair[0] != pair[1]),
                (f"{len(old_lines)} lines", f"{len(new_lines)} lines"),
            )
            first = source.strip().splitlines()[0]
            raise SettingsError(
                f"{name}, cell ({first[:60]}): committed {line[0][:120]!r}, now {line[1][:120]!r}"
            )
    return len(before)


def _sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def versions():
    """Versions of Python and of the packages that results depend on."""
    found = {"python": platform.python_version(), "qfp": importlib.metadata.version("qfp")}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def run(preset=COMMITTED, only=None, parameters=None, out=None, compare=True):
    """Run the book's notebooks in order into runs/NAME/ (or `out`) and return the manifest written
    there.

    preset: name or YAML file. only: '04,05' or a list of such beginnings. parameters: dict of
    preset keys to change (a mapping changes keys of a section), and of parameters that a notebook
    has of its own. compare: hold the tagged outputs against the committed ones where the preset is
    the committed one, unchanged. Raises SettingsError, one line, before the first cell where a
    setting is wrong, and at the first cell that fails."""
    parameters = dict(parameters or {})
    if "preset" in parameters:
        raise SettingsError("choose the preset with --preset, not as a parameter")
    root = project_root()
    notebooks = select(book_notebooks(root), only)
    own = own_parameters(root, notebooks, parameters)
    config = load_preset(
        preset, **{key: value for key, value in parameters.items() if key not in own}
    )
    named = preset if str(preset) == config.preset else str(Path(preset).resolve())
    given = {"preset": named, **parameters, **own}
    check_parameters(root, notebooks, given)
    compare = compare and preset == COMMITTED and not parameters

    folder = Path(out).resolve() if out else root / "runs" / config.preset
    folder.mkdir(parents=True, exist_ok=True)
    manifest = {
        "status": "running",
        "preset": config.preset,
        "parameters": given,
        "config_sha256": digest(config),
        "seeds": {"seed": config.seed},
        "versions": versions(),
        "platform": platform.platform(),
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "weights": {p.name: _sha256(p) for p in sorted((root / "models").glob("*.safetensors"))},
        "results": {p.name: _sha256(p) for p in sorted((root / "results").glob("*.json"))},
        "notebooks": [],
    }
    start = time.perf_counter()
    try:
        for path in notebooks:
            began = time.perf_counter()
            target = folder / Path(path).name
            print(f"{path} ...", end=" ", flush=True)
            _execute(root / path, target, root / "notebooks", given, path)
            same = compare_outputs(path, root / path, target) if compare else None
            seconds = round(time.perf_counter() - began, 1)
            print(
                f"{seconds:.1f} s"
                + (f", compared outputs as committed: {same}" if compare else ""),
                flush=True,
            )
            manifest["notebooks"].append(
                {
                    "name": path,
                    "sha256": _sha256(root / path),
                    "seconds": seconds,
                    "outputs_compared": same,
                }
            )
        manifest["status"] = "done"
    except BaseException as error:
        print(flush=True)
        manifest["status"] = (
            f"stopped: {error}" if str(error) else f"stopped: {type(error).__name__}"
        )
        raise
    finally:
        manifest["seconds"] = round(time.perf_counter() - start, 1)
        # largest resident size of any one kernel; ru_maxrss is in KiB on Linux
        manifest["peak_memory_mib"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
        write_text(folder / "manifest.json", json.dumps(manifest, indent=1) + "\n")
    return manifest


def refresh(only=None):
    """Execute notebooks again from their .py sources with defaults and write the .ipynb in place,
    normalised.

    A notebook that fails is left as it was. On the same machine and pins a second refresh changes
    no byte."""
    import jupytext
    import nbformat

    from qfp.book.notebook import normalise

    root = project_root()
    listed = book_notebooks(root)
    others = sorted(f"notebooks/{p.stem}.ipynb" for p in (root / "notebooks").glob("[0-9]*.py"))
    for path in select(listed + [p for p in others if p not in listed], only):
        source = (root / path).with_suffix(".py")
        if not source.is_file():
            raise SettingsError(f"{path} has no paired {source.name}")
        notebook = jupytext.read(source)
        notebook.metadata["kernelspec"] = {
            "display_name": "Python 3",
            "language": "python",
            "name": "python3",
        }
        scratch = root / "runs" / "refresh" / Path(path).name
        scratch.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(normalise(notebook), scratch)
        print(f"{path} ...", end=" ", flush=True)
        began = time.perf_counter()
        _execute(scratch, scratch, root / "notebooks", {}, path)
        write_text(
            root / path, nbformat.writes(normalise(nbformat.read(scratch, as_version=4))) + "\n"
        )
        print(f"{time.perf_counter() - began:.1f} s", flush=True)


def main(arguments=None):
    """`python -m qfp.book.run --refresh [ONLY]`, for the Makefile; everything else is `qfp run`."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0] != "--refresh" or len(arguments) > 2:
        print("usage: python -m qfp.book.run --refresh [04,05]", file=sys.stderr)
        return 2
    try:
        refresh(*arguments[1:])
    except SettingsError as error:
        print(f"qfp: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
