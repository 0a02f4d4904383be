// The network of Sec. IV (qfp.model.unet, whose names the weights keep) upon the kernels.

const CELL = 4; // pixels across a cell of the coarsest grid: 15 x 15 cells of 60 x 60 pixels
const BELIEF = 4; // scale of the maps of believed positions

// Layer normalisation of one vector, as Float64Array.
function normalised(x, weight, bias) {
  const mean = x.reduce((a, b) => a + b, 0) / x.length;
  const variance = x.reduce((a, b) => a + (b - mean) ** 2, 0) / x.length;
  const inverse = 1 / Math.sqrt(variance + 1e-5);
  return Float64Array.from(x, (value, i) => (value - mean) * inverse * weight[i] + bias[i]);
}

function logSoftmax(x) {
  const largest = Math.max(...x);
  const rest = largest + Math.log(x.reduce((sum, value) => sum + Math.exp(value - largest), 0));
  return x.map((value) => value - rest);
}

const largestAt = (x) => x.reduce((best, value, i) => (value > x[best] ? i : best), 0);

class Network {
  // kernels: Kernels that hold the weights; model: what qfp.live.decoder says of them
  constructor(kernels, model) {
    const { network, device } = model;
    Object.assign(this, { kernels, model, network, device, size: device.side });
    this.grid = this.size / CELL;
    this.sides = network.channels.map((_, i) => this.size / network.unshuffle / 2 ** i);
    this.readsPositions = kernels.has("condition.across.weight");
  }

  // Tokens (width, 32) of a curve [e^2/h]: 15 columns (x), then 15 rows (y).
  tokens(curve) {
    const { kernels } = this,
      { curve_mean, curve_std } = this.model.normalisation;
    if (curve.length !== curve_mean.length)
      throw new Error(
        `a curve of ${curve.length} numbers: the decoder has ${curve_mean.length} fields`,
      );
    const norm = (layer, at, n) => {
      const [weight, bias] = [".weight", ".bias"].map((name) => kernels.values(layer + name));
      return kernels.put(normalised(kernels.view(at, n), weight, bias));
    };
    const [hidden] = kernels.shape("condition.enter.weight");
    const given = kernels.put(Array.from(curve, (g, f) => (g - curve_mean[f]) / curve_std[f]));
    const x = kernels.dense("condition.enter", given);
    for (let i = 0; i < this.network.condition_blocks; i++) {
      const layer = `condition.stem.${i}`,
        [wide] = kernels.shape(layer + ".1.0.weight");
      const between = kernels.dense(layer + ".1.0", norm(layer + ".0", x, hidden));
      kernels.run.gelu(between, wide);
      const change = kernels.view(kernels.dense(layer + ".1.2", between), hidden);
      kernels.view(x, hidden).forEach((value, j, all) => (all[j] = value + change[j]));
    }
    const rows = kernels.dense("condition.embed.1", norm("condition.embed.0", x, hidden));
    const [count, width] = kernels.shape("condition.position"),
      ld = Kernels.padded(count);
    const made = kernels.take(width * ld),
      tokens = kernels.view(made, width * ld);
    const place = kernels.values("condition.position"),
      values = kernels.view(rows, count * width);
    values.forEach(
      (value, j) => (tokens[(j % width) * ld + Math.floor(j / width)] = value + place[j]),
    );
    return made;
  }

  // Log probabilities of the centres, [lower, upper][x, y] of `size` numbers: image column or row.
  profiles(tokens) {
    const { grid } = this,
      ld = Kernels.padded(2 * grid);
    const logits = ["condition.across", "condition.along"].map((layer) =>
      this.kernels.view(this.kernels.linear(layer, tokens, ld), 2 * CELL * ld).slice(),
    );
    return [0, 1].map((antidot) =>
      [0, 1].map((axis) =>
        logSoftmax(
          Float64Array.from(
            { length: this.size },
            (_, p) =>
              logits[axis][
                (antidot * CELL + (p % CELL)) * ld + axis * grid + Math.floor(p / CELL)
              ],
          ),
        ),
      ),
    );
  }

  // Antidots [[x, y], [x, y]] that the curve alone gives, in milliseconds; null without a read-out.
  read(curve) {
    if (!this.readsPositions) return null;
    this.kernels.release();
    return this.positions(this.profiles(this.tokens(curve)));
  }

  positions(profiles) {
    const [left, below] = this.device.margins;
    return profiles.map(([x, y]) => [largestAt(x) - left, largestAt(y) - below]);
  }

