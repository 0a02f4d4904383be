"""What the book quotes: one module a study, all of one shape (qfp.studies.frame).

Nothing is imported before it is asked for: a study takes torch and more.
"""

import ast
import importlib
import json
from pathlib import Path

from qfp.tools import SettingsError, project_root

MODULES = {  # `qfp study NAME`: where its STUDY stands
    "accuracy": "accuracy",
    "rivals": "rivals.rivals",
    "interpolation": "interpolation",
    "inference": "inference.inference",
    "limits": "inference.limits",
    "certificates": "inference.certificates",
    "measurement": "inference.measurement",
    "antidots": "inference.antidots",
    "sets": "inference.sets",
    "thermal": "inference.thermal",
    "samplers": "limits.samplers",
    "networks": "networks.diagnose",
    "potentials": "networks.potentials",
    "lent": "networks.lent",
    "vae": "two_stage.baseline",
    "vae-kriged": "two_stage.kriged",
    "calibration": "calibration.calibration",
    "novelty": "novelty.rates",
    "robustness": "limits.robustness",
    "memorisation": "limits.memorisation",
    "attention": "attention.probe",
    "waves": "attention.following",
    "score": "score.probe",
    "learning": "short.learning",
    "ablations": "short.ablations",
    "attention-labels": "short.factors",
    "recipe": "short.recipe",
    "solver-speed": "speed.solver",
    "training-speed": "speed.race",
    "sampling-speed": "speed.race_sample",
    "live": "live.page",
}


def find(name):
    """Study of a name. Raises SettingsError where there is none."""
    if name not in MODULES:
        raise SettingsError(f"no study {name!r}: choose {', '.join(MODULES)}")
    return importlib.import_module(f"qfp.studies.{MODULES[name]}").STUDY


def recorded(name, file=None):
    """What the file of a study's result holds, whatever it was measured on; an empty dict where
    there is none. file: its name where the result was written to another."""
    path = project_root() / "results" / f"{file or find(name).result}.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def question(name):
    """What a study asks: the first line of its module's docstring, read without importing it."""
    path = Path(__file__).parent / f"{MODULES[name].replace('.', '/')}.py"
    return ast.get_docstring(ast.parse(path.read_text())).splitlines()[0]


def study(name, config=None, **options):
    """Measure what the book quotes, one study of `qfp study`.

    Parameters
    ----------
    name : str
        Of the study; ``qfp.studies.MODULES`` lists them.
    config : Config, optional
        By default that of preset 'laptop'.
    **options
        out, weights, data and report, and the study's own (see `qfp study NAME --help`).

    Returns
    -------
    dict
        What the file of the study holds; None where parts of it are missing.

    Raises
    ------
    SettingsError
        Before the work, where a name, an option or a file does not fit.

    Examples
    --------
    >>> try:
    ...     qfp.study("acuracy")
    ... except qfp.SettingsError as error:
    ...     print(str(error)[:40])
    no study 'acuracy': choose accuracy, riv
    """
    chosen = find(name)
    from qfp.config import load_preset
    from qfp.studies.frame import run_study

    return run_study(chosen, config or load_preset(), **options)
