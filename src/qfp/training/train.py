"""Training of the conditional diffusion model (Sec. IV)."""

import dataclasses
import itertools
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel

from qfp.data import dataset, interpolate
from qfp.decoding import decode
from qfp.model import checkpoint
from qfp.model.diffusion import Schedule
from qfp.model.precision import autocast, for_samples, keep_memory
from qfp.tools import SettingsError, as_dict, progress_bar, stream, write_text
from qfp.training.preview import preview
from qfp.training.sam import Plain, Sam

LOG_STEPS = 50
# bounds of noise-to-signal ratio σ/α in the log; above 5 the curve alone can tell
LEVELS = (0.5, 2.0, 5.0)
GRADIENT_NORM = 1.0


class Batches:
    """Training data in memory; batch `step` is a pure function of (seed, step)."""

    def __init__(self, config, pairs, rows, normal, device):
        self.config, self.pairs, self.rows, self.normal, self.device = (
            config,
            pairs,
            rows,
            normal,
            device,
        )
        self.margin = (pairs.device.length - pairs.device.width) // 2
        training = config.training
        self.extra = training.curve_batch if training.curve_target != "none" else 0
        self.curves = pairs.conductance
        # positions need no image, so the configurations in between are learned too
        if training.curve_neighbours:
            self.curves = interpolate.complete(
                pairs.conductance,
                pairs.orbit,
                rows[:, 1],
                pairs.device.width,
                training.curve_neighbours,
            )

    def __call__(self, step):
        """Dict of tensors: x0 (B, 1, 60, 60), t, noise, keep (B,), curves (B + E, F), centres or
        pooled images."""
        training, steps = self.config.training, self.config.diffusion.steps
        B, E = training.batch, self.extra
        rng = stream("train", training.seed, step)
        p, n = self.rows[rng.integers(len(self.rows), size=B + E)].T.copy()
        u = rng.random((2, B))
        t = np.minimum(
            (u.max(0) if training.time_sampling == "max2" else u[0]) * steps, steps - 1
        ).astype(np.int64)
        out = {
            "x0": self.normal.image(self.pairs.ldos[p[:B], n[:B]]),
            "t": torch.from_numpy(t),
            "noise": torch.from_numpy(rng.standard_normal((B, 1, 60, 60), np.float32)),
            "keep": torch.from_numpy(rng.random(B) >= training.condition_dropout),
            "dropout_seed": int(rng.integers(2**31)),
        }
        if training.curve_neighbours:
            n[B:] = rng.integers(len(self.pairs.antidots), size=E)
        curves = self.curves[p, n]  # no simulated curve of a configuration outside `rows`
        curves[B:] = self.mixed(p[B:], n[B:], rng)
        if training.curve_noise > 0:
            curves = curves + training.curve_noise * rng.standard_normal(curves.shape, np.float32)
        out["curves"] = self.normal.curve(curves)
        if training.curve_target == "positions":
            out["centres"] = torch.from_numpy(
                self.pairs.antidots[n].astype(np.float32)
            ) + torch.tensor([self.margin, 0.0])
        elif training.curve_target == "pooled":
            out["pooled"] = F.avg_pool2d(self.normal.image(self.pairs.ldos[p, n]), 4)
        return {k: v.to(self.device) if isinstance(v, torch.Tensor) else v for k, v in out.items()}

    def mixed(self, p, n, rng):
        """Curves (E, F) of configurations n under potentials p, changed as by yet another
        potential.

        A weak potential acts nearly linearly, so random combinations of the differences between
        potentials are added: of the configuration's own, and of another configuration's, which no
        potential of the file has here."""
        curves, size = self.curves[p, n], self.config.training.curve_mixing
        for source in (n, rng.permutation(n)) if size else ():
            c = rng.standard_normal((len(n), len(self.curves)), np.float32) / np.sqrt(
                len(self.curves)
            )
            c -= c.mean(1, keepdims=True)  # differences alone
            curves = curves + size * np.einsum("ep,pef->ef", c, self.curves[:, source])
        return curves


def supplied(batches, step, device):
    """Iterator over batches(step), batches(step + 1), ...; on a GPU a thread makes them ahead."""
    return (
        ahead(batches, step)
        if torch.device(device).type == "cuda"
        else map(batches, itertools.count(step))
    )


