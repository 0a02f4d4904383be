"""`qfp probe score`: is the learned score the force of an energy with its minimum at the true image
(Sec. VI)?

Five parts, each kept as a JSON file in runs/ when it is done, so that a killed run resumes."""

import dataclasses
import json

import numpy as np
import torch

from qfp.decoding import decode
from qfp.model.diffusion import Schedule, guided, langevin
from qfp.model.precision import for_samples
from qfp.studies import frame, intervals, scoring
from qfp.studies.score import forcefield, profiles
from qfp.studies.score.empirical import Empirical
from qfp.studies.score.profiles import Subject, gathered
from qfp.tools import digest, progress_bar, project_root, write_atomic

POINTING_NOISE = (0.1, 0.2, 0.5, 1, 2, 5, 20, 50)  # besides the two levels of 'after 100 steps'
PLANES, TRAINING_IMAGES = 60, 4000  # random planes of two pixels; images of the Gaussian
EMPIRICAL_NOISE, WIDTHS, EMPIRICAL_CURVES = (
    (2, 5, 10, 20, 50, 100),
    (0.02, 0.05, 0.1, 0.2, 0.5, 1),
    60,
)
SAMPLE_CURVES, ANCESTRAL = 60, 200
BATCH = 20
PARTS = {
    "pointing": lambda subject: pointing(subject),
    "energy": lambda subject: profiles.energies(subject),
    "soft": lambda subject: profiles.soft_directions(subject),
    "empirical": lambda subject: against_memory(subject),
    "langevin": lambda subject: dynamics(subject),
}
NOTES = {
    "noise": "sigma/alpha = sqrt((1 - alpha_bar)/alpha_bar), noise over signal; lists run over "
    "these levels",
    "mean, low, high": "mean over images and its 95 % bootstrap interval over the images",
    "pointing": "at x_t: cosine ('full') of the score with the way to sqrt(alpha_bar) x0, and in "
    "planes of two pixels (the "
    "paper's four, and random ones on the wire) the share within 90 degrees and the mean cosine; "
    "'other': the "
    "same towards another test image; end: rms distance per pixel of x0_hat from x0; difference: "
    "own curve "
    "minus Gaussian, paired; marked: the noise of 100 steps of this schedule and of the linear one",
    "energy.symmetry": "Frobenius norm of (D - D^T)/2, D = I + sigma^2 J, over that of D (of_D), "
    "of sigma^2 J (of_J) and of D "
    "less its mean diagonal (of_rest), at noisy points; 0 for a field with an energy. untrained: "
    "same "
    "settings, random weights",
    "energy.loops": "|closed line integral| of the score around a rectangle from a noisy point, "
    "over the mean |integral| "
    "along a side (relative); error: its change when the points on a side are halved, in the same "
    "unit",
    "energy.profiles": "beta E(x) - beta E(sqrt(alpha_bar) x0) at fixed noise; stiffness: sigma^2 "
    "times its second derivative "
    "along the unit direction at the start; reach: how far it stays within 10 % of the parabola "
    "fitted to "
    "the first quarter, in the unit of 'at'; downhill: share of images where it falls below its "
    "start",
    "energy.generation": "work of the score along DDIM; the noise level changes on the way, so no "
    "difference of one energy",
    "soft": "largest eigenvalues of the symmetric part of D at sqrt(alpha_bar) x0 (clean) and at "
    "x_t (noisy), residual norms, "
    "share of the squared norm of each eigenvector in the span of the solver's tangents (one step "
    "of an antidot; "
    "another potential), and of another configuration's (control); saddle: an eigenvalue above 1",
    "empirical": "rms distance per wire pixel between x0_hat of the network, of the exact score of "
    "all training pairs, and the "
    "truth; effective: 1 / sum w^2, quartiles; ahead: network's distance to the truth minus "
    "empirical's; width: "
    "s of the curve's weight [e^2/h], the one whose x0_hat is nearest to the truth on development "
    "curves",
    "langevin": "one image a curve from the same x_T; difference: to DDIM, paired, 95 % score "
    "interval",
    "summary": "scalars; NAME_interval is the 95 % interval of NAME",
}


