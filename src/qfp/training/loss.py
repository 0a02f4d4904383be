"""What training minimises (Secs. II and IV): the error of the prediction, and of the read-out from
the curve."""

import torch
from torch.nn import functional as F

from qfp.model.precision import autocast


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
    elif training.curve_target == "occupancy":
        read = path.occupancy(tokens)
        curve = occupancy_loss(*read, batch["centres"], training.curve_sigma)
    elif training.curve_target == "pooled":
        curve = F.mse_loss(model.pooled(features).float(), batch["pooled"])
    return mse.mean() + training.curve_weight * curve, mse.detach(), curve.detach()


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