def ahead(batches, step):
    """As `supplied`; a thread makes the next one while a GPU works on this one: 128 images cost a
    core about 7 ms."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(batches, step)
        while True:
            step += 1
            batch, coming = coming.result(), thread.submit(batches, step)
            yield batch


def position_loss(profiles, centres, sigma):
    """Soft cross-entropy of log profiles (B, 2, 2, 60) with Gaussians of width sigma around centres
    (B, 2, 2) = (x, y)."""
    sites = torch.arange(profiles.shape[-1], device=profiles.device)
    # (B, 2, xy, 60)
    target = torch.softmax(-((sites - centres[..., None]) ** 2) / (2 * sigma**2), -1)
    return -(target * profiles).sum(-1).mean()


def losses(model, schedule, batch, training):
    """Total loss, per-sample MSE (B,) of the prediction, and the loss of the read-out from the
    curve alone."""
    B = len(batch["x0"])
    x = schedule.q_sample(batch["x0"], batch["t"], batch["noise"])
    path = model.condition
    tokens = path.tokens(batch["curves"])  # (B + E, 30, width)
    features = path.features(tokens if training.curve_target == "pooled" else tokens[:B])
    condition = path(model.drop(features[:B], batch["keep"]))
    output = model(x, batch["t"], condition).float()
    mse = (
        (output - schedule.target(batch["x0"], batch["t"], batch["noise"])).square().mean((1, 2, 3))
    )
    curve = torch.zeros((), device=x.device)
    if training.curve_target == "positions":
        curve = position_loss(path.profiles(tokens), batch["centres"], training.curve_sigma)
    elif training.curve_target == "pooled":
        curve = F.mse_loss(model.pooled(features).float(), batch["pooled"])
    return mse.mean() + training.curve_weight * curve, mse.detach(), curve.detach()


def share_done(training, step, minutes):
    """Share of a run's plan that is done, 1 at its end: by minutes trained or by steps, the larger
    one."""
    plans = ((minutes, training.minutes), (step, training.max_steps))  # 0: no plan
    return max(done / planned for done, planned in plans if planned)


def learning_rate(training, step, progress):
    """Warm-up over steps, constant, then to 0 as 1 - sqrt over the last `cooldown` of the run."""
    rate = training.learning_rate * min(1.0, (step + 1) / max(1, training.warmup))
    late = max(0.0, progress - (1 - training.cooldown)) / max(training.cooldown, 1e-9)
    return rate * (1 - min(1.0, late) ** 0.5)


def radius(training, step, progress):
    """SAM's ρ, in proportion to the learning rate (as in GSAM, Zhuang et al. 2022).

    At the start the last layers are 0, a saddle, and a constant ρ = 0.05 leads back to it: after 60
    steps the network of preset `paper` had still learned nothing (loss 1.0; with this 0.2, with
    AdamW alone 0.14)."""
    return learning_rate(
        dataclasses.replace(training, learning_rate=training.sam_radius), step, progress
    )


def average(model, decay):
    """EMA of the weights with warm-up: early on it forgets faster, so that it never drags the
    random start along."""

    def update(averaged, current, n):
        d = min(decay, (1 + float(n)) / (10 + float(n)))
        torch._foreach_lerp_(list(averaged), list(current), 1 - d)

    return AveragedModel(model, multi_avg_fn=update)


def optimiser(model, training):
    """AdamW, which clips gradients first, and what takes a step with it: Sam or Plain."""
    base = torch.optim.AdamW(
        model.parameters(),
        training.learning_rate,
        weight_decay=training.weight_decay,
        betas=(0.9, 0.99),
        fused=True,
    )
    base.register_step_pre_hook(
        lambda *_: torch.nn.utils.clip_grad_norm_(model.parameters(), GRADIENT_NORM) and None
    )
    return base, Sam(
        model.parameters(), base, training.sam_radius
    ) if training.optimizer == "sam" else Plain(base)


def closure_of(model, schedule, batch, training, passes):
    """What a step of the optimiser calls: loss and gradients of a batch. Appends (MSE (B,),
    read-out's loss) to `passes`."""

    def closure():
        # the same dropout masks in both passes of SAM, and after a resume
        torch.manual_seed(batch["dropout_seed"])
        with autocast(training.precision, batch["x0"].device):
            total, mse, curve = losses(model, schedule, batch, training)
        total.backward()
        passes.append((mse, curve))
        return total.detach()

    return closure


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
    normal = dataset.normalisation(pairs, parts["train"])
    torch.manual_seed(training.seed)
    model = checkpoint.network_of(config).to(device)
    if init is not None and not resume:
        source = decode.load_decoder(init)
        normal = source.normal
        if source.config.device != config.device:
            raise SettingsError(f"{init} was trained for another device: {source.config.device}")
        checkpoint.strict_load(model, source.model.state_dict(), init)
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
        step, minutes, normal = meta["step"], meta["minutes"], checkpoint.normalisation_of(meta)
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


class Log:
    """JSONL log of a run; opened at `step`, it drops what an interrupted run wrote beyond its last
    checkpoint."""

    def __init__(self, path, step):
        self.path = path
        lines = path.read_text().splitlines() if path.is_file() else []
        kept = [line for line in lines if json.loads(line)["step"] <= step]
        write_text(path, "".join(line + "\n" for line in kept))
        self.clear()

    def clear(self):
        self.values, self.start = [], time.monotonic()

    def add(self, schedule, t, mse, loss, curve):
        """Take in one step's losses."""
        self.values.append((schedule.alpha_bar[t.cpu()], mse.cpu(), float(loss), float(curve)))

    def write(self, step, minutes, rate, batch):
        """Write the means since the last line; returns a short text of them."""
        alpha_bar, mse, loss, curve = zip(*self.values, strict=True)
        ratio, mse = ((1 - torch.cat(alpha_bar)) / torch.cat(alpha_bar)).sqrt(), torch.cat(mse)
        place = torch.bucketize(ratio, torch.tensor(LEVELS, dtype=ratio.dtype))
        names = [
            f"<{LEVELS[0]}",
            *(f"{a}-{b}" for a, b in itertools.pairwise(LEVELS)),
            f">{LEVELS[-1]}",
        ]
        levels = {
            name: round(float(mse[place == i].mean()), 5)
            for i, name in enumerate(names)
            if (place == i).any()
        }
        speed = batch * len(loss) / (time.monotonic() - self.start)
        self.note(
            step,
            minutes,
            loss=round(float(np.mean(loss)), 5),
            curve_loss=round(float(np.mean(curve)), 5),
            levels=levels,
            lr=rate,
            images_per_second=round(speed, 2),
        )
        text = (
            f"loss {np.mean(loss):.3f} curve {np.mean(curve):.3f} {speed:.0f} images/s "
            f"{minutes:.1f} min"
        )
        self.clear()
        return text

    def note(self, step, minutes, **values):
        """Append one line; returns it."""
        line = json.dumps({"step": step, "minutes": round(minutes, 3), **values})
        with self.path.open("a") as file:
            file.write(line + "\n")
        return line
