"""Steps of the optimiser: AdamW or Sharpness-Aware Minimization (Sec. IV, the paper's reference
[17]), learning rates, and averaged weights."""

import dataclasses

import torch
from torch.optim.swa_utils import AveragedModel

from qfp.tools import SettingsError

GRADIENT_NORM = 1.0


class DivergedError(SettingsError):
    """A training whose numbers are no longer finite; its weights are those before the step."""


def clip(parameters):
    """Make gradients no longer than GRADIENT_NORM, together. DivergedError where one is no finite
    number: the weights would not be either after the step."""
    if not torch.isfinite(torch.nn.utils.clip_grad_norm_(parameters, GRADIENT_NORM)):
        raise DivergedError("gradients are not finite")


class Sam:
    """Two passes a step: w -> w + ρ g/|g|, gradient there, w restored, then the base optimiser's
    step.

    The closure of `step` must give the same loss function in both passes: the same t, ε and dropout
    masks."""

    def __init__(self, parameters, base, radius):
        self.parameters, self.base, self.radius = list(parameters), base, radius

    def step(self, closure):
        """One step; `closure` computes the loss, calls backward and returns the loss of the first
        pass."""
        loss = closure()
        with torch.no_grad():
            used = [p for p in self.parameters if p.grad is not None]
            # Kept, not subtracted again: the restored weights are the same to the last bit.
            before, gradients = [p.detach().clone() for p in used], [p.grad for p in used]
            length = torch.stack(torch._foreach_norm(gradients)).norm()
            torch._foreach_add_(used, torch._foreach_mul(gradients, self.radius / (length + 1e-12)))
        self.base.zero_grad()
        closure()
        with torch.no_grad():
            torch._foreach_copy_(used, before)
        self.base.step()
        self.base.zero_grad()
        return loss


class Plain:
    """The base optimiser alone, with the interface of Sam."""

    def __init__(self, base):
        self.base = base

    def step(self, closure):
        """One step; `closure` computes the loss, calls backward and returns the loss."""
        loss = closure()
        self.base.step()
        self.base.zero_grad()
        return loss


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
    base.register_step_pre_hook(lambda *_: clip(model.parameters()))
    return base, Sam(
        model.parameters(), base, training.sam_radius
    ) if training.optimizer == "sam" else Plain(base)
