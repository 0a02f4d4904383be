"""The log of a run: a line of JSON now and then, cut back to the checkpoint where a run goes on."""

import itertools
import json
import time

import numpy as np
import torch

from qfp.model import exported
from qfp.tools import SettingsError, reason, write_text

LOG_STEPS = 50
# bounds of σ/α in the log; above 5 the curve alone can tell
LEVELS = (0.5, 2.0, 5.0)
SCORES = (  # of a preview: its part, the score there, and the name that a reader sees
    ("image", "within1", "image within 1"),
    ("image", "within0", "image exact"),
    ("curve_head", "within1", "read-out within 1"),
    ("curve_head", "within0", "read-out exact"),
)


def whole(data):
    """Lines (dicts) of the bytes of a log. What a killed process or a full disk left behind, half a
    line or NULs, is none."""
    for text in data.decode(errors="replace").splitlines():
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(line, dict) and isinstance(line.get("step"), int):
            yield line


class Log:
    """JSONL log of a run; opened at `step`, it drops what an interrupted run wrote beyond its last
    checkpoint."""

    def __init__(self, path, step):
        self.path = path
        data = path.read_bytes() if path.is_file() else b""
        kept = [line for line in whole(data) if line["step"] <= step]
        write_text(path, "".join(json.dumps(line) + "\n" for line in kept))
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
        images = {"images_per_second": round(speed, 2)} if batch else {}
        self.note(
            step,
            minutes,
            loss=round(float(np.mean(loss)), 5),
            curve_loss=round(float(np.mean(curve)), 5),
            levels=levels,
            lr=rate,
            **images,
        )
        text = (
            f"loss {np.mean(loss):.3f} curve {np.mean(curve):.3f} "
            + (f"{speed:.0f} images/s " if batch else "")
            + f"{minutes:.1f} min"
        )
        self.clear()
        return text

    def note(self, step, minutes, **values):
        """Append one line; returns it."""
        line = json.dumps({"step": step, "minutes": round(minutes, 3), **values})
        try:
            with self.path.open("a") as file:
                file.write(line + "\n")
        except OSError as error:
            raise SettingsError(f"cannot write {self.path}: {reason(error)}") from None
        return line


def read(weights):
    """Lines (dicts) of the log that stands beside exported weights: a name in models/ or a file."""
    return list(whole(exported.weights_path(weights).with_suffix(".jsonl").read_bytes()))


def course(lines):
    """What figures.network.training_log draws of a log: minutes (S,), levels {σ/α: losses (S,)},
    score_minutes (K,) and scores {name: (K,)} on development curves, those that all lines have."""
    losses = [line for line in lines if "levels" in line]
    looks = [line for line in lines if "preview" in line]
    scores = {"Pearson r, median": [look["preview"]["r_median"] for look in looks]}
    for source, within, name in SCORES:
        if all(source in look["preview"] for look in looks):
            scores[name] = [look["preview"][source][within] for look in looks]
    return {
        "minutes": np.array([line["minutes"] for line in losses]),
        "levels": {
            name: np.array([line["levels"][name] for line in losses])
            for name in losses[-1]["levels"]
            if all(name in line["levels"] for line in losses)
        },
        "score_minutes": [look["minutes"] for look in looks],
        "scores": scores,
    }


def told(lines, meta):
    """Sizes of a run by its log and the meta of its weights, and its last scores, as text."""
    speed = np.median([line.get("images_per_second", 0) for line in lines if "levels" in line])
    last = (f"{name} {values[-1]:.3f}" for name, values in course(lines)["scores"].items())
    return (
        f"{meta['parameters'] / 1e6:.2f} M parameters, {meta['step']:,} steps, {meta['images']:,} "
        f"images, {meta['minutes']:.0f} minutes, {speed:.0f} images/s\n"
        f"last scores on development curves: {', '.join(last)}"
    )
