"""`qfp bench train`: what a training step costs, ours and the `peer`'s; and how contestants are
timed.

Contestants take turns in rounds whose order rotates, so that what else the machine does meets them
all alike; a ratio is the median over rounds of the ratio within a round. Weights are random where
only time counts.
"""

import dataclasses
import os
import platform
import re
import resource
import time
from pathlib import Path

import numpy as np
import torch

from qfp.data import dataset, normalise
from qfp.data.workers import processes
from qfp.model.diffusion import Schedule
from qfp.model.exported import network_of
from qfp.model.precision import fast_bf16, keep_memory
from qfp.studies import accuracy, frame, intervals
from qfp.studies.speed import peer
from qfp.tools import as_dict, digest, progress_bar, stream
from qfp.training.batches import Batches, supplied
from qfp.training.loss import closure_of
from qfp.training.optimise import average, optimiser

PRECISIONS = ("fp32", "bf16")
OURS = {
    "ours": "as `qfp train` has it, with the further curves that teach the path of the curve, and "
    "the averaged weights",
    "ours, diffusion alone": "the same network by the diffusion loss alone, the peer's work, and "
    "the averaged weights",
}
PEERS = {name: text for name, (_, _, text) in peer.KINDS.items()}
KINDS = {
    "convolutions": "conv",
    "matrix products": r"::(add|b)?mm$",
    "copies and casts": "copy_",
    "normalisations": "_norm",
}
PAIRS = 256  # configurations of random numbers from which batches are made
NOTES = {
    "peer": "diffusers' UNet2DConditionModel behind our own path from the curve to its tokens, "
    "narrowed until both together "
    "have as many parameters as our whole network; it reads the tokens by cross-attention, made "
    "anew in each step",
    "attention": "the faster of diffusers' two implementations here, chosen for each peer and "
    "precision before the race",
    "shares": "parts of the processor time of one step under torch's profiler, by kind of "
    "operation",
    "clock": "'processor': time of this process on its processor, where one thread computes; "
    "'wall' otherwise",
    "ratio": "seconds of the peer over seconds of ours within a round: median over rounds, 95 % "
    "bootstrap interval",
    "step": "training: batch made in memory, forward, backward, clipping, AdamW; ours also "
    "averages its weights",
    "peak_gib": "largest memory of a process that does such steps and nothing else, for a peer "
    "with the implementation of "
    "attention that needs less; net_gib: less that of one which only imports the same; on a GPU "
    "what its allocator "
    "held at most",
    "whole": "one image by our network and all steps of the slow sampler, timed as a whole, and "
    "what the stretch says",
    "curve_s": "seconds of drawing one image: encoding the curves, and as many steps as the "
    "sampler takes, of which a stretch "
    "is timed, as they all cost the same; reading positions off an image is left out, it is the "
    "same for all",
}


