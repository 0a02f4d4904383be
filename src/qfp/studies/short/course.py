"""A training that decodes the same development curves again and again on its way."""

import json

from qfp.decoding import decode, positions
from qfp.decoding.decode import load_decoder
from qfp.studies import frame, scoring, tables
from qfp.tools import SettingsError, write_text
from qfp.training.checkpoint import CHECKPOINT, export
from qfp.training.train import train


def looked_at(run):
    """Development rows (B, 2) that a look decodes. Raises SettingsError where the split of a small
    file leaves none."""
    rows = run.rows("dev", run.options.curves)
    if len(rows) == 0:
        raise SettingsError(
            "the dataset is too small for development configurations: give one with more "
            "configurations"
        )
    return rows


def decoded(decoder, config, pairs, rows, curves=None):
    """Scores of single samples on rows (B, 2) of pairs, with the hits of each curve; `curves` (B,
    F) in place of their own."""
    (p, n), how = rows.T, config.sampling
    curves = pairs.conductance[p, n] if curves is None else curves
    seeds = frame.noise_seeds(rows, 1, config.seed)
    ldos = decode.draw(decoder, curves, seeds, how.steps, how.sampler, how.gamma)
    found = positions.positions(ldos, pairs.device)[:, 0]
    answers = scoring.Answers(found, ldos[:, 0], pairs.antidots[n], pairs.ldos[p, n])
    hits = {name: hit.tolist() for name, hit in answers.hits(pairs.device).items()}
    return {**answers.scores(pairs.device, config.seed), "hits": hits}


def course(run, config, folder, number, rows, data=None):
    """Train a preset for max_steps in `folder`/run, and decode rows `number` times on the way, with
    the averaged weights.

    data: file to train on, by default the run's. Returns a dict a look: step, minutes, images,
    scores, and the hits of each curve. Goes on where it was stopped."""
    diary, plan, own = folder / "looks.jsonl", config.training.max_steps, folder / "run"
    looks = [json.loads(line) for line in diary.read_text().splitlines()] if diary.is_file() else []
    stops = [plan * k // number for k in range(1, number + 1)]

    def watch(training):
        if training.step < stops[len(looks)]:
            return False
        meta = training.save()
        export(own, folder / "look", bf16=False)
        decoder = load_decoder(folder / "look.safetensors", training.device)
        facts = {key: meta[key] for key in ("step", "minutes", "images")}
        looks.append(facts | decoded(decoder, config, run.pairs, rows))
        write_text(diary, "".join(json.dumps(look) + "\n" for look in looks))
        run.report(
            "{minutes:.1f} minutes, step {step}: ".format(**looks[-1])
            + f"within one site {tables.cell(looks[-1], 'within_1', '.1%')}, "
            f"exact {tables.cell(looks[-1], 'within_0', '.1%')}"
        )
        return len(looks) == number

    if len(looks) < number:
        resume, quiet = (own / CHECKPOINT).is_file(), {"report": lambda line: None}
        train(config, data or run.data, own, resume, watch=watch, **quiet)
    return looks
