"""The force field of Sec. VI against closed forms: Gaussians, planted rotations, small sets of
images."""

import numpy as np
import pytest
import torch

from qfp.config import load_preset
from qfp.model.diffusion import Schedule
from qfp.studies.score import empirical, energy, forcefield

CONFIG = load_preset("smoke")
SCHEDULE = Schedule(CONFIG.diffusion.steps, CONFIG.diffusion.schedule, CONFIG.diffusion.prediction)
T = 400
ALPHA_BAR = float(SCHEDULE.alpha_bar[T])
VARIANCE = 1 - ALPHA_BAR
SEEDS = [5, 6, 7]


def test_noisy_points_follow_the_forward_process():
    x0 = torch.full((200, 1, 60, 60), 2.0)
    x = forcefield.noisy_points(SCHEDULE, x0, 99, list(range(200)))
    alpha_bar = float(SCHEDULE.alpha_bar[99])
    assert float(x.mean()) == pytest.approx(2 * alpha_bar**0.5, abs=0.002)
    assert float(x.var()) == pytest.approx(1 - alpha_bar, rel=0.01)
    assert torch.equal(forcefield.noisy_points(SCHEDULE, x0[:1], 99, [7])[0], x[7]), (
        "a point is a function of its seed"
    )


@pytest.mark.parametrize("number", [12, 90])
def test_score_of_a_gaussian(number):
    """Closed form against the dense inverse and against a noise model that is exact; fewer and more
    images than pixels."""
    images = torch.randn(number, 1, 8, 8) * torch.linspace(0.1, 2, 8)
    x = torch.randn(4, 1, 8, 8)
    alpha_bar = float(SCHEDULE.alpha_bar[300])
    flat = images.flatten(1).double()
    dense = alpha_bar * torch.cov(flat.T) + (1 - alpha_bar) * torch.eye(64, dtype=torch.float64)
    expected = -torch.linalg.solve(
        dense, (x.flatten(1).double() - alpha_bar**0.5 * flat.mean(0)).T
    ).T
    gaussian = forcefield.Gaussian.of(images)
    found = forcefield.gaussian_score(SCHEDULE, x, 300, gaussian)
    torch.testing.assert_close(found.flatten(1), expected, atol=1e-9, rtol=1e-9)
    by_model = forcefield.score_at(
        lambda x, t: (
            -((1 - alpha_bar) ** 0.5) * forcefield.gaussian_score(SCHEDULE, x, 300, gaussian)
        ),
        SCHEDULE,
        x,
        300,
    )
    torch.testing.assert_close(by_model, found)


def test_score_of_a_single_image_points_to_it_in_every_plane():
    t, x0 = forcefield.NOISE_STEPS - 1, torch.randn(1, 1, 60, 60, dtype=torch.float64)
    x = forcefield.noisy_points(SCHEDULE, x0.expand(50, -1, -1, -1), t, list(range(50)))
    a, s = float(SCHEDULE.alpha_bar[t]) ** 0.5, float(1 - SCHEDULE.alpha_bar[t]) ** 0.5
    score = forcefield.score_at(lambda x, t: (x - a * x0) / s, SCHEDULE, x, t)
    np.testing.assert_allclose(forcefield.cosine(score, a * x0 - x), 1, atol=1e-9)
    for pixels in forcefield.PIXEL_PAIRS.values():
        plane = forcefield.score_on_plane(x, score, a * x0[0], pixels)
        np.testing.assert_allclose(plane.cosine, 1, atol=1e-9)
        np.testing.assert_allclose(
            plane.points + (1 - a**2) * plane.arrows, np.tile(plane.truth, (50, 1)), atol=1e-9
        )


def test_pixels_are_row_and_column():
    image = torch.zeros(1, 1, 60, 60)
    image[0, 0, 20, 40], image[0, 0, 30, 50] = 1.0, 2.0
    assert forcefield.on_plane(image, forcefield.PIXEL_PAIRS["a"]).tolist() == [[1.0, 2.0]]
    assert len(forcefield.PIXEL_PAIRS) == 4 and all(
        5 <= c < 55 for pair in forcefield.PIXEL_PAIRS.values() for p in pair for c in p
    )