def best_device():
    """Where the race is run: a GPU if there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def raced(device):
    """The PRECISIONS that are worth a race: without the arithmetic for it, bf16 takes a processor
    ten times as long."""
    return PRECISIONS if fast_bf16(device) else PRECISIONS[:1]


def clock(device):
    """Which clock is read, see NOTES."""
    return "processor" if device == "cpu" and torch.get_num_threads() == 1 else "wall"


def timed(function, device):
    """Seconds of a call."""
    tick, wait = (
        {"processor": time.process_time, "wall": time.perf_counter}[clock(device)],
        device == "cuda",
    )
    for part in range(2):
        if wait:
            torch.cuda.synchronize()
        if part == 0:
            start = tick()
            function()
    return tick() - start


def settled(function, device):
    """Seconds of a call, the median of three after one in which memory is found."""
    return float(np.median([timed(function, device) for _ in range(4)][1:]))


def take_turns(contestants, rounds, device):
    """Seconds (rounds,) of each of {name: function}; a first round, in which memory is found and
    kernels are chosen, is not counted."""
    names, seconds = list(contestants), {name: [] for name in contestants}
    for r in progress_bar(range(-1, rounds), desc="rounds", unit="round"):
        turn = r % len(names)
        for name in names[turn:] + names[:turn]:
            seconds[name].append(timed(contestants[name], device))
    return {name: np.array(values[1:]) for name, values in seconds.items()}


def ratio(slow, fast, seed):
    """How many times as long `slow` takes, from seconds (rounds,) of the same rounds."""
    return {
        "ratio": float(np.median(slow / fast)),
        "ratio_interval": list(intervals.bootstrap(slow / fast, np.median, seed)),
    }


def about(config, device, **more):
    """What both results say of their making."""
    return {
        "config_sha256": digest(as_dict(config)),
        "preset": config.preset,
        "device": device,
        "clock": clock(device),
        "processor": torch.cuda.get_device_name()
        if device == "cuda"
        else torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "seed": config.seed,
        "raced": list(raced(device)),
        **more,
        "versions": {
            "torch": torch.__version__,
            "diffusers": peer.library().__version__,
            "python": platform.python_version(),
        },
        "notes": {**NOTES, "contestants": {**OURS, **PEERS}},
    }


# --- training


def toy(config):
    """Pairs of random numbers: their values do not matter to the clock."""
    (orbits, antidots), device = (part[:PAIRS] for part in dataset.choose(config)), config.device
    rng, shape = stream("race", config.seed), (config.dataset.potentials, len(antidots))
    curves, images = (
        rng.random((*shape, *size), np.float32)
        for size in ((device.field_points,), (device.length, device.width))
    )
    return dataset.Pairs(
        antidots,
        orbits,
        np.zeros((shape[0], *images.shape[2:])),
        device.fields,
        curves,
        images.astype(np.float16),
        device,
        "random",
    )


def network(name, config, widths, plain):
    """A contestant's network with random weights; widths None: ours."""
    return network_of(config) if widths is None else peer.Peer(config, name, widths, plain)


def trainee(name, config, widths, precision, plain, device):
    """A function that takes a training step of a contestant, as `train.train` does."""
    keep_memory()
    # a preparation, no step
    training = dataclasses.replace(config.training, precision=precision, curve_neighbours=0)
    if name != "ours":
        training = dataclasses.replace(
            training, curve_target="none", curve_batch=0, curve_mixing=0.0
        )
    model = network(name, config, widths, plain).to(device).train()
    ema = average(model, training.ema) if widths is None else None
    _, optimizer = optimiser(model, training)
    pairs = toy(config)
    rows = np.stack(np.divmod(np.arange(pairs.conductance[..., 0].size), len(pairs.antidots)), -1)
    supply = supplied(
        Batches(
            dataclasses.replace(config, training=training),
            pairs,
            rows,
            normalise.normalisation(pairs, rows),
            device,
        ),
        0,
        device,
    )
    schedule = Schedule(
        config.diffusion.steps, config.diffusion.schedule, config.diffusion.prediction
    )

    def step():
        optimizer.step(closure_of(model, schedule, next(supply), training, []))
        if ema is not None:
            ema.update_parameters(model)

    return step


def shares(step):
    """Parts of a step's processor time by kind of operation: {kind: share}, the rest last. See
    NOTES."""
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # torch's profiler writes lines about itself
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as found:
        step()
    times = {event.key: event.self_cpu_time_total for event in found.key_averages()}
    parts = {
        kind: sum(time for key, time in times.items() if re.search(pattern, key))
        / sum(times.values())
        for kind, pattern in KINDS.items()
    }
    return parts | {"all else": 1 - sum(parts.values())}


