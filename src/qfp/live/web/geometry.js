// Discs, pockets and rings, as in qfp.physics.geometry. A site is y * W + x.

// The largest offset of a disc's sites, and where its centre may stand.
function reachOf(radius) {
  return Math.floor(radius);
}

function limitsOf(wire, radius) {
  const r = reachOf(radius);
  return { x: [r, wire.width - 1 - r], y: [r + 1, wire.length - 2 - r] };
}

// Sites of discs, dx^2 + dy^2 <= r^2, and the pockets that they cut off from both leads: 1 in a
// Uint8Array (W L).
function removedSites(wire, antidots, radii) {
  const W = wire.width,
    L = wire.length,
    removed = new Uint8Array(W * L);
  antidots.forEach(([x, y], k) => {
    const r = reachOf(radii[k]);
    for (let dy = -r; dy <= r; dy++)
      for (let dx = -r; dx <= r; dx++)
        if (dx * dx + dy * dy <= radii[k] ** 2) removed[(y + dy) * W + x + dx] = 1;
  });
  const met = removed.slice(),
    stack = [];
  const meet = (x, y) => {
    if (x < 0 || x >= W || y < 0 || y >= L || met[y * W + x]) return;
    met[y * W + x] = 1;
    stack.push([x, y]);
  };
  for (let x = 0; x < W; x++) {
    meet(x, 0);
    meet(x, L - 1);
  }
  while (stack.length) {
    const [x, y] = stack.pop();
    meet(x + 1, y);
    meet(x - 1, y);
    meet(x, y + 1);
    meet(x, y - 1);
  }
  return removed.map((hole, s) => (hole || !met[s] ? 1 : 0));
}

// Removed sites with a neighbour that is not; beyond the side walls there is nothing.
function ringOf(wire, removed) {
  const W = wire.width,
    L = wire.length,
    ring = [];
  const gone = (x, y) => x < 0 || x >= W || (y >= 0 && y < L && removed[y * W + x] === 1);
  for (let y = 0; y < L; y++)
    for (let x = 0; x < W; x++) {
      if (!removed[y * W + x]) continue;
      if (!(gone(x - 1, y) && gone(x + 1, y) && gone(x, y - 1) && gone(x, y + 1)))
        ring.push(y * W + x);
    }
  return Int32Array.from(ring);
}

// The canonical hard-disc rule: a site of clearance to walls, ends and each other.
function hardDiscs(wire, antidots, radius) {
  const r = reachOf(radius) + 1;
  return antidots.every(
    ([x, y], k) =>
      x >= r &&
      x < wire.width - r &&
      y >= r &&
      y < wire.length - r &&
      antidots.slice(0, k).every(([u, v]) => (u - x) ** 2 + (v - y) ** 2 > (2 * (radius + 1)) ** 2),
  );
}
