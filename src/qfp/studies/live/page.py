"""How exact and how fast is the live page in a browser, and does it follow a hand?

One run in an installed Chromium, the network refused: scenes are solved in WebAssembly, in plain
JavaScript and by qfp in Python; the page of `qfp live`, and the book's front page with all that its
theme loads, are opened anew some times; a hole is dragged. Agreement is a property of the code,
times are one machine's.
"""

import os
import platform
import tempfile
import time
from pathlib import Path

import numpy as np

from qfp.live import browser, scenes
from qfp.live.decoder import fitting
from qfp.live.page import script, write_page
from qfp.model.exported import weights_hash
from qfp.physics import green
from qfp.studies.frame import Option, Study
from qfp.studies.live import network
from qfp.studies.live.dragging import drag
from qfp.tools import SettingsError, as_dict, digest, project_root

DOUBLE = browser.DOUBLE
ENGINES = {"wasm": DOUBLE, "js": DOUBLE + "&engine=js"}
SINGLE = "?tables=single"  # what phones and machines of little memory have
OWN = "live.js", "live.css", "wire-page.js"  # what the front page loads before anything is touched

NOTES = {
    "scenes": "of one to six antidots, radii and overlaps of many kinds; see qfp.live.scenes",
    "agreement": "largest difference to qfp over all scenes: curve [e^2/h] of all fields, image "
    "[1/t] at one field, which goes round",
    "wasm, js": "curve_ms, image_ms: median over the scenes with two antidots of the wire's "
    "radius, each the median of some solves in its worker; ready_ms: until the first whole curve "
    "is there, first_image_ms: until the first picture is, both from the start of the navigation, "
    "median of some visits; megabytes: memory of the worker that solves the curve",
    "single": "with tables in single precision, as phones and small machines have them: agreement "
    "of the curve, and megabytes",
    "front": "the book's front page in the same way, in WebAssembly",
    "python": "the same scenes by qfp.solve, its clean wires prepared; image_ms: of its picture",
    "drag": "one hole dragged for some seconds, moved in every frame that the browser "
    "gives; pictures and curves solved; with_current: the current is drawn as well",
    "bytes": "of script, style and data of the wire, uncompressed",
    "decoder": "where there are weights of the wire: agreement, largest difference of a sample's "
    "images to PyTorch's for the same noise, in units of the LDOS' spread; sample_ms, of one "
    "sample of so many steps, and read_ms, of one read-out of the positions, in the page's worker "
    "and by PyTorch in single precision on one thread; script_bytes, of what the press loads",
}


def visit(chromium, index, query, visits):
    """Median ms until picture and curve are there, of some visits."""
    times = []
    for _ in range(visits):
        with browser.opened(chromium, index, query=query) as watched:
            browser.ready(watched.page)
            stats = watched.page.evaluate("QFP_LIVE.live[0].stats")
            times.append((stats["firstImage"], stats["firstCurve"]))
    image, curve = np.median(times, axis=0)
    return {"first_image_ms": float(image), "ready_ms": float(curve)}


def front_page(book):
    """Path of the front page of a built book.

    Raises
    ------
    SettingsError
        Where there is none, or one of another state of the live wire.
    """
    folder = project_root() / book
    own = folder / "_static" / "live" / "live.js"
    if not own.is_file() or own.read_text() != script():
        what = "is of another state of the live wire" if own.is_file() else "holds no built book"
        raise SettingsError(f"--book {book} {what}: `make book` builds it into book/_build/html")
    return folder / "intro.html"


def solve_all(chromium, index, query, device, rounds):
    """Largest differences to qfp, and median ms of curve and picture, over all scenes; and
    megabytes of the curve's worker."""
    worst, times = [], []
    with browser.opened(chromium, index, query=query) as watched:
        browser.ready(watched.page)
        for k, (antidots, radii) in enumerate(scenes.scenes(device)):
            field = 7 * k % device.field_points
            answers = [browser.solved(watched.page, antidots, radii, field) for _ in range(rounds)]
            found = [np.array(part["values"]) for part in answers[0]]
            right = scenes.exact(device, antidots, radii, field)
            worst.append([abs(a - b.ravel()).max() for a, b in zip(found, right)])
            if radii == [device.radius] * 2:
                times.append(np.median([[part["ms"] for part in one] for one in answers], axis=0))
        size = watched.page.evaluate("QFP_LIVE.live[0].curves.bytes")
    curve, image = np.max(worst, axis=0)
    curve_ms, image_ms = np.median(times, axis=0)
    speed = {"curve_ms": float(curve_ms), "image_ms": float(image_ms)}
    if size is not None:  # plain JavaScript does not say how much memory it takes
        speed["megabytes"] = size / 1e6
    return {"curve": float(curve), "image": float(image)}, speed


