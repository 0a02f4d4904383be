// From noise to images: the DDIM steps of qfp.model.diffusion (Song et al., nothing random).

// The steps t, falling from T - 1 to 0, of a sample in so many; qfp's Schedule.respaced.
function respaced(T, steps) {
  const rising = [];
  for (let i = 0; i < steps; i++) {
    const t = steps === 1 ? T - 1 : ((T - 1) * i) / (steps - 1),
      near = Math.round(t);
    const even = t - Math.floor(t) === 0.5 && near % 2 ? near - 1 : near; // as numpy rounds
    rising.push(Math.min(Math.max(even, i ? rising[i - 1] + 1 : 0), T - steps + i));
  }
  return rising.reverse();
}

// Standard normal numbers, a pure function of the seed: xoshiro128** and Box and Muller's pairs.
function normalNoise(seed, n) {
  const state = Uint32Array.from({ length: 4 }, (_, i) => mixed(seed, i)),
    noise = new Float64Array(n);
  const next = () => {
    const product = Math.imul(state[1], 5),
      found = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const shifted = state[1] << 9;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = (state[3] << 11) | (state[3] >>> 21);
    return (found + 0.5) / 2 ** 32;
  };
  for (let i = 0; i < n; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(next())),
      angle = 2 * Math.PI * next();
    noise[i] = radius * Math.cos(angle);
    if (i + 1 < n) noise[i + 1] = radius * Math.sin(angle);
  }
  return noise;
}

// A 32-bit number of a seed and an index (the finaliser of MurmurHash3).
function mixed(seed, index) {
  let x = (seed + Math.imul(index + 1, 0x9e3779b9)) >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

// The steps of one sample: yields {step, t, x, clean, importance}, the image x_t, the clean one
// that the network sees in it, and B_j; returns the last clean one. All normalised, Float64Array.
function* denoise(network, condition, noise, steps) {
  const { alpha_bar, prediction } = network.model;
  const times = respaced(alpha_bar.length, steps),
    x = Float64Array.from(noise);
  const clean = new Float64Array(x.length);
  for (let step = 0; step < steps; step++) {
    const t = times[step],
      { output, importance } = network.pass(x, t, condition);
    const a = Math.sqrt(alpha_bar[t]),
      s = Math.sqrt(1 - alpha_bar[t]);
    for (let p = 0; p < x.length; p++) {
      const eps = prediction === "v" ? s * x[p] + a * output[p] : output[p];
      clean[p] = (x[p] - s * eps) / a;
    }
    yield { step, t, x: x.slice(), clean: clean.slice(), importance };
    const after = step + 1 < steps ? alpha_bar[times[step + 1]] : 1;
    const [to, rest] = [Math.sqrt(after), Math.sqrt(1 - after)];
    for (let p = 0; p < x.length; p++) x[p] = to * clean[p] + (rest * (x[p] - a * clean[p])) / s;
  }
  return x;
}
