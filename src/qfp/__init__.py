"""Companion to 'Diffusion model for analyzing quantum fingerprints in conductance fluctuation'.

The front door: what a user does, wherever it lies. Nothing is loaded before it is asked for.

>>> import qfp
>>> wire = qfp.load_preset("laptop").device
>>> conductance, modes, ldos = qfp.solve(wire, [[14, 20], [35, 41]], image=True)
>>> conductance.shape, ldos.shape
((64,), (60, 50))
"""

import importlib

from qfp import threads

threads.choose()  # read when PyTorch is loaded, which nothing here does before it is asked for

__version__ = "0.1.0"

_PLACES = {  # name: the module that it is in, and its name there where that is another
    # the wire
    "Device": "physics.wire",
    "random_potential": "physics.wire",
    "solve": "physics.green",
    "solve_mask": "physics.green",
    "configurations": "physics.geometry",
    # settings
    "load_preset": "config",
    "notebook_config": "config",
    "SettingsError": "tools",
    # pairs and curves
    "generate": "data.generate",
    "load_dataset": "data.dataset:load",
    "simulate": "data.simulate",
    "read_curve": "data.measured",
    # decoders
    "load": "decoding.decode:load_decoder",
    "Decoder": "decoding.decode",
    "decode": "decoding.decode",
    "answer": "decoding.answer",
    "infer": "inference.infer",
    "Posterior": "inference.posterior",
    "Nuisance": "inference.nuisance",
    "train": "training.train",
    "export": "training.checkpoint",
    # what the book quotes
    "study": "studies",
}
__all__ = ["__version__", *_PLACES]


def __getattr__(name):
    if name not in _PLACES:
        raise AttributeError(f"module 'qfp' has no attribute {name!r}")
    module, _, own = _PLACES[name].partition(":")
    return getattr(importlib.import_module(f"qfp.{module}"), own or name)


def __dir__():
    return __all__
