"""What stands behind a page: a Sphinx extension.

Each page ends with links to the files of results/ that its numbers and figures come from, and a
file named in a caption or as code is a link to it. A name such as `qfp.model.diffusion.sample`
leads to its source, on a page of the book.
"""

import ast
import importlib
import re
from pathlib import Path

from qfp import studies
from qfp.book.reading import cells
from qfp.tools import project_root

QUOTED = re.compile(r"\{result\}`(?:results/)?(\w+):|\bresults/(\w+)\.json")
RECORDED = re.compile(r"""\brecorded\(["']([\w-]+)["']\)""")
READ = re.compile(r"\bread_result\([^,]+,\s*(\w+)\.STUDY\)")
IMPORTED = re.compile(r"^from (qfp\.studies[\w.]*) import (.+)$", re.MULTILINE)
FILE = re.compile(r"\bresults/\w+\.json")
NAME = re.compile(r"qfp(?:\.\w+)+")


def results_of(path):
    """Names of the files of results/ that a page quotes or its code reads, in order."""
    text, code = cells(path)
    code = "\n".join(source for source, _ in code)
    homes = {name.strip(): home for home, names in IMPORTED.findall(code)
             for name in names.split(",")}  # fmt: skip
    found = {name for pair in QUOTED.findall("\n".join([*text, code])) for name in pair}
    found |= {studies.find(name).result for name in RECORDED.findall(code)}
    found |= {
        importlib.import_module(f"{homes[name]}.{name}").STUDY.result
        for name in READ.findall(code)
        if name in homes
    }
    return sorted(name for name in found if (_results() / f"{name}.json").is_file())


def _results():
    return project_root() / "results"


def definitions(source):
    """{dotted name: line} of the functions, classes and constants of a module's source."""
    found = {}

    def look(body, prefix):
        for node in body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                found[prefix + node.name] = node.lineno
                look(node.body if isinstance(node, ast.ClassDef) else [], f"{prefix}{node.name}.")
            elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found.update(
                    {prefix + t.id: node.lineno for t in targets if isinstance(t, ast.Name)}
                )

    look(ast.parse(source).body, "")
    return found


def located(name):
    """(module, name within) of a dotted name qfp.folder.module[.thing[.attribute]] of the source,
    of which nothing is imported; None where there is none. A folder is (its name, "")."""
    folder, rest = project_root() / "src" / "qfp", name.split(".")[1:]
    for n in range(1, len(rest) + 1):
        file = folder.joinpath(*rest[:n]).with_suffix(".py")
        if file.is_file():
            inner = ".".join(rest[n:])
            known = not inner or inner in definitions(file.read_text())
            return (".".join(["qfp", *rest[:n]]), inner) if known else None
    return (name, "") if folder.joinpath(*rest).is_dir() else None


def source_page(module):
    """HTML of a module's source, with an anchor at each definition."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    source = (project_root() / "src" / module.replace(".", "/")).with_suffix(".py").read_text()
    text = highlight(source, PythonLexer(), HtmlFormatter(lineanchors="L"))
    at = {str(line): f'<span id="{name}"></span>' for name, line in definitions(source).items()}
    text = re.sub(r'<a id="L-(\d+)"[^>]*></a>', lambda anchor: at.get(anchor[1], ""), text)
    return f"<h1>{module}</h1>\n{text}"


def _download(shown, file):
    """Link to a file of results/, which the build copies."""
    from sphinx import addnodes

    return addnodes.download_reference("", "", shown, reftarget=f"/../{file}", refdoc="")


def offer(app, doctree):
    """Turn names of files of results/ into links, and end the page with those that it quotes."""
    from docutils import nodes

    for literal in list(doctree.findall(nodes.literal)):
        file = literal.astext()
        inside = isinstance(literal.parent, nodes.reference)
        if FILE.fullmatch(file) and (project_root() / file).is_file() and not inside:
            literal.parent.replace(literal, _download(literal.deepcopy(), file))
    for caption in list(doctree.findall(nodes.caption)):
        for text in [part for part in caption if isinstance(part, nodes.Text)]:
            if (found := FILE.search(text)) and (project_root() / found[0]).is_file():
                before, after = text[: found.start()], text[found.end() :]
                link = _download(nodes.Text(found[0]), found[0])
                caption.replace(text, [nodes.Text(before), link, nodes.Text(after)])
    if (names := results_of(Path(app.env.doc2path(app.env.docname)))) and len(doctree):
        line = nodes.paragraph("", "Data behind this page: ", classes=["page-data"])
        for k, name in enumerate(names):
            kilobytes = (_results() / f"{name}.json").stat().st_size / 1000
            line += _download(nodes.Text(f"{name}.json"), f"results/{name}.json")
            end = "." if k == len(names) - 1 else ", "
            line += nodes.Text(f" ({kilobytes:.0f} kB){end}")
        doctree[-1].append(line)


def lead_to_sources(app, doctree, page):
    """Make links of names of functions."""
    from docutils import nodes

    for literal in list(doctree.findall(nodes.literal)) if app.builder.name == "html" else ():
        name = literal.astext()
        found = located(name) if NAME.fullmatch(name) else None
        if found and _is_module(found[0]) and not isinstance(literal.parent, nodes.reference):
            target = app.builder.get_relative_uri(page, _page_of(found[0]))
            target += f"#{found[1]}" if found[1] else ""
            link = nodes.reference("", "", internal=True, refuri=target)
            literal.parent.replace(literal, link)
            link += literal


def _is_module(name):
    return (project_root() / "src" / name.replace(".", "/")).with_suffix(".py").is_file()


def _page_of(module):
    return f"_modules/{module.replace('.', '/')}"


def sources(app):
    """Pages of the modules that the book names."""
    texts = "\n".join(
        text for page in app.env.found_docs for text in cells(Path(app.env.doc2path(page)))[0]
    )
    found = {place[0] for name in {*NAME.findall(texts)} if (place := located(name))}
    for module in sorted(filter(_is_module, found)):
        yield _page_of(module), {"title": module, "body": source_page(module)}, "page.html"


def setup(app):
    """Sphinx extension, named in _config.yml."""
    app.connect("doctree-read", offer, priority=100)  # before Sphinx collects what to copy
    app.connect("doctree-resolved", lead_to_sources)
    app.connect(
        "html-collect-pages", lambda app: sources(app) if app.builder.name == "html" else ()
    )
    return {"parallel_read_safe": True, "parallel_write_safe": True}
