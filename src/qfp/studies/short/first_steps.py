"""A training of a few steps, written out before a reader's eyes: what goes in, what came out."""

import numpy as np
import torch

from qfp.data.normalise import normalisation
from qfp.model.exported import network_of
from qfp.training.batches import Batches


def prepared(config, pairs):
    """Fresh network of a Config, its optimiser, and batches of all configurations of `pairs` under
    their first potential: functions of config.seed and the pairs."""
    torch.manual_seed(config.seed)
    network, number = network_of(config), np.arange(len(pairs.antidots))
    rows = np.stack([0 * number, number], axis=1)  # (potential, configuration)
    batches = Batches(config, pairs, rows, normalisation(pairs, rows), "cpu")
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.training.learning_rate)
    return network, optimizer, batches


def summary(error, head):
    """Errors (steps, batch) of the predictions and losses (steps,) of the read-out, at first and at
    last, in a sentence."""
    few = max(1, len(error) // 6)
    return (
        f"{len(error)} steps of {error.shape[1]} images: mean error {error[:few].mean():.3f} at "
        f"first, {error[-few:].mean():.3f} at last; read-out {head[:few].mean():.2f} -> "
        f"{head[-few:].mean():.2f}"
    )


def check_first_steps(config, error, head):
    """AssertionError where a training of a few steps, see `summary`, cannot have gone right."""
    assert np.isfinite(error).all() and np.isfinite(head).all()
    assert abs(error[0].mean() - 1) < 0.5, (
        "an untrained network is off by the variance of what it is to predict"
    )
    assert config.training.curve_target != "positions" or head[0] < 1.2 * np.log(60)
