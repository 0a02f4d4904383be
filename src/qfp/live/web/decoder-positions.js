// Antidots in images, their canonical placement, and what many samples agree on; as qfp.decoding.
// A pair is [[x, y], [x, y]], the lower antidot first.

// The allowed centres of a wire [{x, y}], and the offsets of an antidot's sites among its sites.
function discs({ width, length, radius }) {
  const centres = [],
    offsets = [],
    reach = Math.floor(radius),
    clear = reach + 1;
  for (let y = clear; y < length - clear; y++)
    for (let x = clear; x < width - clear; x++) centres.push({ x, y });
  for (let dy = -reach; dy <= reach; dy++)
    for (let dx = -reach; dx <= reach; dx++)
      if (dx * dx + dy * dy <= radius * radius) offsets.push(dy * width + dx);
  return { centres, offsets };
}

const ordered = (pair) => pair.slice().sort((a, b) => a[1] - b[1] || a[0] - b[0]);

// The pair of discs, a site apart at least, with the smallest mean LDOS in an image (length,
// width).
function recover(ldos, device) {
  const { centres, offsets } = discs(device),
    far = 4 * (device.radius + 1) ** 2;
  for (const centre of centres) {
    const at = centre.y * device.width + centre.x;
    centre.mean = offsets.reduce((sum, offset) => sum + ldos[at + offset], 0) / offsets.length;
  }
  centres.sort((a, b) => a.mean - b.mean);
  let best = Infinity,
    pair = null;
  for (let i = 0; i + 1 < centres.length; i++) {
    const one = centres[i];
    if (one.mean + centres[i + 1].mean >= best) break; // no later pair can be better
    for (let j = i + 1; j < centres.length && one.mean + centres[j].mean < best; j++) {
      const other = centres[j];
      if ((one.x - other.x) ** 2 + (one.y - other.y) ** 2 > far) {
        best = one.mean + other.mean;
        pair = [
          [one.x, one.y],
          [other.x, other.y],
        ];
      }
    }
  }
  return ordered(pair);
}

// The pair and what the two inversions make of it.
function inversions(pair, { width }) {
  const turned = (sx, sy) => ordered(pair.map(([x, y]) => [sx < 0 ? width - 1 - x : x, sy * y]));
  return [turned(1, 1), turned(1, -1), turned(-1, 1), turned(-1, -1)];
}

// The canonical placement: of the four copies the smallest (x1, x2, dy), centred along the wire.
function canonical(pair, device) {
  const names = inversions(pair, device).map(([one, other]) => [
    one[0],
    other[0],
    other[1] - one[1],
  ]);
  const [x1, x2, dy] = names.sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2])[0];
  const y = Math.floor((device.length - 1 - dy) / 2);
  return [
    [x1, y],
    [x2, y + dy],
  ];
}

// Smallest k such that all centres lie within k sites of the other pair's, modulo what a curve
// cannot tell: a shift along y and the two inversions.
function within(found, truth, device) {
  let least = Infinity;
  for (const copy of inversions(found, device))
    for (const match of [copy, copy.slice().reverse()]) {
      const across = Math.max(...match.map(([x], i) => Math.abs(x - truth[i][0])));
      const along = match.map(([, y], i) => y - truth[i][1]);
      least = Math.min(least, Math.max(across, Math.ceil(Math.abs(along[0] - along[1]) / 2)));
    }
  return least;
}

// What samples agree on, see decode.agree: {best, antidots, probability, near: [whether within 1]}.
function agree(pairs, device) {
  const k = pairs.map((one) => pairs.map((other) => within(one, other, device)));
  const votes = k.map((row) => {
    const exact = row.filter((d) => d === 0).length,
      near = row.filter((d) => d <= 1).length;
    return (exact + near) * (pairs.length + 1) + near;
  });
  const best = votes.indexOf(Math.max(...votes)),
    near = k[best].map((d) => d <= 1);
  const probability = near.filter(Boolean).length / pairs.length;
  return { best, antidots: pairs[best], probability, near };
}
