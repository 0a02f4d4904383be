"""Positions from images, consensus, decoding with a network that knows the answer, the command."""

import dataclasses
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from qfp import cli
from qfp.commands import kept
from qfp.config import load_preset
from qfp.data import normalise
from qfp.data.measured import Curve
from qfp.decoding import answer, decode, novelty, positions, told
from qfp.model.condition import Condition
from qfp.model.diffusion import Schedule
from qfp.physics import geometry, green, sweep
from qfp.physics.units import SIEMENS, per_tesla

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
    np.testing.assert_array_equal(positions.recover(ldos, DEVICE), antidots)
    mirrored = ldos[:, ::-1, ::-1]  # another placement is found where it is
    expected = geometry.ordered((DEVICE.width - 1, DEVICE.length - 1) - antidots)
    np.testing.assert_array_equal(positions.recover(mirrored, DEVICE), expected)


def test_recovery_is_the_joint_minimum_over_all_allowed_pairs():
    pictures = np.random.default_rng(1).standard_normal((6, DEVICE.length, DEVICE.width))
    pictures[3:] *= 0.1
    pictures[3:, 20:33, 10:23] -= 3  # a wide hole: the best discs overlap and must not
    centres, compatible = positions.allowed(DEVICE)
    assert len(centres) == 38 * 48
    means = positions.disc_means(pictures, DEVICE)
    k = 700
    x, y = centres[k]
    disc = geometry.disc(DEVICE.radius) + (x, y)
    assert means[0, k] == pytest.approx(pictures[0, disc[:, 1], disc[:, 0]].mean())
    for mean, pair in zip(means, positions.recover(pictures, DEVICE)):
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
    """A network that gives the exact v of the image which belongs to a curve; the curve's first
    number names it."""

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
def decoder(images):
    constants = normalise.Normalisation(
        (0.0,) * 64, (1.0,) * 64, 0.3, 0.2, DEVICE.width, DEVICE.length
    )
    schedule = Schedule(1000, "cosine", "v")
    oracle = Oracle(constants.image(images[1]), schedule)
    return decode.Decoder(oracle, CONFIG, constants, schedule, {})


def test_decoding_with_a_perfect_network(decoder, images):
    antidots, ldos = images
    curves = np.repeat(np.arange(5.0)[:, None], 64, axis=1)
    decoded = decode.decode(decoder, curves, samples=3, steps=4)
    assert decoder.model.encoded == 5, "each curve is encoded once"
    np.testing.assert_allclose(
        decoded.ldos, np.broadcast_to(ldos[:5, None], decoded.ldos.shape), atol=2e-3
    )
    np.testing.assert_array_equal(
        decoded.antidots, np.broadcast_to(antidots[:5, None], (5, 3, 2, 2))
    )
    np.testing.assert_array_equal(decoded.consensus, antidots[:5])
    np.testing.assert_array_equal(decoded.probability, 1)
    assert [(pair.tolist(), share) for pair, share in decoded.candidates[2]] == [
        (antidots[2].tolist(), 1.0)
    ]
    np.testing.assert_allclose(decoded.image, ldos[:5], atol=2e-3)


class Mirror(Oracle):
    """A network whose samples keep traces of their noise."""

    def forward(self, x, t, condition):
        return 0.3 * super().forward(x, t, condition)


def test_a_sample_does_not_depend_on_its_company(decoder, images):
    decoder = dataclasses.replace(decoder, model=Mirror(decoder.model.images, decoder.schedule))
    curves = np.repeat(np.arange(4.0)[:, None], 64, axis=1)
    seeds = [decode.sample_seeds(s, 3) for s in range(4)]
    together = decode.draw(decoder, curves, seeds, steps=3, batch=5)
    alone = decode.draw(decoder, curves[2:3], [seeds[2][1:2]], steps=3)
    np.testing.assert_allclose(together[2, 1], alone[0, 0], atol=1e-5)
    assert (
        np.abs(together[2, 0] - together[2, 1]).max() > 0.05
        and decode.sample_seeds(0, 5)[:3] == seeds[0]
    )


def test_each_sample_decodes_its_own_draw_of_the_noise(decoder, images, monkeypatch):
    """Draws are pure functions of (seed, sample), have the noise's size; none changes nothing."""
    encoded = []
    monkeypatch.setattr(
        decoder.model,
        "encode",
        lambda curve: encoded.append(curve) or Condition(curve[:, :1, None].long() * 0, ()),
    )
    curves, noise = np.full((3, 64), 5.0), np.full((3, 64), 0.2) * [[1], [0], [1]]
    decoded = decode.decode(decoder, curves, samples=20, steps=1, noise=noise, seed=[4, 4, 5])
    seen = np.concatenate(encoded).reshape(3, 20, 64)
    assert decoded.ldos.shape == (3, 20, 60, 50) and decoded.consensus.shape == (3, 2, 2)
    assert (
        (seen[1] == 5).all()
        and seen[0].std() == pytest.approx(0.2, rel=0.1)
        and len(np.unique(seen[0])) > 1000
    )
    encoded.clear()
    decode.decode(decoder, curves[2:], samples=7, steps=1, noise=noise[2:], seed=5)
    np.testing.assert_array_equal(np.concatenate(encoded), seen[2, :7])


