# long: one frame is read at once: what a study is, its run, and what both refuse
"""The one shape of a study: what it measures, which columns a reader sees, what the names mean.

A study is a module with a `STUDY`; `qfp study NAME` makes a `Run` of it: the decoder, the pairs and
their split are opened (and refused where they do not belong together), finished parts are kept in a
folder that is named by all that they depend on, so that a killed run resumes and a changed one
starts anew, and the result is written with what it says of its making.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from qfp.data import dataset
from qfp.decoding import decode
from qfp.decoding.decode import load_pairs_decoder as load_decoder
from qfp.files import output_file
from qfp.model.exported import weights_hash
from qfp.studies.scoring import Answers
from qfp.tools import SettingsError, digest, kept, progress_bar, project_root, stream, write_json

BLOCK = 20  # curves of one block of samples
DATA = "data/laptop.h5"


@dataclass(frozen=True)
class Option:
    """An option of a study, `--name VALUE` on the command line. A number must be 1 or more."""

    default: Any
    help: str
    kind: type = int
    many: bool = False  # several values, a tuple


PARTS = Option(
    None, "measure these parts again; the others stand as the result has them", kind=str, many=True
)


@dataclass(frozen=True)
class Study:
    """What makes a study; the question that it asks stands first in its module's docstring.

    needs: of 'weights' (one decoder), 'networks' (one or several), 'pairs' (a dataset file) and
    'images' (the file with its images)."""

    name: str
    measure: Callable  # (run) -> dict, what results/FILE.json holds beside run.about and notes
    show: Callable  # (result) -> text that a reader sees
    result: str  # results/FILE.json is named so
    needs: tuple = ("weights", "images")
    options: Mapping[str, Option] = field(default_factory=dict)  # PARTS: see Run.part
    notes: Any = None  # {name: meaning}, or a function of the result that gives it
    weights: Callable | None = None  # (config) -> default weights where they are several


class Run:
    """One run of a study; what `measure` is given.

    config : Config for the sampling settings and the seed. options : the study's, by name. about :
    what the result says of its making."""

    def __init__(self, study, config, weights=None, data=None, report=print, **options):
        unknown = sorted(set(options) - set(study.options))
        if unknown:
            known = ", ".join(study.options) or "none"
            raise SettingsError(f"study {study.name} has no option {unknown[0]!r}; it has {known}")
        given = {name: option.default for name, option in study.options.items()}
        given |= {name: value for name, value in options.items() if value is not None}
        self.study, self.config, self.report, self.data = study, config, report, data or DATA
        self.options = SimpleNamespace(**given)
        chosen = weights or (study.weights(config) if study.weights else config.weights)
        self.weights = [chosen] if isinstance(chosen, (str, Path)) else list(chosen)
        self.seed, self.sampling, self.folders = config.seed, config.sampling, []
        self.met = set()  # names of parts
        self.out = project_root() / "results" / f"{study.result}.json"  # what is written

    @cached_property
    def decoders(self):
        """{name: Decoder} of all weights."""
        names = [Path(weights).stem for weights in self.weights]
        if len(set(names)) < len(names):
            raise SettingsError(f"--weights {' '.join(names)}: names must differ")
        return {name: load_decoder(path) for name, path in zip(names, self.weights)}

    @property
    def decoder(self):
        """Decoder of the first weights."""
        return next(iter(self.decoders.values()))

    @cached_property
    def pairs(self):
        """Pairs of the dataset file, which must be what the decoders were trained on."""
        pairs = dataset.load(self.data, "images" in self.study.needs)
        if self.needs_weights:
            check_split(self.decoders, pairs, self.data)
        return pairs

    @cached_property
    def parts(self):
        """{'train', 'dev', 'test'}: rows (M, 2) of (potential, configuration); with a decoder those
        of its own split."""
        own = self.decoder.config if self.needs_weights else self.config
        N, P = len(self.pairs.antidots), len(self.pairs.potentials)
        return dataset.split(N, P, own.training.split, own.seed)

    @property
    def needs_weights(self):
        """Whether the study looks at trained weights."""
        return bool({"weights", "networks"} & set(self.study.needs))

    @cached_property
    def about(self):
        """What the result says of its making; a study adds to it (see `start`)."""
        if "weights" not in self.study.needs:
            return {"config_sha256": digest(self.config), "seed": self.seed}
        own, meta = self.decoder.config, self.decoder.meta
        return {
            "weights": Path(self.weights[0]).stem,
            "weights_sha256": weights_hash(self.weights[0]),
            "config_sha256": digest(meta["config"]),
            "data_sha256": self.pairs.sha256,
            "split": own.training.split,
            "seed": self.seed,
        }

    def require_unseen(self):
        """SettingsError where the split shares configurations between its parts."""
        split = self.decoder.config.training.split
        if split != "config":
            raise SettingsError(
                f"the weights {self.weights[0]} were trained on split {split!r}, not 'config': "
                "they have seen the test configurations"
            )

    @property
    def curves_folder(self):
        """Where exact curves are kept that several studies use."""
        return project_root() / "runs" / "curves"

    def start(self, text, *depends, **facts):
        """Add facts to `about`, name the folder of finished parts by all of it and by JSON values
        that they depend on, too, and say `text`."""
        self.about.update(facts)
        self.folder = self.place(self.about, *depends)
        self.report(f"{text}; finished parts in {self.folder.relative_to(project_root())}")

    def place(self, *depends):
        """Folder for finished parts that depend on JSON values; goes when the result is written."""
        name = f"{self.study.name}-{digest(*depends, BLOCK)[:12]}"
        folder = project_root() / "runs" / name
        self.folders.append(folder)
        return folder

    def rows(self, part, number):
        """Rows (B, 2) of (potential, configuration): `number` configurations of a part of the
        split, one potential each."""
        return choose_rows(self.parts, part, number, self.seed)

    def values(self, rows):
        """Curves (B, F) [e^2/h], antidots (B, 2, 2) and LDOS (B, L, W) [1/t] of rows (B, 2)."""
        p, n = rows.T
        return self.pairs.conductance[p, n], self.pairs.antidots[n], self.pairs.ldos[p, n]

    @cached_property
    def standing(self):
        """What the result's file holds already. Raises SettingsError where it is of another making,
        so that no part of it could stand."""
        found = json.loads(self.out.read_text()) if self.out.is_file() else {}
        for name, value in self.about.items():
            if found.get(name) != value:
                raise SettingsError(
                    f"--parts: {self.out} has another {name} than this run: measure all parts"
                )
        return found

    def part(self, name, compute):
        """`compute()`, a part of the result; where option `parts` names others alone, what the
        result's file holds of it."""
        self.met.add(name)
        if self.options.parts is None or name in self.options.parts:
            return compute()
        if name not in self.standing:
            raise SettingsError(f"--parts: {self.out} has no part {name!r} that could stand")
        return self.standing[name]

    def keep(self, name, compute):
        """Array of `compute()`, or of an earlier run that got so far."""
        return kept(self.folder / f"{name}.npy", compute)

    def in_blocks(self, name, number, compute):
        """Arrays `compute(slice)` of blocks of `number` curves, concatenated; each is kept."""
        starts = progress_bar(range(0, number, BLOCK), desc=name, unit="block")
        parts = (slice(start, min(start + BLOCK, number)) for start in starts)
        return np.concatenate(
            [
                self.keep(
                    f"{name}_{part.start:05d}_{part.stop:05d}", lambda part=part: compute(part)
                )
                for part in parts
            ]
        )

    def samples(self, name, curves, rows, samples=1, sampling=None, keep=None, decoder=None):
        """LDOS samples (B, S, L, W) [1/t] for curves (B, F) [e^2/h], in blocks that are kept.

        rows (B, 2): the noise is a pure function of (seed, row, sample). sampling: in place of the
        config's. keep: function of a block's samples; its arrays are kept in place of them."""
        own, decoder = sampling or self.sampling, decoder or self.decoder

        def compute(part):
            seeds = noise_seeds(rows[part], samples, self.seed)
            how = own.steps, own.sampler, own.gamma
            ldos = decode.draw(decoder, curves[part], seeds, *how)
            return ldos if keep is None else keep(ldos)

        return self.in_blocks(name, len(rows), compute)

    def singles(self, name, rows, sampling=None, curves=None):
        """Answers of one sample for each of rows (B, 2); curves (B, F) in place of their own."""
        own, antidots, truth = self.values(rows)
        samples = self.samples(name, own if curves is None else curves, rows, 1, sampling)
        answer = decode.conclude(samples, self.pairs.device)
        return Answers(answer.antidots[:, 0], answer.ldos[:, 0], antidots, truth)


