"""The log of a run: a line of JSON now and then, cut back to the checkpoint where a run goes on."""

import itertools
import json
import time

import numpy as np
import torch

from qfp.tools import write_text

LOG_STEPS = 50
# bounds of σ/α in the log; above 5 the curve alone can tell
LEVELS = (0.5, 2.0, 5.0)


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
