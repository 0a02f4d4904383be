"""Training of the conditional diffusion model (Sec. IV)."""

import math
import time
from pathlib import Path

import torch

from qfp.data import dataset, normalise
from qfp.decoding import decode
from qfp.files import sole
from qfp.model import exported
from qfp.model.diffusion import Schedule
from qfp.model.precision import for_samples, keep_memory, processor
from qfp.tools import SettingsError, progress_bar
from qfp.training import checkpoint, refusals
from qfp.training.batches import Batches, supplied
from qfp.training.log import LOG_STEPS, Log
from qfp.training.loss import closure_of
from qfp.training.optimise import (
    DivergedError,
    average,
    learning_rate,
    optimiser,
    radius,
    share_done,
)
from qfp.training.preview import preview


class Training:
    """A run in memory: network, averaged weights, optimiser, and how far it is."""

    def __init__(self, config, pairs, out, device):
        training = config.training
        self.config, self.pairs, self.out, self.device = config, pairs, out, device
        N, P = len(pairs.antidots), len(pairs.potentials)
        self.parts = dataset.split(N, P, training.split, config.seed)
        self.normal = normalise.normalisation(pairs, self.parts["train"])
        torch.manual_seed(training.seed)
        self.model = exported.network_of(config).to(device)
        self.step, self.saved, self.minutes, self.init = 0, 0, 0.0, None

    def start_from(self, init):
        """Take exported weights, with their normalisation."""
        source = decode.load_decoder(init)
        refusals.check_source(source, self.config, init)
        exported.strict_load(self.model, source.model.state_dict(), init)
        self.normal = source.normal
        self.init = checkpoint.origin(init, source.meta)

    def prepare(self, resume):
        """All that a step takes; resume: as the folder's checkpoint has it."""
        config, training, pairs = self.config, self.config.training, self.pairs
        self.ema = average(self.model, training.ema)
        self.base, self.optimizer = optimiser(self.model, training)
        if resume:
            meta = checkpoint.restore(self.out, self.model, self.ema, self.base)
            started, self.normal = exported.checked_meta(meta, self.out)
            refusals.check_resumed(meta, started, config, pairs, self.out)
            self.step, self.saved, self.minutes = meta["step"], meta["step"], meta["minutes"]
            self.init = meta.get("init")
        self.fixed = checkpoint.describe(config, pairs, self.normal, self.init)
        self.batches = Batches(config, pairs, self.parts["train"], self.normal, self.device)
        self.schedule = Schedule.of(config.diffusion)
        if not resume:
            self.save()  # from here on there is something to resume
        self.log = Log(self.out / checkpoint.LOG, self.step)

    def save(self):
        """Write a checkpoint; returns its meta."""
        images = self.step * self.config.training.batch
        meta = self.fixed | {"step": self.step, "minutes": self.minutes, "images": images}
        self.check()
        self.saved = self.step
        return checkpoint.save(self.out, self.model, self.ema, self.base, meta)

    def check(self):
        """DivergedError where the weights are no finite numbers."""
        if not all(torch.isfinite(p).all() for p in self.model.parameters()):
            raise DivergedError("weights are not finite")

    def keep(self):
        """Write a checkpoint, then look at the averaged weights; returns the meta and a line."""
        meta, path = self.save(), self.out / "preview.png"
        given = self.config, self.pairs, self.parts["dev"], self.normal, self.schedule
        with for_samples(self.schedule, self.device):
            scores = preview(self.ema.module, *given, path, self.device)
        return meta, self.log.note(self.step, self.minutes, preview=scores)

    @property
    def progress(self):
        """Share of the plan that is done."""
        return share_done(self.config.training, self.step, self.minutes)

    def advance(self, batch):
        """One step of the optimiser; returns the learning rate."""
        training, passes = self.config.training, []
        rate = learning_rate(training, self.step, self.progress)
        for group in self.base.param_groups:
            group["lr"] = rate
        if training.optimizer == "sam":
            self.optimizer.radius = radius(training, self.step, self.progress)
        closure = closure_of(self.model, self.schedule, batch, training, passes)
        loss = self.optimizer.step(closure)
        self.ema.update_parameters(self.model)
        self.step += 1
        mse, curve = passes[0]
        if not math.isfinite(loss):
            raise DivergedError(f"the loss is {float(loss)}")
        self.log.add(self.schedule, batch["t"], mse, loss, curve)
        return rate

    def run(self, bar, report, watch, ends):
        """Steps until the plan, `watch(self)` or `ends()` ends them; raises KeyboardInterrupt after
        a whole step, with a checkpoint."""
        training, last = self.config.training, self.minutes
        supply = supplied(self.batches, self.step, self.device)
        self.model.train()
        # within a step, weights and optimiser do not belong together
        with checkpoint.held_interrupt() as interrupted:
            while not watch(self) and self.progress < 1:
                begun = time.monotonic()
                rate = self.advance(next(supply))
                self.minutes += (time.monotonic() - begun) / 60
                bar.update()
                if self.step % LOG_STEPS == 0:
                    line = self.log.write(self.step, self.minutes, rate, training.batch)
                    bar.set_postfix_str(line)
                if self.minutes - last >= training.checkpoint_minutes:
                    last = self.minutes
                    bar.write(self.keep()[1])
                if interrupted() or ends():
                    break
            bar.close()
            if interrupted():
                self.save()
                report(f"checkpoint of step {self.step} in {self.out}; --resume goes on")
                raise KeyboardInterrupt