def known():
    """A Gaussian over 8 x 8 images, its score at step T, and the exact eigenvalues of D, falling,
    with their axes (n, n)."""
    values = 0.9 * 0.8 ** torch.arange(64, dtype=torch.float64)
    axes = torch.linalg.qr(torch.randn(64, 64, dtype=torch.float64))[0]
    gaussian = forcefield.Gaussian(
        torch.randn(64, dtype=torch.float64), axes, values * VARIANCE / (ALPHA_BAR * (1 - values))
    )
    return gaussian, lambda x: forcefield.gaussian_score(SCHEDULE, x, T, gaussian), values, axes


def rotated(score, strength):
    """The score with a rotation of the first two pixels added: J gets `strength` at (0, 1) and its
    negative at (1, 0)."""

    def spoilt(x):
        turn = torch.zeros_like(x)
        turn[:, 0, 0, 0], turn[:, 0, 0, 1] = strength * x[:, 0, 0, 1], -strength * x[:, 0, 0, 0]
        return score(x) + turn

    return spoilt


def test_products_are_those_of_the_jacobian():
    score = rotated(known()[1], 0.7)
    x, v = torch.randn(2, 3, 1, 8, 8, dtype=torch.float64)
    J = torch.autograd.functional.jacobian(
        lambda z: score(z.view(1, 1, 8, 8)).flatten(), x[0].flatten()
    )
    right, left = forcefield.products(score, VARIANCE, x, v)
    D = torch.eye(64, dtype=torch.float64) + VARIANCE * J
    torch.testing.assert_close(right[0].flatten(), D @ v[0].flatten())
    torch.testing.assert_close(left[0].flatten(), D.T @ v[0].flatten())


def test_a_gaussian_has_an_energy_and_a_planted_rotation_is_found():
    _, score, values, _ = known()
    x = torch.randn(3, 1, 8, 8, dtype=torch.float64)
    square = forcefield.squared_norms(score, VARIANCE, x, SEEDS, 400)
    assert square["antisymmetric"].max() < 1e-20
    np.testing.assert_allclose(square["D"], float(values.square().sum()), rtol=0.15)
    np.testing.assert_allclose(
        square["rest"], float((values - values.mean()).square().sum()), rtol=0.15
    )
    same = forcefield.squared_norms(lambda x: -0.3 * x, VARIANCE, x, SEEDS, 2)
    assert abs(same["rest"] / same["D"]).max() < 1e-12, "a multiple of I"
    np.testing.assert_allclose(square["J"], float((1 - values).square().sum()), rtol=0.1)
    square = forcefield.squared_norms(rotated(score, 0.7), VARIANCE, x, SEEDS, 400)
    np.testing.assert_allclose(square["antisymmetric"], 2 * (0.7 * VARIANCE) ** 2, rtol=0.25)


def test_soft_directions_are_the_axes_of_the_covariance():
    _, score, values, axes = known()
    x = torch.randn(2, 1, 8, 8, dtype=torch.float64)
    found, vectors, residuals = forcefield.softest(
        rotated(score, 0.1), VARIANCE, x, 4, 10, SEEDS[:2]
    )
    np.testing.assert_allclose(found, np.tile(values[:4].numpy(), (2, 1)), atol=1e-6)
    assert residuals.max() < 1e-3 and vectors.shape == (2, 4, 64)
    np.testing.assert_allclose(
        abs(vectors @ axes[:, :4].numpy()), np.tile(np.eye(4), (2, 1, 1)), atol=1e-3
    )
    short = forcefield.softest(score, VARIANCE, x, 4, 2, SEEDS[:2])
    assert (short[0] <= found + 1e-9).all() and short[2].max() > residuals.max(), (
        "Ritz values rise to the eigenvalues"
    )


def test_share_in_span():
    span = np.array([[1.0, 0, 0, 0], [1, 1, 0, 0]])
    np.testing.assert_allclose(
        forcefield.share_in_span([[0, 1, 0, 0], [0, 0.6, 0.8, 0], [0, 0, 0, 1]], span), [1, 0.36, 0]
    )


def test_clenshaw_curtis_is_exact_for_polynomials():
    nodes, weights = energy.clenshaw_curtis(8)
    for power in range(9):
        assert weights @ nodes**power == pytest.approx(1 / (power + 1), abs=1e-14)
    np.testing.assert_allclose(nodes[::2], energy.clenshaw_curtis(4)[0], atol=1e-15)


