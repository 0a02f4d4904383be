"""The live wire in the book: a Sphinx directive, and the files that its pages load.

```{live} laptop     the wire of a preset named in `qfp_live` of _config.yml
:hero:               without the game and what else is on the page of its own
```
"""

from pathlib import Path

from qfp.config import load_preset

FOLDER = "_static/live/"


def root_of(page):
    """Relative address of the files' folder from a page of the book, 'notebooks/10_live'."""
    return "../" * page.count("/") + FOLDER


def write(app, error):
    """Write the files of all live wires once the book is built."""
    from qfp.live.decoder import fitting
    from qfp.live.page import write_files

    if error is None and app.builder.format == "html" and app.config.qfp_live:
        presets = {name: load_preset(name) for name in app.config.qfp_live}
        devices = {name: (config.device, None) for name, config in presets.items()}
        found = {name: fitting(config) for name, config in presets.items()}
        decoders = {name: decoder for name, decoder in found.items() if decoder is not None}
        write_files(Path(app.outdir) / FOLDER, devices, decoders)


def setup(app):
    """Sphinx extension, named in _config.yml. `qfp_live` lists presets whose wires are shown."""
    from docutils import nodes
    from docutils.parsers.rst import directives
    from sphinx.util.docutils import SphinxDirective

    from qfp.live.page import element, head

    class Live(SphinxDirective):
        required_arguments = 1
        option_spec = {"hero": directives.flag}

        def run(self):
            name, known = self.arguments[0], self.config.qfp_live
            if name not in known:
                raise self.error(f"live wire {name!r}: qfp_live in _config.yml names {known}")
            text = element(name, root_of(self.env.docname), "hero" not in self.options)
            return [nodes.raw("", text, format="html", live=name)]

    def begin(app, page, template, context, doctree):
        """Put what a page's wires load before all else that it loads."""
        found = doctree.findall(nodes.raw) if doctree else ()
        names = sorted({node["live"] for node in found if "live" in node})
        if names:
            context["metatags"] += head(names, root_of(page))

    app.add_config_value("qfp_live", [], "env")
    app.add_directive("live", Live)
    app.connect("html-page-context", begin)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
