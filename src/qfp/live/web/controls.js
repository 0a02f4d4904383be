// The elements around picture and plot; whole: the page of its own, not the front page's.

let numbered = 0;

function buildControls(live, whole) {
  const { wire, model } = live,
    help = `qfp-help-${++numbered}`;
  const button = (text, title, onclick, kind = "") =>
    el("button", { type: "button", title, class: kind, onclick }, text);
  const parts = {
    stage: el("div", { class: "qfp-stage", style: `aspect-ratio: ${wire.width} / ${wire.length}` }),
    plot: el("div", { class: "qfp-frame" }),
    top: el("span"),
    clock: el("p", { class: "qfp-clock" }),
    readout: el("p", { class: "qfp-readout" }),
    note: el("p", { class: "qfp-note", role: "status" }),
    legend: el("span", { class: "qfp-legend", hidden: true }),
    below: el("div", { class: "qfp-below" }),
    help: el(
      "p",
      { class: "qfp-help", id: help },
      "Drag a hole, or Tab to it: arrows move it (with Shift by five), + and − change its " +
        "radius, Delete removes it. A double click adds one.",
    ),
    slider: el("input", {
      type: "range",
      class: "qfp-field",
      min: 0,
      max: wire.fields.length - 1,
      value: 0,
      "aria-label": "Magnetic field of the picture",
      oninput: (event) => live.look(Number(event.target.value)),
    }),
    radius: el("input", {
      type: "range",
      min: 1,
      max: model.largest,
      step: 0.5,
      "aria-label": "Radius of the chosen antidot",
      onpointerdown: () => live.keep(),
      onkeydown: () => live.keep(),
      oninput: (event) => model.resize(live.chosen, Number(event.target.value)) && live.change(),
    }),
    radiusText: el("span"),
    add: button("Add", "One more antidot", () => live.add()),
    remove: button("Remove", "Take the chosen antidot out", () => live.remove(live.chosen)),
    undo: button("Undo", "Take the last change back (Ctrl+Z)", () => live.undo()),
    flow: button("Show the current", "The current at this field, as arrows", () =>
      live.toggleFlow(),
    ),
    flowText: el(
      "p",
      { class: "qfp-help", hidden: true },
      "Arrows: the current at this field when electrons come from below; all that passes a " +
        "cross-section adds up to G.",
    ),
    copy: button(
      "Same curve, other wire",
      "Turn the wire over or move it along: the curve stays",
      () => live.copy(),
      "qfp-main",
    ),
  };
  const lead = (text) => el("div", { class: "qfp-lead", "aria-hidden": "true" }, text);
  const scale = el(
    "div",
    { class: "qfp-scale" },
    el("span", {}, "LDOS 0"),
    el("i", { style: `background: linear-gradient(90deg, ${gradientOf(QFP_LIVE.colours)})` }),
    parts.top,
  );
  const left = el("div", { class: "qfp-wire" }, lead("lead"), parts.stage, lead("lead"), scale);
  const right = el(
    "div",
    { class: "qfp-side" },
    parts.readout,
    parts.plot,
    parts.slider,
    parts.legend,
    el(
      "div",
      { class: "qfp-row" },
      parts.add,
      parts.remove,
      parts.undo,
      el("label", {}, parts.radiusText, parts.radius),
    ),
    el("div", { class: "qfp-row" }, parts.copy, parts.flow),
    parts.flowText,
    parts.note,
    parts.clock,
  );
  const kernel = el(
    "p",
    { class: "qfp-help" },
    "This wire is clean (V = 0), so that its curve follows from the modes of its leads. With a " +
      "random potential every wire is one of its own: that is honest work for a kernel, ",
    el("code", {}, "qfp solve --potential-seed"),
    ".",
  );
  parts.node = el(
    "div",
    { class: "qfp-body" },
    el("div", { class: "qfp-grid" }, left, right),
    parts.help,
  );
  if (whole) parts.node.append(kernel, parts.below);
  return parts;
}

function gradientOf(colours) {
  const stops = Array.from({ length: 9 }, (_, k) => 3 * Math.round((255 * k) / 8));
  return stops.map((c) => `rgb(${colours[c]} ${colours[c + 1]} ${colours[c + 2]})`).join(", ");
}