def run_study(study, config, out=None, weights=None, data=None, report=print, **options):
    """Measure a study and write its result; returns what the file holds.

    Parameters
    ----------
    study : Study
    config : Config
        For the sampling settings and the seed, and where the study trains for all the rest.
    out : path, optional
        The file to write, by default results/FILE.json of the study.
    weights : str or list of str, optional
        Names in models/ or .safetensors files; by default the config's.
    data : path, optional
        Dataset file, by default data/laptop.h5.
    report : callable
        Is given lines of text.
    **options
        The study's own; None stands for the default.

    Raises
    ------
    SettingsError
        Before the work, where options or files are not fit for it.
    """
    run = Run(study, config, weights, data, report, **options)
    out = run.out = Path(out or run.out)
    check_use(out, run)
    measured = study.measure(run)
    if measured is None:  # parts are missing; the study has said which
        return None
    check_parts(run)
    result = {**run.about, **measured}
    notes = study.notes(result) if callable(study.notes) else study.notes
    if notes:
        result.setdefault("notes", notes)
    report(study.show(result))
    write_json(out, result)
    for folder in run.folders:
        shutil.rmtree(folder, ignore_errors=True)
    report(f"written to {out}")
    return result


def check_use(out, run):
    """SettingsError where a result could not be written to `out`, weights are too many, or a number
    among the options is below 1."""
    for name, option in run.study.options.items():
        value = getattr(run.options, name)
        if option.kind is int and not option.many and value is not None and value < 1:
            raise SettingsError(f"--{name.replace('_', '-')} {value}: must be 1 or more")
    if len(run.weights) > 1 and "networks" not in run.study.needs:
        names = " ".join(map(str, run.weights))
        raise SettingsError(f"--weights {names}: study {run.study.name} takes one")
    output_file(out, replace=True)