  // What the U-Net sees of a curve: {maps: [Float32Array (channels, ld) of each level], positions}.
  condition(curve) {
    const { kernels, network, grid } = this,
      ld = Kernels.padded(2 * grid);
    kernels.release();
    const tokens = this.tokens(curve);
    const profiles = this.readsPositions ? this.profiles(tokens) : null,
      x = tokens;
    for (let i = 0; i < network.condition_layers; i++) {
      const layer = `condition.layers.${i}`,
        before = kernels.layerNorm(layer + ".0", x, ld);
      kernels.addAttention(layer + ".1", "full", network.heads, before, 2 * grid, x);
      kernels.addMlp(layer + ".3", kernels.layerNorm(layer + ".2", x, ld), ld, x);
    }
    const features = kernels.put(this.features(x, profiles, ld));
    const maps = this.sides.map((side, level) => this.map(features, side, level));
    return { maps, positions: profiles && this.positions(profiles) };
  }

  // Features (grid_width, 15 x 15, padded): what the tokens of row and column say, and the beliefs.
  features(tokens, profiles, ld) {
    const { kernels, network, grid } = this,
      ldGrid = Kernels.padded(grid * grid);
    const found = new Float32Array(network.grid_width * ldGrid);
    const [columns, rows] = ["condition.columns", "condition.rows"].map((layer) => {
      const [own] = kernels.shape(layer + ".1.weight");
      const x = kernels.linear(layer + ".1", kernels.layerNorm(layer + ".0", tokens, ld), ld);
      return kernels.view(x, own * ld).slice();
    });
    const own = columns.length / ld;
    for (let y = 0; y < grid; y++)
      for (let x = 0; x < grid; x++) {
        const pixel = y * grid + x;
        for (let c = 0; c < own; c++) {
          const sum = rows[c * ld + grid + y] + columns[c * ld + x];
          found[c * ldGrid + pixel] = sum / (1 + Math.exp(-sum));
        }
        for (let c = own; c < network.grid_width; c++) {
          const [a, dy, dx] = [
            Math.floor((c - own) / CELL ** 2),
            Math.floor((c - own) / CELL) % CELL,
            (c - own) % CELL,
          ];
          const belief = profiles[a][1][y * CELL + dy] + profiles[a][0][x * CELL + dx];
          found[c * ldGrid + pixel] = BELIEF * Math.exp(belief);
        }
      }
    return found;
  }

  // The curve's map (channels, ld) at a level: one linear layer, its channels spread over pixels.
  map(features, side, level) {
    const { kernels, grid } = this,
      k = side / grid,
      layer = `condition.maps.${level}`;
    const ldGrid = Kernels.padded(grid * grid),
      ld = Kernels.padded(side * side);
    const [wide] = kernels.shape(layer + ".weight");
    const given = kernels.view(kernels.linear(layer, features, ldGrid), wide * ldGrid);
    const map = new Float32Array((wide / k ** 2) * ld);
    for (let c = 0; c < wide / k ** 2; c++)
      for (let p = 0; p < side * side; p++) {
        const y = Math.floor(p / side),
          x = p % side;
        const channel = c * k ** 2 + (y % k) * k + (x % k);
        map[c * ld + p] = given[channel * ldGrid + Math.floor(y / k) * grid + Math.floor(x / k)];
      }
    return map;
  }

  // SiLU of the time embedding's layers at step t, on the kernels.
  time(t) {
    // rounded where PyTorch rounds: an angle of 999 in single precision is off by 3e-5
    const frequency = (i) => Math.fround(Math.exp(Math.fround(-Math.log(10000) * i) / 32));
    const angles = Array.from({ length: 32 }, (_, i) => Math.fround(t * frequency(i)));
    let x = this.kernels.put([...angles.map(Math.cos), ...angles.map(Math.sin)]);
    for (const layer of ["time.0", "time.2"]) {
      x = this.kernels.dense(layer, x);
      this.kernels.run.silu(x, this.kernels.shape(layer + ".weight")[0]);
    }
    return x;
  }

  residual(layer, x, side, time) {
    const { kernels } = this,
      pixels = side * side,
      ld = Kernels.padded(pixels);
    const [channels, inputs] = kernels.shape(layer + ".conv1.weight");
    const skip = kernels.has(layer + ".skip.weight"),
      made = kernels.take(channels * ld);
    const top = kernels.top;
    if (skip) kernels.copy(kernels.linear(layer + ".skip", x, ld), made, channels * ld);
    else kernels.copy(x, made, inputs * ld);
    const film = kernels.dense(layer + ".film", time);
    const first = kernels.conv3(
      layer + ".conv1",
      kernels.groupNorm(layer + ".norm1", x, pixels, { silu: 1 }),
      side,
    );
    const second = kernels.groupNorm(layer + ".norm2", first, pixels, { film, silu: 1 });
    kernels.conv3(layer + ".conv2", second, side, { onto: made });
    kernels.release(top);
    return made;
  }