def test_circulation_vanishes_only_with_an_energy():
    _, score, _, _ = known()
    x, u, w = torch.randn(3, 3, 1, 8, 8, dtype=torch.float64)
    closed = energy.circulation(score, x, u, w)
    assert (closed["loop"] / closed["size"]).max() < 1e-12 and (
        closed["error"] / closed["size"]
    ).max() < 1e-12
    around = energy.circulation(rotated(score, 0.7), x, u, w)
    area = u[:, 0, 0, 0] * w[:, 0, 0, 1] - u[:, 0, 0, 1] * w[:, 0, 0, 0]
    np.testing.assert_allclose(around["loop"], 2 * 0.7 * abs(area.numpy()), rtol=1e-9)  # Stokes


def test_the_energy_of_a_gaussian_is_a_parabola_over_the_whole_range():
    _, score, values, axes = known()
    centre, step = (
        torch.randn(2, 1, 8, 8, dtype=torch.float64),
        3 * axes[:, 0].view(1, 1, 8, 8).expand(2, 1, 8, 8),
    )
    fractions = np.linspace(0, 1, 17)
    heights, error = energy.profile(score, centre, step, fractions)
    fitted, curvature, reach = energy.parabola(fractions, heights)
    np.testing.assert_allclose(fitted, heights, atol=1e-9)
    np.testing.assert_allclose(curvature * VARIANCE / 9, 1 - float(values[0]), rtol=1e-9)
    assert (reach == 1).all() and error.max() < 1e-9


def test_where_a_parabola_ends():
    at = np.linspace(0, 2, 41)
    # 1 is 9 percent below 1.05^2
    assert energy.parabola(at, np.minimum(at, 1.0)[None] ** 2)[2] == pytest.approx(1.05)
    assert energy.parabola(at, -(np.minimum(at, 1.0)[None] ** 2))[1] == pytest.approx(-2)


def test_work_along_a_path_in_a_constant_field():
    points = torch.randn(5, 2, 1, 3, 3, dtype=torch.float64)
    pull = torch.ones_like(points)
    np.testing.assert_allclose(
        energy.work(pull, points), (points - points[0]).sum((2, 3, 4)).numpy(), atol=1e-12
    )


def test_the_score_of_a_set_of_images_is_the_gradient_of_its_log_density():
    images, curves, y = torch.randn(7, 6), torch.randn(7, 4).double(), torch.randn(3, 4).double()
    exact = empirical.Empirical(images, curves)
    x = torch.randn(3, 6, dtype=torch.float64, requires_grad=True)
    for width in (None, 0.8):
        distance = torch.cdist(x, ALPHA_BAR**0.5 * images.double()).square() / (2 * VARIANCE)
        logits = exact.image_logits(x.detach(), ALPHA_BAR)
        if width:
            distance = distance + torch.cdist(y, curves).square() / (2 * width**2)
            logits = logits + exact.curve_logits(y, width)
        (expected,) = torch.autograd.grad(torch.logsumexp(-distance, 1).sum(), x)
        x0_hat, effective = exact.mean(logits)
        torch.testing.assert_close(
            forcefield.score_to(x0_hat, x.detach(), ALPHA_BAR), expected, atol=1e-5, rtol=1e-5
        )
        assert (effective >= 1).all() and (effective <= 7).all()


def test_the_score_of_a_set_of_one_image_is_exact():
    image, x = torch.randn(1, 9), torch.randn(5, 9)
    x0_hat, effective = empirical.Empirical(image, torch.zeros(1, 2).double()).mean(
        torch.zeros(5, 1).double()
    )
    torch.testing.assert_close(x0_hat, image.double().expand(5, 9))
    torch.testing.assert_close(
        forcefield.score_to(x0_hat, x, 0.4), -(x.double() - 0.4**0.5 * image) / 0.6
    )
    assert (effective == 1).all()


def test_random_planes_lie_on_the_wire():
    pairs = forcefield.random_pairs(60, 50, 60, 0)
    assert pairs == forcefield.random_pairs(60, 50, 60, 0) and len(set(pairs)) == 60
    assert all(first != second for first, second in pairs)
    assert all(0 <= r < 60 and 5 <= c < 55 for pair in pairs for r, c in pair)


def test_pointing_at_another_target():
    x, score = torch.zeros(2, 1, 60, 60), torch.ones(2, 1, 60, 60)
    found = forcefield.pointing(x, score, -score, list(forcefield.PIXEL_PAIRS.values()))
    np.testing.assert_allclose(found["full"], -1, atol=1e-9)
    assert (found["within"] == 0).all() and found["plane"] == pytest.approx(-1)
