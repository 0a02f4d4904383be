# long: forward process, guidance and samplers share their letters
"""Diffusion model of Sec. II: forward process, score, guidance and samplers, for any noise model (a
callable).

Letters are those of Ho et al. (the paper's reference [5]): beta_t, alpha_bar_t = prod (1 - beta),
noise ε, and x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) ε. Steps t = 0..T-1 are the paper's
steps 1..T.
"""

import math

import numpy as np
import torch

SAMPLERS = {  # η of Song et al., order in λ, spacing of the steps
    "ancestral": (1.0, 1, "time"),
    "ddim": (0.0, 1, "time"),
    "dpm2m": (0.0, 2, "noise"),
}


def score_from_eps(eps, alpha_bar):
    """Score ∇_x log P_t(x) of the noised data (Sec. II): -ε / sqrt(1 - alpha_bar). The one place
    that defines it."""
    return -eps / (1 - alpha_bar) ** 0.5


class Schedule:
    """Forward process of T steps; `beta` and `alpha_bar` are float64 tensors (T,).

    kind: 'linear' (Ho et al., β from 1e-4 to 0.02 at T = 1000) or 'cosine' (Nichol and Dhariwal).
    prediction: what the network is trained for, 'epsilon' (ε) or 'v' = sqrt(alpha_bar) ε - sqrt(1 -
    alpha_bar) x_0."""

    def __init__(self, steps, kind="linear", prediction="epsilon"):
        self.steps, self.kind, self.prediction = steps, kind, prediction
        if kind == "linear":
            self.beta = torch.linspace(1e-4, 0.02, steps, dtype=torch.float64)
        elif kind == "cosine":
            u = torch.arange(steps + 1, dtype=torch.float64) / steps
            f = torch.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2
            self.beta = (1 - f[1:] / f[:-1]).clamp(max=0.999)
        else:
            raise ValueError(f"schedule must be 'linear' or 'cosine', not {kind!r}")
        if prediction not in ("epsilon", "v"):
            raise ValueError(f"prediction must be 'epsilon' or 'v', not {prediction!r}")
        self.alpha_bar = torch.cumprod(1 - self.beta, 0)
        self.lam = (self.alpha_bar / (1 - self.alpha_bar)).log() / 2

    @classmethod
    def of(cls, diffusion):
        """Schedule of the settings `Config.diffusion`."""
        return cls(diffusion.steps, diffusion.schedule, diffusion.prediction)

    @property
    def ratio(self):
        """σ/α = sqrt((1 - alpha_bar)/alpha_bar), the noise beside an image of unit variance:
        float64 tensor (T,)."""
        return ((1 - self.alpha_bar) / self.alpha_bar).sqrt()

    def coefficients(self, t, x):
        """sqrt(alpha_bar_t), sqrt(1 - alpha_bar_t), each (B, 1, ..) in the dtype of x; t = -1 is
        the clean image."""
        # index -1: 1
        alpha_bar = torch.cat([self.alpha_bar, torch.ones(1, dtype=torch.float64)])[t.cpu()]
        shape = (-1,) + (1,) * (x.dim() - 1)
        alpha_bar = alpha_bar.view(shape).to(x.device)
        return alpha_bar.sqrt().to(x.dtype), (1 - alpha_bar).sqrt().to(x.dtype)

    def q_sample(self, x0, t, noise):
        """x_t of the clean image x0 (B, ...) at steps t (B,)."""
        a, s = self.coefficients(t, x0)
        return a * x0 + s * noise

    def target(self, x0, t, noise):
        """What the network should give: ε or v."""
        if self.prediction == "epsilon":
            return noise
        a, s = self.coefficients(t, x0)
        return a * noise - s * x0

    def eps(self, output, x, t):
        """ε of a network output at x = x_t. In float64, as x0_from_eps magnifies its rounding by
        1/sqrt(alpha_bar)."""
        if self.prediction == "epsilon":
            return output.double()
        a, s = self.coefficients(t, x.double())
        return s * x.double() + a * output.double()

    def x0(self, output, x, t):
        """Estimate of the clean image from a network output at x = x_t."""
        if self.prediction == "epsilon":
            return self.x0_from_eps(output, x, t)
        a, s = self.coefficients(t, x)
        return a * x - s * output

    def x0_from_eps(self, eps, x, t):
        """(x - sqrt(1 - alpha_bar) ε) / sqrt(alpha_bar)."""
        a, s = self.coefficients(t, x)
        return (x - s * eps) / a

    def q_posterior(self, x0, x, t, previous=None, eta=1.0):
        """Mean and variance of q(x_s | x_t, x_0), Song et al. Eq. (7); s = t - 1, or `previous`
        (B,) < t.

        eta scales their σ; 1 is the forward process itself (Ho et al. Eqs. (6) and (7)), at 0
        nothing is random."""
        a, s = self.coefficients(t, x)
        a_prev, s_prev = self.coefficients(t - 1 if previous is None else previous, x)
        beta = 1 - (a / a_prev) ** 2  # of the (possibly long) step
        variance = eta**2 * beta * s_prev**2 / s**2
        return a_prev * x0 + (s_prev**2 - variance).sqrt() * (x - a * x0) / s, variance

    def respaced(self, steps, spacing="time"):
        """`steps` of the T steps, falling from T-1: 'time', evenly to 0; 'noise', then evenly in
        log σ from 30 to 0.05.

        σ = sqrt((1 - alpha_bar)/alpha_bar), of the noise beside an image of unit variance."""
        if not 1 <= steps <= self.steps:
            raise ValueError(f"{steps} sampling steps; choose 1 to {self.steps}")
        rising = np.linspace(self.steps - 1, 0, steps)[::-1]
        if spacing == "noise":
            log_sigma = np.linspace(math.log(0.05), math.log(30), steps - 1)
            rising = np.append(
                np.interp(log_sigma, -self.lam.numpy(), np.arange(self.steps)), self.steps - 1
            )
        index = np.arange(steps)  # where neighbours round to one step, they take the next ones
        rising = (
            np.minimum(np.maximum.accumulate(np.round(rising) - index), self.steps - steps) + index
        )
        return [int(t) for t in rising[::-1]]