def in_python(device, rounds):
    """Median ms of curve and of picture by qfp, over the same scenes, the first solve left out."""
    chosen = [scene for scene in scenes.scenes(device) if scene[1] == [device.radius] * 2]
    green.solve(device, chosen[0][0], image=True)
    times = []
    for antidots, _ in chosen:
        for _ in range(rounds):
            marks = [time.perf_counter()]
            for fields, image in ((None, False), ([], True)):
                green.solve(device, antidots, fields=fields, image=image)
                marks.append(time.perf_counter())
            times.append(np.diff(marks))
    curve, image = 1e3 * np.median(times, axis=0)
    return {"curve_ms": float(curve), "image_ms": float(image)}


def decode(chromium, index, decoder, samples):
    """The decoder's row of the result."""
    with browser.opened(chromium, index) as watched:
        browser.ready(watched.page)
        row = network.compare(watched.page, decoder, samples)
    return row | {"script_bytes": (index.parent / "decoder-page.js").stat().st_size}


def measure(run):
    """All of it in one run."""
    device, options = run.config.device, run.options
    front = front_page(options.book)
    found, agreement = {"scenes": len(scenes.scenes(device))}, []
    with tempfile.TemporaryDirectory() as folder, browser.launched() as chromium:
        decoder = fitting(run.config)
        index = write_page(Path(folder) / "page", device, "page", decoder=decoder)
        for name, query in ENGINES.items():
            differences, times = solve_all(chromium, index, query, device, options.rounds)
            agreement.append(differences)
            found[name] = times | visit(chromium, index, query, options.visits)
        differences, times = solve_all(chromium, index, SINGLE, device, 1)
        found["single"] = {"agreement": differences["curve"], "megabytes": times["megabytes"]}
        found["front"] = visit(chromium, front, DOUBLE, options.visits)
        both = (drag(chromium, index, device, options.seconds, on) for on in (False, True))
        found["drag"] = {"seconds": options.seconds, **next(both), "with_current": next(both)}
        found["bytes"] = sum((index.parent / name).stat().st_size for name in OWN)
        found["browser"] = chromium.version
        if decoder is not None:
            row = decode(chromium, index, decoder, options.samples)
            found["decoder"] = row | {"weights_sha256": weights_hash(run.config.weights)}
    return {
        "agreement": {key: max(one[key] for one in agreement) for key in agreement[0]},
        **found,
        "python": in_python(device, options.rounds),
        "cores": len(os.sched_getaffinity(0)),
        "device": as_dict(device),
        "config_sha256": digest(device),
        "versions": {"numpy": np.__version__, "python": platform.python_version()},
    }


def show(result):
    """What was measured, in a few lines."""
    lines = [
        f"{result['scenes']} scenes: curves within {result['agreement']['curve']:.1e} e^2/h of "
        f"qfp's, pictures within {result['agreement']['image']:.1e}/t; with tables in single "
        f"precision curves within {result['single']['agreement']:.1e}, in "
        f"{result['single']['megabytes']:.0f} instead of {result['wasm']['megabytes']:.0f} MB"
    ]
    for name in ("wasm", "js", "python"):
        row = result[name]
        opened = f", page ready after {row['ready_ms']:.0f} ms" if "ready_ms" in row else ""
        lines.append(
            f"{name}: curve {row['curve_ms']:.1f} ms, picture {row['image_ms']:.1f} ms{opened}"
        )
    rates = result["drag"]
    lines.append(f"the book's front page: ready after {result['front']['ready_ms']:.0f} ms")
    lines.append(
        f"while dragging: {rates['images_per_second']:.0f} pictures and "
        f"{rates['curves_per_second']:.0f} curves a second on {result['cores']} cores; "
        f"{result['bytes'] / 1e6:.2f} MB; Chromium {result['browser']}"
    )
    if "decoder" in result:
        row = result["decoder"]
        times = ", ".join(
            f"{name} {row[name]['sample_ms']:.0f} ms a sample and {row[name]['read_ms']:.1f} ms a "
            "read-out"
            for name in ("wasm", "pytorch")
        )
        lines.append(
            f"decoder, {row['steps']} steps: {times}; images within {row['agreement']:.0e} of "
            f"their spread; {row['script_bytes'] / 1e6:.1f} MB"
        )
    return "\n".join(lines)


STUDY = Study(
    name="live",
    measure=measure,
    show=show,
    result="live",
    needs=(),
    options={
        "rounds": Option(5, "solves of each scene, of which the median counts"),
        "book": Option("book/_build/html", "built book whose front page is opened", kind=str),
        "visits": Option(5, "times that each page is opened anew"),
        "seconds": Option(6, "of dragging"),
        "samples": Option(8, "that the decoder draws, of which the median counts"),
    },
    notes=NOTES,
)
