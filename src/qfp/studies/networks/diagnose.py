"""Where does a bad decoder fail? Several networks on the same test curves, each looked at in three
places.

A curve becomes features (condition path), the features become an image (U-Net), and many such steps
become a sample. So positions are read from the features alone, from the image predicted out of pure
noise in one evaluation, and from a sample: what is lost from one to the next is lost there. Blocks
of samples are kept until the end, so a killed run resumes.
"""

import dataclasses
import json
from pathlib import Path

import numpy as np
import torch

from qfp.data import dataset
from qfp.decoding import decode, positions
from qfp.decoding.decode import load_decoder
from qfp.decoding.one_step import predicted
from qfp.model import exported
from qfp.model.exported import network_of
from qfp.physics import geometry
from qfp.studies import accuracy, frame, intervals, scoring, tables
from qfp.studies.frame import check_split
from qfp.studies.networks import readout
from qfp.tools import SettingsError, as_dict, digest, project_root

LEVELS = np.geomspace(0.2, 100.0, 9)  # σ/α at which the image is predicted; pure noise comes on top
BATCH = 32  # images in memory at a time
STAGES = {
    "condition_path": "in the condition path",
    "entry": "between features and image",
    "sampling": "in sampling",
}
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


# --- the image against the noise


def times(schedule):
    """Steps t nearest to LEVELS, rising, and the last one."""
    nearest = abs(np.log(schedule.ratio.numpy()) - np.log(LEVELS)[:, None]).argmin(axis=1)
    return sorted({*nearest.tolist(), schedule.steps - 1})


# --- one network, and all of them


def examine(decoder, pairs, train, test, sampling, folder, seed):
    """Scores of one network on rows `test` (B, 2) of pairs, and its hits {'single', 'readout',
    'one_step'}.

    train: rows for the probe; sampling: how one sample a curve is drawn, in blocks kept in
    `folder`."""
    model, config, constants, schedule = (
        decoder.model,
        decoder.config,
        decoder.normal,
        decoder.schedule,
    )
    (p, n), device = test.T, pairs.device
    G, truth, antidots = pairs.conductance[p, n], pairs.ldos[p, n], pairs.antidots[n]
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        fresh = network_of(config).eval()
    seeds, steps = [s for (s,) in frame.noise_seeds(test, 1, seed)], times(schedule)
    ldos = frame.sampled(decoder, sampling, G, test, 1, folder, "single", seed)[:, 0]
    images = predicted(decoder, G, truth, seeds, steps)
    read = {
        "readout": readout.read_out(model.condition, constants, pairs, train, G, seed),
        "readout_untrained": readout.read_out(fresh.condition, constants, pairs, train, G, seed),
    }
    head = decode.head_positions(decoder, G)
    if head is not None:
        read["curve_head"] = geometry.canonical(head, device)

    def scored(pictures):
        answer = (
            device,
            geometry.canonical(positions.recover(pictures, device), device),
            antidots,
            pictures,
            truth,
        )
        return scoring.scores(*answer, seed), scoring.hits(*answer)

    single, single_hits = scored(ldos)
    noise = {name: [scored(pictures) for pictures in levels] for name, levels in images.items()}
    one_step, one_step_hits = noise["given"][-1]
    rows = {
        "single": single,
        "one_step": one_step,
        **{name: scoring.scores(device, found, antidots) for name, found in read.items()},
    }
    columns = {
        name: {key: [row[key] for row, _ in levels] for key in one_step if key != "n"}
        for name, levels in noise.items()
    }
    found = {
        "single": single_hits,
        "one_step": one_step_hits,
        **{
            name: scoring.hits(device, read[name], antidots)
            for name in ("readout", "readout_untrained")
        },
    }
    return rows | {
        "noise": {"t": steps, "ratio": schedule.ratio.numpy()[steps].tolist(), **columns}
    } | losses(found), found


def losses(found):
    """What each of STAGES loses, and a verdict: the one that surely loses most, its interval above
    those of the others.

    found: hits {'readout', 'readout_untrained', 'one_step', 'single'}, each {name: bool (B,)}."""
    lost = {
        "condition_path": {},
        "entry": intervals.differences(found["readout"], found["one_step"]),
        "sampling": intervals.differences(found["one_step"], found["single"]),
    }
    for name, hit in found["readout"].items():
        lost["condition_path"] |= intervals.share(name, ~hit)
    learned, verdict, texts = (
        intervals.differences(found["readout"], found["readout_untrained"]),
        {},
        [],
    )
    for key, name in (("within_1", "Not within one site"), ("within_0", "Not exact")):
        intervals = {stage: row[f"{key}_interval"] for stage, row in lost.items()}
        largest = max(lost, key=lambda stage: lost[stage][key])
        others = [high for stage, (_, high) in intervals.items() if stage != largest]
        verdict[key] = largest if intervals[largest][0] > max(others) else None
        parts = [
            f"{accuracy.cell(lost[stage], key, '.1%')} {place}" for stage, place in STAGES.items()
        ]
        most = (
            f"most {STAGES[verdict[key]]}"
            if verdict[key]
            else "too little to tell where most of it"
        )
        texts.append(f"{name}: {', '.join(parts)}; {most}.")
    if learned["within_1_interval"][0] <= 0:
        texts.append("The features tell no more than those of an untrained network.")
    return {"lost": lost, "learned": learned, "verdict": verdict | {"text": " ".join(texts)}}


