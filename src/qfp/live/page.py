"""Writes the files of a live page: one script, one style, the data of its wires, a still picture.

Only script elements, a style and the picture are loaded, so that a page works where it lies, as
file:// too. The workers start from text in the script.
"""

import base64
import html
import json
import re
from pathlib import Path

import matplotlib
import numpy as np

from qfp.figures import network as network_figures
from qfp.figures.pixels import png
from qfp.files import output_folder, whole_folder
from qfp.live import data
from qfp.live import decoder as decoder_script
from qfp.physics import geometry, green
from qfp.tools import SettingsError, write_atomic, write_text

WEB = Path(__file__).parent / "web"
WORKER = ("geometry.js", "plain.js", "worker.js")
PAGE = (
    "dom.js",
    "geometry.js",
    "client.js",
    "picture.js",
    "flow.js",
    "plot.js",
    "stage.js",
    "scene.js",
    "game.js",
    "controls.js",
    "decoder-positions.js",
    "decoder-csv.js",
    "decoder-parts.js",
    "decoder-panel.js",
    "live.js",
    "boot.js",
)
ALT = (
    "Interference pattern of a wire with two outlined antidots, and its conductance curve, which "
    "falls with the magnetic field in irregular steps."
)


def source(names):
    """Text of files of web/, one after the other."""
    return "\n".join((WEB / name).read_text() for name in names)


def wasm():
    """The solver, compiled from web/solver.c."""
    return (WEB / "solver.wasm").read_bytes()


def script():
    """The script of every live page: workers, WebAssembly and colours as text in it, and nothing of
    it outside one function, for a page may have a loader of modules."""
    inferno = (matplotlib.colormaps["inferno"](np.arange(256))[:, :3] * 255).round()
    held = {
        "source": source(WORKER),
        "wasm": base64.b64encode(wasm()).decode(),
        "colours": base64.b64encode(inferno.astype(np.uint8).tobytes()).decode(),
        "panels": [],
        "live": [],
    }
    return (
        '(function () {\n"use strict";\n'
        "const QFP_LIVE = (window.QFP_LIVE = window.QFP_LIVE || { wires: {} });\n"
        "if (QFP_LIVE.source) return;\n"
        f"Object.assign(QFP_LIVE, {json.dumps(held)});\n{source(PAGE)}\n}})();\n"
    )


def wire_script(wire):
    """The script that holds a wire, as `data.described` gives it. It and `script` come in either
    order."""
    return (
        "(window.QFP_LIVE = window.QFP_LIVE || { wires: {} })"
        f".wires[{json.dumps(wire['name'])}] = {json.dumps(wire)};\n"
        "if (QFP_LIVE.boot) QFP_LIVE.boot();\n"
    )


def start(device):
    """The two antidots that a page begins with, (2, 2); its script takes them from the data."""
    r, size = geometry.clearance(device), np.array([device.width, device.length])
    return np.clip(np.array([[0.3, 0.3], [0.64, 0.69]]) * size, r, size - 1 - r).round().astype(int)


def picture(device):
    """Figure of the wire that a page begins with: it stands where no script runs."""
    antidots = start(device)
    curve, modes, image = green.solve(device, antidots, image=True)
    figure = network_figures.wire_and_curve(image, antidots, device.fields, curve, device.radius)
    figure.axes[1].set_ylim(0, modes.max() + 0.5)
    return figure


def write_files(folder, devices, decoders=None):
    """Write script, style, and for each {name: (Device, unit)} data and picture into a folder; and
    the decoders {name: Decoder} of those that have one."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    texts = {"live.js": script(), "live.css": source(["live.css", "decoder.css"])}
    for name, (device, unit) in devices.items():
        wire = data.described(device, name, unit) | {"start": start(device).tolist()}
        if name in (decoders or {}):
            wire["decoder"] = decoder_script.write(folder, decoders[name], name)
        texts[f"wire-{name}.js"] = wire_script(wire)
        still = png(picture(device))
        write_atomic(folder / f"wire-{name}.png", lambda f, s=still: f.write(s))
    for name, text in texts.items():
        write_text(folder / name, text)


def head(names, root=""):
    """HTML of the head of a page with live wires of these names: what it loads from the folder
    `root`, to be put first, for the workers begin before the page's body is there."""
    parts = [f'<link rel="stylesheet" href="{root}live.css">']
    for file in (*(f"wire-{html.escape(name)}" for name in names), "live"):
        parts.append(f'<script async src="{root}{file}.js"></script>')
    return "\n".join(parts) + "\n"


def element(name, root="", whole=True):
    """HTML of a live wire in a page with its `head`."""
    parts, name = "whole" if whole else "hero", html.escape(name)
    return (
        f'<div class="qfp-live" data-wire="{name}" data-parts="{parts}">\n'
        f'<noscript><img src="{root}wire-{name}.png" alt="{ALT}">\n'
        "<p>A still picture: with JavaScript the holes can be moved.</p>\n"
        "<style>.qfp-live:not(.qfp-on) { min-height: 0; }</style></noscript>\n</div>\n"
        "<script>window.QFP_LIVE && QFP_LIVE.boot && QFP_LIVE.boot();</script>\n"
    )


def file_name(text):
    """Text as a part of a file's name: what is no letter, digit, '-' or '_' becomes '-'."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", text)


def write_page(out, device, name, unit=None, decoder=None):
    """Write a page of its own for a wire.

    Parameters
    ----------
    out : path
        A folder that does not exist yet.
    device : Device
    name : str
        Letters, digits, '-' and '_'; in the names of its files.
    unit : dict, optional
        Of the magnetic field, see `data.described`.
    decoder : Decoder, optional
        Of this wire, which the page then can ask.

    Returns
    -------
    Path
        Of its index.html, to be opened by any browser.

    Raises
    ------
    SettingsError
        Where the folder exists, or no page can be made for the wire.
    """
    out = Path(out)
    if out.exists():
        raise SettingsError(f"--out {out} exists: choose another name or remove it")
    output_folder(out.parent)
    title = f"A live wire: {device.width} × {device.length} sites"
    mark = base64.b64encode((WEB / "mark.svg").read_bytes()).decode()
    parts = {"title": title, "mark": mark, "head": head([name]), "live": element(name)}
    page = source(["page.html"])
    for key, text in parts.items():
        page = page.replace(f"{{{key}}}", text)
    with whole_folder(out) as folder:
        write_files(folder, {name: (device, unit)}, {name: decoder} if decoder else None)
        write_text(folder / "index.html", page)
    return out / "index.html"
