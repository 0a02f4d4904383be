"""How few network evaluations give the paper's 1,000-step generation: samplers compared on the same curves and noise.

Every sampler decodes the same test configurations once each, from the same x_T, so that differences to all T ancestral
steps are paired. Blocks of samples are kept until the end, as in evaluate, so a killed run resumes.
"""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
from scipy.optimize import brentq

from . import dataset, decode, metrics
from .checkpoint import load_model, write_json
from .config import SettingsError, digest, project_root
from .evaluate import BLOCK, HIGH, choose, sampled, scores, weights_hash

RUNS = tuple((sampler, steps) for sampler in ("ancestral", "ddim", "dpm2m") for steps in (50, 20, 10, 5))
NOTES = {
    "rows": "SAMPLER STEPS: one sample a curve; the reference is the paper's generation, all ancestral steps",
    "network_evaluations": "of the whole U-Net for one sample; a gamma other than 1 takes two a step",
    "difference": f"share minus that of the reference on the same curves and x_T (within k sites; r >= {HIGH}); 95 % "
                  "score interval of Tango for paired shares",
}


def paired_difference(a, b):
    """Share of hits in a minus share in b, bool (n,) over the same n trials, and its 95 % score interval (low, high).

    Tango 1998, Stat. Med. 17, 891: all differences d that a score test does not refuse. It depends on the discordant
    trials and n alone, and does not shrink to a point where there are none."""
    a, b = np.asarray(a, bool), np.asarray(b, bool)
    n, gained, lost = len(a), int((a & ~b).sum()), int((b & ~a).sum())
    share = (gained - lost) / n

    def z(d):
        linear = gained + lost - (2 * n - gained + lost) * d
        root = np.sqrt(max(linear**2 + 8 * n * lost * d * (1 - d), 0.0))
        q = (linear + root) / (4 * n)  # likeliest probability of a trial that only b hits, given d
        return (gained - lost - n * d) / np.sqrt(max(n * (2 * q + d * (1 - d)), np.finfo(float).tiny))

    low = -1.0 if share == -1 else brentq(lambda d: z(d) - metrics.Z95, -1, share)
    high = 1.0 if share == 1 else brentq(lambda d: z(d) + metrics.Z95, share, 1)
    return share, (low, high)


def hits(device, antidots, true_antidots, images, true_images):
    """What counts as a success, by curve: {name: bool (B,)}."""
    errors, r = metrics.within(antidots, true_antidots, device), metrics.pearson(images, true_images)
    return {"within_0": errors <= 0, "within_1": errors <= 1, "r_high": r >= HIGH}


def run_samplers(config, weights, data="data/laptop.h5", out="results/samplers.json", curves=200, report=print):
    """Compare RUNS with all T ancestral steps on `curves` test configurations; writes `out` and returns what it holds.

    config: for gamma and the seed. Costs about T + 255 network evaluations a curve. Raises SettingsError where the
    weights were trained on other data, so that a test configuration could be one that they have seen."""
    if curves < 1:
        raise SettingsError(f"--curves {curves}: must be 1 or more")
    decode.check_folder(Path(out).parent)
    bundle = load_model(weights)
    own, meta = bundle[1], bundle[4]
    pairs = dataset.load(data)
    if meta["data"] != pairs.sha256:
        raise SettingsError(f"{data} is not what the weights {weights} were trained on ({pairs.sha256[:12]}, not "
                            f"{meta['data'][:12]}): their test configurations are unknown")
    parts = dataset.split(len(pairs.antidots), len(pairs.potentials), own.training.split, own.seed)
    test = choose(parts, "test", curves, config.seed)
    p, n = test.T
    runs, gamma = (("ancestral", own.diffusion.steps), *RUNS), config.sampling.gamma
    about = {
        "weights": Path(weights).stem, "weights_sha256": weights_hash(weights), "config_sha256": digest(meta["config"]),
        "data_sha256": pairs.sha256, "split": own.training.split, "seed": config.seed, "curves": len(test),
        "gamma": gamma,
    }
    folder = project_root() / "runs" / f"samplers-{digest(about, BLOCK)[:12]}"
    report(f"{len(test)} test configurations, {sum(steps for _, steps in runs)} steps each; "
           f"blocks in {folder.relative_to(project_root())}")
    G, truth, antidots = pairs.conductance[p, n], pairs.ldos[p, n], pairs.antidots[n]
    rows, reference = {}, None
    for sampler, steps in runs:
        name = f"{sampler} {steps}"
        sampling = dataclasses.replace(config.sampling, sampler=sampler, steps=steps)
        answer = decode.conclude(sampled(bundle, sampling, G, test, 1, folder, name, config.seed), pairs.device)
        found = answer.antidots[:, 0], antidots, answer.ldos[:, 0], truth
        successes = hits(pairs.device, *found)
        row = {"sampler": sampler, "steps": steps, "network_evaluations": steps * (1 if gamma == 1 else 2),
               **scores(pairs.device, *found, config.seed)}
        if reference is None:
            reference = successes
        else:
            row["difference"] = {}
            for key, values in successes.items():
                share, interval = paired_difference(values, reference[key])
                row["difference"] |= {key: share, f"{key}_interval": list(interval)}
        rows[name] = row
    result = {**about, "reference": "{} {}".format(*runs[0]), "rows": rows, "notes": NOTES}
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    write_json(out, result)
    shutil.rmtree(folder, ignore_errors=True)
    report(as_markdown(result))
    report(f"written to {out}")
    return result


def as_markdown(result):
    """The table of a samplers.json in Markdown, a line for each sampler; differences to the reference in brackets."""
    shown = {"exact": "within_0", "within 1 site": "within_1", f"r >= {HIGH}": "r_high"}
    lines = [f"| | evaluations | Pearson r, median | {' | '.join(shown)} |", "| --- " * (3 + len(shown)) + "|"]
    for name, row in result["rows"].items():
        line = [name, str(row["network_evaluations"]), f"{row['r_median']:.3f}"]
        for key in shown.values():
            text = f"{row[key]:.1%}"
            if "difference" in row:
                low, high = row["difference"][f"{key}_interval"]
                text += f" ({row['difference'][key]:+.1%}, {low:+.1%} to {high:+.1%})"
            line.append(text)
        lines.append(f"| {' | '.join(line)} |")
    return "\n".join(lines)
