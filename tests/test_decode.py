"""Positions from images, consensus, decoding with a network that knows the answer, and CSV files of every kind."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from qfp import cli, dataset, decode, geometry, sweep
from qfp.config import SettingsError, load_preset
from qfp.curves import read_curve
from qfp.diffusion import Schedule
from qfp.unet import Condition

CONFIG = load_preset("smoke")
DEVICE = CONFIG.device
ANTIDOTS = geometry.configurations(DEVICE)[1]


@pytest.fixture(scope="module")
def images():
    """80 configurations and their LDOS under potential 0, as stored (float16)."""
    chosen = np.random.default_rng(0).choice(len(ANTIDOTS), 80, replace=False)
    return ANTIDOTS[chosen], sweep.images_of(DEVICE, ANTIDOTS[chosen], 0).astype(np.float16)


# --- positions


def test_antidots_are_recovered_from_true_images(images):
    antidots, ldos = images
    np.testing.assert_array_equal(decode.recover(ldos, DEVICE), antidots)
    mirrored = ldos[:, ::-1, ::-1]  # another placement is found where it is
    expected = geometry.ordered((DEVICE.width - 1, DEVICE.length - 1) - antidots)
    np.testing.assert_array_equal(decode.recover(mirrored, DEVICE), expected)


def test_recovery_is_the_joint_minimum_over_all_allowed_pairs():
    pictures = np.random.default_rng(1).standard_normal((6, DEVICE.length, DEVICE.width))
    pictures[3:] *= 0.1
    pictures[3:, 20:33, 10:23] -= 3  # a wide hole: the best discs overlap and must not
    centres, compatible = decode.allowed(DEVICE)
    assert len(centres) == 38 * 48
    means = decode.disc_means(pictures, DEVICE)
    k = 700
    x, y = centres[k]
    disc = geometry.disc(DEVICE.radius) + (x, y)
    assert means[0, k] == pytest.approx(pictures[0, disc[:, 1], disc[:, 0]].mean())
    for mean, pair in zip(means, decode.recover(pictures, DEVICE)):
        total = np.where(compatible, mean[:, None] + mean, np.inf)
        best = np.unravel_index(total.argmin(), total.shape)
        np.testing.assert_array_equal(pair, geometry.ordered(centres[list(best)]))
        assert geometry.in_dataset(pair, DEVICE)


def test_consensus_prefers_the_cluster():
    base, far = np.array([[10, 20], [33, 39]]), np.array([[6, 15], [20, 44]])
    near = base + [[0, 0], [1, 0]]
    best, k = decode.agree(np.array([far, far, base, near, base + [[1, 0], [0, 0]]]), DEVICE)
    assert best == 2 and k.tolist()[2:] == [0, 1, 1] and (k[:2] > 1).all()
    best, _ = decode.agree(np.array([near, base, base]), DEVICE)
    assert best == 1


# --- decoding


class Oracle(torch.nn.Module):
    """A network that gives the exact v of the image which belongs to a curve; the curve's first number names it."""

    def __init__(self, images, schedule):
        super().__init__()
        self.images, self.schedule, self.encoded = images, schedule, 0

    def encode(self, curve):
        self.encoded += len(curve)
        return Condition(curve.round().long()[:, :1, None], ())

    def forward(self, x, t, condition):
        a, s = self.schedule.coefficients(t, x)
        return (a * x - self.images[condition.features[:, 0, 0]]) / s


@pytest.fixture
def bundle(images):
    constants = dataset.Normalisation((0.0,) * 64, (1.0,) * 64, 0.3, 0.2, DEVICE.width)
    schedule = Schedule(1000, "cosine", "v")
    return Oracle(constants.image(images[1]), schedule), CONFIG, constants, schedule, {}


