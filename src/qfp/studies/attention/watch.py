"""Attention importance B_j and weights A_ij, caught in a network's own passes (Sec. V, Fig. 4).

Images are what the network sees: normalised, with the zero padding of the paper's footnote 1, (B,
1, 60, 60).
"""

import contextlib
from dataclasses import dataclass

import numpy as np
import torch

from qfp.model.anatomy import architecture
from qfp.model.condition import GRID, SIZE
from qfp.model.diffusion import guided, sample


@contextlib.contextmanager
def watching(layers, record):
    """Calls record(name, layer, tokens) with the input (B, N, C) of each attention layer at every
    forward pass.

    layers: {name: module}. The pass is left as it is: the hook returns nothing."""

    def hook(name):
        return lambda layer, inputs: record(name, layer, inputs[0].detach())

    handles = [layer.register_forward_pre_hook(hook(name)) for name, layer in layers.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _watched(model, layers):
    """Attention layers by name: all, or those named."""
    return {
        name: layer
        for name, layer in model.attention_layers().items()
        if layers is None or name in layers
    }


def _measured(measure, tokens):
    """What `measure` (a layer's weights or importance) makes of caught tokens: in fp32 even where
    the pass itself is in bf16, whose three digits would tie the values of many pixels."""
    with torch.autocast(tokens.device.type, enabled=False):
        return measure(tokens.float()).cpu()


def _importance(layer, tokens):
    """B_j of caught tokens as maps (B, head, n, n), numpy."""
    B = _measured(layer.importance, tokens)
    side = round(B.shape[-1] ** 0.5)
    return B.unflatten(-1, (side, side)).numpy()


@torch.no_grad()
def importance_at(model, x, t, condition, layers=None):
    """B_j = sum_i A_ij of Sec. V in one pass at points x (B, 1, 60, 60) of step t: {layer: (B,
    head, n, n)}."""
    watched, found = _watched(model, layers), {}
    with watching(
        watched, lambda name, layer, tokens: found.update({name: _importance(layer, tokens)})
    ):
        model(x, torch.full((len(x),), t), condition)
    return found


@dataclass(frozen=True)
class Trajectory:
    """What a generation did at its recorded steps, for B curves."""

    t: np.ndarray  # (S,) diffusion steps, from noise to image
    x: np.ndarray  # (S, B, 60, 60) noisy images x_t, normalised
    x0: np.ndarray  # (S, B, 60, 60) clean images predicted from them
    importance: dict  # layer name: B_j, (S, B, head, n, n); its mean over the pixels j is 1
    # name of a layer of full attention at the level asked for: A_ij, (K, B, head, N, N) of its N
    # pixels, at the steps asked for
    weights: dict


class Recorder:
    """Callback of a sampler that keeps images and importance at chosen steps."""

    def __init__(self, layers, dense, keep, weights_at):
        self.layers, self.keep, self.weights_at = layers, keep, weights_at
        self.now, self.times, self.noisy, self.clean = {}, [], [], []
        self.found = {name: [] for name in layers}
        self.weights = {name: [] for name in dense}

    def caught(self, name, layer, tokens):
        """Keep the last input of a layer."""
        self.now[name] = tokens

    def __call__(self, index, t, x, x0_hat):
        """Take in a step."""
        if self.keep is not None and index not in self.keep:
            return
        self.times.append(t)
        self.noisy.append(x[:, 0].float().cpu().numpy())
        self.clean.append(x0_hat[:, 0].float().cpu().numpy())
        for name, layer in self.layers.items():
            self.found[name].append(_importance(layer, self.now[name]))
        if index in self.weights_at:
            for name, kept in self.weights.items():
                kept.append(_measured(self.layers[name].weights, self.now[name]).numpy())

    def trajectory(self):
        """All that was kept."""
        importance = {k: np.stack(v) for k, v in self.found.items()}
        weights = {k: np.stack(v) for k, v in self.weights.items() if v}
        images = np.stack(self.noisy), np.stack(self.clean)
        return Trajectory(np.array(self.times), *images, importance, weights)


def importance_trajectory(
    model,
    schedule,
    condition,
    seeds,
    steps,
    sampler="ddim",
    layers=None,
    keep=None,
    weights_at=(),
    across=GRID,
):
    """B_j = sum_i A_ij of Sec. V along a generation with `steps` steps: Trajectory.

    One image per seed, of condition's row; layers: names out of model.attention_layers(), all by
    default; keep: indices of the steps to record, all by default; weights_at: indices of those of
    them at which A_ij is recorded, too, of the layers `across` pixels across."""
    watched = _watched(model, layers)
    dense = [name for name in full_layers(model, across) if name in watched]
    record = Recorder(watched, dense, keep, weights_at)
    with watching(watched, record.caught):
        eps, shape = guided(model, schedule, condition), (1, SIZE, SIZE)
        sample(eps, schedule, seeds, shape, sampler, steps, callback=record)
    return record.trajectory()


def full_layers(model, across=GRID):
    """Names of the layers of full attention at across x across pixels, in the order of action; by
    default those of 'the most downsampled layer' of Sec. V."""
    return [
        stage["name"]
        for stage in architecture(model)
        if stage["size"] == across and stage["attention"] == "full"
    ]
