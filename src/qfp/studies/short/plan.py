"""The rows of presets/ablations.yaml: trainings that differ from a preset in one choice each."""

import dataclasses
from pathlib import Path

from qfp.config import SECTIONS
from qfp.files import yaml_of
from qfp.model import exported
from qfp.tools import SettingsError, as_dict, project_root

GROUPS = {  # of rows, a column of the figure each
    "gradient for the curve": [
        "no-gradient",
        "no-gradient-seed-1",
        "own-curves",
        "own-curves-pooled",
        "own-curves-pooled-1",
    ],
    "diffusion": ["linear", "epsilon", "epsilon-seed-1", "epsilon-linear", "uniform"],
    "all else": ["reference-seed-1", "no-attention", "sam", "one-potential", "curve-noise"],
}


@dataclasses.dataclass(frozen=True)
class Row:
    """One training of the table."""

    changes: dict  # {section: {setting: value}}
    config: object


def passes(config):
    """Gradient passes of a step."""
    return 2 if config.training.optimizer == "sam" else 1


def load_plan(config, path=None, number=None):
    """The plan of a YAML file, by default presets/ablations.yaml: {passes, looks, noise}, with
    `number` passes in place of its own, and {name: Row}.

    Raises SettingsError for a change that no preset could have, and for fewer steps than looks."""
    path = project_root() / "presets" / "ablations.yaml" if path is None else Path(path)
    plan = yaml_of(path, "plan")
    plan |= {"passes": number} if number else {}
    rows, listed = {}, plan.pop("rows", None)
    if not isinstance(listed, dict) or not isinstance(plan.get("passes"), int):
        raise SettingsError(
            f"{path.name}: a plan has passes, a number, and rows, {{name: {{section: changes}}}}"
        )
    for name, changes in listed.items():
        where, values = f"{path.name}, {name}", as_dict(config)
        for section, change in (changes or {}).items():
            if section not in SECTIONS or not isinstance(change, dict):
                raise SettingsError(
                    f"{where}: {section}: {change}: a row changes settings of {', '.join(SECTIONS)}"
                )
            values[section] |= change
        own = exported.config_of(values, where)
        steps, looks = plan["passes"] // passes(own), plan.get("looks", 1)
        if steps < looks:
            raise SettingsError(f"{where}: {steps} steps are too few for {looks} looks")
        training = dataclasses.replace(own.training, minutes=0.0, max_steps=steps)
        rows[name] = Row(changes, dataclasses.replace(own, training=training))
    return plan, rows
