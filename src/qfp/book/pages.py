"""Numbers in the book: Sphinx roles that print what was measured or set, so that none is typed.

    {result}`evaluate:single.within_1:.1%`    results/evaluate.json, single -> within_1, percent
    {result}`models/laptop:steps:,`           models/laptop.json
    {result}`presets/laptop:device.radius`    presets/laptop.yaml
    {printed}`08_attention:.* heads mark`     what the pattern matches in a printed line

A file, key or line that does not exist is a warning, hence an error in the strict build. `python -m
qfp.book.pages HTML` checks a built site: nothing is loaded from the network, every picture has a
text for those who do not see it, every link within the site leads somewhere, no page is heavy.
"""

import json
import os
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml

from qfp.tools import SettingsError, project_root

PENDING = "not yet measured"
WEIGHT = 2e6  # [bytes] of its own that a page loads before it is touched


def result_file(name):
    """Path of the file that a reference names: NAME is results/NAME.json; presets/NAME and
    models/NAME are others."""
    folder, _, stem = name.rpartition("/")
    if folder not in ("", "results", "models", "presets"):
        raise SettingsError(f"{name!r}: numbers come from results/, models/ or presets/")
    return (
        project_root()
        / (folder or "results")
        / f"{stem}.{'yaml' if folder == 'presets' else 'json'}"
    )


def lookup(name, key):
    """Value of FILE at a dotted key, whose parts may hold dots themselves ('rows.noise 0.05'); list
    entries by index."""
    path = result_file(name)
    if not path.is_file():
        raise SettingsError(f"{path.parent.name}/{path.name} does not exist")
    value = (
        yaml.safe_load(path.read_text()) if path.suffix == ".yaml" else json.loads(path.read_text())
    )
    parts = key.split(".")
    while parts:
        names = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
        part = next((name for name in names if isinstance(value, dict) and name in value), parts[0])
        parts = parts[part.count(".") + 1 :]
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (KeyError, IndexError, TypeError, ValueError):
            known = (
                ", ".join(map(str, value))
                if isinstance(value, dict)
                else f"a {type(value).__name__}"
            )
            raise SettingsError(
                f"{path.parent.name}/{path.name} has no {key!r}: {part!r} is not in {known}"
            ) from None
    return value


def quote(reference):
    """Text of 'FILE:KEY' or 'FILE:KEY:FORMAT'. A list is joined by commas; two formatted numbers,
    an interval, by 'to'. A percentage with its sign is a difference of shares, in points."""
    name, colon, rest = reference.partition(":")
    key, _, form = rest.partition(":")
    if not colon or not key:
        raise SettingsError(f"{reference!r} is not of the form FILE:KEY[:FORMAT]")
    value, points = lookup(name, key), form.startswith("+") and form.endswith("%")
    try:
        entries = value if isinstance(value, list) else [value]
        if points:
            entries, form = [100 * entry for entry in entries], f"{form[:-1]}f"
        between = " to " if form and len(entries) == 2 else ", "
        return between.join(format(entry, form) for entry in entries) + " points" * points
    except (TypeError, ValueError) as error:
        raise SettingsError(f"{reference!r}: {error}") from None


def notebook_file(name):
    """Path of the committed notebook NAME."""
    return project_root() / "notebooks" / f"{name}.ipynb"


def printed(reference):
    """Text of 'NOTEBOOK:PATTERN': what the pattern (its first group, if it has one) matches in the
    first printed line of the committed notebook that it matches."""
    name, colon, pattern = reference.partition(":")
    path = notebook_file(name)
    if not colon or not pattern:
        raise SettingsError(f"{reference!r} is not of the form NOTEBOOK:PATTERN")
    if not path.is_file():
        raise SettingsError(f"notebooks/{path.name} does not exist")
    for cell in json.loads(path.read_text())["cells"]:
        for output in cell.get("outputs", []):
            for line in (
                "".join(output.get("text", [])).splitlines()
                if output.get("name") == "stdout"
                else ()
            ):
                if found := re.search(pattern, line):
                    return found[1 if found.re.groups else 0].strip()
    raise SettingsError(f"notebooks/{path.name} prints no line that matches {pattern!r}")


