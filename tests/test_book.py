"""The book quotes what was measured, names what exists, and needs no network."""

import ast
import hashlib
import json
import re
from pathlib import Path

import pytest
import yaml

from qfp.book import pages, readme
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
    benchmarks and of studies that need none have no weights."""
    values = json.loads(path.read_text())
    networks = values.get("networks", {}) | (
        {values["weights"]: values} if "weights" in values else {}
    )
    without = {study.result for study in map(find, MODULES) if "weights" not in study.needs}
    assert networks or path.name.startswith("bench_") or path.stem in without
    shipped = {path.stem for path in (ROOT / "models").glob("*.safetensors")}
    assert not networks or shipped & networks.keys()
    for name, row in networks.items():
        assert re.fullmatch("[0-9a-f]{64}", row["config_sha256"])
        if name in shipped or name == values.get("weights"):
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


def defined(name):
    """Whether a dotted name qfp.folder.module.thing[.attribute] is defined in the source; nothing
    is imported."""
    path, rest = ROOT / "src" / "qfp", name.split(".")[1:]
    while rest and not path.with_suffix(".py").is_file():
        path, rest = path / rest[0], rest[1:]
    if not path.with_suffix(".py").is_file():
        return path.is_dir()
    nodes = ast.parse(path.with_suffix(".py").read_text()).body
    for part in rest:
        found = None
        for node in nodes:
            names = [node.name] if isinstance(node, (ast.FunctionDef, ast.ClassDef)) else []
            if isinstance(node, (ast.Assign, ast.AnnAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = [target.id for target in targets if isinstance(target, ast.Name)]
            if part in names:
                found = node
        if found is None:
            return False
        nodes = getattr(found, "body", [])
    return True


def test_defined_sees_what_is_there():
    assert (
        defined("qfp.book.pages.quote")
        and defined("qfp.physics.wire.Device.fields")
        and defined("qfp.config.PRESETS")
    )
    assert (
        not defined("qfp.book.pages.nothing")
        and not defined("qfp.nothing.at")
        and not defined("qfp.physics.wire.Device.no")
    )


@pytest.mark.parametrize("path", PAGES + NOTEBOOKS, ids=lambda path: path.name)
def test_named_functions_exist(path):
    missing = [name for name in NAME.findall(texts(path)) if not defined(name)]
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