def guided(model, schedule, condition, gamma=1.0):
    """Deformed noise model of Sec. II, (x, t) -> ε_γ = γ ε(x, t, y) + (1 - γ) ε(x, t, ∅).

    `model(x, t, condition)` is a network of the schedule's prediction, `model.null(batch)` its ∅. γ
    = 1, the plain conditional score, costs one evaluation a step; any other γ costs two."""

    def eps(x, t):
        x32 = x.float()
        given = schedule.eps(model(x32, t, condition), x, t)
        if gamma == 1.0:
            return given
        free = schedule.eps(model(x32, t, model.null(len(x))), x, t)
        return gamma * given + (1 - gamma) * free

    return eps


def step_noise(shape, seeds, step, device="cpu"):
    """Standard normal noise (B, *shape), float64; row i is a pure function of (seeds[i], step), not
    of the batch."""
    rows = [
        np.random.Generator(np.random.Philox(key=[seed, step])).standard_normal(shape)
        for seed in seeds
    ]
    return torch.from_numpy(np.stack(rows)).to(device)


def initial_noise(shape, seeds, device="cpu"):
    """x_T of samples with these seeds: (B, *shape); see step_noise."""
    return step_noise(shape, seeds, 0, device)


@torch.no_grad()
def sample(
    eps_model,
    schedule,
    seeds,
    shape,
    sampler="ancestral",
    steps=None,
    clip=None,
    callback=None,
    device="cpu",
):
    """Draw one image per seed, (B, *shape) float32, from `eps_model(x, t) -> ε`, evaluated once a
    step.

    sampler: 'ancestral' (Ho et al., Algorithm 2; all T steps are the paper's generation), 'ddim'
    (Song et al., η = 0) or 'dpm2m' (DPM-Solver++(2M), Lu et al. 2022, Algorithm 2), with any number
    of steps, spaced as in SAMPLERS. clip: bound on |x0_hat|, by default none, as LDOS is not
    bounded. callback(step_index, t, x, x0_hat) sees the state before each step. The state is
    float64: at a cosine schedule's end ε -> x0 divides by sqrt(alpha_bar) = 5e-5."""
    if sampler not in SAMPLERS:
        raise ValueError(f"sampler must be one of {', '.join(SAMPLERS)}, not {sampler!r}")
    eta, order, spacing = SAMPLERS[sampler]
    times = schedule.respaced(steps or schedule.steps, spacing)
    x, last = initial_noise(shape, seeds, device), None
    for index, (now, after) in enumerate(zip(times, times[1:] + [-1], strict=True)):
        t = torch.full((len(x),), now, device=device)
        x0_hat = schedule.x0_from_eps(eps_model(x, t).double(), x, t)
        if clip is not None:
            x0_hat = x0_hat.clamp(-clip, clip)
        if callback is not None:
            callback(index, now, x, x0_hat)
        x0 = x0_hat
        # x0_hat continued in λ to the middle of the step
        if order == 2 and index > 0 and after >= 0:
            h, h_last = (
                schedule.lam[after] - schedule.lam[now],
                schedule.lam[now] - schedule.lam[times[index - 1]],
            )
            x0 = x0_hat + float(h / h_last) / 2 * (x0_hat - last)
        x, variance = schedule.q_posterior(x0, x, t, torch.full_like(t, after), eta)
        if eta and after >= 0:
            x = x + variance.sqrt() * step_noise(shape, seeds, 1 + now, device)
        last = x0_hat
    return x.float()


