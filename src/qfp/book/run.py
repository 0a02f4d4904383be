"""The notebook runner: papermill over the notebooks in the book's order, with every check before
the first cell runs.

`run` writes executed copies and a manifest into runs/NAME/; `refresh` executes the committed
notebooks again in place.
"""

import datetime
import importlib.metadata
import json
import logging
import platform
import resource
import sys
import time
from pathlib import Path

from qfp.book.compare import compare_outputs
from qfp.book.parameters import book_notebooks, check_parameters, own_parameters, select, types_of
from qfp.config import load_preset
from qfp.files import output_folder
from qfp.threads import steady
from qfp.tools import SettingsError, digest, project_root, sha256, write_text

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

KERNEL = [
    "--log-level=CRITICAL",  # kernels chat about sockets
    "--InlineBackend.figure_formats={'svg'}",  # sharp on every screen, and no clock in the file
    "--InlineBackend.print_figure_kwargs={'bbox_inches': 'tight', 'metadata': {'Date': None}}",
]
PATIENCE = 600  # seconds for a kernel to start, and for an output: a machine may do much else


def _execute(source, target, cwd, parameters, name):
    """papermill on one notebook; the first failing cell becomes a one-line SettingsError."""
    import papermill

    logging.getLogger("papermill").setLevel(logging.CRITICAL)  # it would say an error twice
    try:
        papermill.execute_notebook(
            str(source),
            str(target),
            parameters=parameters,
            cwd=str(cwd),
            kernel_name="python3",
            progress_bar=False,
            log_output=False,
            start_timeout=PATIENCE,
            iopub_timeout=PATIENCE,
            extra_arguments=KERNEL,
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


def versions():
    """Versions of Python and of the packages that results depend on."""
    found = {"python": platform.python_version(), "qfp": importlib.metadata.version("qfp")}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def begin(root, config, given):
    """What a manifest says before the first notebook runs."""
    return {
        "status": "running",
        "preset": config.preset,
        "parameters": given,
        "config_sha256": digest(config),
        "seeds": {"seed": config.seed},
        "versions": versions(),
        "platform": platform.platform(),
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "weights": {p.name: sha256(p) for p in sorted((root / "models").glob("*.safetensors"))},
        "results": {p.name: sha256(p) for p in sorted((root / "results").glob("*.json"))},
        "notebooks": [],
    }


def run_one(root, path, folder, given, compare):
    """Execute one notebook into a folder; what the manifest says of it."""
    began, target = time.perf_counter(), folder / Path(path).name
    print(f"{path} ...", end=" ", flush=True)
    _execute(root / path, target, root / "notebooks", given, path)
    same = compare_outputs(path, root / path, target) if compare else None
    seconds = round(time.perf_counter() - began, 1)
    told = f", compared outputs as committed: {same}" if compare else ""
    print(f"{seconds:.1f} s{told}", flush=True)
    sha = sha256(root / path)
    return {"name": path, "sha256": sha, "seconds": seconds, "outputs_compared": same}


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
    settings = {key: value for key, value in parameters.items() if key not in own}
    config = load_preset(preset, **settings)
    named = preset if str(preset) == config.preset else str(Path(preset).resolve())
    given = {"preset": named, **parameters, **own}
    check_parameters(root, notebooks, given)
    compare = compare and preset == COMMITTED and not parameters
    folder = output_folder(out or root / "runs" / config.preset).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    manifest, start = begin(root, config, given), time.perf_counter()
    try:
        for path in notebooks:
            manifest["notebooks"].append(run_one(root, path, folder, given, compare))
        manifest["status"] = "done"
    except BaseException as error:
        print(flush=True)
        manifest["status"] = f"stopped: {str(error) or type(error).__name__}"
        raise
    finally:
        manifest["seconds"] = round(time.perf_counter() - start, 1)
        # largest resident size of any one kernel; ru_maxrss is in KiB on Linux
        manifest["peak_memory_mib"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
        write_text(folder / "manifest.json", json.dumps(manifest, indent=1) + "\n")
    return manifest


def types(only=None):
    """`parameters.types_of` the notebooks that `only` chooses."""
    root = project_root()
    return types_of(root, select(book_notebooks(root), only))


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
        with steady():
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