def check_parts(run):
    """SettingsError where --parts names what no study has met: nothing is written then."""
    unknown = sorted(set(getattr(run.options, "parts", None) or ()) - run.met)
    if unknown:
        raise SettingsError(f"--parts {unknown[0]}: the parts are {', '.join(sorted(run.met))}")


def check_data(meta, pairs, data, weights):
    """SettingsError where weights were trained on other data, so that a test configuration could be
    one they have seen."""
    if meta["data"] != pairs.sha256:
        raise SettingsError(
            f"{data} is not what the weights {weights} were trained on ({pairs.sha256[:12]}, not "
            f"{meta['data'][:12]}): their test configurations are unknown"
        )


def check_split(decoders, pairs, data):
    """SettingsError where networks {name: decoder} do not all have the same unseen configurations
    of `pairs`."""
    first = next(iter(decoders))
    for name, decoder in decoders.items():
        check_data(decoder.meta, pairs, data, name)
        ours, theirs = (
            (c.training.split, c.seed) for c in (decoder.config, decoders[first].config)
        )
        if ours != theirs:
            raise SettingsError(
                f"{name} was trained on split {ours[0]!r} of seed {ours[1]}, {first} on "
                f"{theirs[0]!r}, "
                f"{theirs[1]}: one may have seen the other's test configurations"
            )


def choose_rows(parts, name, number, seed):
    """Rows (potential, configuration) of a part of the split: `number` configurations, one
    potential each, seeded."""
    rows = stream("evaluate " + name, seed).permutation(parts[name])
    first = np.sort(np.unique(rows[:, 1], return_index=True)[1])
    return rows[first[:number]]


def noise_seeds(rows, samples, seed):
    """Seeds (B, samples) of the noise from which rows (B, 2) of (potential, configuration) are
    decoded."""
    return [
        [int(stream("evaluate noise", seed, p, n, s).integers(2**63)) for s in range(samples)]
        for p, n in rows
    ]


def read_result(weights, study):
    """What the file of a study holds, for these weights; an empty dict where it is about weights of
    another name.

    Raises SettingsError where there is none, or the weights of that name have changed since."""
    name, command = f"results/{study.result}.json", f"`qfp study {study.name}`"
    path = project_root() / name
    if not path.is_file():
        raise SettingsError(f"{name} does not exist: make it with {command}")
    result = json.loads(path.read_text())
    if result["weights"] != Path(weights).stem:
        return {}
    if result["weights_sha256"] != weights_hash(weights):
        raise SettingsError(
            f"{name} was measured on other weights than models/{weights}.safetensors: "
            f"run {command} again"
        )
    return result