# --- the command


def write(path, field=DEVICE.fields, conductance=None, header="field,conductance"):
    columns = [np.asarray(c).tolist() for c in (field, *np.atleast_2d(conductance))]
    path.write_text(
        header + "\n" + "".join(",".join(map(repr, row)) + "\n" for row in zip(*columns))
    )
    return path


@pytest.fixture
def command(decoder, monkeypatch):
    """`qfp decode` with the perfect network in place of weights, and without a reference for
    novelty."""
    monkeypatch.setattr(answer, "load_decoder", lambda name: decoder)
    monkeypatch.setattr(novelty, "load", lambda weights: None)
    return lambda *arguments: cli.main(["decode", "--network-only", *map(str, arguments)])


@pytest.fixture
def judge(command, monkeypatch):
    """The command with a reference that flags the curves whose number is above 2; what it was given
    is in the list."""
    calls = []

    def judged(reference, curves, decoded, noise=None):
        calls.append((reference, curves, decoded, noise))
        return SimpleNamespace(
            novelty=curves[:, 0] / 2, flagged=curves[:, 0] > 2, predicted=curves + 0.1
        )

    monkeypatch.setattr(novelty, "load", lambda weights: "the reference")
    monkeypatch.setattr(novelty, "judge", judged)
    return calls


KEYS = [
    "file",
    "antidots",
    "probability",
    "samples",
    "candidates",
    "numbers",
    "novelty",
    "flagged",
    "notes",
    "seconds",
]


def test_decode_command(command, images, tmp_path, capsys):
    files = [write(tmp_path / f"{i}.csv", conductance=np.full(64, float(i))) for i in (3, 1)]
    assert command(*files, "--json", "--samples", 2, "--steps", 2) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [list(found) for found in answers] == [KEYS, KEYS]
    for i, file, found in zip((3, 1), files, answers):
        assert found["file"] == str(file) and found["antidots"] == images[0][i].tolist()
        assert found["probability"] == 1 and found["samples"] == 2
        assert found["candidates"] == [{"antidots": images[0][i].tolist(), "share": 1.0}]
        assert found["novelty"] is None and found["flagged"] is None
        assert (
            len(found["notes"]) == 1 and "qfp study novelty --weights laptop" in found["notes"][0]
        )
    assert command(files[0], "--samples", 1, "--steps", 2) == 0
    text = capsys.readouterr().out
    assert (
        "100% of 1 samples agree" in text and "canonical placement" in text and "not judged" in text
    )


def test_what_is_flagged_is_answered_and_marked(command, judge, images, tmp_path, capsys):
    files = [
        write(
            tmp_path / f"{i}.csv",
            conductance=[np.full(64, float(i)), np.full(64, 0.3)],
            header="field,conductance,noise",
        )
        for i in (5, 1)
    ]
    assert command(*files, "--samples", 1, "--steps", 2, "--out", tmp_path / "out") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith(f"(x, y) = {told.places(images[0][5])}") and lines[3].endswith(
        told.places(images[0][1])
    )
    assert (
        lines[2] == "  unlike the training curves: novelty 2.5, above 1; do not trust this answer"
    )
    assert lines[5] == "  like the training curves: novelty 0.50, not above 1"
    reference, curves, decoded, noise = judge[0]
    assert reference == "the reference" and curves[:, 7].tolist() == [5, 1] and (noise == 0.3).all()
    np.testing.assert_array_equal(decoded.consensus, images[0][[5, 1]])
    assert [np.load(tmp_path / "out" / f"{i}.npy").shape for i in (5, 1)] == 2 * [(1, 60, 50)]
    assert all((tmp_path / "out" / f"{i}.png").stat().st_size > 20_000 for i in (5, 1))
    assert command(files[0], "--out", tmp_path / "out") == 2 and "exists" in capsys.readouterr().err
    assert command(*files, "--samples", 1, "--steps", 2, "--json") == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(f["novelty"], f["flagged"], f["notes"]) for f in found] == [
        (2.5, True, []),
        (0.5, False, []),
    ]


