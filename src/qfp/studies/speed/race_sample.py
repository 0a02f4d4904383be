"""`qfp bench sample`: what a decoded curve costs, by the paper's thousand steps and by few, with
our network and the peer's."""

from pathlib import Path

import numpy as np
import torch

from qfp.data import dataset
from qfp.data.simulate import simulate
from qfp.decoding import positions
from qfp.decoding.decode import load_decoder
from qfp.model import exported
from qfp.model.diffusion import Schedule, guided, sample
from qfp.model.precision import autocast, keep_memory
from qfp.model.unet import SIZE
from qfp.studies import accuracy, frame, intervals, scoring
from qfp.studies.speed import peer, race
from qfp.tools import digest

STRETCH = {32: 2, 1: 8}  # steps of a sampler that are timed, by images drawn at a time


def evaluated(model, schedule, curves, seeds, sampler, steps, precision):
    """Images (B, 1, 60, 60) for normalised curves (B, F), in one precision."""
    device = str(curves.device)
    with torch.no_grad(), autocast(precision, device):
        return sample(
            guided(model, schedule, model.encode(curves)),
            schedule,
            seeds,
            (1, SIZE, SIZE),
            sampler,
            steps,
            device=device,
        )


def encoded(model, curves, precision):
    """The part of a sampler's work that is done once a curve."""
    with torch.no_grad(), autocast(precision, curves.device):
        return model.encode(curves)


def agreement(config, curves, precisions=race.PRECISIONS):
    """Whether bf16 answers as fp32 does: `curves` unseen configurations, simulated afresh, one fast
    sample each. The weights, stored in bf16, are the same for both."""
    decoder = load_decoder(config.weights)
    model, trained, constants, schedule, meta = (
        decoder.model,
        decoder.config,
        decoder.normal,
        decoder.schedule,
        decoder.meta,
    )
    parts = dataset.split(
        trained.dataset.configurations,
        trained.dataset.potentials,
        trained.training.split,
        trained.seed,
    )
    rows = frame.choose_rows(
        {"test": parts["test"][parts["test"][:, 0] == 0]}, "test", curves, config.seed
    )
    pairs = simulate(trained, rows[:, 1])
    seeds = [row[0] for row in frame.noise_seeds(rows, 1, config.seed)]
    sampling, truth, images = config.sampling, pairs.antidots, {}
    for precision in precisions:
        parts = [
            evaluated(
                model,
                schedule,
                constants.curve(pairs.conductance[0, i : i + 32]),
                seeds[i : i + 32],
                sampling.sampler,
                sampling.steps,
                precision,
            )
            for i in range(0, len(rows), 32)
        ]
        images[precision] = constants.ldos(torch.cat(parts))
    found = {
        p: positions.positions(ldos[:, None], trained.device)[:, 0] for p, ldos in images.items()
    }
    read = race.timed(
        lambda: positions.positions(images["fp32"][:, None], trained.device), "cpu"
    ) / len(rows)
    hits = {
        p: scoring.hits(trained.device, found[p], truth, images[p], pairs.ldos[0])
        for p in precisions
    }
    alike = {
        "curves": len(rows),
        **{p: {name: float(values.mean()) for name, values in hits[p].items()} for p in precisions},
    }
    if "bf16" in precisions:
        gap = np.abs(images["bf16"] - images["fp32"]) / constants.spread(trained.device.length)
        alike |= {
            "same_antidots": int((found["bf16"] == found["fp32"]).all((1, 2)).sum()),
            "largest_difference": float(gap.max()),
            "rms_difference": float(np.sqrt(np.square(gap).mean())),
            "difference": intervals.differences(hits["bf16"], hits["fp32"]),
        }
    return {
        "weights": Path(config.weights).stem,
        "weights_sha256": exported.weights_hash(config.weights),
        "config_sha256": digest(meta["config"]),
        "read_s": read,
        "precisions": alike,
    }


