"""Training of the conditional diffusion model (Sec. IV)."""

import time
from pathlib import Path

import torch

from qfp.data import dataset, normalise
from qfp.decoding import decode
from qfp.model import exported
from qfp.model.diffusion import Schedule
from qfp.model.precision import for_samples, keep_memory
from qfp.tools import SettingsError, as_dict, progress_bar
from qfp.training import checkpoint
from qfp.training.batches import Batches, supplied
from qfp.training.log import LOG_STEPS, Log
from qfp.training.loss import closure_of
from qfp.training.optimise import average, learning_rate, optimiser, radius, share_done
from qfp.training.preview import preview


def prepare_folder(out, resume):
    """The run's folder; refuses to overwrite a run, or to resume what is not there."""
    found = (out / checkpoint.CHECKPOINT).is_file()
    if resume and not found:
        raise SettingsError(f"nothing to resume in {out}: it holds no {checkpoint.CHECKPOINT}")
    if (
        not resume
        and out.exists()
        and not (out.is_dir() and all(path.suffix == ".tmp" for path in out.iterdir()))
    ):
        raise SettingsError(
            f"{out} exists already: give --resume to go on with it, or another --out"
        )
    out.mkdir(parents=True, exist_ok=True)


def train(
    config,
    data_path,
    out,
    resume=False,
    init=None,
    report=print,
    device="auto",
    stop=None,
    slice_minutes=None,
):
    """Train a preset on a dataset file into the folder `out`; returns the meta of the last
    checkpoint.

    resume: go on bit for bit from the folder's checkpoint. An interrupt (Ctrl-C) ends after a whole
    step, with a checkpoint; the second one ends at once. init: start from exported weights, with
    their normalisation. stop, slice_minutes: end with a checkpoint after this step, or after so
    much wall time in this call (loading included; at least one step is done), without changing the
    plan of the run. `share_done` of the meta's step and minutes tells whether the run is finished:
    the minutes of its plan are those trained, in all slices together."""
    called = time.monotonic()
    training, out = config.training, Path(out)
    if slice_minutes is not None and not slice_minutes > 0:
        raise SettingsError(f"--slice-minutes {slice_minutes}: must be above 0")
    if training.minutes <= 0 and training.max_steps <= 0:
        raise SettingsError(
            "training: minutes and max_steps are both 0, so the run would never end"
        )
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    pairs = dataset.load(data_path)
    if pairs.device != config.device:
        raise SettingsError(
            f"{data_path} holds another device than preset {config.preset!r}: {pairs.device}"
        )
    prepare_folder(out, resume)
    keep_memory()
    parts = dataset.split(len(pairs.antidots), len(pairs.potentials), training.split, config.seed)
    normal = normalise.normalisation(pairs, parts["train"])
    torch.manual_seed(training.seed)
    model = exported.network_of(config).to(device)
    if init is not None and not resume:
        source = decode.load_decoder(init)
        normal = source.normal
        if source.config.device != config.device:
            raise SettingsError(f"{init} was trained for another device: {source.config.device}")
        exported.strict_load(model, source.model.state_dict(), init)
    ema = average(model, training.ema)
    base, optimizer = optimiser(model, training)
    step, minutes = 0, 0.0
    if resume:
        meta = checkpoint.restore(out, model, ema, base)
        if meta["data"] != pairs.sha256:
            raise SettingsError(
                f"{out} was trained on another dataset ({meta['data'][:12]}, not "
                f"{pairs.sha256[:12]})"
            )
        started = meta["config"]
        if (started["diffusion"], started["seed"], started["training"]["seed"]) != (
            as_dict(config.diffusion),
            config.seed,
            training.seed,
        ):
            raise SettingsError(
                f"{out} was started with another seed or diffusion section; resume it with the "
                "same preset"
            )
        step, minutes, normal = meta["step"], meta["minutes"], exported.normalisation_of(meta)
    fixed = checkpoint.describe(config, pairs, normal)
    batches = Batches(config, pairs, parts["train"], normal, device)
    schedule = Schedule(
        config.diffusion.steps, config.diffusion.schedule, config.diffusion.prediction
    )
    report(
        f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters on {device}, "
        f"{len(parts['train'])} training pairs, into {out}"
    )

    def save():
        return checkpoint.save(
            out,
            model,
            ema,
            base,
            {**fixed, "step": step, "minutes": minutes, "images": step * training.batch},
        )

    if not resume:
        save()  # from here on there is something to resume
    log = Log(out / checkpoint.LOG, step)

    def keep():
        """Write a checkpoint, then look at the averaged weights; returns the meta and the log line."""
        meta = save()
        with for_samples(schedule, device):
            scores = preview(
                ema.module,
                config,
                pairs,
                parts["dev"],
                normal,
                schedule,
                out / "preview.png",
                device,
            )
        return meta, log.note(step, minutes, preview=scores)

    start, last_checkpoint = time.monotonic() - 60 * minutes, minutes
    bar = progress_bar(
        total=training.max_steps or None, initial=step, unit="step", mininterval=2, smoothing=0.05
    )
    supply = supplied(batches, step, device)
    model.train()
    # within a step, weights and optimiser do not belong together
    with checkpoint.held_interrupt() as interrupted:
        while (progress := share_done(training, step, minutes)) < 1 and (
            stop is None or step < stop
        ):
            rate = learning_rate(training, step, progress)
            for group in base.param_groups:
                group["lr"] = rate
            if training.optimizer == "sam":
                optimizer.radius = radius(training, step, progress)
            batch, passes = next(supply), []
            loss = optimizer.step(closure_of(model, schedule, batch, training, passes))
            ema.update_parameters(model)
            step += 1
            minutes = (time.monotonic() - start) / 60
            log.add(schedule, batch["t"], passes[0][0], loss, passes[0][1])
            bar.update()
            if interrupted():
                bar.close()
                save()
                report(f"checkpoint of step {step} in {out}; --resume goes on")
                raise KeyboardInterrupt
            if step % LOG_STEPS == 0:
                bar.set_postfix_str(log.write(step, minutes, rate, training.batch))
            if minutes - last_checkpoint >= training.checkpoint_minutes:
                last_checkpoint = minutes
                bar.write(keep()[1])
            if slice_minutes is not None and time.monotonic() - called >= 60 * slice_minutes:
                break
    bar.close()
    meta, line = keep()
    report(line)
    return meta