def test_units_change_nothing(command, judge, tmp_path, capsys):
    """Tesla and siemens give the answer, the noise and the curve of rad/plaquette and e^2/h, and an
    axis in tesla."""
    curve = [np.full(64, 4.0), np.full(64, 0.1)]
    plain = write(tmp_path / "plain.csv", conductance=curve, header="field,conductance,noise")
    si = write(
        tmp_path / "si.csv",
        DEVICE.fields / per_tesla(5),
        np.multiply(curve, SIEMENS),
        "field [T],conductance [S],noise [S]",
    )
    assert command(plain, "--samples", 1, "--steps", 2, "--json") == 0
    assert command(si, "--samples", 1, "--steps", 2, "--json", "--lattice-nm", 5, "--siemens") == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (
        all(found[0][key] == found[1][key] for key in set(KEYS) - {"file", "seconds", "novelty"})
        and found[0]["notes"] == []
    )
    for a, b in zip(judge[0][1::2], judge[1][1::2]):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_notes_are_told(command, tmp_path, capsys):
    field = np.linspace(0.06, -0.06, 151)
    file = write(tmp_path / "folded.csv", field, np.full(151, 5.0))
    assert command(file, "--samples", 1, "--steps", 2, "--json") == 0
    out, err = capsys.readouterr()
    notes = json.loads(out)["notes"]
    words = "folded", "halves at -b and +b differ by 0 e^2/h", "151 points averaged", "novelty"
    assert all(word in note for word, note in zip(words, notes, strict=True))
    assert err.splitlines() == [f"note: {file}: {note}" for note in notes]


def test_report_shows_what_was_found(images):
    """Images of all samples, outlines and shares of the candidates, curve, error bars, exact curve,
    verdict, tesla."""
    device = dataclasses.replace(DEVICE, field_points=3)
    samples = images[1][[7, 7, 7, 9]].astype(float)[None]
    curve = Curve(np.full(3, 5.0), 0.2**2 * np.eye(3))
    for judged, word in (
        (None, "not judged"),
        (
            SimpleNamespace(novelty=[3.12], flagged=[True], predicted=[np.full(3, 4.0)]),
            "novelty 3.1, above 1",
        ),
    ):
        found = answer.Answers(
            device,
            ("a/b.csv",),
            (curve,),
            decode.conclude(samples, device),
            None,
            judged,
            ((),),
            per_tesla(5),
            1,
            1.0,
        )
        figure = answer.report(found, 0)
        mean, spread, shares, plot = [
            ax for ax in figure.axes if ax.get_label() in ("mean", "spread", "shares", "curve")
        ]
        np.testing.assert_allclose(mean.images[0].get_array(), samples[0].mean(axis=0))
        np.testing.assert_allclose(spread.images[0].get_array(), samples[0].std(axis=0))
        assert len(mean.patches) == len(spread.patches) == 4 and [
            bar.get_width() for bar in shares.patches
        ] == [0.75, 0.25]
        exact = green.solve(device, images[0][7])[0] if judged is None else np.full(3, 4.0)
        np.testing.assert_allclose(plot.lines[0].get_ydata(), exact, atol=1e-9)
        assert len(plot.containers[0].lines[2]) == 1 and word in plot.get_title("left")
        assert "b.csv" in figure.get_suptitle() and "four copies" in figure.get_supxlabel().replace(
            "\n", " "
        )
        assert [ax.get_xlabel() for ax in plot.child_axes] == ["magnetic field B [T]"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--samples", "0"],
        ["--steps", "2000"],
        ["missing.csv"],
        ["--out", "FILE"],
        ["--lattice-nm", "0"],
        ["--lattice-nm", "nan"],
    ],
)
def test_decode_refuses_before_it_starts(command, arguments, tmp_path, capsys):
    file = write(tmp_path / "1.csv", conductance=np.full(64, 1.0))
    arguments = [file if a == "FILE" else a for a in arguments]
    assert command(file, *arguments) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and error.startswith("qfp: error: ")
    assert [path.name for path in tmp_path.iterdir()] == ["1.csv"]


def test_settings_of_the_weights_are_the_defaults(decoder):
    sampling = dataclasses.replace(CONFIG.sampling, samples=2, steps=3)
    decoder = dataclasses.replace(decoder, config=dataclasses.replace(CONFIG, sampling=sampling))
    assert decode.decode(decoder, np.zeros((1, 64))).ldos.shape == (1, 2, 60, 50)


# --- what a killed call has decoded


@pytest.fixture
def twelve(command, monkeypatch, tmp_path):
    """Twelve files, blocks of four, and the command that decodes them into a folder: --out and
    more options."""
    page = SimpleNamespace(savefig=lambda handle, **options: handle.write(b"a page"))
    monkeypatch.setattr(answer, "report", lambda answers, i: page)
    monkeypatch.setattr(answer, "BLOCK", 4)
    monkeypatch.setattr(answer.in_blocks, "__defaults__", blocks_of(4))
    files = [write(tmp_path / f"{i}.csv", conductance=np.full(64, float(i))) for i in range(12)]
    usual = "--samples", 1, "--steps", 2, "--json"
    return files, lambda out, *more: command(*files, *usual, "--out", tmp_path / out, *more)


