// Guess the wire: a curve is given, the reader places the antidots, the residual is the score.

const FAR = 0.8; // where the bar of closeness is empty

function rms(one, other) {
  let sum = 0;
  for (let f = 0; f < one.length; f++) sum += (one[f] - other[f]) ** 2;
  return Math.sqrt(sum / one.length);
}

// `number` antidots of the wire's radius by the hard-disc rule, drawn until they fit.
function randomWire(wire, number) {
  const r = reachOf(wire.radius) + 1,
    within = (size) => r + Math.floor(Math.random() * (size - 2 * r));
  for (let tries = 0; tries < 20000; tries++) {
    const antidots = Array.from({ length: number }, () => [
      within(wire.width),
      within(wire.length),
    ]);
    if (hardDiscs(wire, antidots, wire.radius)) return antidots;
  }
  return null;
}

function makeGame(live) {
  const { wire } = live;
  let target = null,
    best = Infinity,
    looks = 0,
    over = true;
  const say = el(
    "p",
    { class: "qfp-say", role: "status" },
    "A wire is hidden, and you see its curve alone. Drag the antidots until yours lies on it.",
  );
  const bar = el("div", { class: "qfp-bar", "aria-hidden": "true" }, el("i"));
  const count = el(
    "select",
    { "aria-label": "Antidots in the hidden wire" },
    ...[1, 2, 3].map((n) => el("option", { value: n, selected: n === 2 }, plural(n, "antidot"))),
  );
  const begin = el(
    "button",
    { type: "button", class: "qfp-main", onclick: () => start() },
    "Give me a curve",
  );
  const reveal = el("button", { type: "button", disabled: true, onclick: show }, "Show the wire");
  const leave = el("button", { type: "button", disabled: true, onclick: stop }, "Leave the game");
  const node = el(
    "section",
    { class: "qfp-game", "aria-label": "Guess the wire" },
    el("h4", {}, "Guess the wire"),
    say,
    bar,
    el("div", { class: "qfp-row" }, count, begin, reveal, leave),
  );

  function score(curve) {
    if (!target || over) return;
    const residual = rms(curve, target.curve);
    best = Math.min(best, residual);
    looks++;
    bar.firstChild.style.width = `${100 * Math.max(0.02, 1 - residual / FAR)}%`;
    bar.classList.toggle("qfp-near", residual < 0.1);
    say.textContent = `Residual ${residual.toFixed(3)} e²/h, your best ${best.toFixed(3)}.`;
    if (residual < live.same) {
      over = true;
      reveal.disabled = true;
      const how = plural(looks, "look");
      say.textContent = `Found (${how}): this wire, or a copy of it, gave the curve.`;
    }
  }

  // hidden: {antidots, radii} to be found; drawn where it is left out
  async function start(hidden) {
    const antidots = hidden ? hidden.antidots : randomWire(wire, Number(count.value));
    if (!antidots) {
      say.textContent = "So many antidots found no place in this wire: choose fewer.";
      return;
    }
    const radii = hidden ? hidden.radii : antidots.map(() => wire.radius);
    const reply = await live.solve(antidots, radii);
    target = { antidots, radii, curve: reply.curve };
    [best, looks, over] = [Infinity, 0, false];
    live.compare(target.curve, "the hidden wire");
    const guess =
      randomWire(wire, antidots.length) || antidots.map(([x, y]) => [wire.width - 1 - x, y]);
    live.show({ antidots: guess, radii });
    begin.textContent = "Another curve";
    reveal.disabled = leave.disabled = false;
  }

  function show() {
    over = true;
    reveal.disabled = true;
    live.show(target);
    say.textContent = `Here it is; your best residual was ${best.toFixed(3)} e²/h.`;
  }

  function stop() {
    target = null;
    over = leave.disabled = reveal.disabled = true;
    live.compare(null);
    begin.textContent = "Give me a curve";
    say.textContent = "Play again whenever you like.";
  }

  live.onCurve(score);
  return { node, start };
}