def _peak(device):
    """Largest memory of this process so far [GiB]."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**30
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage of a new process begins with what its parent has
        return (
            next(
                int(line.split()[1])
                for line in status.read_text().splitlines()
                if line.startswith("VmHWM")
            )
            / 2**20
        )
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**30  # bytes, on macOS


def _alone(name, config, widths, precision, plain, device):
    """Worker: seconds of a contestant's step, and the largest memory [GiB]. Name None: of imports
    alone."""
    if name is None:
        _ = None if widths is None else peer.library().UNet2DConditionModel
        return 0.0, _peak(device)
    step = trainee(name, config, widths, precision, plain, device)
    return settled(step, device), _peak(device)


def alone(*arguments):
    """`_alone` in a process of its own."""
    with processes(1) as submit:
        return submit(_alone, *arguments).result()


def sizes(config):
    """Parameters of our network, and the widths of each peer {name: widths}."""
    ours = peer.parameters(network_of(config))
    return ours, {name: peer.widths(config, name, ours) for name in PEERS}


def run_train(config, out="results/bench_train.json", rounds=9, report=print):
    """Race training steps of our network and of its peers; writes `out` and returns what it holds."""
    peer.library()
    frame.check_use(out)
    device, (ours, widths) = best_device(), sizes(config)
    report(f"on {device}, {' and '.join(raced(device))}")
    rows, steps = {}, {}
    imports = {
        mine: alone(None, None, None if mine else (), None, False, device)[1]
        for mine in (True, False)
    }
    for name in (*OURS, *PEERS):
        own = widths.get(name)
        rows[name] = {
            "parameters": ours
            if own is None
            else peer.parameters(network(name, config, own, False)),
            "widths": own,
        }
        for precision in raced(device):
            tried = {
                plain: alone(name, config, own, precision, plain, device)
                for plain in (False, True)[: 1 + (own is not None)]
            }
            plain = min(tried, key=lambda plain: tried[plain][0])
            peak = min(peak for _, peak in tried.values())
            rows[name][precision] = {"peak_gib": peak, "net_gib": peak - imports[own is None]}
            rows[name][precision] |= (
                {} if own is None else {"attention": "plain" if plain else "fused"}
            )
            steps[name, precision] = trainee(name, config, own, precision, plain, device)
            if own is None:
                steps[name, precision]()
                rows[name][precision]["shares"] = shares(steps[name, precision])
        report(f"{name}: {rows[name]['parameters']:,} parameters, memory measured")
    seconds, batch = take_turns(steps, rounds, device), config.training.batch
    for (name, precision), values in seconds.items():
        rows[name][precision] |= {
            "images_per_s": float(np.median(batch / values)),
            "seconds": values.tolist(),
        }
    ratios = {
        name: {
            own: {
                precision: ratio(seconds[name, precision], seconds[own, precision], config.seed)
                for precision in raced(device)
            }
            for own in OURS
        }
        for name in PEERS
    }
    result = about(config, device, batch=batch, rounds=rounds, contestants=rows, ratios=ratios)
    return frame.finished(Path(out), result, [], train_markdown(result), report)


def train_markdown(result):
    """The tables of a bench_train.json in Markdown: each contestant, then ours against each peer."""
    precisions = result["raced"]
    lines = [
        "| network | parameters | "
        f"{' | '.join(f'images/s, {p} | net GiB, {p}' for p in precisions)} |",
        "| --- " * (2 + 2 * len(precisions)) + "|",
    ]
    for name, row in result["contestants"].items():
        cells = [f"{row[p]['images_per_s']:.1f} | {row[p]['net_gib']:.2f}" for p in precisions]
        lines.append(f"| {name} | {row['parameters']:,} | {' | '.join(cells)} |")
    lines += [
        "",
        "| times as many images/s as | "
        + " | ".join(f"{own}, {p}" for own in OURS for p in precisions)
        + " |",
        "| --- " * (1 + len(OURS) * len(precisions)) + "|",
    ]
    for name, row in result["ratios"].items():
        lines.append(
            f"| {name} | "
            f"{' | '.join(accuracy.cell(row[own][p], 'ratio', '.2f') for own in OURS for p in precisions)} "
            "|"
        )
    return "\n".join(lines)


def below(result, bound):
    """Where a peer is not clearly beaten by that factor: a line of text for each of its ratios
    whose interval begins below."""
    lines = []

    def look(row, path):
        if "ratio" not in row:
            for key, value in row.items():
                look(value, (*path, key))
        elif row["ratio_interval"][0] < bound:
            lines.append(f"{', '.join(path)}: {accuracy.cell(row, 'ratio', '.2f')}")

    for name in PEERS:
        look(result["ratios"].get(name, {}), (name,))
    return lines
