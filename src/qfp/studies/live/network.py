"""The decoder of the live page against PyTorch: the same curve, the same noise, one thread each."""

import time

import numpy as np
import torch

from qfp.data.workers import one_torch_thread
from qfp.model.diffusion import guided

READS = 50  # of a curve, of which the median counts
CURVE = "Array.from(QFP_LIVE.live[0].curve())"
ASK = """async ([noise, steps, reads]) => {
    const live = QFP_LIVE.live[0], panel = live.decoderPanel, curve = live.curve(), heard = [];
    if (!panel.model) panel.begin(await panel.decoder.start());
    await new Promise((done) => {
        panel.hear = (reply) => {
            if (reply.type !== "step") heard.push(reply);
            if (reply.type === "consensus" || reply.type === "error") done();
        };
        for (let k = 0; k < reads; k++) panel.decoder.ask({ type: "read", id: k, curve });
        const samples = noise.length;
        panel.decoder.ask({ type: "decode", id: 0, curve, steps, samples, noise });
    });
    delete panel.hear; // the panel's own again
    return heard.map((reply) => ({ ...reply, ldos: reply.ldos && Array.from(reply.ldos) }));
}"""


def in_page(page, noise, steps):
    """Curve (F,) of an open page's wire, LDOS (S, L * W) [1/t] of its samples from noise (S, 60,
    60), and median ms of a sample and of a read-out in its worker."""
    curve = np.array(page.evaluate(CURVE))
    given = [row.ravel().tolist() for row in noise]
    heard = page.evaluate(ASK, [given, steps, READS])
    samples, reads = ([r for r in heard if r["type"] == kind] for kind in ("sample", "read"))
    ms = {
        f"{name}_ms": float(np.median([r["ms"] for r in own]))
        for name, own in (("sample", samples), ("read", reads))
    }
    return curve, np.array([r["ldos"] for r in samples]), ms


def in_pytorch(decoder, curve, noise, steps):
    """LDOS (S, L, W) of samples from noise (S, 60, 60), and median ms of a sample and of a read-out
    in single precision."""
    model, schedule = decoder.model, decoder.schedule
    y = decoder.normal.curve(curve[None])
    with one_torch_thread(), torch.no_grad():  # as the page's worker does
        condition = model.encode(y)
        eps = guided(model, schedule, condition)
        denoised(eps, schedule, noise[0], steps)  # in which memory is found
        samples = [elapsed(denoised, eps, schedule, row, steps) for row in noise]
        reads = [elapsed(model.curve, y)[1] for _ in range(READS)]
    images, times = zip(*samples)
    ms = {"sample_ms": float(np.median(times)), "read_ms": float(np.median(reads))}
    return decoder.normal.ldos(torch.cat(images)), ms


def elapsed(function, *arguments):
    """What a call returns, and its milliseconds by the wall's clock, as the browser counts them."""
    start = time.perf_counter()
    found = function(*arguments)
    return found, 1e3 * (time.perf_counter() - start)


def denoised(eps, schedule, noise, steps):
    """Image (1, 1, 60, 60) of one noise (60, 60) by DDIM."""
    x, times = torch.from_numpy(noise)[None, None], schedule.respaced(steps)
    for now, after in zip(times, times[1:] + [-1], strict=True):
        t = torch.full((1,), now)
        x0 = schedule.x0_from_eps(eps(x, t), x, t)
        x, _ = schedule.q_posterior(x0, x, t, torch.full((1,), after), eta=0.0)
    return x


def compare(page, decoder, samples, seed=0):
    """What the result holds of the decoder: agreement, and times in the page and by PyTorch."""
    steps = decoder.config.sampling.steps
    noise = np.random.default_rng(seed).standard_normal((samples, 60, 60))
    curve, found, wasm = in_page(page, noise, steps)
    right, pytorch = in_pytorch(decoder, curve, noise, steps)
    off = np.abs(found - right.reshape(samples, -1)).max() / decoder.normal.image_std
    return {
        "samples": samples,
        "steps": steps,
        "agreement": float(off),
        "wasm": wasm,
        "pytorch": pytorch,
    }
