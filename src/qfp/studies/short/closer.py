"""What a finished row is worth beyond its looks: errors in one evaluation, other weights, other
curves."""

import dataclasses

import numpy as np

from qfp.data import normalise
from qfp.decoding import decode, one_step
from qfp.model import exported
from qfp.studies import frame, intervals, tables
from qfp.studies.short.course import decoded
from qfp.tools import stream
from qfp.training import checkpoint

LEVELS = np.geomspace(5.0, 40.0, 4)  # σ/α where the noisy image says little, and the curve has to


def x0_error(decoder, pairs, rows, seed):
    """Square errors (B,) of the image predicted in one evaluation, mean over LEVELS: {'given',
    'null'}, see ablations.NOTES."""
    ratio, (p, n) = decoder.schedule.ratio.numpy(), rows.T
    truth, seeds = pairs.ldos[p, n].astype(np.float32), frame.noise_seeds(rows, 1, seed)
    steps = [int(abs(np.log(ratio / level)).argmin()) for level in LEVELS]
    curves = pairs.conductance[p, n]
    found = one_step.predicted(decoder, curves, truth, [s for (s,) in seeds], steps)
    unit = decoder.normal.spread()
    return {
        name: (((images - truth) / unit) ** 2).mean((0, 2, 3)) for name, images in found.items()
    }


def mean_image_error(pairs, train, rows, seed):
    """Square error of the mean of the training images, train (M, 2), on `rows` (B, 2), in the unit
    of `x0_error`."""
    (p, n), (q, m) = train.T, rows.T
    mean = sum(
        pairs.ldos[p[part], n[part]].sum(axis=0, dtype=float)
        for part in np.array_split(np.arange(len(train)), 64)
    )
    unit = normalise.normalisation(pairs, train).spread()
    errors = np.square((mean / len(train) - pairs.ldos[q, m]) / unit).mean((1, 2))
    return {
        "error": float(errors.mean()),
        "error_interval": list(intervals.bootstrap(errors, np.mean, seed)),
    }


def last_weights(run, decoder):
    """`decoder` with the weights of the last step of a run in place of the averaged ones."""
    model = exported.network_of(decoder.config)
    state = exported.part(exported.read(run / checkpoint.CHECKPOINT)[0], "model")
    exported.strict_load(model, state, run)
    return dataclasses.replace(decoder, model=model.eval())


def differences(ours, others):
    """Paired differences of shares, from lists of hits by score: see `intervals.differences`."""
    return intervals.differences(
        *({key: np.array(hit) for key, hit in hits.items()} for hits in (ours, others))
    )


def noisy(pairs, rows, noise, seed):
    """Curves (B, F) of rows with white noise [e^2/h], a pure function of (seed, row)."""
    p, n = rows.T
    F = len(pairs.device.fields)
    white = [stream("ablation noise", seed, *row).standard_normal(F) for row in rows.tolist()]
    return pairs.conductance[p, n] + noise * np.stack(white)


def closer_look(config, noise, folder, pairs, rows, first, hits):
    """What a finished row is worth beyond its looks. first: the row with which others are compared
    has every score; hits: those of the last look, by score."""
    seed, decoder = config.seed, decode.load_decoder(folder / "look.safetensors")

    def scores(decoder, rows=rows, curves=None):
        found = decoded(decoder, config, pairs, rows, curves)
        return found, found.pop("hits")

    errors = x0_error(decoder, pairs, rows, seed)
    error = {name: float(values.mean()) for name, values in errors.items()}
    for name, values in errors.items():
        error[f"{name}_interval"] = list(intervals.bootstrap(values, np.mean, seed))
    found = {"x0_error": error}
    if first or config.training.curve_noise:
        found["noisy"] = scores(decoder, curves=noisy(pairs, rows, noise, seed))[0]
    if first or config.dataset.potentials < len(pairs.potentials):
        same = np.stack([np.zeros_like(rows[:, 1]), rows[:, 1]], axis=1)
        found["first_potential"] = scores(decoder, same)[0]
    last, own = scores(last_weights(folder / "run", decoder))
    return found | {"last_weights": last | {"difference": differences(own, hits)}}


def asked_more(result, names=("curve-noise", "one-potential")):
    """What the reference and the rows `names` of study `ablations` score on other curves, as
    text."""
    kinds = {
        "as in the table": lambda row: row["looks"][-1],
        f"noise of {result['noise']} e²/h": lambda row: row.get("noisy"),
        "all under the first potential": lambda row: row.get("first_potential"),
    }
    text = []
    for name in (result["reference"], *names):
        for title, scores in kinds.items():
            if look := scores(result["rows"][name]):
                near, exact = (tables.cell(look, key, ".1%") for key in ("within_1", "within_0"))
                text.append(f"{name}, {title}: within one site {near}, exact {exact}")
    return "\n".join(text)
