"""A Sphinx extension that keeps the browser's console silent, and the pages from the network.

Jupyter Book loads two copies of sphinx-thebe, whose address would send a reader's code to a public
server; the theme gets no mode to begin with; and widgets typeset with MathJax's second version,
which is not here.
"""

QUEUE = (
    "window.addEventListener('DOMContentLoaded', () => { if (window.MathJax) window.MathJax.Hub ="
    " { Queue: ([, , part]) => window.MathJax.typesetPromise?.([part]) } })"
)


def setup(app):
    """Sphinx extension, named in _config.yml."""
    app.connect("builder-inited", without_kernels)
    app.connect("html-page-context", silent, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def without_kernels(app):
    """Let no page say where its code would run, and typeset what widgets ask for."""
    listeners = app.events.listeners["doctree-resolved"]
    listeners[:] = [one for one in listeners if not of_thebe(one.handler.__module__)]
    app.add_js_file(None, body=QUEUE)


def silent(app, page, template, context, doctree):
    """Leave thebe out of what a page loads, and say which theme it begins with."""
    for kind in ("script_files", "css_files"):
        context[kind] = [file for file in context[kind] if not of_thebe(file)]
    context["default_mode"] = "auto"


def of_thebe(file):
    """Whether a script, a style sheet or a module is thebe's, by its name or its text."""
    return "thebe" in f"{file} {getattr(file, 'attributes', {})}"