def test_decoding_with_a_perfect_network(bundle, images):
    antidots, ldos = images
    curves = np.repeat(np.arange(5.0)[:, None], 64, axis=1)
    decoded = decode.decode(bundle, curves, samples=3, steps=4)
    assert bundle[0].encoded == 5, "each curve is encoded once"
    np.testing.assert_allclose(decoded.ldos, np.broadcast_to(ldos[:5, None], decoded.ldos.shape), atol=2e-3)
    np.testing.assert_array_equal(decoded.antidots, np.broadcast_to(antidots[:5, None], (5, 3, 2, 2)))
    np.testing.assert_array_equal(decoded.consensus, antidots[:5])
    np.testing.assert_array_equal(decoded.probability, 1)
    assert [(pair.tolist(), share) for pair, share in decoded.candidates[2]] == [(antidots[2].tolist(), 1.0)]
    np.testing.assert_allclose(decoded.image, ldos[:5], atol=2e-3)


class Mirror(Oracle):
    """A network whose samples keep traces of their noise."""

    def forward(self, x, t, condition):
        return 0.3 * super().forward(x, t, condition)


def test_a_sample_does_not_depend_on_its_company(bundle, images):
    bundle = (Mirror(bundle[0].images, bundle[3]), *bundle[1:])
    curves = np.repeat(np.arange(4.0)[:, None], 64, axis=1)
    seeds = [decode.sample_seeds(s, 3) for s in range(4)]
    together = decode.draw(bundle, curves, seeds, steps=3, batch=5)
    alone = decode.draw(bundle, curves[2:3], [seeds[2][1:2]], steps=3)
    np.testing.assert_allclose(together[2, 1], alone[0, 0], atol=1e-5)
    assert np.abs(together[2, 0] - together[2, 1]).max() > 0.05 and decode.sample_seeds(0, 5)[:3] == seeds[0]


# --- CSV files


def write(path, field=DEVICE.fields, conductance=None, header="field,conductance"):
    conductance = 5 + np.cos(100 * np.asarray(field)) if conductance is None else conductance
    rows = "".join(f"{b!r},{g!r}\n" for b, g in zip(np.asarray(field).tolist(), np.asarray(conductance).tolist()))
    path.write_text(header + "\n" + rows)
    return path


def test_reads_its_own_grid_to_the_digit(tmp_path):
    notes = []
    curve = read_curve(write(tmp_path / "a.csv"), DEVICE, notes.append)
    np.testing.assert_array_equal(curve, 5 + np.cos(100 * DEVICE.fields))
    text = (tmp_path / "a.csv").read_text().replace("\n", ",7\n").replace("conductance,7", "conductance,open_modes")
    (tmp_path / "b.csv").write_text("\ufeff# measured\n\n" + text)  # further columns, comments, a byte order mark
    np.testing.assert_array_equal(read_curve(tmp_path / "b.csv", DEVICE, notes.append), curve)
    assert not notes
    write(tmp_path / "c.csv", header="Conductance [e²/h],Field [rad/plaquette]", field=curve, conductance=DEVICE.fields)
    np.testing.assert_array_equal(read_curve(tmp_path / "c.csv", DEVICE), curve)


def test_resamples_and_folds_and_says_so(tmp_path):
    notes = []
    field = np.linspace(-0.06, 0.06, 151)[::-1]
    curve = read_curve(write(tmp_path / "a.csv", field), DEVICE, notes.append)
    np.testing.assert_allclose(curve, 5 + np.cos(100 * DEVICE.fields), atol=1e-3)
    assert len(notes) == 2 and "folded" in notes[0] and "interpolated" in notes[1]


