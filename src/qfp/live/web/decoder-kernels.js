// The memory of decoder.wasm: weights at its start, above them what one pass of the network makes.

// A matrix [m][k] as [m / 4][k][4], as the kernels read it.
function inFours(matrix, m, k) {
  const found = new matrix.constructor(Math.ceil(m / 4) * 4 * k);
  for (let i = 0; i < m; i++)
    for (let t = 0; t < k; t++) found[((i >> 2) * k + t) * 4 + (i & 3)] = matrix[i * k + t];
  return found;
}

class Kernels {
  // exports of decoder.wasm; tensors: [{name, shape, offset}] into `numbers`, bfloat16 as
  // Uint16Array
  constructor(exports, tensors, numbers) {
    Object.assign(this, { run: exports, tensors: new Map(), top: (exports.heap() + 15) & ~15 });
    for (const { name, shape, offset } of tensors) {
      const size = shape.reduce((a, b) => a * b, 1),
        own = numbers.subarray(offset, offset + size);
      const matrix = shape.length > 1 && name.endsWith(".weight");
      const values = matrix ? inFours(own, shape[0], size / shape[0]) : own;
      const at = this.take(values.length);
      const bits = new Uint32Array(exports.memory.buffer, at, values.length);
      for (let i = 0; i < values.length; i++) bits[i] = values[i] << 16;
      this.tensors.set(name, { at, shape, size });
    }
    this.base = this.top;
  }

  // Address of n new floats, 16 bytes aligned, all 0 or what an earlier pass left.
  take(n) {
    const at = this.top,
      { memory } = this.run;
    this.top += (4 * n + 15) & ~15;
    const missing = this.top - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / 65536));
    return at;
  }

  // Give back all that was taken above the weights, or above an earlier `top`.
  release(top = this.base) {
    this.top = top;
  }

  // The n floats at an address, valid until the next `take`.
  view(at, n) {
    return new Float32Array(this.run.memory.buffer, at, n);
  }

  // Address of a copy of some numbers.
  put(values) {
    const at = this.take(values.length);
    this.view(at, values.length).set(values);
    return at;
  }

  copy(from, to, n) {
    this.view(to, n).set(this.view(from, n));
  }

  has(name) {
    return this.tensors.has(name);
  }

  shape(name) {
    return this.tensors.get(name).shape;
  }

  values(name) {
    const { at, size } = this.tensors.get(name);
    return this.view(at, size);
  }

  at(name) {
    return this.tensors.get(name).at;
  }

  bias(layer) {
    return this.has(layer + ".bias") ? this.at(layer + ".bias") : 0;
  }

  // What follows runs a layer by its name and returns the address of what it made.

  // A linear layer of one vector.
  dense(layer, x) {
    const [m, k] = this.shape(layer + ".weight"),
      y = this.take(m);
    this.run.dense(this.at(layer + ".weight"), this.bias(layer), x, y, m, k);
    return y;
  }

  // A linear layer (or 1 x 1 convolution) of each pixel; added to what stands at `onto`, if given.
  linear(layer, x, ld, onto) {
    const [m, k] = this.shape(layer + ".weight"),
      y = onto ?? this.take(m * ld),
      top = this.top;
    const add = onto === undefined ? 0 : 1,
      panel = this.take(8 * k);
    this.run.linear(this.at(layer + ".weight"), this.bias(layer), x, y, m, k, ld, add, panel);
    this.release(top);
    return y;
  }

  // A 3 x 3 convolution of an image of side x side pixels, see conv3 in decoder.c.
  conv3(layer, x, side, { stride = 1, twice = 0, onto } = {}) {
    const [out, inputs] = this.shape(layer + ".weight"),
      { size, padded } = Kernels;
    const made = size(side, stride, twice),
      ld = padded(side * side),
      ldMade = padded(made * made);
    const y = onto ?? this.take(out * ldMade),
      add = onto === undefined ? 0 : 1,
      top = this.top;
    this.run.conv3(
      this.at(layer + ".weight"),
      this.bias(layer),
      x,
      y,
      out,
      inputs,
      side,
      ld,
      ldMade,
      stride,
      twice,
      add,
      this.take(9 * 8 * inputs),
    );
    this.release(top);
    return y;
  }

  groupNorm(layer, x, pixels, { film = 0, silu = 0 } = {}) {
    const [channels] = this.shape(layer + ".weight"),
      ld = Kernels.padded(pixels);
    const y = this.take(channels * ld),
      groups = [8, 4, 2, 1].find((n) => channels % n === 0);
    this.run.group_norm(
      this.at(layer + ".weight"),
      this.at(layer + ".bias"),
      x,
      y,
      channels,
      pixels,
      ld,
      groups,
      film,
      silu,
    );
    return y;
  }

  layerNorm(layer, x, ld) {
    const [channels] = this.shape(layer + ".weight"),
      y = this.take(channels * ld);
    this.run.layer_norm(this.at(layer + ".weight"), this.at(layer + ".bias"), x, y, channels, ld);
    return y;
  }

  // Two layers with GELU between of each pixel, added to what stands at `onto`.
  addMlp(layer, x, ld, onto) {
    const [hidden] = this.shape(layer + ".0.weight"),
      between = this.linear(layer + ".0", x, ld);
    this.run.gelu(between, hidden * ld);
    this.linear(layer + ".2", between, ld, onto);
  }

  // Self-attention of `pixels` tokens, added to `onto`; returns B_j (heads, ld).
  addAttention(layer, kind, heads, x, pixels, onto) {
    const ld = Kernels.padded(pixels),
      [all, channels] = this.shape(layer + ".qkv.weight");
    const d = all / 3 / heads,
      importance = this.take(heads * ld);
    const given = this.linear(layer + ".qkv", x, ld),
      made = this.take(channels * ld);
    const scratch = this.take(d * d + d + ld + 4);
    this.run[kind + "_attention"](given, made, importance, heads, d, pixels, ld, scratch);
    this.linear(layer + ".out", made, ld, onto);
    return importance;
  }

  // Floats between channels of an image of n pixels.
  static padded(n) {
    return (n + 7) & ~7;
  }

  // Pixels across of what a convolution makes of an image.
  static size(side, stride, twice) {
    return Math.floor(((twice ? 2 * side : side) + stride - 1) / stride);
  }
}
