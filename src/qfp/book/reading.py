"""How long a page is: words of its prose in sight, lines of code in sight, minutes to read it.

The minutes stand under the title of each notebook's page; tests/test_book.py limits words and code.
"""

import json
import math
import re

WORDS_A_MINUTE = 150  # of a text with formulas and figures to look at
WORD = re.compile(r"[A-Za-z][\w'-]*")
ONE_WORD = re.compile(r"\{[^}]*\}|`[^`]*`|\$[^$]*\$|\(\S*\)")  # roles, code, formulas, addresses
UNREAD = re.compile(r"\A---\n.*?\n---\n|\$\$.*?\$\$|<!--.*?-->", re.DOTALL)
FENCE = re.compile(r"\s*(`{3,}|~{3,}|:{3,})(.*)")
OPTION = re.compile(r"\s*:[\w-]+:")
FOLDED = {"hide-input", "remove-input", "remove-cell"}  # tags of cells whose code is not in sight


def prose(text):
    """Lines of a Markdown text that are read: no headings, code or options of directives, nothing
    folded."""
    fences, lines = [], []  # of each open fence: its marks, whether its text is in sight
    for line in UNREAD.sub("", text).splitlines():
        fence = FENCE.match(line)
        if fence and fences and fence[1] == fences[-1][0] and not fence[2].strip():
            fences.pop()
        elif fence:
            fences.append([fence[1], "{" in fence[2]])
        elif fences and OPTION.match(line):
            fences[-1][1] &= "dropdown" not in line
        elif all(seen for _, seen in fences) and not line.startswith("#"):
            lines.append(line)
    return lines


def words(text):
    """Number of words of a Markdown text in sight; a formula and what a role prints are one."""
    return sum(len(WORD.findall(ONE_WORD.sub("x", line))) for line in prose(text))


def cells(path):
    """Text and code of a page, a Markdown file or a notebook (.ipynb).

    Returns
    -------
    text : list of str
        Of each cell of Markdown.
    code : list of (str, set)
        Of each cell of code, with its tags.
    """
    if path.suffix == ".md":
        return [path.read_text()], []
    text, code = [], []
    for cell in json.loads(path.read_text())["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            text.append(source)
        elif cell["cell_type"] == "code":
            code.append((source, set(cell["metadata"].get("tags", []))))
    return text, code


def size(path):
    """(words, lines of code) in sight of a page. Captions and outputs are not counted."""
    text, code = cells(path)
    lines = (len(source.splitlines()) for source, tags in code if not FOLDED & tags)
    return sum(map(words, text)), sum(lines)


def minutes(count):
    """Minutes that so many words take, a whole number."""
    return math.ceil(count / WORDS_A_MINUTE)


def setup(app):
    """Sphinx extension, named in _config.yml: each notebook says how long it takes to read."""
    from pathlib import Path

    from docutils import nodes

    def tell(app, doctree):
        path = Path(app.env.doc2path(app.env.docname))
        title = next(doctree.findall(nodes.title), None)
        if path.suffix == ".ipynb" and title is not None:
            text = f"{minutes(size(path)[0])} min"
            line = nodes.paragraph("", text, classes=["reading-time"])
            title.parent.insert(title.parent.index(title) + 1, line)

    app.connect("doctree-read", tell)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
