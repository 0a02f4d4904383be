"""Training for real, but small: it overfits, resumes bit for bit, and exported weights reproduce
their samples."""

import dataclasses
import json
import signal
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from qfp.config import load_preset
from qfp.data import dataset, interpolate, normalise
from qfp.decoding import decode
from qfp.files import sole
from qfp.model import exported
from qfp.model.diffusion import Schedule, guided, sample
from qfp.model.precision import autocast
from qfp.physics import geometry
from qfp.studies import frame
from qfp.studies.short import course, first_steps, learning
from qfp.tools import SettingsError, as_dict, stream
from qfp.training import checkpoint, log
from qfp.training.batches import Batches
from qfp.training.log import Log
from qfp.training.loss import losses, position_loss
from qfp.training.optimise import Plain, Sam, average, learning_rate
from qfp.training.preview import preview
from qfp.training.train import train

DEVICE = load_preset("smoke").device
TINY = {
    "channels": [8, 16],
    "condition_channels": [4, 4],
    "condition_width": 16,
    "condition_hidden": 16,
    "grid_width": 40,
}


def tiny(network=TINY, **training):
    return load_preset(
        "smoke",
        network=network,
        training={"batch": 4, "curve_batch": 4, "precision": "fp32", **training},
    )


def toy_pairs(n=24, potentials=2):
    """Pairs without physics: two dark discs on a striped wire, and a curve that is a smooth
    function of the positions."""
    rng = stream("toy", 0)
    low, high = rng.integers((6, 6), (44, 20), (n, 2)), rng.integers((6, 34), (44, 54), (n, 2))
    antidots = np.stack([low, high], 1).astype(np.int16)
    y, x = np.mgrid[:60, :50]
    holes = (
        (x - antidots[:, :, 0, None, None]) ** 2 + (y - antidots[:, :, 1, None, None]) ** 2 <= 25
    ).any(1)
    ldos = np.where(holes, 0, 0.05 + 0.02 * np.cos(0.3 * x)).astype(np.float16)
    waves = np.sin(antidots.reshape(n, 4) @ rng.normal(size=(4, 64)) * 0.05)
    conductance = np.stack([5 + waves + 0.01 * p for p in range(potentials)]).astype(np.float32)
    return dataset.Pairs(
        antidots,
        np.zeros((n, 3), np.int16),
        np.zeros((potentials, 60, 50)),
        DEVICE.fields,
        conductance,
        np.stack([ldos] * potentials),
        DEVICE,
        "0" * 64,
    )


@pytest.fixture
def pairs(monkeypatch):
    """Toy pairs, which `train` then finds in any dataset file."""
    pairs = toy_pairs()
    monkeypatch.setattr(dataset, "load", lambda path, images=True: pairs)
    return pairs


def tensors(folder):
    return exported.read(folder / checkpoint.CHECKPOINT)[0]


def after(step):
    """A watcher that ends a run after so many steps; None: never."""
    return lambda training: training.step == step


def batches(config, pairs):
    rows = dataset.split(len(pairs.antidots), len(pairs.potentials), "config", 0)["train"]
    return Batches(config, pairs, rows, normalise.normalisation(pairs, rows), "cpu")


@pytest.mark.parametrize("optimizer", ["adamw", "sam"])
def test_resume_equals_an_uninterrupted_run(pairs, tmp_path, optimizer):
    config = tiny({**TINY, "dropout": 0.1}, max_steps=6, optimizer=optimizer)
    train(config, "data.h5", tmp_path / "straight", report=str)
    train(config, "data.h5", tmp_path / "parts", report=str, watch=after(3))
    assert exported.read(tmp_path / "parts" / checkpoint.CHECKPOINT)[1]["step"] == 3
    train(config, "data.h5", tmp_path / "parts", resume=True, report=str)
    one, two = tensors(tmp_path / "straight"), tensors(tmp_path / "parts")
    assert one.keys() == two.keys() and {k.split(".")[0] for k in one} == {
        "model",
        "ema",
        "optimizer",
    }
    assert [k for k in one if not torch.equal(one[k], two[k])] == []


@pytest.fixture
def interruptible():
    """Interrupts act as at a prompt: in a job in the background of a shell they are ignored."""
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, usual)


