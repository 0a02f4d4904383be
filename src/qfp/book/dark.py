"""Figures for the dark theme: the same drawings on its ground, in colours that hold there.

Lines, letters and ground are exchanged by name; pixels, and colours that mean numbers, stay.
"""

import re

GROUND = "#121212"  # of the dark theme
INK = "#e8e8e8"
COLORS = {  # of figures.wire, and greys that figures use
    "#ffffff": GROUND,
    "#000000": INK,
    "#303030": "#c8c8c8",
    "#6b6b6b": "#a3a3a3",
    "#b0b0b0": "#5c5c5c",
    "#d9d9d9": "#3a3a3a",
    "#e6e6e6": "#2c2c2c",
    "#0072b2": "#4aa8e8",
    "#009e73": "#2fc79a",
    "#d55e00": "#ff8133",
    "#cc79a7": "#e093bf",
}
COLOR = re.compile(r"(?<=[ :\"])#[0-9a-fA-F]{6}\b")
ROOT = re.compile(r"<svg\b")


def darkened(svg):
    """Text of an SVG of Matplotlib, drawn for the dark theme."""
    svg = COLOR.sub(lambda found: COLORS.get(found[0].lower(), found[0]), svg)
    return ROOT.sub(f'<svg fill="{INK}"', svg, count=1)  # letters name no colour


def write(app, error):
    """Beside each figure of the built pages one for the dark theme, which assets/dark.js shows."""
    if error or app.builder.name != "html":
        return
    for path in (app.outdir / "_images").glob("*.svg"):
        if not path.stem.endswith("-dark"):
            path.with_stem(f"{path.stem}-dark").write_text(darkened(path.read_text()))


def setup(app):
    """Sphinx extension, named in _config.yml."""
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
