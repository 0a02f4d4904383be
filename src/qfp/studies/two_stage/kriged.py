"""Does the two-stage baseline read as well once it is given the interpolated curves, too?

The diffusion model's path of the curve learns from kriged curves of all configurations, with their
positions, and from mixed potentials; the baseline of study `vae` has the training curves alone.
Here its second stage is trained again, on the shipped first one, with both. What it learns are
latents of images, so those of configurations outside the training set are kriged as their curves
are: no simulated curve and no image of a held-out configuration enters.
"""

import dataclasses

import numpy as np
import torch

from qfp.config import build
from qfp.data import interpolate
from qfp.model.vae import BLOCK, Vae, VaeSettings, decoded, images_of, load_vae
from qfp.studies import frame, intervals, tables
from qfp.studies.frame import Option, Study
from qfp.studies.two_stage.baseline import Table
from qfp.studies.two_stage.stages import Part, latents, second_stage
from qfp.tools import digest

ROWS = {
    "two_stage": "the baseline as study `vae` has it, trained on curves of the training pairs",
    "kriged": "the same first stage; the second one trained on the curves of all configurations, "
    "those outside the training set and their latents kriged, and on mixed potentials, as the path "
    "of the curve of the diffusion model is",
    "labels": "image of the kriged latent of the test configuration: what its label is worth",
}
NOTES = {
    "rows": ROWS,
    "difference": "share minus that of two_stage on the same curves; paired 95 % interval",
    "minutes": "of one core, of the second stage alone; beside other work",
}


def images_completed(values, antidots, known, neighbours):
    """Values (P, N, k) of images, those of all configurations but `known` (indices) kriged.

    An image knows its placement, so distances are those of the centres as they stand, and a
    symmetric copy is no neighbour; else as `interpolate.complete`."""
    known = np.unique(known)
    missing = np.setdiff1d(np.arange(len(antidots)), known)
    places = antidots.reshape(len(antidots), -1).astype(float)
    weight, near = interpolate.kriging(places[missing], places[known], neighbours)
    out = np.array(values, np.float32)
    for own in out:
        own[missing] = np.einsum("mk,mkf->mf", weight, own[known][near])
    return out


def gaussians(run, model, normal, neighbours):
    """Mean and log variance (P, N, 2 latent) that the encoder gives all images; those of
    configurations outside the training set are kriged."""
    pairs, train = run.pairs, run.parts["train"]

    def encoded(p):
        part = Part(pairs, train[train[:, 0] == p], normal)
        return torch.cat(latents(model, part), dim=1).numpy()

    P, N = pairs.conductance.shape[:2]
    values = None
    for p in range(P):
        found = run.keep(f"latents_{p}", lambda p=p: encoded(p))
        values = np.full((P, N, found.shape[1]), np.nan, np.float32) if values is None else values
        values[p, train[train[:, 0] == p, 1]] = found
    return images_completed(values, pairs.antidots, train[:, 1], neighbours)


def retrained(run, shipped, settings, neighbours):
    """A network with the shipped first stage and a second one trained on all configurations, the
    Gaussians (P, N, 2 latent) it learned from, and the minutes."""
    pairs, train, width = run.pairs, run.parts["train"], run.pairs.device.width
    curves = interpolate.complete(pairs.conductance, pairs.orbit, train[:, 1], width, neighbours)
    rows = np.argwhere(np.ones(curves.shape[:2], bool))
    part = Part(dataclasses.replace(pairs, conductance=curves), rows, shipped.normal)
    known = gaussians(run, shipped.model, shipped.normal, neighbours)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(run.seed)
        model = Vae(settings, pairs.device.field_points)
    model.encoder, model.decoder = shipped.model.encoder, shipped.model.decoder
    labels = torch.from_numpy(known[tuple(rows.T)]).chunk(2, 1)
    minutes = second_stage(model, settings, part, labels, run.seed, run.folder)
    return model.eval(), known, minutes


def decoded_latents(model, normal, latent):
    """LDOS (B, L, W) [1/t] of latents (B, latent)."""
    return images_of(model.decoder, normal, torch.from_numpy(latent).split(BLOCK))


def measure(run):
    """Train the second stage with what the diffusion model is given, and score it beside the
    shipped baseline on the same test curves."""
    run.require_unseen()
    shipped, training = load_vae(run.options.vae), run.decoder.config.training
    frame.check_data(shipped.meta, run.pairs, run.data, run.options.vae)
    given = build(VaeSettings, shipped.meta["vae"], run.options.vae)
    more = {"curve_mixing": training.curve_mixing}
    if run.options.steps is not None:
        more["curve_steps"] = run.options.steps
    settings = dataclasses.replace(given, **more)
    test = run.rows("test", run.options.curves)
    run.start(
        f"{len(test)} test configurations, {settings.curve_steps} steps of the second stage",
        digest(settings, training, shipped.meta["config"]),
        curves=len(test),
        curve_steps=settings.curve_steps,
        curve_mixing=settings.curve_mixing,
        curve_neighbours=training.curve_neighbours,
    )
    model, known, minutes = retrained(run, shipped, settings, training.curve_neighbours)
    table, (p, n) = Table(run.pairs, test, run.seed), test.T
    table.add("two_stage", decoded(shipped.model, shipped.normal, table.curves))
    table.add("kriged", decoded(model, shipped.normal, table.curves))
    latent = known[p, n, : settings.latent]
    table.add("labels", decoded_latents(shipped.model, shipped.normal, latent))
    rows = table.scores
    for name in ("kriged", "labels"):
        rows[name]["difference"] = intervals.differences(table.hits[name], table.hits["two_stage"])
    return {"minutes": minutes, "rows": rows}


def in_markdown(result):
    """The table of scores."""
    return tables.markdown(tables.scores_table(result["rows"]))


STUDY = Study(
    name="vae-kriged",
    measure=measure,
    show=lambda result: tables.columns(tables.scores_table(result["rows"])),
    notes=NOTES,
    result="vae_kriged",
    options={
        "curves": Option(1000, "test configurations"),
        "vae": Option("vae", "weights of the two-stage baseline", kind=str),
        "steps": Option(None, "steps of the second stage: as the baseline's"),
    },
)