BAD = {
    "no column 'conductance'": "field,G\n0,5\n",
    "no header": "0,5\n0.01,5\n",
    "separated by something else": "field;conductance\n0;5\n",
    "two columns 'field'": "field,field,conductance\n0,0,5\n",
    "[T], it must be in [rad/plaquette]": "field [T],conductance\n0,5\n",
    "line 3: conductance 'high' is not a number": "field,conductance\n0,5\n0.01,high\n",
    "line 2: conductance is nan": "field,conductance\n0,nan\n",
    "line 3: 1 cells where the header has 2": "field,conductance\n0,5\n0.01\n",
    "the file is empty": "",
    "0 data lines": "field,conductance\n",
    "stands on lines 2 and 4": "field,conductance\n0,5\n0.01,5\n0,5\n",
    "covers 0 to 0.03": (np.linspace(0, 0.03, 64), None),
    "covers 0.01 to 0.05": (np.linspace(0.01, 0.05, 64), None),
    "in tesla": (np.linspace(0, 10, 64), None),
    "Multiply by 2 pi": (np.linspace(0, 0.05 / (2 * np.pi), 64), None),
    "too few": (np.linspace(0, 0.05, 20), None),
    "conductance 12 lies outside 0 to 11": (DEVICE.fields, np.full(64, 12.0)),
    "conductance -1 lies outside": (DEVICE.fields, np.full(64, -1.0)),
    "in siemens": (DEVICE.fields, np.full(64, 5 * 3.874e-5)),
}


@pytest.mark.parametrize("message", BAD)
def test_a_bad_file_is_one_line(message, tmp_path):
    content = BAD[message]
    if isinstance(content, str):
        (tmp_path / "curve.csv").write_text(content)
    else:
        write(tmp_path / "curve.csv", *content)
    with pytest.raises(SettingsError) as error:
        read_curve(tmp_path / "curve.csv", DEVICE)
    text = str(error.value)
    assert "\n" not in text and "curve.csv" in text
    assert (message if message != "no header" else "no column 'field' in the header '0,5'") in text


def test_what_is_no_csv_file_is_one_line(tmp_path):
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)))
    for path, message in ((tmp_path, "is a folder"), (tmp_path / "none.csv", "No such file"),
                          (tmp_path / "binary.csv", "not a text file")):
        with pytest.raises(SettingsError, match=message):
            read_curve(path, DEVICE)


# --- the command


@pytest.fixture
def command(bundle, monkeypatch):
    """`qfp decode` with the perfect network in place of weights."""
    monkeypatch.setattr(decode, "load_model", lambda name: bundle)
    return lambda *arguments: cli.main(["decode", *map(str, arguments)])


def test_decode_command(command, images, tmp_path, capsys):
    files = [write(tmp_path / f"{i}.csv", conductance=np.full(64, float(i))) for i in (3, 1)]
    assert command(*files, "--json", "--samples", 2, "--steps", 2, "--out", tmp_path / "out") == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [list(answer) for answer in answers] == 2 * [["file", "antidots", "probability", "samples", "candidates", "seconds"]]
    for i, file, answer in zip((3, 1), files, answers):
        assert answer["file"] == str(file) and answer["antidots"] == images[0][i].tolist()
        assert answer["probability"] == 1 and answer["samples"] == 2
        assert answer["candidates"] == [{"antidots": images[0][i].tolist(), "share": 1.0}]
        assert np.load(tmp_path / "out" / f"{i}.npy").shape == (2, 60, 50)
        assert (tmp_path / "out" / f"{i}.png").stat().st_size > 10_000
    assert command(files[0], "--out", tmp_path / "out") == 2
    assert "exists" in capsys.readouterr().err
    assert command(files[0], "--samples", 1, "--steps", 2) == 0
    text = capsys.readouterr().out
    assert "100% of 1 samples agree" in text and "canonical placement" in text


@pytest.mark.parametrize("arguments", [["--samples", "0"], ["--steps", "2000"], ["missing.csv"], ["--out", "FILE"]])
def test_decode_refuses_before_it_starts(command, arguments, tmp_path, capsys):
    file = write(tmp_path / "1.csv", conductance=np.full(64, 1.0))
    arguments = [file if a == "FILE" else a for a in arguments]
    assert command(file, *arguments) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and error.startswith("qfp: error: ")
    assert [path.name for path in tmp_path.iterdir()] == ["1.csv"]


def test_settings_of_the_weights_are_the_defaults(bundle):
    sampling = dataclasses.replace(CONFIG.sampling, samples=2, steps=3)
    bundle = (bundle[0], dataclasses.replace(CONFIG, sampling=sampling), *bundle[2:])
    assert decode.decode(bundle, np.zeros((1, 64))).ldos.shape == (1, 2, 60, 50)