def blocks_of(number):
    """Defaults of `in_blocks` with another size of blocks."""
    return tuple(number if value == 20 else value for value in answer.in_blocks.__defaults__)


def contents(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def killed_at(monkeypatch, number, name, module=kept, last=lambda *arguments: None):
    """Ends the process, so to speak, when a function of a module is called for the number-th time,
    and has done no more than `last` instead."""
    calls, usual = [], getattr(module, name)

    def deadly(*arguments):
        calls.append(arguments)
        if len(calls) == number:
            last(*arguments)
            raise KeyboardInterrupt
        return usual(*arguments)

    monkeypatch.setattr(module, name, deadly)
    return calls


@pytest.mark.parametrize(
    "name, number, lost",
    [
        ("write_report", 1, 12),
        ("write_report", 7, 8),  # in the second block
        ("write_samples", 9, 4),
        ("output_file", 24 + 5, 0),  # while results are moved to their place
    ],
)
def test_a_killed_call_goes_on_to_the_same_answers(
    twelve, tmp_path, monkeypatch, capsys, name, number, lost
):
    _, decode_into = twelve
    assert decode_into("whole") == 0
    said = [json.loads(line) | {"seconds": 0} for line in capsys.readouterr().out.splitlines()]
    with monkeypatch.context() as patch:
        killed_at(patch, number, name)
        assert decode_into("out") == 130
    first = capsys.readouterr().out.splitlines()
    drawn = killed_at(monkeypatch, 10**6, "write_report")
    assert decode_into("out") == 0
    out, err = capsys.readouterr()
    again = [json.loads(line) for line in out.splitlines()]
    assert [a | {"seconds": 0} for a in again] == said and len(drawn) == lost
    assert [json.loads(line) for line in first[: 12 - lost]] == again[: 12 - lost]
    assert (f"{12 - lost} of 12 curves were decoded by an earlier call: kept" in err) == (lost < 12)
    whole = contents(tmp_path / "whole")
    assert len(whole) == 24 and contents(tmp_path / "out") == whole


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize(
    "last",
    [lambda folder: None, lambda folder: (folder / kept.SAID).unlink(), shutil.rmtree],
    ids=["before", "half way", "behind"],
)
def test_a_call_killed_while_it_tidies_up_goes_on_and_decodes_nothing_again(
    twelve, tmp_path, monkeypatch, capsys, number, last
):
    _, decode_into = twelve
    with monkeypatch.context() as patch:
        killed_at(patch, number, "rmtree", shutil, last)
        assert decode_into("out") == 130
    said = capsys.readouterr().out
    drawn = killed_at(monkeypatch, 10**6, "write_report")
    assert decode_into("out") == 0 and not drawn
    assert capsys.readouterr().out == said and len(contents(tmp_path / "out")) == 24
    assert not (tmp_path / "out" / kept.FOLDER).exists()
    assert decode_into("out") == 2 and "exists" in capsys.readouterr().err


def test_other_settings_or_another_file_are_decoded_again_and_nothing_is_lost(
    twelve, tmp_path, monkeypatch, capsys
):
    files, decode_into = twelve
    with monkeypatch.context() as patch:
        killed_at(patch, 10, "write_report")
        assert decode_into("out") == 130
    write(files[1], conductance=np.full(64, 2.0))  # in the first block
    with monkeypatch.context() as patch:
        killed_at(patch, 6, "write_report")  # four of the first block, none of the second
        assert decode_into("out") == 130
    assert "4 of 12 curves" in capsys.readouterr().err
    before = contents(tmp_path / "out" / kept.FOLDER)
    drawn = killed_at(monkeypatch, 10**6, "write_report")
    assert decode_into("out", "--samples", 2) == 0 and len(drawn) == 12
    assert "earlier call" not in capsys.readouterr().err
    assert np.load(tmp_path / "out" / "3.npy").shape == (2, 60, 50)
    after = contents(tmp_path / "out" / kept.FOLDER)
    assert before.items() <= after.items()
    assert decode_into("out") == 2 and "exists" in capsys.readouterr().err


def test_two_calls_into_one_folder_take_turns(twelve, tmp_path, monkeypatch, capsys):
    _, decode_into = twelve

    def second(*arguments):
        monkeypatch.setattr(kept, "write_report", usual)
        codes.append(decode_into("out"))
        raise KeyboardInterrupt

    usual, codes = kept.write_report, []
    monkeypatch.setattr(kept, "write_report", second)
    assert decode_into("out") == 130 and codes == [2]
    assert "another process is decoding there" in capsys.readouterr().err
