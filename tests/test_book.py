"""The book quotes what was measured, names what exists, and needs no network."""

import hashlib
import json
import re
from pathlib import Path

import pytest
import yaml

from qfp.book import evidence, glossary, pages, reading, readme
from qfp.config import load_preset
from qfp.studies import MODULES, find
from qfp.tools import SettingsError, as_dict, digest

ROOT = Path(__file__).parents[1]
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text())
PENDING = CONFIG["sphinx"]["config"]["qfp_pending"]
PAGES = sorted((ROOT / "book").glob("*.md"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))
RESULTS = sorted((ROOT / "results").glob("*.json"))
ROLE = re.compile(r"\{result\}`([^`]+)`")
PRINTED = re.compile(r"\{printed\}`([^`]+)`")
NAME = re.compile(r"`(qfp(?:\.\w+)+)`")
WORDS = """
00 400, 01 460, 02 600, 03 730, 04 720, 05 850, 06 745, 07 615, 08 830, 09 830, 10 395, 11 790,
12 760, 13 650, 14 770, 15 620, 16 540, 17 505, intro 515, scorecard 430, claims 1080,
differences 610, costs 370, figures_map 380, equation_map 330, data_card 430, notation 370, api 130,
bibliography 50, glossary 620"""  # in sight, at most; of a page that is not named: 1,200
WORDS = {name: int(most) for name, most in map(str.split, WORDS.split(","))}
CODE = {"00": 9, "04": 11, "06": 12, "11": 9, "12": 8}  # lines in sight; none elsewhere
BOOK = 16_000  # words in sight of all pages


def texts(path):
    """Prose of a page, or of a percent-format notebook's markdown cells."""
    if path.suffix == ".md":
        return path.read_text()
    import jupytext

    return "\n\n".join(
        cell.source for cell in jupytext.read(path).cells if cell.cell_type == "markdown"
    )


@pytest.mark.parametrize("path", PAGES + NOTEBOOKS, ids=lambda path: path.name)
def test_every_quoted_number_exists(path):
    for reference in ROLE.findall(texts(path)):
        if reference.partition(":")[0] not in PENDING:
            assert pages.quote(reference)
    for reference in PRINTED.findall(texts(path)):
        if f"notebooks/{reference.partition(':')[0]}" not in PENDING:
            assert pages.printed(reference)


@pytest.mark.parametrize("path", PAGES + NOTEBOOKS, ids=lambda path: path.name)
def test_no_percentage_is_typed(path):
    """Shares are results: they come through a role. (95 % is the level of confidence, and the
    paper's threshold.)"""
    text = re.sub(r"(?<![\d.])95 ?%", "", PRINTED.sub("", ROLE.sub("", texts(path))))
    typed = re.findall(r"[\d.,]+ ?%.{0,20}", re.sub(r"(?ms)^(`{3,}|~{3,}).*?^\1", "", text))
    assert not typed, f"use {{result}}`...`: {typed}"


def test_pending_results_do_not_exist_yet():
    for name in PENDING:
        path = ROOT / f"{name}.ipynb" if name.startswith("notebooks/") else pages.result_file(name)
        assert not path.is_file(), f"{name} is measured: take it out of qfp_pending in _config.yml"


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.name)
def test_results_belong_to_the_shipped_weights(path):
    """Weights, results and the numbers quoted from them agree: same hash. Results of
    benchmarks and of studies that need none have no weights. Of a network that is too large to be
    shipped, what trained it has the hash, or the Makefile trains it again."""
    values = json.loads(path.read_text())
    recipes = [json.loads(file.read_text()) for file in RESULTS if file.stem.startswith("recipe_")]
    for recipe in recipes:
        if values.get("weights_sha256") == recipe["network_sha256"]:
            assert all(values[key] == recipe[key] for key in ("data_sha256", "split"))
            return
    networks = values.get("networks", {}) | (
        {values["weights"]: values} if "weights" in values else {}
    )
    without = {study.result for study in map(find, MODULES) if "weights" not in study.needs}
    assert networks or path.name.startswith(("bench_", "recipe_")) or path.stem in without
    shipped = {path.stem for path in (ROOT / "models").glob("*.safetensors")}
    again = re.findall(r"\$\(call unshipped,([\w-]+)\)", (ROOT / "Makefile").read_text())
    assert not networks or {*shipped, *again} & networks.keys()
    for name, row in networks.items():
        assert re.fullmatch("[0-9a-f]{64}", row["config_sha256"])
        if name in shipped:
            weights = (ROOT / "models" / f"{name}.safetensors").read_bytes()
            assert row["weights_sha256"] == hashlib.sha256(weights).hexdigest(), (
                f"{path.name} was measured with other {name}"
            )


