"""Figures of notebook 05: the course of a generation, images beside the truth, and what a
correlation is worth."""

import numpy as np

from qfp.figures.wire import GREY, canvas, image_grid, style

SHOWN = 6  # images in a row


def generation_steps(course, antidots, ldos, radius=5):
    """The paper's Fig. 3: states and predicted images of a generation, evenly over its steps.

    course: steps (K,), noisy and predicted (K, L, W) [1/t]. antidots (2, 2) and ldos (L, W) [1/t]:
    the true ones."""
    evenly = np.linspace(0, course.steps[-1], SHOWN).clip(1)
    columns = np.searchsorted(course.steps, evenly)
    return image_grid(
        [course.noisy[columns], course.predicted[columns]],
        ["state $x_t$", r"predicted $\hat x_0$"],
        [f"step {step}" for step in course.steps[columns]],
        [antidots[None].repeat(SHOWN, 0)] * 2,
        radius=radius,
        top=np.quantile(ldos, 0.995),
    )


def beside_truth(worst, radius=5):
    """True images and below each the generated one, in rows of SHOWN.

    worst: antidots and found (B, 2, 2), ldos and samples (B, L, W) [1/t], titles (B,); B is a
    multiple of SHOWN."""
    blocks = np.arange(len(worst.titles)).reshape(-1, SHOWN)
    titles = [[worst.titles[i] for i in block] for block in blocks]
    return image_grid(
        [images[block] for block in blocks for images in (worst.ldos, worst.samples)],
        ["truth", "sample"] * len(blocks),
        [row for title in titles for row in (title, [""] * SHOWN)],
        [pairs[block] for block in blocks for pairs in (worst.antidots, worst.found)],
        dashed=[row for block in blocks for row in ((), worst.antidots[block])],
        radius=radius,
    )


def gallery(answers, errors, r, radius=5):
    """Six answers from the best to the worst r (B,), beside the truth; errors (B,) [sites].

    answers: antidots and true_antidots (B, 2, 2), images and truth (B, L, W) [1/t]."""
    ranked, n = np.argsort(-r), len(r)
    picked = ranked[[0, n // 4, n // 2, 3 * n // 4, -2, -1]]
    truth, found = answers.true_antidots[picked], answers.antidots[picked]
    return image_grid(
        [answers.truth[picked], answers.images[picked]],
        ["truth", "one sample"],
        [f"r = {r[i]:.2f}, error {errors[i]}" for i in picked],
        [truth, found],
        dashed=[(), truth],
        radius=radius,
    )


@style()
def generation_course(steps, noisy, predicted):
    """Along the generation (K,): Pearson r of x_t and of the predicted x_0 with the true image."""
    figure = canvas(2.8)
    ax = figure.subplots()
    ax.plot(steps, predicted, label=r"predicted image $\hat x_0$")
    ax.plot(steps, noisy, "--", label="state $x_t$")
    ax.set(
        xlabel="generation step",
        ylabel="Pearson r with the truth",
        xlim=(0, steps[-1]),
        ylim=(min(-0.05, np.min(predicted)), 1.02),
    )
    ax.legend(loc="lower right")
    return figure


@style()
def similarity(r, references):
    """Share of samples whose r (n,) is at least the abscissa, and the same for {label: r of pairs
    of true images}."""
    figure = canvas(3.3)
    ax = figure.subplots()
    for (label, values), line in zip(
        {f"generated and true image ({len(r)})": r, **references}.items(), ("-", "--", "-.", ":")
    ):
        values = np.sort(values)
        share = 1 - np.arange(len(values)) / len(values)
        ax.step(
            np.concatenate([[-1], values, values[-1:]]),
            np.concatenate([[1], share, [0]]),
            where="pre",
            linestyle=line,
            label=label,
        )
    ax.axvline(0.95, color=GREY, linewidth=0.8)
    ax.annotate("0.95", (0.95, 1.02), ha="center", va="bottom", color=GREY, fontsize=8.5)
    ax.set(
        xlabel="Pearson r",
        ylabel="share with at least this r",
        xlim=(min(0.4, np.min(r)), 1.0),
        ylim=(0, 1.02),
    )
    ax.legend(loc="lower left")
    return figure