@torch.no_grad()
def pointing(subject):
    """Part (a): does the score point to the true data, and what else points there?"""
    pairs, schedule, test = subject.pairs, subject.schedule, subject.test
    rows = frame.choose_rows(subject.parts, "train", TRAINING_IMAGES, subject.seed)
    gaussian = forcefield.Gaussian.of(subject.images(rows))
    own, x0 = subject.condition(test), subject.images(test)
    reference = Schedule(1000, "linear").alpha_bar[forcefield.NOISE_STEPS - 1]
    marked = [
        float(subject.ratio[min(forcefield.NOISE_STEPS, schedule.steps) - 1]),
        float(((1 - reference) / reference).sqrt()),
    ]
    times = sorted({*subject.levels(POINTING_NOISE), *subject.levels(marked)})
    sets = {
        "": list(forcefield.PIXEL_PAIRS.values()),
        "_random": forcefield.random_pairs(
            PLANES, pairs.device.width, pairs.device.length, subject.seed
        ),
    }
    conditions = {
        "own curve": own,
        "another curve": own.index(torch.arange(len(test)).roll(1)),
        "no curve": subject.model.null(len(test)),
    }
    found = {label: [] for label in (*conditions, "Gaussian")}
    for t in progress_bar(times, desc="pointing", unit="level"):
        x, a = subject.noisy(test, t), float(schedule.alpha_bar[t]) ** 0.5
        for label, levels in found.items():
            if label == "Gaussian":
                s = forcefield.gaussian_score(schedule, x, t, gaussian)
            else:
                s = torch.cat(
                    [
                        subject.field(conditions[label].index(part), t)(x[part])
                        for part in torch.arange(len(x)).split(BATCH)
                    ]
                )
            row = {"end": ((x + (1 - a**2) * s) / a - x0).square().mean((1, 2, 3)).sqrt().numpy()}
            for name, images in (("", x0), ("_other", x0.roll(1, 0))):
                for planes, chosen in sets.items():
                    row |= {
                        f"{key}{'' if key == 'full' else planes}{name}": value
                        for key, value in forcefield.pointing(x, s, a * images, chosen).items()
                    }
            levels.append(row)
    difference = [
        {name: ours[name] - theirs[name] for name in ours}
        for ours, theirs in zip(found["own curve"], found["Gaussian"])
    ]
    return {
        "noise": subject.ratio[times].tolist(),
        "marked": marked,
        "images": len(test),
        "planes": PLANES,
        "training_images": len(rows),
        "rows": {k: gathered(v, subject.seed) for k, v in found.items()},
        "difference": gathered(difference, subject.seed),
    }