@pytest.mark.parametrize("name", ["learn", "ablations", "train", "sample"])
def test_benchmarks_belong_to_a_preset_as_it_is(name):
    """What the book quotes was not measured with other settings, such as another preset's."""
    values = json.loads((ROOT / "results" / f"bench_{name}.json").read_text())
    presets = {digest(as_dict(load_preset(name))): name for name in ("kettle", "laptop")}
    assert presets.get(values["config_sha256"]) == values.get("preset", "laptop")


def test_a_name_is_located_without_an_import():
    assert evidence.located("qfp.book.pages.quote") == ("qfp.book.pages", "quote")
    assert evidence.located("qfp.physics.wire.Device.fields") == (
        "qfp.physics.wire",
        "Device.fields",
    )
    assert evidence.located("qfp.config.PRESETS") and evidence.located("qfp.figures")
    for name in ("qfp.book.pages.nothing", "qfp.nothing.at", "qfp.physics.wire.Device.no"):
        assert evidence.located(name) is None


def test_a_page_of_source_has_an_anchor_at_each_definition():
    text = evidence.source_page("qfp.model.diffusion")
    anchors = re.findall(r'<span id="([\w.]+)"></span>', text)
    assert "Schedule.q_sample" in anchors and "score_from_eps" in anchors
    after = re.sub("<[^>]+>", "", text.split('<span id="Schedule.q_sample"></span>')[1])
    assert after.lstrip().startswith("def q_sample(") and "href" not in text


def test_files_behind_a_page_are_what_it_quotes_and_reads(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "{result}`evaluate:n` of {result}`presets/laptop:device.radius`, see `results/rivals.json` "
        "and `results/nothing.json`."
    )
    assert evidence.results_of(page) == ["evaluate", "rivals"]
    code = [
        "from qfp.studies import accuracy, frame\nfrom qfp.studies.score import probe",
        'studies.recorded("solver-speed")\nframe.read_result(config.weights, accuracy.STUDY)',
        "frame.read_result(config.weights, probe.STUDY)",
    ]
    cells = [{"cell_type": "code", "source": [cell], "metadata": {}} for cell in code]
    (tmp_path / "page.ipynb").write_text(json.dumps({"cells": cells}))
    assert evidence.results_of(tmp_path / "page.ipynb") == [
        "bench_solver",
        "evaluate",
        "probe_score",
    ]


def test_first_mentions_of_terms_are_cut_out():
    names = ["open mode", "mode", "held out", "ldos", "image"]
    terms = {name: (f"term-{name}", name[:3]) for name in names} | {"image": ("term-image", "ldo")}
    text = "Open modes and a held-out one; the LDOS, an image, an open mode, modern LDOS."
    cut = glossary.pieces(text, terms, {words for _, words in terms.values()})
    assert [piece for piece in cut if not isinstance(piece, str)] == [
        ("Open modes", "open mode"),
        ("held-out", "held out"),
        ("LDOS", "ldos"),
    ]
    assert "".join(piece if isinstance(piece, str) else piece[0] for piece in cut) == text


def test_terms_are_explained_in_two_sentences_and_used():
    text = (ROOT / "book" / "glossary.md").read_text()
    entries = re.findall(r"(?m)((?:^\S.*\n)+)((?:  .+\n)+)", text.split(":::{glossary}")[1])
    names = [terms.lower().splitlines() for terms, _ in entries]
    assert 15 < len(entries) < 30 and names == sorted(names)
    others = " ".join(texts(path) for path in PAGES + NOTEBOOKS if path.stem != "glossary")
    unused = [
        terms[0]
        for terms in names
        if not glossary.mentions(map(glossary.plain, terms)).search(others)
    ]
    assert unused == ["score of a density"]  # 'score' alone has other senses here, too
    for terms, words in entries:
        assert len(words.split()) < 55 and "$" not in words, terms


@pytest.mark.parametrize("path", PAGES + NOTEBOOKS, ids=lambda path: path.name)
def test_named_functions_exist(path):
    missing = [name for name in NAME.findall(texts(path)) if not evidence.located(name)]
    assert not missing, f"{path.name} names {missing}"


def test_every_module_is_on_a_map():
    """The maps lead to the code that does the physics and the learning; what draws and runs is the
    figures map's."""
    named = {
        tuple(name.split(".")[1:3])
        for page in ("equation_map", "figures_map")
        for name in NAME.findall((ROOT / "book" / f"{page}.md").read_text())
    }
    concepts = {
        "physics": {"geometry", "kwant_model", "green"},
        "data": {"dataset"},
        "model": {"diffusion", "attention", "unet"},
        "training": {"loss", "optimise"},
        "studies": {"attention", "score"},
    }
    missing = {(f, m) for f, modules in concepts.items() for m in modules} - named
    assert not missing and any(folder == "figures" for folder, _ in named)