@pytest.mark.parametrize("ending, kept", [("interrupt", 3), ("kill", 0)])
def test_an_interrupt_loses_no_step_and_a_kill_before_the_first_checkpoint_leaves_a_run_to_resume(
    pairs, tmp_path, monkeypatch, interruptible, ending, kept
):
    config, add, lines = tiny(max_steps=6), Log.add, []

    def stopping(log, *losses):
        add(log, *losses)
        if len(log.values) == 3 and not kept:
            raise SystemExit  # as good as a kill: nothing is written any more
        if len(log.values) == 3:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt if kept else SystemExit):
        patch.setattr(Log, "add", stopping)
        train(config, "data.h5", tmp_path / "run", report=lines.append)
    assert exported.read(tmp_path / "run" / checkpoint.CHECKPOINT)[1]["step"] == kept
    assert ("--resume goes on" in lines[-1]) == (kept > 0) and signal.getsignal(
        signal.SIGINT
    ) is signal.default_int_handler
    train(config, "data.h5", tmp_path / "run", resume=True, report=str)
    train(config, "data.h5", tmp_path / "straight", report=str)
    one, two = tensors(tmp_path / "straight"), tensors(tmp_path / "run")
    assert one.keys() == two.keys() and [k for k in one if not torch.equal(one[k], two[k])] == []


def test_an_interrupt_in_the_last_look_is_not_lost(pairs, tmp_path, monkeypatch, interruptible):
    """The watcher is asked before each step and after the last; its time is none of training."""

    def watch(training):
        steps.append(training.step)
        now[0] += 60
        if training.step == 2:
            signal.raise_signal(signal.SIGINT)
            return True

    steps, now, run = [], [0.0], tmp_path / "run"
    clock = SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr("qfp.training.train.time", clock)
    with pytest.raises(KeyboardInterrupt):
        train(tiny(max_steps=2), "data.h5", run, report=str, watch=watch)
    meta = exported.read(run / checkpoint.CHECKPOINT)[1]
    assert steps == [0, 1, 2] and (meta["step"], meta["minutes"]) == (2, 0)
    train(tiny(max_steps=2), "data.h5", run, resume=True, report=str)


def test_a_second_interrupt_ends_at_once(interruptible):
    with pytest.raises(KeyboardInterrupt), checkpoint.held_interrupt() as interrupted:
        assert not interrupted()
        signal.raise_signal(signal.SIGINT)
        assert interrupted()
        signal.raise_signal(signal.SIGINT)
        pytest.fail("the second interrupt was held, too")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("bf16", [False, True])
def test_exported_weights_reproduce_their_samples(pairs, tmp_path, bf16):
    config = tiny(max_steps=8, learning_rate=0.01)
    train(config, "data.h5", tmp_path / "run", report=str)
    meta = checkpoint.export(tmp_path / "run", tmp_path / "out" / "tiny", bf16)
    assert {f.name for f in (tmp_path / "out").iterdir()} == {
        "tiny.safetensors",
        "tiny.json",
        "tiny.jsonl",
    }
    assert meta["step"] == 8 and meta["images"] == 32 and meta["data"] == pairs.sha256
    decoder = decode.load_decoder(tmp_path / "out" / "tiny.safetensors")
    model, normal, schedule = decoder.model, decoder.normal, decoder.schedule
    assert decoder.config == config and not model.training

    trained = exported.network_of(config).eval()
    ema = exported.part(exported.part(tensors(tmp_path / "run"), "ema"), "module")
    trained.load_state_dict(ema)
    curve = normal.curve(pairs.conductance[0, :2])
    one, two = (
        sample(guided(m, schedule, m.encode(curve)), schedule, [0, 1], (1, 60, 60), "ddim", 5)
        for m in (model, trained)
    )
    torch.testing.assert_close(one, two, rtol=0, atol=0.1 if bf16 else 0)
    assert one.std() > 0.1


