// The current at the chosen field, as arrows over the picture: means over small cells.
const CELL = 3; // sites across a cell

// Current (jx, jy) of each cell, of the bonds' currents (2, length, width) of worker.js.
function cellCurrents({ width: W, length: L }, flow) {
  const found = [];
  for (let top = 0; top < L; top += CELL)
    for (let left = 0; left < W; left += CELL) {
      let jx = 0,
        jy = 0,
        sites = 0;
      for (let y = top; y < Math.min(L, top + CELL); y++)
        for (let x = left; x < Math.min(W, left + CELL); x++, sites++) {
          const s = y * W + x,
            up = W * L + s;
          // half of each of its bonds; at an end row the one that is known stands for both
          jx += (flow[s] + (x ? flow[s - 1] : 0)) / 2;
          jy += y === 0 ? flow[up] : y === L - 1 ? flow[up - W] : (flow[up] + flow[up - W]) / 2;
        }
      const [x, y] = [left, top].map((at, k) => (at + Math.min([W, L][k], at + CELL) - 1) / 2);
      found.push({ x, y, jx: jx / sites, jy: jy / sites });
    }
  return found;
}

// A painter of currents into a canvas; null takes the arrows away. An arrow's length goes with the
// root of its current, for most of it flows in narrow channels.
function makeArrows(canvas, wire) {
  const context = canvas.getContext("2d");
  return (flow) => {
    const box = canvas.getBoundingClientRect(),
      fine = window.devicePixelRatio || 1;
    [canvas.width, canvas.height] = [box.width * fine, box.height * fine].map(Math.round);
    if (!flow) return;
    const site = canvas.width / wire.width,
      cells = cellCurrents(wire, flow);
    const most = Math.max(...cells.map(({ jx, jy }) => Math.hypot(jx, jy)), 1e-12);
    context.lineWidth = 0.32 * site;
    context.lineCap = context.lineJoin = "round";
    for (const { x, y, jx, jy } of cells) {
      const size = Math.hypot(jx, jy),
        share = Math.sqrt(size / most);
      if (share < 0.12) continue;
      const half = 0.55 * CELL * site * share,
        head = Math.min(half, 0.9 * site);
      // along the arrow and across it, on the canvas, whose y falls
      const at = (along, across) => [
        (x + 0.5) * site + (along * jx + across * jy) / size,
        (wire.length - 0.5 - y) * site + (across * jx - along * jy) / size,
      ];
      context.strokeStyle = `rgb(125 220 255 / ${0.25 + 0.7 * share})`;
      context.beginPath();
      context.moveTo(...at(-half, 0));
      context.lineTo(...at(half, 0));
      context.moveTo(...at(half - head, -0.6 * head));
      context.lineTo(...at(half, 0));
      context.lineTo(...at(half - head, 0.6 * head));
      context.stroke();
    }
  };
}
