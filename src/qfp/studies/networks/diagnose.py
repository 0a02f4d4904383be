"""Where does a bad decoder fail: in reading the curve, in entering it, or in sampling?

Several networks on the same test curves. A curve becomes features (condition path), the features
become an image (U-Net), and many such steps become a sample. So positions are read from the
features alone, from the image predicted out of pure noise in one evaluation, and from a sample:
what is lost from one to the next is lost there.
"""

import dataclasses
import json

import numpy as np
import torch

from qfp.decoding import decode, positions
from qfp.decoding.one_step import predicted
from qfp.model import exported
from qfp.model.exported import network_of
from qfp.physics import geometry
from qfp.studies import frame, intervals, scoring, tables
from qfp.studies.frame import Option, Study
from qfp.studies.networks import readout
from qfp.studies.networks.losses import losses
from qfp.tools import SettingsError, as_dict, digest, project_root

LEVELS = np.geomspace(0.2, 100.0, 9)  # σ/α at which the image is predicted; pure noise comes on top
NOTES = {
    "single": scoring.ROWS["single"],
    "one_step": scoring.ROWS["one_step"] + "; the last entry of 'noise'",
    "readout": "positions from the features of the condition path alone, by a linear probe with "
    "the same weights at "
    "every grid position, trained on the curves of the training pairs; another probe may read more",
    "readout_untrained": "the same from a fresh network of these settings: what the probe learns "
    "by itself",
    "curve_head": scoring.ROWS["curve_head"],
    "noise": "scores of the image predicted in one evaluation from the true one, noised to step t "
    "with σ/α = ratio: "
    "with the curve ('given'), from the noisy image alone ('null'). At the last step there is "
    "noise alone",
    "lost": "what each stage loses: condition_path 1 - readout, entry readout - one_step, sampling "
    "one_step - single; "
    "together 1 - single. Intervals are paired (Tango), of condition_path Wilson",
    "learned": "readout - readout_untrained",
    "differs": "settings that are not those of the network 'reference'",
    "difference": "share minus that of the network 'reference' on the same curves and noise; "
    "paired 95 % interval",
    "columns": scoring.COLUMNS,
}


def times(schedule):
    """Steps t nearest to LEVELS, rising, and the last one."""
    nearest = abs(np.log(schedule.ratio.numpy()) - np.log(LEVELS)[:, None]).argmin(axis=1)
    return sorted({*nearest.tolist(), schedule.steps - 1})