@torch.no_grad()
def langevin(
    eps_model,
    schedule,
    seeds,
    shape,
    levels=20,
    repeats=10,
    step_size=0.2,
    sigma_max=50.0,
    callback=None,
    device="cpu",
):
    """Annealed Langevin Monte Carlo (Sec. II, reference [10]) from the same score: (B, *shape)
    float32.

    At each noise level, x <- x + a s(x) + sqrt(2 a) z with a = step_size (1 - alpha_bar), `repeats`
    times. Levels are evenly spaced in log σ, σ² = (1 - alpha_bar)/alpha_bar, from about sigma_max
    to the smallest; x/sqrt(alpha_bar) is carried from one to the next. The result is x0_hat at the
    last level. Steps of finite size inflate the noise's variance at each level by 1/(1 -
    step_size/2)."""
    sigma = schedule.ratio
    wanted = torch.logspace(
        math.log10(min(sigma_max, float(sigma[-1]))),
        math.log10(float(sigma[0])),
        levels,
        dtype=torch.float64,
    )
    times = sorted({int((sigma.log() - w.log()).abs().argmin()) for w in wanted}, reverse=True)
    x = initial_noise(shape, seeds, device)
    draw = 0
    for index, (now, after) in enumerate(zip(times, times[1:] + [-1], strict=True)):
        t = torch.full((len(x),), now, device=device)
        alpha_bar = float(schedule.alpha_bar[now])
        a = step_size * (1 - alpha_bar)
        for _ in range(repeats):
            draw += 1
            score = score_from_eps(eps_model(x, t).double(), alpha_bar)
            x = x + a * score + math.sqrt(2 * a) * step_noise(shape, seeds, draw, device)
        x0_hat = schedule.x0_from_eps(eps_model(x, t).double(), x, t)
        if callback is not None:
            callback(index, now, x, x0_hat)
        if after >= 0:
            x = x * float((schedule.alpha_bar[after] / schedule.alpha_bar[now]).sqrt())
    return x0_hat.float()
