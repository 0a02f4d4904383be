"""What the notebooks on generation, on own curves and the quickstart ask: wires never seen, the
course of a generation, the worst decodings, and texts that follow from results."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest

from qfp import studies
from qfp.config import load_preset
from qfp.data import dataset, examples, unseen
from qfp.figures import generation as figures
from qfp.model.diffusion import Schedule
from qfp.physics import geometry
from qfp.physics.units import per_tesla
from qfp.studies import accuracy, frame, scoring, shown, units
from qfp.studies.generation import course, fresh, worst
from qfp.studies.speed import race, told
from qfp.tools import SettingsError, project_root

CONFIG = load_preset("smoke", device={"field_points": 3})
DEVICE = CONFIG.device


@pytest.fixture(scope="module")
def wires():
    return unseen.wires(CONFIG, 6)


def test_wires_are_of_the_test_list_and_none_was_trained_on(wires):
    parts = dataset.split_of(CONFIG)
    assert wires.numbers == dataset.configurations_of(CONFIG, "test")[:6]
    assert set(wires.numbers) <= set(parts["test"][:, 1]) and len(set(wires.numbers)) == 6
    assert wires.curves.shape == (6, 3) and wires.ldos.shape == (6, 60, 50)
    removed = geometry.removed_masks(wires.antidots, DEVICE)
    assert ((wires.ldos == 0) == removed).all()
    assert unseen.described(CONFIG, wires.numbers).endswith(
        "simulated here: 6, of which 0 in training"
    )
    trained_on = dataset.configurations_of(CONFIG, "train")[:2]
    assert unseen.described(CONFIG, trained_on).endswith("2, of which 2 in training")
    assert wires.part(slice(2)).numbers == wires.numbers[:2]


class Knows:
    """A network that believes in one image at every step: its exact v, whatever the curve."""

    def __init__(self, image, schedule):
        self.image, self.schedule = image, schedule

    def encode(self, curve):
        return None

    def __call__(self, x, t, condition):
        a, s = self.schedule.coefficients(t, x)
        return (a * x - self.image) / s


def test_course_of_a_generation(wires):
    from qfp.data.normalise import Normalisation

    normal = Normalisation((0.0,) * 3, (1.0,) * 3, 0.1, 0.05, DEVICE.width, DEVICE.length)
    schedule = Schedule(40, "cosine", "v")
    model = Knows(normal.image(wires.ldos[:1]), schedule)
    decoder = SimpleNamespace(model=model, normal=normal, schedule=schedule, config=CONFIG)
    found = course.follow(decoder, wires.curves[0], 1.0, 0)
    assert found.steps.tolist() == [1, 20, 40]
    np.testing.assert_allclose(found.predicted, wires.ldos[:1].repeat(3, 0), atol=1e-3)
    np.testing.assert_allclose(found.image, found.predicted[-1], atol=1e-3)
    judged = course.judge(found, wires.antidots[0], wires.ldos[0], DEVICE)
    assert judged.errors.tolist() == [0, 0, 0] and judged.r_predicted.min() > 0.999
    assert abs(judged.r_noisy[0]) < 0.2 < judged.r_noisy[-1]


@pytest.mark.parametrize(
    ("errors", "step"), [([0, 1, 0], 1), ([9, 1, 0], 20), ([0, 2, 1], 40), ([0, 0, 2], None)]
)
def test_from_which_step_on_the_antidots_are_right(errors, step):
    assert course.settled(np.array([1, 20, 40]), np.array(errors)) == step


def test_scale_of_correlations(wires):
    moved = fresh.beside(wires.antidots, DEVICE)
    assert (abs(moved - wires.antidots).sum((1, 2)) == 1).all()
    assert all(geometry.in_dataset(pair, DEVICE) for pair in moved)
    values = fresh.scale(wires, DEVICE)
    other, site, holes = (np.median(r) for r in values.values())
    assert 1 > other > site > holes


def test_answers_are_counted_and_held_against_the_table(wires):
    answers = scoring.Answers(wires.antidots, wires.ldos, wires.antidots, wires.ldos)
    assert fresh.told(answers, DEVICE).splitlines()[0].startswith("within 0: 6 of 6 (")
    assert "worst 1.000" in fresh.told(answers, DEVICE)
    for interval, agrees in (([0.9, 1.0], True), ([0.1, 0.2], False)):
        result = {"single": {"within_1_interval": interval}}
        assert fresh.agrees(answers, DEVICE, result) == agrees


def test_whether_the_curve_tells_the_wrong_answer(wires):
    right, other = wires.antidots[:2].tolist()
    row = {"antidots": right, "found": other, "error": 9, "curve": wires.curves[0].tolist()}
    assert worst.in_the_curve(DEVICE, [row]).startswith("1 of 1 are not exact; for 0 of them")
    row["found"] = (np.array(right) + [0, 1]).tolist()  # a shift along the wire changes nothing
    assert worst.in_the_curve(DEVICE, [row]).startswith("1 of 1 are not exact; for 1 of them")


def test_texts_of_the_accuracy_table():
    result = studies.recorded("accuracy")
    accuracy.check(result)
    assert accuracy.groups_table(result).count("\n") == 1 + len(result["groups"])
    lines = accuracy.verdicts(result).splitlines()
    assert len(lines) == 4 and all("95 %" in line for line in lines[::2])
    changed = copy.deepcopy(result)
    changed["single"]["within_1"] = 0.5
    with pytest.raises(AssertionError):
        accuracy.check(changed)
    changed["single"]["within_1_interval"] = [0.4, 0.6]
    assert accuracy.verdicts(changed).splitlines()[0].endswith(": below 95 %")


def test_what_the_races_say():
    steps, curves = studies.recorded("training-speed"), studies.recorded("sampling-speed")
    text = told.told(steps, curves)
    assert told.told({}, {}) == ""
    assert set(told.told(steps, {}).splitlines()) < set(text.splitlines())
    for name in list(race.PEERS)[1:]:
        assert f"a training step, {name} beside" in text
    del curves["precisions"]["difference"]
    assert "bf16 finds" in text and "bf16 finds" not in told.told(steps, curves)


def test_a_page_shows_a_table_or_names_the_command(monkeypatch, tmp_path):
    for module in (frame, studies):
        monkeypatch.setattr(module, "project_root", lambda: tmp_path)
    assert shown.table(race.STUDY) == "No results: `qfp study training-speed` makes them."
    with pytest.raises(SettingsError, match="qfp study accuracy"):
        shown.table(accuracy.STUDY, "laptop")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "evaluate.json").write_text('{"weights": "others"}')
    text = shown.table(accuracy.STUDY, "laptop")
    assert text == "No table for the weights laptop: `qfp study accuracy` makes one."


def test_units_of_the_wire():
    k = 2 * np.pi / units.wavelength(DEVICE)
    assert 2 - 2 * np.cos(k) == pytest.approx(DEVICE.energy)
    header, _, line = units.table(DEVICE, (5,)).splitlines()
    assert line.startswith(f"| 5 | {5 * DEVICE.width} |") and header.count("|") == line.count("|")
    assert f"0 to {DEVICE.field_max / per_tesla(5):.4g}" in line


def test_example_files_are_what_they_say():
    examples.check(project_root() / "notebooks" / "curves", load_preset("laptop").device, (40,))


def test_figures_of_the_generation(wires):
    steps = np.array([1, *range(20, 1001, 20)])
    images = np.repeat(wires.ldos[:1], len(steps), axis=0)
    path = course.Course(steps, images, images, wires.ldos[0])
    figure = figures.generation_steps(path, wires.antidots[0], wires.ldos[0])
    shown_steps = [ax.get_title() for ax in figure.axes[:6]]
    assert shown_steps == ["step 1", *(f"step {n}" for n in (200, 400, 600, 800, 1000))]
    titles = [f"off {i}" for i in range(6)]
    redrawn = worst.Redrawn(wires.antidots, wires.ldos, wires.antidots, wires.ldos, titles)
    drawn = figures.beside_truth(redrawn)
    assert [ax.get_title() for ax in drawn.axes[:6]] == titles
    answers = scoring.Answers(wires.antidots, wires.ldos, wires.antidots, wires.ldos)
    r = np.array([0.5, 0.9, 0.7, 0.99, 0.6, 0.8])
    gallery = figures.gallery(answers, np.zeros(6, int), r)
    titles = [ax.get_title() for ax in gallery.axes[:6]]
    assert titles[0].startswith("r = 0.99") and titles[-1].startswith("r = 0.50")