  // Image and map, then attention and MLP over the pixels as tokens; added to x in place. Returns
  // B_j as {side, heads: Float32Array (head, pixel)}, or null where a level has no attention.
  transformer(layer, x, level, map) {
    const { kernels } = this,
      side = this.sides[level],
      pixels = side * side;
    const ld = Kernels.padded(pixels),
      [channels] = kernels.shape(layer + ".norm.weight");
    const top = kernels.top,
      both = kernels.groupNorm(layer + ".norm", x, pixels);
    kernels.put(map); // right behind: the two are one array
    const h = kernels.linear(layer + ".enter", both, ld),
      { heads } = this.network;
    let importance = null;
    if (kernels.has(layer + ".attention.qkv.weight")) {
      const before = kernels.layerNorm(layer + ".norm1", h, ld),
        kind = this.network.attention[level];
      const B = kernels.addAttention(layer + ".attention", kind, heads, before, pixels, h);
      const all = kernels.view(B, heads * ld),
        found = new Float32Array(heads * pixels);
      for (let k = 0; k < heads; k++) found.set(all.subarray(k * ld, k * ld + pixels), k * pixels);
      importance = { side, heads: found };
    }
    kernels.addMlp(layer + ".mlp", kernels.layerNorm(layer + ".norm2", h, ld), ld, h);
    kernels.linear(layer + ".leave", h, ld, x);
    kernels.release(top);
    return importance;
  }

  // One pass: what the schedule's prediction says (v or noise) for an image x (size * size) at step
  // t, as Float32Array, and B_j by layer: {down30: {side, heads}, ...} in the order they act.
  pass(x, t, condition) {
    const { kernels, network, sides } = this,
      { unshuffle } = network,
      importance = {};
    kernels.release();
    const time = this.time(t),
      skips = [];
    let h = kernels.conv3("enter", this.unshuffled(x, unshuffle), sides[0]);
    const stage = (way, level) => {
      for (let b = 0; b < network.blocks; b++)
        h = this.residual(`${way}.${level}.blocks.${b}`, h, sides[level], time);
      const found = this.transformer(
        `${way}.${level}.transformer`,
        h,
        level,
        condition.maps[level],
      );
      if (found) importance[way + sides[level]] = found;
    };
    for (let level = 0; level < sides.length; level++) {
      stage("down", level);
      skips.push(h);
      if (level + 1 < sides.length)
        h = kernels.conv3(`reduce.${level}`, h, sides[level], { stride: 2 });
    }
    for (let level = sides.length - 1; level >= 0; level--) {
      if (level + 1 < sides.length)
        h = kernels.conv3(`enlarge.${level}`, h, sides[level + 1], { twice: 1 });
      const n = network.channels[level] * Kernels.padded(sides[level] ** 2),
        both = kernels.take(2 * n);
      kernels.copy(h, both, n);
      kernels.copy(skips[level], both + 4 * n, n);
      h = both;
      stage("up", level);
    }
    h = kernels.conv3(
      "leave.2",
      kernels.groupNorm("leave.0", h, sides[0] ** 2, { silu: 1 }),
      sides[0],
    );
    return { output: this.shuffled(h, unshuffle), importance };
  }

  // Where pixel p of the image stands among the unshuffled channels, whose images have `side`.
  static place(p, size, k) {
    const y = Math.floor(p / size),
      x = p % size,
      side = size / k;
    const channel = (y % k) * k + (x % k);
    return channel * Kernels.padded(side * side) + Math.floor(y / k) * side + Math.floor(x / k);
  }

  // The image as unshuffle^2 channels of smaller images.
  unshuffled(x, k) {
    const found = new Float32Array(k * k * Kernels.padded((this.size / k) ** 2));
    x.forEach((value, p) => (found[Network.place(p, this.size, k)] = value));
    return this.kernels.put(found);
  }

  shuffled(at, k) {
    const given = this.kernels.view(at, k * k * Kernels.padded((this.size / k) ** 2));
    return Float32Array.from(
      { length: this.size ** 2 },
      (_, p) => given[Network.place(p, this.size, k)],
    );
  }
}