def test_it_overfits_four_samples(pairs, tmp_path):
    """Four curves, one potential: 20 DDIM steps from noise give each curve its own image."""
    network = {
        **TINY,
        "channels": [24, 48],
        "condition_channels": [8, 16],
        "condition_width": 32,
        "condition_hidden": 64,
        "grid_width": 40,
        "attention": ["none", "full"],
    }
    config = tiny(network, batch=8, curve_batch=8, learning_rate=4e-3, condition_dropout=0.0)
    normal = batches(config, pairs).normal
    rows = np.stack([np.zeros(4, np.int64), np.arange(4)], 1)
    make, model = Batches(config, pairs, rows, normal, "cpu"), exported.network_of(config)
    schedule = Schedule(1000, "cosine", "v")
    optimizer, ema = torch.optim.AdamW(model.parameters()), average(model, 0.95)
    for step in range(200):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(config.training, step, step / 200)
        with autocast("auto", "cpu"):
            loss = losses(model, schedule, make(step), config.training)[0]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        ema.update_parameters(model)
    model = ema.module.eval()
    p, n = rows.T
    condition = model.encode(normal.curve(pairs.conductance[p, n]))
    x = sample(guided(model, schedule, condition), schedule, [0, 1, 2, 3], (1, 60, 60), "ddim", 20)
    r = np.corrcoef(normal.ldos(x).reshape(4, -1), pairs.ldos[p, n].reshape(4, -1).astype(float))[
        :4, 4:
    ]
    assert np.diag(r).min() > 0.8 and (r.argmax(1) == np.arange(4)).all()
    peaks = model.curve(normal.curve(pairs.conductance[p, n])).flatten(2).argmax(-1).numpy()
    assert np.abs(np.stack([peaks % 60 - 5, peaks // 60], -1) - pairs.antidots[n]).max() <= 1


def test_a_batch_is_a_function_of_seed_and_step(pairs):
    config = tiny()
    one, two = batches(config, pairs)(7), batches(config, pairs)(7)
    assert all(torch.equal(torch.as_tensor(one[k]), torch.as_tensor(two[k])) for k in one)
    assert not torch.equal(one["noise"], batches(config, pairs)(8)["noise"])
    assert (
        one["x0"].shape == (4, 1, 60, 60)
        and one["curves"].shape == (8, 64)
        and one["centres"].shape == (8, 2, 2)
    )


def test_batches_hold_training_configurations_alone(pairs):
    make = batches(tiny(), pairs)
    parts = dataset.split(24, 2, "config", 0)
    curves = torch.cat([make(step)["curves"] for step in range(100)])
    distance = torch.cdist(
        curves, make.normal.curve(pairs.conductance[parts["test"][:, 0], parts["test"][:, 1]])
    )
    assert distance.min() > 1e-3


def test_configurations_that_are_left_out_lend_no_curve(pairs):
    config = tiny(curve_neighbours=5, curve_left_out=0.5, curve_batch=400)
    pairs = dataclasses.replace(pairs, orbit=geometry.configurations(DEVICE)[0][::600][:24])
    rows = dataset.split(24, 2, "config", 0)["train"]
    normal = normalise.normalisation(pairs, rows)
    some, all_ = (
        Batches(dataclasses.replace(config, training=training), pairs, rows, normal, "cpu")
        for training in (config.training, dataclasses.replace(config.training, curve_left_out=0.0))
    )
    out = interpolate.left_out(24, rows[:, 1], 0.5, config.seed)
    assert len(out) and set(all_.pool) - set(some.pool) == set(out)
    centres = pairs.antidots.astype(np.float32) + np.float32([5, 0])
    met = [{tuple(pair.ravel()) for pair in made(3)["centres"].numpy()} for made in (some, all_)]
    left = {tuple(centres[n].ravel()) for n in out}
    assert not left & met[0] and left <= met[1]
    assert as_dict(some.config)["training"]["curve_left_out"] == 0.5
    plain = as_dict(all_.config)
    assert "curve_left_out" not in plain["training"], "hashes of older settings stay"
    assert exported.config_of(plain, "here") == all_.config


def test_interpolated_curves_err_as_interpolation_does_and_simulated_ones_do_not(pairs):
    pairs = dataclasses.replace(pairs, orbit=geometry.configurations(DEVICE)[0][::600][:24])
    rows = dataset.split(24, 2, "config", 0)["train"]
    normal, known = normalise.normalisation(pairs, rows), np.unique(rows[:, 1])
    config = tiny(curve_neighbours=5, curve_batch=2000, curve_errors=2.0, curve_mixing=0.0)
    plain = dataclasses.replace(config.training, curve_errors=0.0)
    right = Batches(dataclasses.replace(config, training=plain), pairs, rows, normal, "cpu")
    made = Batches(config, pairs, rows, normal, "cpu")
    (ours, theirs), B = (make(3) for make in (made, right)), config.training.batch
    assert torch.equal(ours["centres"], theirs["centres"])
    off = (ours["curves"] - theirs["curves"]).abs().amax(1) > 0
    places = pairs.antidots.astype(np.float32) + np.float32([5, 0])
    simulated = [any((pair == places[n]).all() for n in known) for pair in ours["centres"].numpy()]
    assert not off[:B].any()
    assert (off[B:].numpy() == ~np.array(simulated[B:])).all() and 0 < off.sum() < 2000
    errors = made.erring(np.repeat(np.setdiff1d(np.arange(24), known), 500), stream("test", 0))
    size = np.sqrt(np.mean(np.square(errors)))
    wanted = np.sqrt(np.mean(np.square(made.errors[:, made.near[made.interpolated]])))
    assert size == pytest.approx(2 * wanted, rel=0.1)
    whole = Batches(config, pairs, np.argwhere(np.ones((2, 24), bool)), normal, "cpu")
    assert not whole.erring(np.arange(24), stream("test", 0)).any(), "nothing is interpolated"
    few = Batches(config, pairs, rows[np.isin(rows[:, 1], known[:6])], normal, "cpu")
    assert torch.isfinite(few(0)["curves"]).all()
    with pytest.raises(SettingsError, match="curve_errors needs two training configurations"):
        Batches(config, pairs, rows[rows[:, 1] == known[0]], normal, "cpu")
    with pytest.raises(
        SettingsError, match="curve_errors and curve_left_out need curve_neighbours"
    ):
        tiny(curve_neighbours=0, curve_mixing=0.0, curve_errors=1.0)
    with pytest.raises(SettingsError, match="curve_left_out need curve_neighbours"):
        tiny(curve_neighbours=0, curve_mixing=0.0, curve_left_out=0.5)
    with pytest.raises(SettingsError, match="curve_potentials and curve_configurations need a"):
        tiny(curve_potentials=2, curve_batch=0)


@pytest.mark.parametrize(("sampling", "mean"), [("uniform", 500), ("max2", 667)])
def test_times_are_sampled_as_named(pairs, sampling, mean):
    make = batches(tiny(time_sampling=sampling, batch=500), pairs)
    t = torch.cat([make(step)["t"] for step in range(4)]).float()
    assert abs(t.mean() - mean) < 25 and t.min() >= 0 and t.max() <= 999


def test_position_loss_is_the_soft_cross_entropy():
    profiles, centres = (
        torch.randn(3, 2, 2, 60).log_softmax(-1),
        torch.randint(6, 54, (3, 2, 2)).float(),
    )
    target = torch.exp(-((torch.arange(60) - centres[..., None]) ** 2) / (2 * 0.5**2))
    want = torch.nn.functional.cross_entropy(
        profiles.flatten(0, 2), (target / target.sum(-1, keepdim=True)).flatten(0, 2)
    )
    torch.testing.assert_close(position_loss(profiles, centres, 0.5), want)


@pytest.mark.parametrize("target", ["none", "pooled", "positions"])
def test_every_curve_target_trains(pairs, target):
    config = tiny(curve_target=target, curve_weight=1.0)
    model = exported.network_of(config)
    total, mse, curve = losses(
        model, Schedule(1000, "cosine", "v"), batches(config, pairs)(0), config.training
    )
    total.backward()
    assert mse.shape == (4,) and (curve > 0) == (target != "none")
    torch.testing.assert_close(total.detach(), mse.mean() + curve)


@pytest.mark.parametrize("optimizer", ["adamw", "sam"])
def test_a_step_without_images_trains_the_read_out_alone(pairs, tmp_path, optimizer):
    """A run of them resumes bit for bit, and leaves the U-Net as it was."""
    config = tiny(
        batch=0, curve_batch=32, max_steps=20, warmup=0, optimizer=optimizer, curve_mixing=0.0
    )
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    torch.manual_seed(config.training.seed)
    first = exported.network_of(config).state_dict()
    meta = train(config, "toy.h5", whole, report=lambda line: None)
    assert (meta["step"], meta["images"]) == (20, 0)
    for stop in (7, None):
        train(config, "toy.h5", parts, stop is None, watch=after(stop), report=lambda line: None)
    assert tensors(whole).keys() == tensors(parts).keys()
    assert all(torch.equal(value, tensors(parts)[name]) for name, value in tensors(whole).items())
    trained = {k.removeprefix("model."): v for k, v in tensors(whole).items()}
    read = ("enter", "stem", "embed", "position", "across", "along")
    for name, value in first.items():
        part, _, rest = name.partition(".")
        moves = part == "condition" and rest.split(".")[0] in read
        assert torch.equal(trained[name], value) != moves, name
    make, schedule = batches(config, pairs), Schedule.of(config.diffusion)
    network = exported.network_of(config)
    found = []
    for state in (first, {name: trained[name] for name in first}):
        exported.strict_load(network, state, "here")
        total, mse, curve = losses(network, schedule, make(3), config.training)
        assert total == config.training.curve_weight * curve and len(mse) == 0
        found.append(float(curve))
    assert found[1] < found[0]
    for lacks in ({"curve_batch": 0}, {"curve_target": "pooled"}):
        with pytest.raises(SettingsError, match="batch 0 needs a curve_batch and curve_target"):
            tiny(**{"batch": 0, "curve_mixing": 0.0, **lacks})


def test_learning_rate_warms_up_and_cools_down():
    training = tiny(learning_rate=1.0, warmup=10, cooldown=0.4).training
    assert learning_rate(training, 4, 0.0) == 0.5
    assert learning_rate(training, 50, 0.6) == 1.0
    assert learning_rate(training, 50, 0.7) == pytest.approx(0.5)
    assert learning_rate(training, 50, 1.0) == 0.0


def test_sam_is_that_of_pytorch_optimizer():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pytorch_optimizer import SAM

    ours, theirs = torch.nn.Linear(5, 3), torch.nn.Linear(5, 3)
    theirs.load_state_dict(ours.state_dict())
    x, y = torch.randn(2, 20, 5).unbind()
    base = torch.optim.AdamW(ours.parameters(), 0.01)
    one, two = (
        Sam(ours.parameters(), base, 0.3),
        SAM(theirs.parameters(), torch.optim.AdamW, rho=0.3, lr=0.01),
    )

    def closure(model):
        loss = (model(x) - y[:, :3]).square().mean()
        loss.backward()
        return loss

    for _ in range(5):
        one.step(lambda: closure(ours))
        closure(theirs)
        two.first_step(zero_grad=True)
        closure(theirs)
        two.second_step(zero_grad=True)
        torch.testing.assert_close(ours.weight, theirs.weight)
    before = ours.weight.detach().clone()
    base.param_groups[0].update(lr=0.0, weight_decay=0.0)
    one.step(lambda: closure(ours))
    assert torch.equal(ours.weight, before)  # restored to the last bit
    assert Plain(base).step(lambda: closure(ours)) > 0


def test_the_average_warms_up():
    model = torch.nn.Linear(1, 1, bias=False)
    ema = average(model, 0.9)
    values = []
    for value in (1.0, 2.0, 3.0):
        model.weight.data.fill_(value)
        ema.update_parameters(model)
        values.append(float(ema.module.weight.detach()))
    d = 2 / 11  # (1 + n)/(10 + n) at n = 1
    assert values[0] == 1.0 and values[1] == pytest.approx(d * 1 + (1 - d) * 2)


def test_the_log_tells_losses_by_noise_level(pairs, tmp_path):
    config = tiny({**TINY, "channels": [8, 8]}, max_steps=50, curve_batch=0, curve_target="none")
    train(config, "data.h5", tmp_path / "run", report=str)
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    losses_line, preview_line = lines
    assert losses_line["step"] == 50 and losses_line["images_per_second"] > 0
    assert list(losses_line["levels"]) == ["<0.5", "0.5-2.0", "2.0-5.0", ">5.0"]
    assert set(preview_line["preview"]) >= {"r_median"}
    assert (tmp_path / "run" / "preview.png").stat().st_size > 1000


def test_the_course_of_a_log_holds_what_all_of_its_lines_have():
    preview = {"r_median": 0.5, "image": {"within0": 0.1, "within1": 0.2}}
    lines = [
        {"minutes": 1, "levels": {"<0.5": 0.4, ">5.0": 0.8}, "images_per_second": 10},
        {"minutes": 2, "levels": {"<0.5": 0.3}, "images_per_second": 30},
        {"minutes": 2, "preview": preview | {"curve_head": {"within0": 0.3, "within1": 0.4}}},
        {"minutes": 3, "preview": preview | {"r_median": 0.6}},
    ]
    found = log.course(lines)
    assert list(found["levels"]) == ["<0.5"] and found["levels"]["<0.5"].tolist() == [0.4, 0.3]
    assert (found["minutes"].tolist(), found["score_minutes"]) == ([1, 2], [2, 3])
    assert found["scores"] == {
        "Pearson r, median": [0.5, 0.6],
        "image within 1": [0.2, 0.2],
        "image exact": [0.1, 0.1],
    }
    text = log.told(lines, {"parameters": 5e6, "step": 1000, "images": 4000, "minutes": 3})
    assert "5.00 M parameters, 1,000 steps, 4,000 images, 3 minutes, 20 images/s" in text
    assert text.endswith("Pearson r, median 0.600, image within 1 0.200, image exact 0.100")


def test_a_training_of_a_few_steps_is_a_function_of_seed_and_pairs():
    config, pairs = tiny(curve_neighbours=0), toy_pairs()
    (network, _, batches), (again, _, _) = (first_steps.prepared(config, pairs) for _ in "ab")
    for ours, theirs in zip(network.parameters(), again.parameters(), strict=True):
        assert ours.equal(theirs)
    assert (batches.rows[:, 0] == 0).all() and batches.rows[:, 1].tolist() == list(range(24))
    _, error, head = losses(network, Schedule.of(config.diffusion), batches(0), config.training)
    error, head = error[None].numpy(), head[None].numpy()
    first_steps.check_first_steps(config, error, head)
    assert "1 steps of 4 images" in first_steps.summary(error, head)
    with pytest.raises(AssertionError):
        first_steps.check_first_steps(config, np.nan * error, head)


def test_a_preview_without_dev_pairs_is_empty(tmp_path):
    """A dataset of a few configurations has none."""
    assert not len(dataset.split(12, 2, "config", 0)["dev"])
    assert (
        preview(None, None, None, np.empty((0, 2), int), None, None, tmp_path / "preview.png") == {}
    )


def test_errors_are_one_line_and_lose_nothing(pairs, tmp_path):
    config = tiny(max_steps=1)
    kept = tmp_path / "run"
    kept.mkdir()
    (kept / "notes.txt").write_text("mine")
    cases = [
        (lambda: train(config, "d", kept, report=str), "--resume"),
        (
            lambda: train(config, "d", tmp_path / "none", resume=True, report=str),
            "nothing to resume",
        ),
        (lambda: train(tiny(max_steps=0), "d", tmp_path / "none", report=str), "never end"),
        (
            lambda: train(
                load_preset("smoke", device={"energy": 0.4}), "d", tmp_path / "none", report=str
            ),
            "another device",
        ),
        (lambda: decode.load_decoder(tmp_path / "x.safetensors"), "no weights"),
        (lambda: exported.read(kept / "notes.txt"), "safetensors"),
    ]
    for call, message in cases:
        with pytest.raises(SettingsError, match=message) as error:
            call()
        assert "\n" not in str(error.value)
    assert [f.name for f in kept.iterdir()] == ["notes.txt"] and not (tmp_path / "none").exists()


PLAIN = {"curve_neighbours": 0, "curve_mixing": 0.0, "curve_target": "none", "max_steps": 1}


@pytest.mark.parametrize(
    "network, begun, changed, named",
    [
        ({}, {**PLAIN, "split": "pair"}, {"split": "config"}, "training.split"),
        ({}, {"max_steps": 1}, {"batch": 2, "seed": 5}, "training.batch, training.seed"),
        (
            {},
            {"max_steps": 1, "curve_neighbours": 5},
            {"curve_left_out": 0.5},
            "training.curve_left_out",
        ),
        ({"dropout": 0.1}, {"max_steps": 1}, {}, "network.dropout"),
    ],
)
def test_a_run_goes_on_with_what_it_learns_from(pairs, tmp_path, network, begun, changed, named):
    """How it learns may change, and for how long."""
    pairs.orbit[:] = geometry.configurations(DEVICE)[0][::600][:24]  # to interpolate between
    out = tmp_path / "run"
    train(tiny(**begun), "d", out, report=str)
    before = (out / checkpoint.CHECKPOINT).read_bytes()
    with pytest.raises(SettingsError, match=f"run was started with another {named}; resume it"):
        train(tiny({**TINY, **network}, **begun | changed), "d", out, resume=True, report=str)
    assert (out / checkpoint.CHECKPOINT).read_bytes() == before
    more = {"max_steps": 2, "learning_rate": 1e-4, "optimizer": "sam", "checkpoint_minutes": 1}
    assert train(tiny(**begun | more), "d", out, resume=True, report=str)["step"] == 2


def test_weights_that_may_have_seen_test_wires_are_no_start(pairs, tmp_path, monkeypatch):
    train(tiny(**PLAIN), "d", tmp_path / "run", report=str)
    checkpoint.export(tmp_path / "run", tmp_path / "tiny", bf16=False)
    rest, plain = {"init": tmp_path / "tiny.safetensors", "report": str}, tiny(**PLAIN)
    fewer = dataclasses.replace(plain.dataset, configurations=12)
    cases = [
        (tiny(**PLAIN, split="pair"), "training.split config, not pair"),
        (dataclasses.replace(plain, seed=3), "seed 0, not 3"),
        (dataclasses.replace(plain, dataset=fewer), r"dataset.configurations \d+, not 12"),
    ]
    for config, message in cases:
        with pytest.raises(SettingsError, match=f"{message}: it may have seen test wires"):
            train(config, "d", tmp_path / "next", **rest)
    assert not (tmp_path / "next").exists()
    more = dataclasses.replace(pairs, sha256="1" * 64)  # the same wires under other potentials
    monkeypatch.setattr(dataset, "load", lambda path, images=True: more)
    again = tiny(**PLAIN, seed=3)  # of batches: the split has the preset's
    assert train(again, "d", tmp_path / "next", **rest)["init"]["weights"] == "tiny"
    with pytest.raises(SettingsError, match="--resume goes on with .* give one of them"):
        train(again, "d", tmp_path / "next", resume=True, **rest)


def test_weights_that_do_not_fit_are_refused(pairs, tmp_path):
    config = tiny(max_steps=1)
    train(config, "d", tmp_path / "run", report=str)
    checkpoint.export(tmp_path / "run", tmp_path / "tiny")
    path = tmp_path / "tiny.json"
    meta = json.loads(path.read_text())
    path.write_text(
        json.dumps(
            {
                **meta,
                "config": {**meta["config"], "device": {**meta["config"]["device"], "energy": 0.6}},
            }
        )
    )
    with pytest.raises(SettingsError, match="contract"):
        decode.load_decoder(tmp_path / "tiny.safetensors")
    wider = {**meta["config"]["network"], "channels": [8, 24]}
    path.write_text(json.dumps({**meta, "config": {**meta["config"], "network": wider}}))
    with pytest.raises(SettingsError, match="do not fit this network"):
        decode.load_decoder(tmp_path / "tiny.safetensors")
    path.write_text("{}")
    with pytest.raises(SettingsError, match="does not describe weights"):
        decode.load_decoder(tmp_path / "tiny.safetensors")
    path.unlink()
    with pytest.raises(SettingsError, match="tiny.json beside it"):
        decode.load_decoder(tmp_path / "tiny.safetensors")


def test_a_run_can_start_from_exported_weights(pairs, tmp_path):
    train(tiny(max_steps=2), "d", tmp_path / "run", report=str)
    checkpoint.export(tmp_path / "run", tmp_path / "tiny", bf16=False)
    train(
        tiny(max_steps=2),
        "d",
        tmp_path / "next",
        init=tmp_path / "tiny.safetensors",
        report=str,
        watch=after(0),
    )
    next_model = exported.part(tensors(tmp_path / "next"), "model")
    old = exported.read(tmp_path / "tiny.safetensors")[0]
    assert all(torch.equal(next_model[k], old[k]) for k in old)
    meta = train(tiny(max_steps=2), "d", tmp_path / "next", resume=True, report=str)
    first = meta["init"]
    assert (first["weights"], first["step"], first["images"]) == ("tiny", 2, 8)
    assert first["sha256"] == exported.weights_hash(tmp_path / "tiny.safetensors")
    checkpoint.export(tmp_path / "next", tmp_path / "second", bf16=False)
    how = {"init": tmp_path / "second.safetensors", "report": str, "watch": after(0)}
    last = train(tiny(max_steps=2), "d", tmp_path / "last", **how)["init"]
    assert last["weights"] == "second" and last["before"] == first


# --- minutes to 95 percent


def learn(config, out, report=lambda line: None):
    return frame.run_study(learning.STUDY, config, out, data="toy.h5", report=report, curves=5)


def test_a_killed_learning_curve_goes_on_as_if_nothing_had_happened(pairs, tmp_path, monkeypatch):
    config, lines, fails = tiny(minutes=7, max_steps=10), [], []

    def flaky(*arguments, real=course.decoded):
        if fails and fails.pop():
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(course, "decoded", flaky)
    results = []
    # the second of them is killed at its third look
    for name, plan in (("whole", []), ("killed", [True, False, False])):
        monkeypatch.setattr(frame, "project_root", lambda name=name: tmp_path / name)
        fails[:] = plan
        if plan:
            with pytest.raises(KeyboardInterrupt):
                learn(config, tmp_path / f"{name}.json", lines.append)
        results.append(learn(config, tmp_path / f"{name}.json", lines.append))
    whole, killed = results
    assert json.loads((tmp_path / "whole.json").read_text()) == whole
    assert [row["step"] for row in whole["looks"]] == [*range(1, 11)] and whole["max_steps"] == 10
    assert [row["images"] for row in whole["looks"]] == [4 * k for k in range(1, 11)]
    minutes = [row["minutes"] for row in whole["looks"]]
    assert minutes == sorted(minutes) and minutes[0] > 0 and whole["setup_s"] > 0
    for a, b in zip(whole["looks"], killed["looks"], strict=True):
        assert {**a, "minutes": 0} == {**b, "minutes": 0}
    dev = dataset.split(len(pairs.antidots), 2, "config", 0)["dev"]
    assert whole["curves"] == whole["looks"][0]["n"] == min(5, len(set(dev[:, 1].tolist())))
    assert not [*tmp_path.glob("*/runs/*")], "no run is left behind"
    with pytest.raises(SettingsError, match="max_steps 9: must be 10 or more"):
        learn(tiny(max_steps=9), tmp_path / "few.json")


def test_95_percent_are_reached_when_a_look_says_so_and_for_certain_when_its_lower_bound_does():
    looks = [
        {
            "step": k,
            "minutes": k / 2,
            "images": 4 * k,
            "within_1": share,
            "within_1_interval": [share - 0.02, 1],
        }
        for k, share in enumerate((0.2, 0.949, 0.95, 0.96, 0.97, 0.9))
    ]
    assert learning.reached(looks) == {
        "share": {"step": 2, "minutes": 1, "images": 8},
        "lower_bound": {"step": 4, "minutes": 2, "images": 16},
    }
    assert learning.reached(looks[:2]) == {"share": None, "lower_bound": None}


def test_a_learning_curve_is_drawn_from_what_was_measured(pairs, tmp_path, monkeypatch):
    monkeypatch.setattr(frame, "project_root", lambda: tmp_path)
    result = learn(tiny(max_steps=10), tmp_path / "learn.json")
    minutes, scores = learning.lines(result)
    assert (minutes == [row["minutes"] for row in result["looks"]]).all() and len(scores) == 3
    for value, low, high in scores.values():
        assert value.shape == minutes.shape and (low <= value).all() and (value <= high).all()
    told = learning.told(result).splitlines()
    assert "10 steps of 4 images" in told[0] and told[1].startswith("95% within one site reached: ")
    share = result["looks"][-1]["within_1"]
    assert told[-1].startswith(f"at the end: both antidots within 1 site {share:.1%} (")


def test_a_training_that_diverges_keeps_its_last_good_checkpoint(pairs, tmp_path, monkeypatch):
    out = tmp_path / "run"
    train(tiny(max_steps=2), "any", out)
    before = (out / checkpoint.CHECKPOINT).read_bytes()
    monkeypatch.setattr("qfp.training.train.learning_rate", lambda *_: 1e30)
    with pytest.raises(SettingsError, match=r"diverged at step .*checkpoint of step 2 .* stays"):
        train(tiny(max_steps=6), "any", out, resume=True)
    assert (out / checkpoint.CHECKPOINT).read_bytes() == before
    assert not list(out.glob("*.tmp"))


def test_a_folder_in_which_another_training_runs_is_refused(pairs, tmp_path):
    out = tmp_path / "run"
    train(tiny(max_steps=1), "any", out)
    with sole(out, "training"), pytest.raises(SettingsError, match="another process is training"):
        train(tiny(max_steps=2), "any", out, resume=True)


def test_a_log_that_the_disk_refuses_is_named(tmp_path):
    log = Log(path := tmp_path / "log.jsonl", 0)
    path.unlink()
    path.symlink_to("/dev/full")
    with pytest.raises(SettingsError, match="log.jsonl: the disk is full"):
        log.note(1, 0.1)
