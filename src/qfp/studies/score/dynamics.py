"""Annealed Langevin dynamics beside DDIM and ancestral sampling, on the same curves and x_T."""

import dataclasses

from qfp.decoding import decode
from qfp.model.diffusion import guided, langevin
from qfp.model.precision import for_samples
from qfp.studies import frame, intervals
from qfp.studies.scoring import Answers

SAMPLE_CURVES, ANCESTRAL = 60, 200


def relaxed(subject, rows):
    """LDOS (B, 1, L, W) [1/t] that Langevin dynamics ends at for rows (B, 2), in blocks that are
    kept."""
    decoder, schedule = subject.decoder, subject.schedule
    shape = (1, *2 * [subject.pairs.device.side])

    def compute(part):
        seeds = [seed for (seed,) in frame.noise_seeds(rows[part], 1, subject.seed)]
        with for_samples(schedule):
            eps = guided(decoder.model, schedule, subject.condition(rows[part]))
            x = langevin(eps, schedule, seeds, shape)
        return decoder.normal.ldos(x)[:, None]

    return subject.run.in_blocks("langevin", len(rows), compute)


def dynamics(subject):
    """Part (e): scores of one image a curve, {sampler: row}."""
    run, rows, device = subject.run, subject.test[:SAMPLE_CURVES], subject.pairs.device
    curves, antidots, truth = run.values(rows)
    steps = {"ddim": run.sampling.steps, "ancestral": min(ANCESTRAL, subject.schedule.steps)}
    images = {}
    for sampler, number in steps.items():
        how = {"sampler": sampler, "steps": number, "gamma": 1.0}
        sampling = dataclasses.replace(run.sampling, **how)
        images[sampler] = run.samples(sampler, curves, rows, 1, sampling)
    images["langevin"] = relaxed(subject, rows)
    table, found = {}, {}
    for name, ldos in images.items():
        answer = decode.conclude(ldos, device)
        answers = Answers(answer.antidots[:, 0], answer.ldos[:, 0], antidots, truth)
        table[name], found[name] = answers.scores(device, subject.seed), answers.hits(device)
        if name in steps:
            table[name]["steps"] = steps[name]
    for name in ("ancestral", "langevin"):
        table[name]["difference"] = intervals.differences(found[name], found["ddim"])
    return table
