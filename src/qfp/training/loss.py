"""What training minimises (Secs. II and IV): the error of the prediction, and of the read-out from
the curve."""

import functools
import importlib.util
import shutil

import torch
from torch.nn import functional as F

from qfp.model.precision import autocast

NEEDED = ("t", "keep", "curves", "centres", "pooled")  # of a batch, beside images and noise


def position_loss(profiles, centres, sigma):
    """Soft cross-entropy of log profiles (B, 2, 2, 60) with Gaussians of width sigma around centres
    (B, 2, 2) = (x, y)."""
    sites = torch.arange(profiles.shape[-1], device=profiles.device)
    # (B, 2, xy, 60)
    target = torch.softmax(-((sites - centres[..., None]) ** 2) / (2 * sigma**2), -1)
    return -(target * profiles).sum(-1).mean()


def occupancy_loss(sites, number, centres, sigma):
    """Soft cross-entropy of the log map sites (B, 60, 60) with Gaussians around centres (B, K, 2) =
    (x, y), NaN where a wire has fewer; and of log probabilities (B, 6) of their number with it."""
    there = ~centres[..., 0].isnan()  # (B, K)
    pixels = torch.arange(sites.shape[-1], device=sites.device)
    away = (pixels - centres.nan_to_num()[..., None]) ** 2  # (B, K, xy, 60)
    x, y = torch.softmax(-away / (2 * sigma**2), -1).unbind(2)
    with torch.autocast(sites.device.type, enabled=False):
        each = (torch.bmm(y, sites) * x).sum(-1)  # (B, K)
    many = there.sum(1)
    place = (each * there).sum(1) / many
    return -place.mean() + F.nll_loss(number, many - 1)


def losses(model, schedule, batch, training):
    """Total loss, per-sample MSE (B,) of the prediction, and the loss of the read-out from the
    curve alone; without images, B = 0, the total is of the latter."""
    x0, t, noise = (batch[name] for name in ("x0", "t", "noise"))
    x, target = x0, x0
    if len(x0):
        x, target = schedule.q_sample(x0, t, noise), schedule.target(x0, t, noise)
    own = {name: batch[name] for name in NEEDED if name in batch}
    return (compiled() if x.is_cuda else compared)(model, x, target, own, training)


@functools.cache
def compiled():
    """`compared` with fused kernels, launched as one, where they can be made: a step of preset
    `paper` with 256 images took an H200 131 ms in place of 313."""
    if not (importlib.util.find_spec("triton") and (shutil.which("gcc") or shutil.which("cc"))):
        return compared
    torch._dynamo.config.recompile_limit = 64  # kinds of networks in one process, 8 by default
    return torch.compile(compared, mode="reduce-overhead", dynamic=False)


def compared(model, x, target, batch, training):
    """As `losses`, from noisy images x (B, 1, S, S) and what the network should say of them."""
    B, path = len(x), model.condition
    tokens = path.tokens(batch["curves"])  # (B + E, 30, width)
    mse = x.new_zeros(0)
    if B:
        features = path.features(tokens if training.curve_target == "pooled" else tokens[:B])
        condition = path(model.drop(features[:B], batch["keep"]))
        output = model(x, batch["t"], condition).float()
        mse = (output - target).square().mean((1, 2, 3))
    curve = x.new_zeros(())
    if training.curve_target == "positions":
        curve = position_loss(path.profiles(tokens), batch["centres"], training.curve_sigma)
    elif training.curve_target == "occupancy":
        read = path.occupancy(tokens)
        curve = occupancy_loss(*read, batch["centres"], training.curve_sigma)
    elif training.curve_target == "pooled":
        curve = F.mse_loss(model.pooled(features).float(), batch["pooled"])
    total = training.curve_weight * curve + (mse.mean() if B else 0)
    return total, mse.detach(), curve.detach()


def closure_of(model, schedule, batch, training, passes):
    """What a step of the optimiser calls: loss and gradients of a batch. Appends (MSE (B,),
    read-out's loss) to `passes`."""

    def closure():
        # the same dropout masks in both passes of SAM, and after a resume
        torch.manual_seed(batch["dropout_seed"])
        with autocast(training.precision, batch["x0"].device):
            total, mse, curve = losses(model, schedule, batch, training)
        total.backward()
        # copies: a second pass of a compiled function overwrites what the first one gave
        passes.append((mse.clone(), curve.clone()))
        return total.detach().clone()

    return closure