def memory(subject):
    """The training pairs as an Empirical over the wire's pixels, normalised as the network's
    images."""
    p, n = subject.parts["train"].T
    constants = subject.decoder.normal
    images = torch.empty(len(p), subject.pairs.device.length * subject.pairs.device.width)
    for part in np.array_split(np.arange(len(p)), max(1, len(p) // 4096)):
        ldos = subject.pairs.ldos[p[part], n[part]].astype(np.float32)
        images[part] = (
            torch.from_numpy(ldos).flatten(1) - constants.image_mean
        ) / constants.image_std
    return Empirical(images, torch.from_numpy(subject.pairs.conductance[p, n]).double())


@torch.no_grad()
def against_memory(subject):
    """Part (d): the network beside the exact score of its training pairs, with the curve and
    without."""
    known, times, seed = memory(subject), subject.levels(EMPIRICAL_NOISE), subject.seed
    margin = (subject.pairs.device.length - subject.pairs.device.width) // 2

    def wire(images):
        return images[:, 0, :, margin : images.shape[-1] - margin].flatten(1)

    def distance(a, b):
        return (a.double() - b.double()).square().mean(1).sqrt().numpy()

    def curves(rows):
        return torch.from_numpy(subject.pairs.conductance[rows[:, 0], rows[:, 1]]).double()

    number = min(EMPIRICAL_CURVES, len(subject.test))
    dev = frame.choose_rows(subject.parts, "dev", number, seed)
    truth, widths = wire(subject.images(dev)), {}
    near = {s: known.curve_logits(curves(dev), s) for s in WIDTHS}
    for t in progress_bar(times, desc="width of a curve", unit="level"):
        alpha_bar = float(subject.schedule.alpha_bar[t])
        logits = known.image_logits(wire(subject.noisy(dev, t)), alpha_bar)
        for s in WIDTHS:
            guess = known.mean(logits + near[s])[0]
            widths.setdefault(f"{s:g}", []).append(float(distance(guess, truth).mean()))
    width = min(WIDTHS, key=lambda s: np.mean(widths[f"{s:g}"]))
    found = {}
    for part in ("test", "train"):
        rows = frame.choose_rows(subject.parts, part, number, seed)
        conditions = {"curve": subject.condition(rows), "no curve": subject.model.null(len(rows))}
        truth, near = wire(subject.images(rows)), known.curve_logits(curves(rows), width)
        levels = {label: [] for label in conditions}
        effective = {label: [] for label in conditions}
        for t in progress_bar(times, desc=f"empirical score, {part}", unit="level"):
            x, alpha_bar = subject.noisy(rows, t), float(subject.schedule.alpha_bar[t])
            logits = known.image_logits(wire(x), alpha_bar)
            for label, condition in conditions.items():
                score = torch.cat(
                    [
                        subject.field(condition.index(i), t)(x[i])
                        for i in torch.arange(len(x)).split(BATCH)
                    ]
                )
                ours = wire((x + (1 - alpha_bar) * score) / alpha_bar**0.5)
                theirs, count = known.mean(logits + near if label == "curve" else logits)
                row = {
                    "network": distance(ours, truth),
                    "empirical": distance(theirs, truth),
                    "apart": distance(ours, theirs),
                }
                levels[label].append(row | {"ahead": row["network"] - row["empirical"]})
                effective[label].append(np.quantile(count.numpy(), [0.25, 0.5, 0.75]).tolist())
        found[part] = {
            label: gathered(levels[label], seed)
            | {"effective": np.transpose(effective[label]).tolist()}
            for label in conditions
        } | {"images": len(rows)}
    return {
        "noise": subject.ratio[times].tolist(),
        "known": len(known.images),
        "width": width,
        "dev_distance": widths,
        **found,
    }


def dynamics(subject):
    """Part (e): annealed Langevin dynamics beside DDIM and ancestral sampling, on the same curves
    and x_T."""
    pairs, rows, decoder = subject.pairs, subject.test[:SAMPLE_CURVES], subject.decoder
    model, constants, schedule = decoder.model, decoder.normal, decoder.schedule
    p, n = rows.T
    G, truth, antidots = pairs.conductance[p, n], pairs.ldos[p, n], pairs.antidots[n]
    runs = {
        "ddim": ("ddim", subject.sampling.steps),
        "ancestral": ("ancestral", min(ANCESTRAL, schedule.steps)),
    }
    images = {}
    for name, (sampler, steps) in runs.items():
        sampling = dataclasses.replace(subject.sampling, sampler=sampler, steps=steps, gamma=1.0)
        images[name] = frame.sampled(
            decoder, sampling, G, rows, 1, subject.folder, name, subject.seed
        )
    blocks = []
    for start in progress_bar(range(0, len(rows), frame.BLOCK), desc="langevin", unit="block"):
        part, path = (
            rows[start : start + frame.BLOCK],
            subject.folder / f"langevin_{start:05d}.npy",
        )
        if not path.exists():
            with for_samples(schedule):
                x = langevin(
                    guided(model, schedule, subject.condition(part)),
                    schedule,
                    [seed for (seed,) in frame.noise_seeds(part, 1, subject.seed)],
                    (1, *2 * [pairs.device.length]),
                )
            write_atomic(path, lambda handle, x=x: np.save(handle, constants.ldos(x)[:, None]))
        blocks.append(np.load(path))
    images["langevin"] = np.concatenate(blocks)
    table, found = {}, {}
    for name, ldos in images.items():
        answer = decode.conclude(ldos, pairs.device)
        values = pairs.device, answer.antidots[:, 0], antidots, answer.ldos[:, 0], truth
        table[name], found[name] = scoring.scores(*values, subject.seed), scoring.hits(*values)
        if name in runs:
            table[name]["steps"] = runs[name][1]
    for name in ("ancestral", "langevin"):
        table[name]["difference"] = intervals.differences(found[name], found["ddim"])
    return table


def summary(parts):
    """Scalars and intervals to quote, out of the five parts; noise levels by the nearest to the one
    named."""
    found = {}

    def put(name, values, index):
        found[name] = values["mean"][index]
        found[f"{name}_interval"] = [values["low"][index], values["high"][index]]

    def nearest(noise, wanted):
        return int(np.argmin(abs(np.log(np.array(noise) / wanted))))

    a, b, d = parts["pointing"], parts["energy"], parts["empirical"]
    for at, wanted in (("100_steps", a["marked"][0]), ("strong", 20)):
        index = nearest(a["noise"], wanted)
        for label, row in a["rows"].items():
            for key in ("full", "within", "within_random", "within_other", "end"):
                put(f"{key}_{label.replace(' ', '_')}_{at}", row[key], index)
        put(f"within_random_minus_gaussian_{at}", a["difference"]["within_random"], index)
    for label in ("trained", "untrained"):
        for at, wanted in (("weak", 0.2), ("middle", 1), ("strong", 5)):
            index = nearest(b["symmetry"]["noise"], wanted)
            put(f"antisymmetric_{label}_{at}", b["symmetry"][label]["of_D"], index)
            put(f"antisymmetric_of_J_{label}_{at}", b["symmetry"][label]["of_J"], index)
            put(f"antisymmetric_of_rest_{label}_{at}", b["symmetry"][label]["of_rest"], index)
    for index, at in enumerate(("weak", "middle", "strong")):
        for label in ("noise, noise", "other image, noise", "one site, one site"):
            put(
                f"loop_{label.replace(', ', '_').replace(' ', '_')}_{at}",
                b["loops"][label]["relative"],
                index,
            )
        for label in profiles.DIRECTIONS:
            level = b["profiles"][label]["levels"][index]
            for key in ("stiffness", "reach", "reach_in_noise_radii"):
                name = f"{key}_{label.replace(' ', '_')}_{at}"
                found |= {
                    name: level[key]["mean"],
                    f"{name}_interval": [level[key]["low"], level[key]["high"]],
                }
        for place in ("clean", "noisy"):
            level = parts["soft"][place][index]
            put(f"softest_{place}_{at}", level["eigenvalues"], 0)
            for kind in ("position", "position_control", "both", "both_control"):
                put(f"{kind}_{place}_{at}", level[kind], 0)
            found |= {
                f"saddle_{place}_{at}": level["saddle"]["mean"],
                f"saddle_{place}_{at}_interval": level["saddle"]["interval"],
            }
    for part in ("test", "train"):
        for at, wanted in (("5", 5), ("20", 20)):
            for label in ("curve", "no curve"):
                for key in ("network", "empirical", "apart", "ahead"):
                    put(
                        f"{key}_{part}_{label.replace(' ', '_')}_{at}",
                        d[part][label][key],
                        nearest(d["noise"], wanted),
                    )
    for name, row in parts["langevin"].items():
        for key in ("within_0", "within_1", "r_high"):
            found |= {f"{name}_{key}": row[key], f"{name}_{key}_interval": row[f"{key}_interval"]}
    return found


def run_probe_score(
    config, weights, data="data/laptop.h5", out="results/probe_score.json", curves=100, report=print
):
    """Measure the score of weights around `curves` test images; writes `out` and returns what it
    holds.

    config: for its sampling settings and its seed. The dear parts take fewer images, see the
    constants. Raises SettingsError where the weights were trained on other data."""
    frame.check_use(out, curves=curves)
    decoder, pairs, parts, about = frame.opened(weights, data, config.seed)
    decoder.model.requires_grad_(False)
    test = frame.choose_rows(parts, "test", curves, config.seed)
    about |= {"curves": len(test), "steps": config.sampling.steps}
    folder = project_root() / "runs" / f"probe-score-{digest(about)[:12]}"
    report(f"{len(test)} test configurations; parts in {folder.relative_to(project_root())}")
    subject = Subject(decoder, pairs, parts, test, config.sampling, config.seed, folder)
    found = {}
    for name, measure in PARTS.items():
        path = folder / f"{name}.json"
        if not path.exists():
            values = json.dumps(measure(subject), allow_nan=False)
            write_atomic(path, lambda handle, values=values: handle.write(values.encode()))
        found[name] = json.loads(path.read_text())
        report(f"{name}: done")
    result = {**about, "summary": summary(found), **found, "notes": NOTES}
    return frame.finished(out, result, [folder], as_text(result), report)


def as_text(result):
    """The summary, a line for each number that has an interval."""
    found = result["summary"]
    return "\n".join(
        f"{name:44s} {value:9.3f} ({found[f'{name}_interval'][0]:.3f} to "
        f"{found[f'{name}_interval'][1]:.3f})"
        for name, value in found.items()
        if not name.endswith("_interval")
    )
