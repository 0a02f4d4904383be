"""The stages of `qfp new`: each leaves files in the folder of a Road and returns a line of what it
did."""

import dataclasses
import html
import os
import shutil
from pathlib import Path

import numpy as np
import yaml

from qfp.commands.device import as_lines, explained
from qfp.commands.kept import write_report
from qfp.commands.live import unit_of
from qfp.data import generate
from qfp.decoding.decode import load_decoder
from qfp.figures import network as network_figures
from qfp.figures import road as figures
from qfp.live import data as live_data
from qfp.live import page as live_page
from qfp.studies import held_out, tables
from qfp.tools import as_dict, kept_arrays, write_atomic, write_json, write_text
from qfp.training import checkpoint, log
from qfp.training import train as trainings

PAGE = Path(__file__).parent / "new.html"


def say(line):
    """A line of a stage, below its title."""
    print(f"      {line}", flush=True)


def device(road, text):
    """What the wire is and costs; the file as it was given, and all settings as a preset."""
    rows = explained(road.config.device, road.found, road.config.dataset.potentials)
    for line in as_lines(rows).splitlines():
        say(line)
    write_text(road.out / "device.yaml", text)
    mine = dataclasses.replace(road.config, weights=f"{road.name}.safetensors")
    settings = yaml.safe_dump(as_dict(mine), sort_keys=False)
    write_text(road.out / "preset.yaml", settings)
    write_json(road.out / "device.json", rows)
    return "device.yaml, preset.yaml"


def dataset(road, workers):
    """The dataset file; goes on with the chunks of a killed run."""
    generate.generate(road.config, road.out / "dataset.h5", workers, say)
    own = road.config.dataset
    return f"{own.configurations:,} configurations x {own.potentials} potentials"


def training(road):
    """The training, in the time that is left of its plan."""
    folder = road.out / "training"
    meta = trainings.train(
        road.config,
        road.out / "dataset.h5",
        folder,
        resume=(folder / checkpoint.CHECKPOINT).is_file(),
        report=say,
    )
    return f"{meta['step']:,} steps in {meta['minutes']:.1f} minutes"


def weights(road):
    """The weights, for every command that takes some."""
    meta = checkpoint.export(road.out / "training", road.name)
    return f"{meta['parameters'] / 1e6:.2f} M parameters"


def scores_table(rows):
    """Scores as rows of texts, with the seconds of a curve."""
    last = ["seconds a curve", *(f"{row['seconds']:.2f}" for row in rows.values())]
    return [*tables.scores_table(rows), last]


def scores(road):
    """Scores on wires that the network never saw, and some of them to be drawn."""
    decoder = load_decoder(f"{road.name}.safetensors")
    rows, examples = held_out.measured(decoder, road.wires, road.out / "held-out")
    for line in tables.columns(scores_table(rows)).splitlines():
        say(line)
    write_atomic(road.out / "examples.npz", lambda handle: np.savez(handle, **examples))
    write_json(road.out / "scores.json", {"rows": rows, "about": held_out.ROWS})
    return f"{rows['network']['n']} wires, each under a potential of its own"


def live(road):
    """The page of the wire with its network, made beside its place and moved there when whole."""
    wire = road.config.device
    if live_data.tables(wire) > live_data.LARGEST:
        return "none: this wire is too large for a browser"
    part, place = road.out / "live.part", road.out / "live"
    for old in (part, place):  # of a killed run
        shutil.rmtree(old, ignore_errors=True)
    decoder = load_decoder(f"{road.name}.safetensors")
    live_page.write_page(part, wire, "mine", unit_of(wire, road.found), decoder)
    os.replace(part, place)
    return "live/index.html"


def page(road, name):
    """A page of the device, what was done, and what came of it."""
    rows = road.read("scores.json")["rows"]
    shown = kept_arrays(road.out / "examples.npz", dict)
    tesla = None if road.found is None else road.config.device.field_max / road.found.tesla
    wire = road.config.device
    drawn = {
        "examples": figures.examples(wire.fields, **shown, radius=wire.radius, tesla=tesla),
        "training": course(road),
    }
    for title, figure in drawn.items():
        if figure is not None:
            write_report(road.out / f"{title}.png", figure)
    parts = {
        "title": f"A network for {html.escape(Path(name).name)}",
        "wires": str(rows["network"]["n"]),
        "device": as_html([["", ""], *road.read("device.json")]),
        "stages": as_html([["stage", "what was done", "minutes"], *minutes(road)]),
        "scores": as_html(scores_table(rows)),
        "about": as_html([["", ""], *held_out.ROWS.items()]),
        "training": "" if drawn["training"] is None else PICTURE,
        "live": LIVE if (road.out / "live" / "index.html").is_file() else "",
        "file": html.escape(name),
        "weights": html.escape(f"{road.name}.safetensors"),
    }
    text = PAGE.read_text()
    for key, value in parts.items():
        text = text.replace(f"{{{key}}}", value)
    write_text(road.out / "index.html", text)
    return "index.html"


PICTURE = (
    '<h2>Training</h2>\n<img src="training.png" alt="Losses of four ranges of noise fall with the '
    'minutes of training; scores on unseen curves rise.">'
)
LIVE = '<p><a href="live/index.html">The live page</a>: move the antidots, ask the network.</p>'


def course(road):
    """Figure of the training, None where its log is too short for one."""
    lines = log.read(f"{road.name}.safetensors")
    looks = [line["preview"] for line in lines if "preview" in line]
    if not any("levels" in line for line in lines) or not all(looks):
        return None
    return network_figures.training_log(**log.course(lines))


def minutes(road):
    """(stage, what was done, minutes) of the stages so far."""
    for name, stage in road.state["stages"].items():
        if "said" in stage:
            yield [name, stage["said"], f"{stage['seconds'] / 60:.1f}"]


def as_html(table):
    """Rows of texts, header first, as a table."""
    header, *rows = [[html.escape(str(text)) for text in row] for row in table]
    head = "".join(f"<th>{text}</th>" for text in header) if any(header) else ""
    body = "".join(
        f"<tr><th>{row[0]}</th>{''.join(f'<td>{text}</td>' for text in row[1:])}</tr>\n"
        for row in rows
    )
    return f'<div class="wide"><table>\n<tr>{head}</tr>\n{body}</table></div>'