def test_figures_map_leads_to_what_exists():
    """Files of the checkout exist (results and weights, unless they are still to be measured), and
    the notebook that is said to redraw a figure calls the function that is said to draw it."""
    text = (ROOT / "book" / "figures_map.md").read_text()
    for reference in re.findall(r"`((?:notebooks|results|models|book)/[\w.]+)`", text):
        name = reference.rpartition(".")[0].removeprefix("results/")
        assert (ROOT / reference).is_file() or name in PENDING, reference
    for row in text.splitlines():
        notebook, function = (
            re.search(r"`notebooks/(\w+)\.py`", row),
            re.search(r"`qfp\.figures\.(\w+)\.(\w+)`", row),
        )
        if notebook and function:
            assert f".{function[2]}(" in (ROOT / "notebooks" / f"{notebook[1]}.py").read_text(), row


def test_bibliography_has_the_papers_references():
    keys = re.findall(
        r"^@\w+\{(\w+),", (ROOT / "book" / "references.bib").read_text(), re.MULTILINE
    )
    text = (ROOT / "book" / "bibliography.md").read_text()
    cited = re.findall(r"\{cite:t\}`(\w+)`", text)
    assert re.findall(r"\[(\d+)\]", text) == [str(n) for n in range(1, 20)]
    assert len(cited) == 20 and set(cited) <= set(keys)


def test_links_of_the_book_folder():
    for name in ("_config.yml", "_toc.yml", "notebooks"):
        link = ROOT / "book" / name
        assert link.is_symlink() and link.resolve() == (ROOT / name).resolve()


def test_shipped_scripts_have_their_licences():
    assets = ROOT / "book" / "assets"
    scripts = {str(path.relative_to(assets)) for path in assets.rglob("*.js")}
    listed = (assets / "README.md").read_text()
    config = CONFIG["sphinx"]["config"]
    own = set(config["html_js_files"])
    assert scripts == {config["mathjax_path"], *config["nb_ipywidgets_js"], *own}
    scripts -= own
    for script in scripts:
        assert f"`{script}`" in listed
    for licence in re.findall(r"`([\w/]+/LICENSE[\w.-]*)`", listed):
        assert (assets / licence).stat().st_size > 500


def test_pictures_of_the_pages_exist_and_have_alt_text():
    for path in [*PAGES, ROOT / "README.md"]:
        text = path.read_text()
        for alt, target in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", text):
            assert alt.strip() and (path.parent / target).is_file(), f"{path.name}: {target}"
        for block in re.findall(r"(?ms)^(`{3,})\{(?:figure|image)\} (\S+)\n(.*?)^\1", text):
            assert (path.parent / block[1]).is_file() and ":alt:" in block[2], (
                f"{path.name}: {block[1]}"
            )


def test_quote(tmp_path, monkeypatch):
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "laptop.yaml").write_text("device: {radius: 5}\n")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "evaluate.json").write_text(
        json.dumps(
            {"single": {"within_1": 0.9736, "ci": [0.96, 0.985]}, "n": 3851, "list": [{"a": 1}]}
        )
    )
    monkeypatch.setenv("QFP_ROOT", str(tmp_path))
    assert pages.quote("evaluate:single.within_1:.1%") == "97.4%"
    assert pages.quote("evaluate:single.ci:.1%") == "96.0% to 98.5%"
    assert pages.quote("evaluate:single.ci:+.1%") == "+96.0 to +98.5 points"
    assert pages.quote("evaluate:single.ci") == "0.96, 0.985"
    assert pages.quote("results/evaluate:n:,") == "3,851"
    assert pages.quote("evaluate:list.0.a") == "1"
    assert pages.quote("presets/laptop:device.radius") == "5"
    for bad, message in [
        ("evaluate", "FILE:KEY"),
        ("evaluate:double.x", "'double' is not in single, n, list"),
        ("evaluate:list.7.a", "'7' is not in a list"),
        ("other:n", "results/other.json does not exist"),
        ("src/evaluate:n", "numbers come from"),
        ("evaluate:n:.1f%", "Invalid format|%"),
    ]:
        with pytest.raises(SettingsError, match=message):
            pages.quote(bad)


def test_printed(tmp_path, monkeypatch):
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "laptop.yaml").write_text("{}")
    (tmp_path / "notebooks").mkdir()
    outputs = [
        {"name": "stderr", "text": ["3 heads warn\n"]},
        {"name": "stdout", "text": ["nothing\n", "3 of 8 heads mark: x\n"]},
    ]
    (tmp_path / "notebooks" / "04_a.ipynb").write_text(
        json.dumps({"cells": [{"source": []}, {"outputs": outputs}]})
    )
    monkeypatch.setenv("QFP_ROOT", str(tmp_path))
    assert pages.printed("04_a:.* heads mark") == "3 of 8 heads mark"
    assert pages.printed("04_a:(\\d+) of") == "3"
    for bad, message in [
        ("04_a", "NOTEBOOK:PATTERN"),
        ("04_a:warn", "prints no line"),
        ("05_b:x", "does not exist"),
    ]:
        with pytest.raises(SettingsError, match=message):
            pages.printed(bad)


