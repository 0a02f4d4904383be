"""Sharpness-Aware Minimization (Foret et al., the paper's reference [17]) around any optimiser."""

import torch


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
            before = [p.detach().clone() for p in used]
            length = torch.stack([p.grad.norm() for p in used]).norm()
            for p in used:
                p.add_(p.grad * (self.radius / (length + 1e-12)))
        self.base.zero_grad()
        closure()
        with torch.no_grad():
            for p, old in zip(used, before, strict=True):
                p.copy_(old)
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
