// The LDOS as a picture: colours of the book's figures, smoothed between sites for the eye.
const FINE = 4; // pixels a site

// Weights of the four sites around a place t in (0, 1) between two of them: Catmull-Rom.
function cubic(t) {
  return [
    (((2 - t) * t - 1) * t) / 2,
    ((3 * t - 5) * t * t + 2) / 2,
    (((4 - 3 * t) * t + 1) * t) / 2,
    ((t - 1) * t * t) / 2,
  ];
}

// For each of n * FINE pixels along a line of n sites: four sites and their weights.
function taps(n) {
  return Array.from({ length: n * FINE }, (_, p) => {
    const at = (p + 0.5) / FINE - 0.5,
      from = Math.floor(at);
    const sites = [-1, 0, 1, 2].map((k) => Math.min(n - 1, Math.max(0, from + k)));
    return { sites, weights: cubic(at - from) };
  });
}

// A painter of images (W L, row y = 0 at the bottom) into a canvas.
function makePicture(canvas, wire, colours) {
  const W = wire.width,
    L = wire.length;
  const across = taps(W),
    along = taps(L),
    rows = new Float64Array(L * W * FINE);
  canvas.width = W * FINE;
  canvas.height = L * FINE;
  const context = canvas.getContext("2d"),
    data = context.createImageData(canvas.width, canvas.height);
  data.data.fill(255);
  return (image, top) => {
    for (let y = 0; y < L; y++)
      across.forEach(({ sites, weights }, p) => {
        let sum = 0;
        for (let k = 0; k < 4; k++) sum += weights[k] * image[y * W + sites[k]];
        rows[y * W * FINE + p] = sum;
      });
    along.forEach(({ sites, weights }, p) => {
      const line = 4 * (L * FINE - 1 - p) * W * FINE;
      for (let x = 0; x < W * FINE; x++) {
        let sum = 0;
        for (let k = 0; k < 4; k++) sum += weights[k] * rows[sites[k] * W * FINE + x];
        const colour = 3 * Math.round(255 * Math.min(1, Math.max(0, sum / top)));
        for (let k = 0; k < 3; k++) data.data[line + 4 * x + k] = colours[colour + k];
      }
    });
    context.putImageData(data, 0, 0);
  };
}

// What the brightest colour stands for: all but a few sites in two hundred lie below.
function topOf(image) {
  const sorted = image.slice().sort();
  return sorted[Math.floor(0.995 * (sorted.length - 1))] || 1;
}