def readouts(decoder, run, curves):
    """Antidots (B, 2, 2) that are read off curves (B, F) alone: by a probe of the network's
    features and of a fresh one's, and by the network's own read-out where it has one."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(run.seed)
        fresh = network_of(decoder.config).eval()
    networks = {"readout": decoder.model, "readout_untrained": fresh}
    rest = decoder.normal, run.pairs, run.parts["train"], curves, run.seed
    read = {name: readout.read_out(net.condition, *rest) for name, net in networks.items()}
    head = decode.head_positions(decoder, curves)
    if head is not None:
        read["curve_head"] = geometry.canonical(head, run.pairs.device)
    return read


def examine(decoder, run, test):
    """Scores of one network on rows `test` (B, 2), and its hits {'single', 'readout', 'one_step',
    'readout_untrained'}."""
    device, (G, antidots, truth) = run.pairs.device, run.values(test)
    seeds, steps = [s for (s,) in frame.noise_seeds(test, 1, run.seed)], times(decoder.schedule)
    ldos = run.samples("single", G, test, decoder=decoder)[:, 0]
    images = predicted(decoder, G, truth, seeds, steps)
    read = readouts(decoder, run, G)

    def scored(pictures):
        found = geometry.canonical(positions.recover(pictures, device), device)
        answer = device, found, antidots, pictures, truth
        return scoring.scores(*answer, run.seed), scoring.hits(*answer)

    rows, found, noise = (
        {},
        {},
        {"t": steps, "ratio": decoder.schedule.ratio.numpy()[steps].tolist()},
    )
    levels = {name: [scored(pictures) for pictures in some] for name, some in images.items()}
    for name, (row, hits) in (("single", scored(ldos)), ("one_step", levels["given"][-1])):
        rows[name], found[name] = row, hits
    for name, some in read.items():
        rows[name] = scoring.scores(device, some, antidots)
        found[name] = scoring.hits(device, some, antidots)
    keys = [key for key in rows["one_step"] if key != "n"]
    for name, some in levels.items():
        noise[name] = {key: [row[key] for row, _ in some] for key in keys}
    return rows | {"noise": noise} | losses(found), found


def differing(config, other):
    """{'section.name': value} of the settings of a network that are not those of another."""
    settings, theirs = as_dict(config), as_dict(other)
    return {
        f"{section}.{key}": settings[section].get(key)
        for section in ("network", "diffusion", "training")
        for key in settings[section] | theirs[section]
        if settings[section].get(key) != theirs[section].get(key)
    }


def describe(decoder, path, reference):
    """What the result says of one network."""
    return {
        "weights_sha256": exported.weights_hash(path),
        "config_sha256": digest(decoder.meta["config"]),
        "differs": differing(decoder.config, reference.config),
        **{key: decoder.meta[key] for key in ("parameters", "step", "images", "minutes")},
        **({"init": decoder.meta["init"]} if "init" in decoder.meta else {}),
    }


def start(run, test, reference):
    """What the result is of."""
    run.sampling = dataclasses.replace(run.sampling, samples=1)
    run.about.update(
        data_sha256=run.pairs.sha256,
        split=run.decoders[reference].config.training.split,
        split_seed=run.decoders[reference].config.seed,
        seed=run.seed,
        curves=len(test),
        probe=readout.PROBE,
        **as_dict(run.sampling),
    )


def measure(run):
    """All networks on the same test configurations; about three minutes of one core a network.

    Raises SettingsError where the networks do not share data and split, so that a test
    configuration could be one that they have seen."""
    names, reference = list(run.decoders), run.options.reference
    reference = names[0] if reference is None else reference
    if reference not in names:
        raise SettingsError(
            f"weights {', '.join(names)}, compared with {reference}: must be one of them"
        )
    test = run.rows("test", run.options.curves)
    start(run, test, reference)
    networks, found = {}, {}
    for (name, decoder), path in zip(run.decoders.items(), run.weights):
        described = describe(decoder, path, run.decoders[reference])
        run.folder = run.place(run.about, described)
        run.report(f"{name}: {len(test)} test configurations")
        rows, found[name] = examine(decoder, run, test)
        networks[name] = described | rows
        scores = {key: row for key, row in rows.items() if "n" in row}
        run.report(tables.columns(tables.scores_table(scores)))
    for name in names:
        if name != reference:
            networks[name]["difference"] = {
                row: intervals.differences(found[name][row], found[reference][row])
                for row in ("single", "one_step", "readout")
            }
    return {"reference": reference, "networks": networks}


def show(result):
    """What each network loses, in sentences."""
    rows = result["networks"].items()
    return "\n".join(f"{name}: {row['verdict']['text']}" for name, row in rows)


def read_networks():
    """What results/networks.json holds, or an empty dict; SettingsError where weights in models/
    have changed since."""
    path = project_root() / "results" / f"{STUDY.result}.json"
    if not path.is_file():
        return {}
    result = json.loads(path.read_text())
    for name, row in result["networks"].items():
        shipped = (project_root() / "models" / f"{name}.json").is_file()
        if shipped and exported.weights_hash(name) != row["weights_sha256"]:
            raise SettingsError(
                "results/networks.json was measured on other weights than "
                f"models/{name}.safetensors: run `make twins` again"
            )
    return result


def compared(result):
    """The table of the networks in Markdown; differences to the reference in brackets."""
    shown = {
        "within 1 site": ("single", "within_1"),
        "exact": ("single", "within_0"),
        f"r >= {scoring.HIGH}": ("single", "r_high"),
        "exact, from the features alone": ("readout", "within_0"),
    }
    table = [["network", "steps", "parameters", *shown]]
    for name, row in result["networks"].items():
        against = row.get("difference", {})
        shares = (
            tables.against(row[source], key, against.get(source)) for source, key in shown.values()
        )
        table.append([name, f"{row['step']:,}", f"{row['parameters'] / 1e6:.1f} M", *shares])
    return tables.markdown(table)


def lines(result, key):
    """A column of the scores for figures.network.score_against_noise: {network: {...}}.

    noise (K,): σ/α; given, null (3, K): value, low, high; readout: a number, or None where it has
    no such column."""
    found = {}
    for name, row in result["networks"].items():
        found[name] = {"noise": np.array(row["noise"]["ratio"]), "readout": row["readout"].get(key)}
        for kind in ("given", "null"):
            values = row["noise"][kind]
            found[name][kind] = np.vstack([values[key], np.transpose(values[f"{key}_interval"])])
    return found


def panels(result):
    """Panels of figures.network.score_against_noise: {label of the score: `lines` of it}."""
    scores = {"both antidots within 1 site": "within_1", f"r ≥ {scoring.HIGH}": "r_high"}
    return {label: lines(result, key) for label, key in scores.items()}


STUDY = Study(
    name="networks",
    measure=measure,
    show=show,
    notes=NOTES,
    result="networks",
    needs=("networks", "images"),
    options={
        "curves": Option(300, "test configurations"),
        "reference": Option(None, "name of the network to compare with: the first", kind=str),
    },
)
