"""A hole that is dragged for some seconds: what a live page solves and shows meanwhile."""

import numpy as np

from qfp.live import browser

DRAG = """([x0, y0, across, along, seconds]) => new Promise((done) => {
    const handle = document.querySelector(".qfp-antidot"), live = QFP_LIVE.live[0];
    const before = { ...live.stats }, start = performance.now();
    let frames = 0;
    (function frame() {
        const t = (performance.now() - start) / 1000;
        if (t > seconds) {
            const rate = (kind) => (live.stats[kind] - before[kind]) / t;
            return done([rate("images"), rate("curves"), frames / t]);
        }
        const x = x0 + across * Math.sin(5 * t), y = y0 + along * Math.sin(6.3 * t);
        const about = { bubbles: true, pointerId: 1, clientX: x, clientY: y };
        handle.dispatchEvent(new PointerEvent("pointermove", about));
        frames++;
        requestAnimationFrame(frame);
    })();
})"""


def drag(chromium, index, device, seconds, current=False):
    """Pictures, curves and frames a second while a hole moves, perhaps with the current shown: it
    is taken with the mouse, and from then on led through the page's own events, one a frame, for
    those of a driver come slower."""
    with browser.opened(chromium, index) as watched:
        page = watched.page
        browser.ready(page)
        if current:
            page.evaluate("QFP_LIVE.live[0].toggleFlow()")
        first = page.evaluate("QFP_LIVE.live[0].scene().antidots[0]")
        corner, far = (browser.place(page, *site) for site in ((0, 0), (1, 1)))
        pixels = abs(np.subtract(far, corner)) * [device.width, device.length]
        middle = np.add(corner, np.multiply(pixels, [0.5, -0.5]))
        page.mouse.move(*browser.place(page, *first))
        page.mouse.down()
        path = [*middle, *(pixels * [0.36, 0.3]), seconds]
        rates = page.evaluate(DRAG, [float(value) for value in path])
        page.mouse.up()
    return dict(zip(("images_per_second", "curves_per_second", "frames_per_second"), rates))