def run_sample(config, out="results/bench_sample.json", curves=100, rounds=5, report=print):
    """Race the samplers with our network and with its peers', and compare precisions on `curves`
    unseen configurations.

    Raises SettingsError where results/samplers.json, which says what the fast sampler costs in
    accuracy, is missing or was measured on other weights. Writes `out` and returns what it holds.
    """
    peer.library()
    frame.check_use(out, curves=curves)
    quoted = frame.read_result(config.weights, "samplers")
    device, widths, sampling = race.best_device(), race.sizes(config)[1], config.sampling
    precisions = race.raced(device)
    report(f"on {device}, {' and '.join(precisions)}")
    judged = agreement(config, curves, precisions)
    if "bf16" in precisions:
        report(
            "bf16 finds the antidots of fp32 on {same_antidots} of {curves} curves".format(
                **judged["precisions"]
            )
        )
    keep_memory()
    schedule = Schedule(
        config.diffusion.steps, config.diffusion.schedule, config.diffusion.prediction
    )
    samplers = {
        f"ancestral {schedule.steps}": ("ancestral", schedule.steps),
        f"{sampling.sampler} {sampling.steps}": (sampling.sampler, sampling.steps),
    }
    rows, calls = {}, {}
    for name in ("ours", *race.PEERS):
        own = widths.get(name)
        models = [
            race.network(name, config, own, plain).to(device).eval()
            for plain in (False, True)[: 1 + (own is not None)]
        ]
        rows[name] = {"parameters": peer.parameters(models[0]), "widths": own}
        for batch, steps in STRETCH.items():
            y, seeds = torch.randn(batch, config.device.field_points, device=device), range(batch)
            for precision in precisions:

                def call(model, sampler, y=y, seeds=seeds, steps=steps, precision=precision):
                    return lambda: evaluated(model, schedule, y, seeds, sampler, steps, precision)

                tried = [
                    race.settled(call(model, "ddim"), device) for model in models if len(models) > 1
                ]
                plain = bool(tried and np.argmin(tried))
                rows[name].setdefault(precision, {})[str(batch)] = (
                    {} if own is None else {"attention": "plain" if plain else "fused"}
                )
                calls |= {
                    (name, precision, batch, sampler): call(models[plain], sampler)
                    for sampler, _ in samplers.values()
                }
                calls[name, precision, batch, "encode"] = lambda m=models[plain], y=y, p=precision: (
                    encoded(m, y, p)
                )
    seconds, cost = race.take_turns(calls, rounds, device), {}
    for name, precision, batch in {key[:3]: None for key in calls}:
        once, row = seconds[name, precision, batch, "encode"], rows[name][precision][str(batch)]
        for title, (sampler, steps) in samplers.items():
            step = (seconds[name, precision, batch, sampler] - once) / STRETCH[batch]
            cost[name, precision, batch, title] = (once + steps * step) / batch
            row[title] = {
                "curve_s": float(np.median(cost[name, precision, batch, title])),
                "seconds": cost[name, precision, batch, title].tolist(),
            }
    ratios = {
        name: {
            title: {
                str(batch): {
                    p: race.ratio(
                        cost[name, p, batch, title], cost["ours", p, batch, title], config.seed
                    )
                    for p in precisions
                }
                for batch in STRETCH
            }
            for title in samplers
        }
        for name in race.PEERS
    }
    slow, fast = samplers
    model, y = (
        race.network("ours", config, None, False).to(device).eval(),
        torch.randn(1, config.device.field_points, device=device),
    )
    whole = {
        p: {
            "curve_s": race.timed(
                lambda: evaluated(model, schedule, y, range(1), *samplers[slow], p), device
            ),
            "stretch_s": rows["ours"][p]["1"][slow]["curve_s"],
        }
        for p in precisions
    }
    ratios["ours"] = {
        f"{slow} to {fast}": {
            str(batch): {
                p: race.ratio(
                    cost["ours", p, batch, slow], cost["ours", p, batch, fast], config.seed
                )
                for p in precisions
            }
            for batch in STRETCH
        }
    }
    result = {
        **judged,
        **race.about(config, device, rounds=rounds, stretch=STRETCH, samplers=list(samplers)),
        "config_sha256": judged["config_sha256"],
        "contestants": rows,
        "ratios": ratios,
        "whole": whole,
        "accuracy": {
            title: quoted["rows"][title] for title in samplers if title in quoted.get("rows", {})
        },
    }
    return frame.finished(Path(out), result, [], sample_markdown(result), report)


def sample_markdown(result):
    """The tables of a bench_sample.json in Markdown, one for each number of images at a time:
    seconds a curve, and in brackets how many times ours that is, with its interval."""
    lines = []
    for batch in map(str, result["stretch"]):
        lines += [
            "",
            f"{batch} at a time",
            "",
            "| network | "
            + " | ".join(
                f"{title}, {p} [s]" for title in result["samplers"] for p in result["raced"]
            )
            + " |",
            "| --- " * (1 + len(result["samplers"]) * len(result["raced"])) + "|",
        ]
        for name, row in result["contestants"].items():
            cells = []
            for title in result["samplers"]:
                for p in result["raced"]:
                    times = (
                        " "
                        f"({accuracy.cell(result['ratios'][name][title][batch][p], 'ratio', '.2f')})"
                        if name != "ours"
                        else ""
                    )
                    cells.append(f"{row[p][batch][title]['curve_s']:.3g}{times}")
            lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines[1:])