def train(
    config,
    data_path,
    out,
    resume=False,
    init=None,
    report=print,
    device="auto",
    watch=lambda training: False,
    slice_minutes=None,
):
    """Train the network of a preset.

    Source: Sec. IV. An interrupt (Ctrl-C) ends after a whole step, with a checkpoint; the second
    one ends at once. `share_done` of the returned step and minutes tells whether the run is
    finished: the minutes of its plan are those of steps, in all slices together.

    Parameters
    ----------
    config : Config
    data_path : path
        Dataset file of the config's device.
    out : path
        Folder of the run: checkpoint.safetensors, log.jsonl, preview.png.
    resume : bool
        Go on bit for bit from the folder's checkpoint.
    init : str or path, optional
        Start from exported weights of the same wires and split, with their normalisation.
    report : callable
        Is given lines of text.
    device : str
        'cpu', 'cuda', or 'auto', the GPU where there is one.
    watch : callable
        Is given the Training before the first step and after each; where it returns true the run
        ends with a checkpoint, its plan unchanged.
    slice_minutes : float, optional
        The same after so much wall time in this call, loading included and a step at least.

    Returns
    -------
    dict
        The meta of the last checkpoint.

    Raises
    ------
    SettingsError
        Before the first step, where a folder, file or setting does not fit.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> few = {"field_points": 3}, {"configurations": 8}, {"max_steps": 1}
    >>> config = qfp.load_preset("smoke", device=few[0], dataset=few[1], training=few[2])
    >>> quiet = {"report": lambda line: None}
    >>> data = qfp.generate(config, f"{folder}/few.h5", workers=1, **quiet)
    >>> qfp.train(config, data, f"{folder}/run", **quiet)["step"]
    1
    >>> qfp.export(f"{folder}/run", f"{folder}/mine")["step"]
    1
    >>> qfp.load(f"{folder}/mine.safetensors").config == config
    True
    """
    called, out = time.monotonic(), Path(out)
    refusals.check_plan(config.training, slice_minutes)
    refusals.check_room(config)
    refusals.check_folder(out, resume, init)
    pairs = refusals.pairs_of(config, data_path)
    training = Training(config, pairs, out, processor() if device == "auto" else device)
    if init is not None:
        training.start_from(init)
    keep_memory()

    def ends():
        return slice_minutes is not None and time.monotonic() - called >= 60 * slice_minutes

    out.mkdir(parents=True, exist_ok=True)
    with sole(out, "training"):
        refusals.check_folder(out, resume, init)  # another process may have been first
        return alone(training, resume, report, watch, ends)


def alone(training, resume, report, watch, ends):
    """A run of a Training whose folder is ours; returns the meta of its last checkpoint.
    SettingsError where it diverges: the last good checkpoint stays."""
    config, out, device = training.config, training.out, training.device
    for stale in out.glob("*.tmp"):  # of a killed process
        stale.unlink()
    training.prepare(resume)
    report(
        f"{sum(p.numel() for p in training.model.parameters()) / 1e6:.2f} M parameters on "
        f"{device}, {len(training.parts['train'])} training pairs, into {out}"
    )
    total, look = config.training.max_steps or None, {"mininterval": 2, "smoothing": 0.05}
    bar = progress_bar(total=total, initial=training.step, unit="step", **look)
    try:
        training.run(bar, report, watch, ends)
        meta, line = training.keep()
    except DivergedError as error:
        bar.close()
        raise SettingsError(
            f"the training diverged at step {training.step}: {error}; the checkpoint of step "
            f"{training.saved} in {out} stays: go on from it with --resume and a "
            f"training.learning_rate below {config.training.learning_rate:g}"
        ) from None
    report(line)
    return meta
