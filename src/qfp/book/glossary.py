"""Words explained where they are met: a Sphinx extension.

The first mention of a term of book/glossary.md in the prose of a page becomes a link that carries
the definition as its title, and so does every `{term}` role; assets/hover.js shows it. Citations
have theirs from sphinxcontrib-bibtex.
"""

import re

PAGE = "glossary"


def plain(term):
    """A term in lower case, its words apart."""
    return re.sub(r"[\s-]+", " ", term).lower()


def definitions(doctree):
    """{term: (anchor, text)} of a glossary, terms as `plain` has them."""
    from docutils import nodes

    found = {}
    for item in doctree.findall(nodes.definition_list_item):
        text = " ".join(" ".join(part.astext() for part in item[1:]).split())
        for term in item.findall(nodes.term):
            if term["ids"]:
                found[plain(term.astext())] = term["ids"][0], text
    return found


def mentions(terms):
    """Pattern of the terms in a text, plurals and hyphens included."""
    names = (re.escape(term).replace(r"\ ", r"[\s-]+") for term in sorted(terms, key=len)[::-1])
    return re.compile(rf"\b({'|'.join(names)})s?\b", re.IGNORECASE)


def pieces(text, terms, left):
    """A text cut at first mentions: strings, and (words, term) where a term is met whose definition
    is in the set `left`, which it is taken out of."""
    found, at = [], 0
    for match in mentions(terms).finditer(text):
        term = plain(match[1])
        if terms[term][1] in left:
            left.remove(terms[term][1])
            found += [text[at : match.start()], (match[0], term)]
            at = match.end()
    return [*found, text[at:]]


def explain(doctree, terms, address):
    """Give a page's mentions of terms, {term: (anchor, text)}, their links and definitions; the
    glossary lies at `address`."""
    from docutils import nodes

    texts = {f"{address}#{anchor}": text for anchor, text in terms.values()}
    left = {*texts.values()}
    for link in doctree.findall(nodes.reference):
        if link.get("refuri") in texts:
            link["reftitle"] = texts[link["refuri"]]
            link["classes"].append("term")
            left.discard(link["reftitle"])
    for paragraph in list(doctree.findall(nodes.paragraph)):
        if isinstance(paragraph.parent, (nodes.entry, nodes.list_item, nodes.section)) or (
            isinstance(paragraph.parent, nodes.Admonition)
        ):
            for text in [part for part in paragraph if isinstance(part, nodes.Text)]:
                cut = [
                    nodes.Text(piece) if isinstance(piece, str) else _link(piece, terms, address)
                    for piece in pieces(text.astext(), terms, left)
                ]
                if len(cut) > 1:
                    paragraph.replace(text, cut)


def _link(piece, terms, address):
    """Link from words to the definition of their term."""
    from docutils import nodes

    words, term = piece
    anchor, text = terms[term]
    link = nodes.reference("", words, internal=True, refuri=f"{address}#{anchor}", reftitle=text)
    link["classes"].append("term")
    return link


def setup(app):
    """Sphinx extension, named in _config.yml."""

    def resolved(app, doctree, page):
        if app.builder.name == "html" and page != PAGE and PAGE in app.env.found_docs:
            terms = definitions(app.env.get_doctree(PAGE))
            explain(doctree, terms, app.builder.get_relative_uri(page, PAGE))

    def outdated(app, env, added, changed, removed):
        """All pages hold definitions."""
        return list(env.found_docs) if PAGE in changed else []

    app.connect("doctree-resolved", resolved)
    app.connect("env-get-outdated", outdated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