@pytest.mark.parametrize("path", PAGES + NOTEBOOKS, ids=lambda path: path.name)
def test_a_page_is_read_in_one_sitting(path):
    name = path.stem[:2] if path in NOTEBOOKS else path.stem
    words, code = reading.size(path.with_suffix(".ipynb") if path in NOTEBOOKS else path)
    assert words <= WORDS.get(name, 1200), f"{words} words in sight"
    assert code <= CODE.get(name, 0), f"{code} lines of code in sight"


def test_the_book_is_read_in_an_afternoon():
    sizes = [reading.size(path.with_suffix(".ipynb")) for path in NOTEBOOKS]
    words = sum(size[0] for size in sizes) + sum(reading.size(path)[0] for path in PAGES)
    assert words <= BOOK, f"{words:,} words in sight"


def test_words_in_sight_are_counted(tmp_path):
    seen = """---
title: not read
---
# Nor is a heading

Both holes, {result}`evaluate:single.within_1:.1%` of $N$ wires: [a page](05_generation) says `so`.

$$ a = b $$

:::{admonition} In short
:class: tip in-short
Four words and more.
:::

```python
code = "is not prose"
```

:::{admonition} Solution
:class: dropdown
```
folded
```
Folded, too.
:::
"""
    assert reading.words(seen) == len("Both holes x of x wires a page x says x".split()) + 4
    cells = [
        {"cell_type": "markdown", "source": [seen], "metadata": {}},
        {"cell_type": "code", "source": ["a = 1\n", "b = 2"], "metadata": {}},
        {"cell_type": "code", "source": ["c = 3"], "metadata": {"tags": ["hide-input"]}},
    ]
    path = tmp_path / "00_a.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    assert reading.size(path) == (15, 2)
    assert [reading.minutes(count) for count in (1, 150, 151)] == [1, 1, 2]


def test_site_check_sees_broken_links_and_heavy_pages(tmp_path, monkeypatch):
    page, other = tmp_path / "a.html", tmp_path / "deep" / "b.html"
    other.parent.mkdir()
    (tmp_path / "_images").mkdir()
    (tmp_path / "_images" / "x.svg").write_text("x" * 900)
    other.write_text('<p id="there"></p><a href="../a.html#top">up</a>')
    text = '<p id="top"></p><a href="deep/b.html#there">x</a><img src="_images/x.svg" alt="x">'
    page.write_text(text + '<noscript><img src="_images/y.svg" alt="y"></noscript>')
    assert pages.check_site(tmp_path) == []
    page.write_text(text + '<a href="deep/b.html#gone">x</a><a href="c.html">x</a>')
    assert pages.check_site(tmp_path) == [
        "a.html: link to deep/b.html#gone, which is not there",
        "a.html: link to c.html, which is not there",
    ]
    page.write_text(text)
    monkeypatch.setattr(pages, "WEIGHT", 950)
    assert pages.check_site(tmp_path) == ["a.html: 0.00 MB before it is touched, more than 0.00095"]


def test_site_check_sees_what_needs_the_network(tmp_path, capsys):
    (tmp_path / "_static").mkdir()
    (tmp_path / "_static" / "x.html").write_text('<script src="https://example.org/x.js"></script>')
    page = tmp_path / "a.html"
    page.write_text(
        '<link rel="canonical" href="https://a.b/"><a href="https://arxiv.org">x</a><img '
        'src="a.png" alt="A">'
    )
    assert pages.main([str(tmp_path)]) == 0
    page.write_text('<script src="https://example.org/x.js"></script><img src="a.png">')
    assert pages.main([str(tmp_path)]) == 1
    assert capsys.readouterr().out.count("a.html: ") == 2
    assert pages.main([str(tmp_path / "empty")]) == 1
    assert pages.main([]) == 2


def test_the_readme_says_what_the_first_page_says():
    text = (ROOT / "README.md").read_text()
    assert readme.renewed(text) == text, "python -m qfp.book.readme"
    assert len(readme.found().splitlines()) == 8 and "{" not in readme.found()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_captions_name_colours_that_are_there_and_no_raw_symbols(path):
    """The palette has vermilion and no red; what would be a subscript is set as a formula."""
    for cell in json.loads(path.with_suffix(".ipynb").read_text())["cells"]:
        caption = cell["metadata"].get("mystnb", {}).get("figure", {}).get("caption", "")
        plain = re.sub(r"`[^`]*`|\$[^$]*\$|\(results/[^)]*\)", "", caption)
        assert not re.search(r"\bred\b|\b[A-Za-z]+_\w", plain, re.IGNORECASE), plain
