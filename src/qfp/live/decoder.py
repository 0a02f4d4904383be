"""The decoder for a page: weights, kernels and a worker in one script, loaded on a click.

No page fetches anything: the script assigns `QFP_DECODER`, whose `worker` is the source of a
worker and whose other fields are what that worker wants in its first message (see
web/decoder-worker.js).
"""

import base64
import json
from pathlib import Path

import torch

from qfp.decoding.decode import load_pairs_decoder as load_decoder
from qfp.model import exported
from qfp.tools import as_dict, write_text

WEB = Path(__file__).parent / "web"
# in the order in which they use each other
WORKER = ("plain", "kernels", "network", "sampler", "positions", "worker")
NEEDED = "width", "length", "side", "margins", "radius", "field_max", "field_points"


def worker_source():
    """The worker as one script, all its names its own."""
    parts = [(WEB / f"decoder-{name}.js").read_text() for name in WORKER]
    return "(() => {\n" + "\n".join(parts) + "})();\n"


def wasm():
    """The kernels, compiled from web/decoder.c."""
    return (WEB / "decoder.wasm").read_bytes()


def export(decoder):
    """What the worker needs of a decoder of a two-dimensional wire.

    Parameters
    ----------
    decoder : Decoder

    Returns
    -------
    model : dict
        device, network, normalisation, alpha_bar, prediction, sampling and tensors: [{name, shape,
        offset}], the offset in numbers.
    numbers : bytes
        The tensors as little-endian bfloat16, one after the other; float32 weights are rounded.
    """
    config = decoder.config
    tensors, parts, offset = [], [], 0
    for name, value in decoder.model.state_dict().items():
        tensors.append({"name": name, "shape": list(value.shape), "offset": offset})
        parts.append(value.to(torch.bfloat16).contiguous().view(torch.int16).numpy().astype("<i2"))
        offset += value.numel()
    model = {
        "device": {name: getattr(config.device, name) for name in NEEDED},
        "network": as_dict(config.network),
        "normalisation": as_dict(decoder.normal),
        "alpha_bar": decoder.schedule.alpha_bar.tolist(),
        "prediction": config.diffusion.prediction,
        "sampling": {"steps": config.sampling.steps, "samples": config.sampling.samples},
        "tensors": tensors,
    }
    return model, b"".join(part.tobytes() for part in parts)


def script(decoder):
    """Text of the script that holds a decoder; see `export`."""
    model, numbers = export(decoder)
    fields = {
        "worker": worker_source(),
        "wasm": base64.b64encode(wasm()).decode(),
        "model": model,
        "weights": base64.b64encode(numbers).decode(),
    }
    return f"globalThis.QFP_DECODER = {json.dumps(fields)};\n"


def write(folder, decoder, name="data"):
    """Write the script of a decoder into a folder of a page, and return what the page's data says
    of it: the file, its size, and how many samples the decoder's own settings draw."""
    path = Path(folder) / f"decoder-{name}.js"
    write_text(path, script(decoder))
    return {
        "file": path.name,
        "megabytes": round(path.stat().st_size / 1e6),
        "samples": decoder.config.sampling.samples,
    }


def fitting(config):
    """Decoder of a preset's weights, None where there are none that read pairs of its wire."""
    path = exported.weights_path(config.weights).with_suffix(".json")
    if not path.is_file() or config.training.curve_target == "occupancy":
        return None
    decoder = load_decoder(config.weights)
    return decoder if decoder.config.device == config.device else None