def setup(app):
    """Sphinx extension, named in _config.yml. `qfp_pending` lists files of results that do not
    exist yet."""
    from docutils import nodes
    from sphinx.util import logging
    from sphinx.util.docutils import SphinxRole

    class Quoted(SphinxRole):
        def __init__(self, folder, file_of, text_of):
            self.folder, self.file_of, self.text_of = folder, file_of, text_of

        def run(self):
            name = self.text.partition(":")[0]
            try:
                path = self.file_of(name)
                self.env.note_dependency(str(path))
                pending = self.folder + name in self.config.qfp_pending and not path.is_file()
                text = PENDING if pending else self.text_of(self.text)
            except SettingsError as error:
                logging.getLogger(__name__).warning("%s", error, location=self.get_location())
                text = f"[{error}]"
            return [nodes.inline(self.rawtext, text, classes=["result"])], []

    app.add_config_value("qfp_pending", [], "env")
    app.add_role("result", Quoted("", result_file, quote))
    app.add_role("printed", Quoted("notebooks/", notebook_file, printed))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class _Loads(HTMLParser):
    """Collects what a page loads, from elsewhere or its own site, its links and anchors, and
    pictures without alt text."""

    def __init__(self):
        super().__init__()
        self.found, self.loads, self.links, self.anchors = [], [], [], set()
        self.still = False  # what only a browser without scripts loads

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.anchors |= {values.get("id"), values.get("name")}
        loaded = {
            "script": "src",
            "img": "src",
            "iframe": "src",
            "source": "src",
            "link": "href",
        }.get(tag)
        address = values.get(loaded) or ""
        if address.startswith(("http:", "https:", "//")) and values.get("rel") != "canonical":
            self.found.append(f"loads {address}")
        self.still |= tag == "noscript"
        if not self.still and (tag != "link" or values.get("rel") == "stylesheet"):
            self.loads.append(address)
        if tag == "img" and not (values.get("alt") or "").strip():
            self.found.append(f"picture without alt text: {address[:80]}")
        if tag == "a":
            link = values.get("href") or ""
            self.links.append(link)
            if any(site in link for site in ("mybinder.org", "colab.research")):
                self.found.append(f"button to {link}")

    def handle_endtag(self, tag):
        self.still &= tag != "noscript"


def _local(page, address):
    """(file, anchor) of an address that a page names; (None, "") where it is not of its site."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc or not (parts.path or parts.fragment):
        return None, ""
    file = Path(os.path.normpath(page.parent / unquote(parts.path))) if parts.path else page
    return file, unquote(parts.fragment)


def _weight(page, parser):
    """Bytes of a page, its pictures, its live wire and the book's own scripts: not those of the
    libraries that every such book loads."""
    assets = project_root() / "book" / "assets"
    files = {page} | {_local(page, address)[0] for address in parser.loads} - {None}
    return sum(
        file.stat().st_size
        for file in files
        if file == page
        or file.is_file()
        and (file.parent.name in ("_images", "live") or (assets / file.name).is_file())
    )


def check_site(folder):
    """Problems of a built site, each as 'page: what'."""
    pages = sorted(
        p for p in Path(folder).rglob("*.html") if "_static" not in p.relative_to(folder).parts
    )
    if not pages:
        return [f"{folder}: no pages"]
    parsers = {page: _Loads() for page in pages}
    for page, parser in parsers.items():
        parser.feed(page.read_text())
    problems = []
    for page, parser in parsers.items():
        found = list(parser.found)
        for link in parser.links:
            file, anchor = _local(page, link)
            if file and not (
                file.exists()
                if file not in parsers or not anchor
                else anchor in parsers[file].anchors
            ):
                found.append(f"link to {link}, which is not there")
        weight = _weight(page, parser)
        if weight > WEIGHT:
            found.append(f"{weight / 1e6:.2f} MB before it is touched, more than {WEIGHT / 1e6:g}")
        problems += [f"{page.relative_to(folder)}: {what}" for what in found]
    return problems


def main(arguments=None):
    """`python -m qfp.book.pages HTML`: exit code 1 and one line a problem."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if len(arguments) != 1:
        print("usage: python -m qfp.book.pages FOLDER_OF_HTML", file=sys.stderr)
        return 2
    problems = check_site(arguments[0])
    print("\n".join(problems) or f"{arguments[0]}: complete, light, and works offline")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
