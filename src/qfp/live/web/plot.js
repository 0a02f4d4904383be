// The plot of the curve: open modes as a staircase, the curve, a curve to compare with, the cursor.

// About `number` round ticks from 0 to the end of an axis.
function ticks(end, number) {
  const raw = end / number,
    unit = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((k) => k * unit).find((s) => s >= raw);
  const found = [];
  for (let k = 0; k * step <= end * 1.0001; k++) found.push(Number((k * step).toPrecision(6)));
  return found;
}

// wire.unit: {symbol, name, per} of the axis; onField(f) where the reader points at a field.
function makePlot(host, wire, onField) {
  const last = wire.fields.length - 1,
    high = Math.max(...wire.modes) + 0.5;
  const left = 40,
    right = 18,
    above = 24,
    below = 42;
  const svg = el("svg:svg", { class: "qfp-plot", role: "img" });
  const parts = {};
  for (const name of ["axes", "modes", "target", "ghost", "curve", "cursor"])
    svg.append((parts[name] = el("svg:g", { class: `qfp-${name}` })));
  parts.dot = el("svg:circle", { r: 5, class: "qfp-dot" });
  svg.append(parts.dot);
  host.append(svg);
  let width = 0,
    height = 0;
  const X = (f) => left + (f / last) * (width - left - right);
  const Y = (G) => height - below - (G / high) * (height - above - below);

  const line = (part, points, steps) => {
    const known = points ? [...points.keys()].filter((f) => Number.isFinite(points[f])) : [];
    const path = known.map((f, k) => {
      const turn = steps && k ? `H${((X(f) + X(f - 1)) / 2).toFixed(1)}V` : null;
      return turn
        ? `${turn}${Y(points[f]).toFixed(1)}`
        : `${k ? "L" : "M"}${X(f).toFixed(1)} ${Y(points[f]).toFixed(1)}`;
    });
    const end = steps && known.length ? `H${X(last)}` : "";
    part.replaceChildren(el("svg:path", { d: path.join("") + end }));
  };

  function axes() {
    const bottom = Y(0),
      end = wire.fields[last] * wire.unit.per;
    const write = (x, y, text, anchor) => el("svg:text", { x, y, "text-anchor": anchor }, text);
    const nodes = [];
    for (const G of ticks(high, 5)) {
      nodes.push(el("svg:path", { d: `M${left} ${Y(G)}H${width - right}` }));
      nodes.push(write(left - 8, Y(G) + 4, G, "end"));
    }
    for (const b of ticks(end, width < 340 ? 3 : 5))
      nodes.push(write(X((b / end) * last), bottom + 17, b, "middle"));
    nodes.push(
      write(
        (left + width - right) / 2,
        height - 6,
        `magnetic field ${wire.unit.symbol} [${wire.unit.name}]`,
        "middle",
      ),
    );
    nodes.push(write(left - 30, 12, "G [e²/h]", "start"));
    nodes.push(write(left + 6, Y(wire.modes[0]) + 14, "open modes", "start"));
    parts.axes.replaceChildren(...nodes);
    line(parts.modes, wire.modes, true);
  }

  function draw({ curve, ghost, target, field }) {
    const box = host.getBoundingClientRect();
    if (Math.round(box.width) !== width || Math.round(box.height) !== height) {
      [width, height] = [Math.round(box.width), Math.round(box.height)];
      set(svg, { viewBox: `0 0 ${width} ${height}`, width, height });
      axes();
    }
    line(parts.target, target);
    line(parts.ghost, ghost);
    line(parts.curve, curve);
    parts.cursor.replaceChildren(el("svg:path", { d: `M${X(field)} ${above}V${Y(0)}` }));
    const known = curve && Number.isFinite(curve[field]);
    set(parts.dot, { cx: X(field), cy: known ? Y(curve[field]) : -20 });
  }

  const point = (event) => {
    const x = event.clientX - svg.getBoundingClientRect().left;
    onField(Math.min(last, Math.max(0, Math.round(((x - left) / (width - left - right)) * last))));
  };
  svg.addEventListener("pointerdown", (event) => {
    svg.setPointerCapture(event.pointerId);
    point(event);
  });
  svg.addEventListener("pointermove", (event) => event.buttons && point(event));
  const label = (text) => set(svg, { "aria-label": text });
  return { draw, label };
}
