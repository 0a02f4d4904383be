"""Schedules and single steps against diffusers; samplers on a Gaussian, whose score has a closed
form; the score."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler
from diffusers.schedulers import scheduling_dpmsolver_multistep

from qfp.model.diffusion import (
    SAMPLERS,
    Schedule,
    guided,
    initial_noise,
    langevin,
    sample,
    score_from_eps,
    step_noise,
)

KINDS = {"linear": "linear", "cosine": "squaredcos_cap_v2"}
PREDICTIONS = {"epsilon": "epsilon", "v": "v_prediction"}


def reference(cls, kind, prediction="epsilon", steps=1000, **more):
    return cls(
        steps,
        1e-4,
        0.02,
        KINDS[kind],
        prediction_type=PREDICTIONS[prediction],
        clip_sample=False,
        **more,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_schedule_is_that_of_diffusers(kind):
    ours, theirs = Schedule(1000, kind), reference(DDPMScheduler, kind)
    torch.testing.assert_close(ours.beta.float(), theirs.betas, rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(ours.alpha_bar.float(), theirs.alphas_cumprod, rtol=1e-4, atol=1e-7)
    assert ours.alpha_bar.dtype == torch.float64


@pytest.mark.parametrize("kind", KINDS)
def test_noised_image_and_v_are_those_of_diffusers(kind):
    ours, theirs = Schedule(1000, kind, "v"), reference(DDPMScheduler, kind, "v")
    x0, noise = torch.randn(2, 5, 1, 4, 4).unbind()
    t = torch.tensor([0, 3, 500, 900, 999])
    torch.testing.assert_close(
        ours.q_sample(x0, t, noise), theirs.add_noise(x0, noise, t), rtol=1e-4, atol=1e-4
    )
    torch.testing.assert_close(
        ours.target(x0, t, noise), theirs.get_velocity(x0, noise, t), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_eps_and_x0_follow_from_the_target(kind, prediction):
    schedule = Schedule(1000, kind, prediction)
    x0, noise = torch.randn(2, 4, 1, 4, 4, dtype=torch.float64).unbind()
    t = torch.tensor([0, 400, 800, 999])
    x = schedule.q_sample(x0, t, noise)
    output = schedule.target(x0, t, noise)
    torch.testing.assert_close(schedule.eps(output, x, t), noise)
    torch.testing.assert_close(schedule.x0(output, x, t), x0, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(schedule.x0_from_eps(noise, x, t), x0, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("steps", [1000, 50])
def test_an_ancestral_step_is_that_of_diffusers(kind, steps):
    schedule, theirs = Schedule(1000, kind), reference(DDPMScheduler, kind)
    theirs.set_timesteps(steps)
    x, eps = torch.randn(2, 1, 1, 8, 8).unbind()
    for t in (theirs.timesteps[5], theirs.timesteps[-2]):
        after = t - 1000 // steps
        mean, variance = schedule.q_posterior(
            schedule.x0_from_eps(eps, x, t[None]), x, t[None], after[None]
        )
        got = mean + variance.sqrt() * torch.randn(
            1, 1, 8, 8, generator=torch.Generator().manual_seed(7)
        )
        want = theirs.step(eps, t, x, generator=torch.Generator().manual_seed(7)).prev_sample
        torch.testing.assert_close(got, want, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_ddim_run_is_that_of_diffusers(kind):
    def eps_model(x, t):
        return torch.tanh(x + 0.001 * t.view(-1, 1, 1, 1))

    schedule, theirs = Schedule(1000, kind), reference(DDIMScheduler, kind)
    theirs.alphas_cumprod = schedule.alpha_bar  # its own are float32, too coarse at the noisy end
    theirs.set_timesteps(37)  # steps of 1000 // 37 = 27 = 999 / 37: ours with 38 times
    x = initial_noise((1, 4, 4), [3, 4])
    for t in schedule.respaced(38):
        x = theirs.step(eps_model(x, torch.full((2,), t)), t, x).prev_sample
    got = sample(eps_model, schedule, [3, 4], (1, 4, 4), "ddim", 38)
    torch.testing.assert_close(got, x.float(), rtol=1e-5, atol=1e-5)


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # of diffusers, with NumPy 2
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("steps", [1, 2, 5, 14, 20, 50])
def test_a_whole_dpm2m_run_is_that_of_diffusers(kind, steps, monkeypatch):
    def eps_model(x, t):
        return torch.tanh(x + 0.001 * t.view(-1, 1, 1, 1))

    # theirs rounds its state to float32
    double = SimpleNamespace(**{**vars(torch), "float32": torch.float64})
    monkeypatch.setattr(scheduling_dpmsolver_multistep, "torch", double)
    schedule, got = Schedule(1000, kind), []
    theirs = DPMSolverMultistepScheduler(1000, trained_betas=schedule.beta.numpy())
    times = schedule.respaced(steps, "noise")
    theirs.set_timesteps(timesteps=times)
    theirs.sigmas = torch.cat([(-schedule.lam[times]).exp(), torch.zeros(1)])  # its own are float32
    sample(
        eps_model,
        schedule,
        [3, 4],
        (1, 4, 4),
        "dpm2m",
        steps,
        callback=lambda i, t, x, x0: got.append((t, x)),
    )
    x = initial_noise((1, 4, 4), [3, 4])
    for t, state in got:
        torch.testing.assert_close(state, x, rtol=1e-12, atol=1e-12)
        x = theirs.step(eps_model(x, torch.full((2,), t)), t, x).prev_sample
    assert [t for t, _ in got] == times


MEAN, STD = 0.7, 0.4


def gaussian_eps(schedule):
    """Exact ε(x, t) for data N(MEAN, STD²)."""

    def eps(x, t):
        a, s = schedule.coefficients(t, x)
        return s * (x - a * MEAN) / (a**2 * STD**2 + s**2)

    return eps


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("sampler", "steps", "tolerance"),
    [("ancestral", 1000, 0.02), ("ddim", 100, 0.03), ("dpm2m", 10, 0.03)],
)
def test_samplers_give_the_gaussian_whose_score_they_follow(kind, sampler, steps, tolerance):
    schedule = Schedule(1000, kind)
    x = sample(gaussian_eps(schedule), schedule, [0, 1], (1, 100, 100), sampler, steps)
    assert abs(x.mean() - MEAN) < 5 * STD / math.sqrt(x.numel()) + 0.01
    assert abs(x.std() / STD - 1) < tolerance


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("sampler", "order"), [("ddim", 1), ("dpm2m", 2)])
def test_the_error_falls_with_the_order_of_the_sampler(kind, sampler, order):
    """The flow of a Gaussian keeps (x - a MEAN) / std of x. Steps even in λ; the last, to the
    image, is left out."""
    schedule, errors = Schedule(1000, kind), []
    schedule.respaced = lambda steps, spacing: Schedule.respaced(schedule, steps + 1, "noise")[1:]

    def invariant(t, x):
        a, s = schedule.coefficients(torch.tensor([t]), x)
        return (x - a * MEAN) / (a**2 * STD**2 + s**2).sqrt()

    for steps in (16, 32, 64, 128):
        seen = []
        sample(
            gaussian_eps(schedule),
            schedule,
            [3],
            (1, 4, 4),
            sampler,
            steps,
            callback=lambda i, t, x, x0: seen.append(invariant(t, x)),
        )
        errors.append(float((seen[-1] - seen[0]).abs().max()))
    assert np.log2(np.divide(errors[:-1], errors[1:])) == pytest.approx(order, abs=0.25)
    assert order == 1 or errors[0] < 0.05, "16 evaluations are close"


def test_langevin_gives_the_gaussian_whose_score_it_follows():
    schedule = Schedule(1000, "cosine")
    x = langevin(
        gaussian_eps(schedule), schedule, [0], (1, 100, 100), levels=100, repeats=20, step_size=0.1
    )
    assert abs(x.mean() - MEAN) < 0.02
    assert abs(x.std() / STD - 1) < 0.04


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_an_ideal_model_of_one_image_returns_it(sampler):
    """For data that is one image the exact ε is (x - a x0)/s; the noise-free end must be that
    image."""
    schedule = Schedule(1000, "cosine", "v")
    x0 = torch.randn(1, 1, 6, 6, dtype=torch.float64)

    def eps(x, t):
        a, s = schedule.coefficients(t, x)
        return (x - a * x0) / s

    torch.testing.assert_close(
        sample(eps, schedule, [5], (1, 6, 6), sampler, 20), x0.float(), rtol=1e-4, atol=1e-4
    )


def test_score_is_the_gradient_of_the_log_density():
    """Two-point mixture: ε = E[noise | x] from Bayes' rule on one side, autograd of log P_t on the
    other."""
    centres, alpha_bar = torch.tensor([-1.0, 2.0], dtype=torch.float64), 0.6
    a, s = math.sqrt(alpha_bar), math.sqrt(1 - alpha_bar)
    x = torch.linspace(-3, 3, 13, dtype=torch.float64, requires_grad=True)
    log_joint = (
        -((x[:, None] - a * centres) ** 2) / (2 * s**2)
        + torch.tensor([0.3, 0.7], dtype=torch.float64).log()
    )
    (want,) = torch.autograd.grad(log_joint.logsumexp(1).sum(), x)
    eps = ((x[:, None] - a * centres) / s * log_joint.softmax(1)).sum(1)
    torch.testing.assert_close(score_from_eps(eps, alpha_bar), want)


class TwoAnswers:
    """A model whose answer is its condition; ∅ is 1."""

    calls = 0

    def __call__(self, x, t, condition):
        self.calls += 1
        return condition.expand_as(x)

    def null(self, batch):
        return torch.ones(batch, 1, 1, 1)


def test_guidance_is_the_deformed_score():
    schedule, x, t = Schedule(10), torch.randn(2, 1, 3, 3), torch.tensor([4, 4])
    for gamma, calls in ((1.0, 1), (0.0, 2), (2.5, 2)):
        model = TwoAnswers()
        eps = guided(model, schedule, torch.full((2, 1, 1, 1), 3.0), gamma)(x, t)
        assert model.calls == calls
        torch.testing.assert_close(eps, torch.full_like(eps, gamma * 3 + (1 - gamma) * 1))


def test_noise_belongs_to_the_sample_and_the_step():
    many = step_noise((1, 3, 3), [4, 5, 6], 2)
    assert torch.equal(many[1:2], step_noise((1, 3, 3), [5], 2))
    assert not torch.equal(many[1:2], step_noise((1, 3, 3), [5], 3))
    assert not torch.equal(many[0], many[1])


@pytest.mark.parametrize(
    "draw",
    [
        lambda *a: sample(*a, "ancestral", 30),
        lambda *a: sample(*a, "ddim", 30),
        lambda *a: sample(*a, "dpm2m", 12),
        lambda *a: langevin(*a, levels=5, repeats=2),
    ],
)
def test_a_sample_does_not_depend_on_its_batch(draw):
    schedule = Schedule(1000, "linear")
    together = draw(gaussian_eps(schedule), schedule, list(range(8)), (1, 5, 5))
    alone = torch.cat([draw(gaussian_eps(schedule), schedule, [i], (1, 5, 5)) for i in range(8)])
    torch.testing.assert_close(together, alone)


@pytest.mark.parametrize("kind", KINDS)
def test_steps_are_spaced_as_said(kind):
    schedule = Schedule(1000, kind)
    assert schedule.respaced(4) == [999, 666, 333, 0]
    times = schedule.respaced(20, "noise")
    log_sigma = -schedule.lam[times[1:]]
    assert times[0] == 999 and log_sigma[[0, -1]].exp().numpy() == pytest.approx(
        [30, 0.05], rel=0.1
    )
    assert np.diff(log_sigma) == pytest.approx(-math.log(600) / 18, rel=0.2)
    for spacing in ("time", "noise"):
        assert schedule.respaced(1, spacing) == [999] and schedule.respaced(1000, spacing) == list(
            range(999, -1, -1)
        )
        for steps in (2, 5, 12, 300, 700, 998):
            times = schedule.respaced(steps, spacing)
            assert (
                len(times) == steps
                and max(np.diff(times)) < 0
                and times[0] == 999
                and times[-1] >= 0
            )


def test_every_sampler_evaluates_once_a_step():
    for sampler in SAMPLERS:
        calls = []
        sample(lambda x, t: calls.append(t) or x, Schedule(100), [0], (1, 2, 2), sampler, 7)
        assert len(calls) == 7


def test_nothing_is_clipped_unless_asked():
    schedule, seen = Schedule(20), []

    def eps(x, t):
        return torch.zeros_like(x)

    free = sample(
        eps,
        schedule,
        [0],
        (1, 8, 8),
        "ddim",
        20,
        callback=lambda i, t, x, x0: seen.append((i, t, x.shape)),
    )
    assert free.abs().max() > 1
    assert sample(eps, schedule, [0], (1, 8, 8), "ddim", 20, clip=0.5).abs().max() <= 0.5
    assert [s[:2] for s in seen] == [(i, 19 - i) for i in range(20)] and seen[0][2] == (1, 1, 8, 8)


def test_wrong_names_are_refused():
    for build in (
        lambda: Schedule(10, "quadratic"),
        lambda: Schedule(10, "linear", "x0"),
        lambda: sample(None, Schedule(10), [0], (1,), "euler"),
        lambda: Schedule(10).respaced(11),
    ):
        with pytest.raises(ValueError):
            build()