def run_diagnose(
    config,
    weights,
    data="data/laptop.h5",
    out="results/networks.json",
    curves=300,
    reference=None,
    report=print,
):
    """Look at networks (weights: as for load_decoder) on the same `curves` test configurations;
    writes `out`, returns it.

    reference: the name with which the others are compared, by default the first. config: for its
    sampling settings and its seed. About three minutes of one core a network. Raises SettingsError
    where the networks do not share data and split, so that a test configuration could be one that
    they have seen."""
    frame.check_use(out, curves=curves)
    names = [Path(name).stem for name in weights]
    reference = names[0] if reference is None else reference
    if len(set(names)) < len(names) or reference not in names:
        raise SettingsError(
            f"weights {', '.join(names)}, compared with {reference}: names must differ, and "
            "include it"
        )
    decoders = {name: load_decoder(path) for name, path in zip(names, weights)}
    pairs = dataset.load(data)
    check_split(decoders, pairs, data)
    own, seed = decoders[reference].config, config.seed
    sampling = dataclasses.replace(config.sampling, samples=1)
    parts = dataset.split(len(pairs.antidots), len(pairs.potentials), own.training.split, own.seed)
    test = frame.choose_rows(parts, "test", curves, seed)
    about = {
        "data_sha256": pairs.sha256,
        "split": own.training.split,
        "split_seed": own.seed,
        "seed": seed,
        "curves": len(test),
        "probe": readout.PROBE,
        **as_dict(sampling),
    }
    networks, found, folders = {}, {}, []
    for (name, decoder), path in zip(decoders.items(), weights):
        meta, settings, theirs = decoder.meta, as_dict(decoder.config), as_dict(own)
        differs = {
            f"{section}.{key}": value
            for section in ("network", "diffusion", "training")
            for key, value in settings[section].items()
            if value != theirs[section][key]
        }
        described = {
            "weights_sha256": exported.weights_hash(path),
            "config_sha256": digest(meta["config"]),
            "differs": differs,
            **{key: meta[key] for key in ("parameters", "step", "images", "minutes")},
        }
        folders.append(
            project_root() / "runs" / f"diagnose-{digest(about, described, accuracy.BLOCK)[:12]}"
        )
        report(
            f"{name}: {len(test)} test configurations, blocks in "
            f"{folders[-1].relative_to(project_root())}"
        )
        rows, found[name] = examine(
            decoder, pairs, parts["train"], test, sampling, folders[-1], seed
        )
        networks[name] = described | rows
        report(tables.as_table({key: row for key, row in rows.items() if "n" in row}))
    for name in names:
        if name != reference:
            networks[name]["difference"] = {
                row: intervals.differences(found[name][row], found[reference][row])
                for row in ("single", "one_step", "readout")
            }
    result = {**about, "reference": reference, "networks": networks, "notes": NOTES}
    texts = "\n".join(f"{name}: {row['verdict']['text']}" for name, row in networks.items())
    return frame.finished(out, result, folders, texts, report)


def read_networks():
    """What results/networks.json holds, or an empty dict; SettingsError where weights in models/
    have changed since."""
    path = project_root() / "results" / "networks.json"
    if not path.is_file():
        return {}
    result = json.loads(path.read_text())
    for name, row in result["networks"].items():
        if (project_root() / "models" / f"{name}.json").is_file() and exported.weights_hash(
            name
        ) != row["weights_sha256"]:
            raise SettingsError(
                "results/networks.json was measured on other weights than "
                f"models/{name}.safetensors: run "
                "`make twins` again"
            )
    return result


def as_markdown(result):
    """The table of a networks.json in Markdown, a line for each network; differences to the
    reference in brackets."""
    shown = {
        "within 1 site": ("single", "within_1"),
        "exact": ("single", "within_0"),
        f"r >= {accuracy.HIGH}": ("single", "r_high"),
        "exact, from the features alone": ("readout", "within_0"),
    }
    lines = [
        f"| network | steps | parameters | {' | '.join(shown)} |",
        "| --- " * (3 + len(shown)) + "|",
    ]
    for name, row in result["networks"].items():
        line = [name, f"{row['step']:,}", f"{row['parameters'] / 1e6:.1f} M"]
        for source, key in shown.values():
            text = f"{row[source][key]:.1%}"
            if "difference" in row:
                difference = row["difference"][source]
                low, high = difference[f"{key}_interval"]
                text += f" ({difference[key]:+.1%}, {low:+.1%} to {high:+.1%})"
            line.append(text)
        lines.append(f"| {' | '.join(line)} |")
    return "\n".join(lines)


def lines(result, key):
    """A column of the scores in a networks.json for figures_network.score_against_noise: {network:
    {...}}.

    noise (K,): σ/α; given, null (3, K): value, low, high; readout: a number, or None where it has
    no such column."""
    found = {}
    for name, row in result["networks"].items():
        found[name] = {"noise": np.array(row["noise"]["ratio"]), "readout": row["readout"].get(key)}
        for kind in ("given", "null"):
            values = row["noise"][kind]
            found[name][kind] = np.vstack([values[key], np.transpose(values[f"{key}_interval"])])
    return found
