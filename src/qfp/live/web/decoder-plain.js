// The kernels of decoder.c once more in plain JavaScript, under the same names and over the same
// layout, for browsers without WebAssembly SIMD: slower, the same numbers to single precision.

function plainKernels() {
  const PANEL = 8; // pixels that are worked on at once, as pairs [pair][term][2]
  let F = new Float32Array(1 << 22),
    panel = new Float64Array(0);
  const memory = {
    get buffer() {
      return F.buffer;
    },
    // by half of itself at least, for all of it is copied
    grow(pages) {
      const old = F;
      F = new Float32Array(old.length + Math.max(pages << 14, old.length >> 1));
      F.set(old);
    },
  };
  const silu = (x) => x / (1 + Math.exp(-x));
  const polynomial = (x, terms) => terms.reduce((sum, c) => sum * x + c, 0);
  const UPPER = [
    -2.72614225801306e-10, 2.77068142495902e-8, -2.10102402082508e-6, -5.69250639462346e-5,
    -7.34990630326855e-4, -2.95459980854025e-3, -1.60960333262415e-2,
  ];
  const LOWER = [
    -1.45660718464996e-5, -2.13374055278905e-4, -1.68282697438203e-3, -7.37332916720468e-3,
    -1.42647390514189e-2,
  ];

  // x Phi(x), with the error function as in decoder.c
  function gelu(x) {
    const z = Math.max(-4, Math.min(4, x * Math.SQRT1_2)),
      square = z * z;
    return (x / 2) * (1 + (z * polynomial(square, UPPER)) / polynomial(square, LOWER));
  }

  function each(change) {
    return (x, n) => {
      for (let p = x >> 2, end = p + n; p < end; p++) F[p] = change(F[p]);
    };
  }

  // The panel's columns of Y = A panel + bias (+ Y if add), four rows and two columns at once.
  function multiply(A, bias, Y, m, k, ld, add) {
    const f = F,
      given = panel; // what a loop reads fastest
    for (let pair = 0; pair < PANEL / 2; pair++)
      for (let i = 0; i < m; i += 4) {
        let a0 = 0,
          a1 = 0,
          b0 = 0,
          b1 = 0,
          c0 = 0,
          c1 = 0,
          d0 = 0,
          d1 = 0;
        const end = 2 * k * (pair + 1);
        for (let at = A + i * k, t = 2 * k * pair; t < end; at += 4, t += 2) {
          const x = given[t],
            y = given[t + 1];
          a0 += f[at] * x;
          a1 += f[at] * y;
          b0 += f[at + 1] * x;
          b1 += f[at + 1] * y;
          c0 += f[at + 2] * x;
          c1 += f[at + 2] * y;
          d0 += f[at + 3] * x;
          d1 += f[at + 3] * y;
        }
        const sums = [a0, a1, b0, b1, c0, c1, d0, d1];
        for (let s = 0; s < 4 && i + s < m; s++)
          for (let q = 0; q < 2; q++) {
            const at = Y + (i + s) * ld + 2 * pair + q;
            f[at] = sums[2 * s + q] + (bias ? f[bias + i + s] : 0) + (add ? f[at] : 0);
          }
      }
  }

  const roomFor = (k) => panel.length < PANEL * k && (panel = new Float64Array(PANEL * k));

  function dense(A, bias, x, y, m, k) {
    [A, bias, x, y] = [A >> 2, bias >> 2, x >> 2, y >> 2];
    for (let i = 0; i < m; i++) {
      let sum = bias ? F[bias + i] : 0;
      for (let t = 0, at = A + (i & ~3) * k + (i & 3); t < k; t++, at += 4) sum += F[at] * F[x + t];
      F[y + i] = sum;
    }
  }

  function linear(A, bias, X, Y, m, k, ld, add) {
    [A, bias, X, Y] = [A >> 2, bias >> 2, X >> 2, Y >> 2];
    roomFor(k);
    for (let j = 0; j < ld; j += PANEL) {
      for (let t = 0; t < k; t++)
        for (let q = 0; q < PANEL; q++)
          panel[2 * ((q >> 1) * k + t) + (q & 1)] = F[X + t * ld + j + q];
      multiply(A, bias, Y + j, m, k, ld, add);
    }
  }

  function conv3(A, bias, X, Y, out, inputs, side, ldx, ldy, stride, twice, add) {
    [A, bias, X, Y] = [A >> 2, bias >> 2, X >> 2, Y >> 2];
    const seen = twice ? 2 * side : side,
      made = Math.floor((seen + stride - 1) / stride),
      k = 9 * inputs;
    roomFor(k);
    for (let j = 0; j < made * made; j += PANEL) {
      for (let tap = 0; tap < 9; tap++)
        for (let q = 0; q < PANEL; q++) {
          const p = j + q,
            y = Math.floor(p / made) * stride + Math.floor(tap / 3) - 1,
            x = (p % made) * stride + (tap % 3) - 1;
          const inside = p < made * made && y >= 0 && y < seen && x >= 0 && x < seen;
          const from = X + (twice ? (y >> 1) * side + (x >> 1) : y * side + x);
          for (let c = 0, to = 2 * ((q >> 1) * k + tap) + (q & 1); c < inputs; c++, to += 18)
            panel[to] = inside ? F[from + c * ldx] : 0;
        }
      multiply(A, bias, Y + j, out, k, ldy, add);
    }
  }

  function group_norm(weight, bias, X, Y, channels, n, ld, groups, film, withSilu) {
    [weight, bias, X, Y, film] = [weight >> 2, bias >> 2, X >> 2, Y >> 2, film >> 2];
    const own = channels / groups;
    for (let g = 0; g < groups; g++) {
      let sum = 0,
        squares = 0;
      const over = (add) => {
        for (let c = g * own; c < (g + 1) * own; c++)
          for (let p = 0; p < n; p++) add(F[X + c * ld + p]);
      };
      over((x) => (sum += x));
      const mean = sum / (own * n);
      over((x) => (squares += (x - mean) ** 2));
      const inverse = 1 / Math.sqrt(squares / (own * n) + 1e-5);
      for (let c = g * own; c < (g + 1) * own; c++) {
        const film1 = film ? 1 + F[film + c] : 1,
          scale = F[weight + c] * inverse * film1;
        const shift = F[bias + c] * film1 - mean * scale + (film ? F[film + channels + c] : 0);
        for (let p = 0; p < ld; p++) {
          const x = scale * F[X + c * ld + p] + shift;
          F[Y + c * ld + p] = withSilu ? silu(x) : x;
        }
      }
    }
  }

  function layer_norm(weight, bias, X, Y, channels, ld) {
    [weight, bias, X, Y] = [weight >> 2, bias >> 2, X >> 2, Y >> 2];
    for (let p = 0; p < ld; p++) {
      let sum = 0,
        squares = 0;
      for (let c = 0; c < channels; c++) sum += F[X + c * ld + p];
      const mean = sum / channels;
      for (let c = 0; c < channels; c++) squares += (F[X + c * ld + p] - mean) ** 2;
      const inverse = 1 / Math.sqrt(squares / channels + 1e-5);
      for (let c = 0; c < channels; c++)
        F[Y + c * ld + p] = (F[X + c * ld + p] - mean) * inverse * F[weight + c] + F[bias + c];
    }
  }

  // Sum over n numbers of a * b.
  function product(a, b, n) {
    let sum = 0;
    for (let p = 0; p < n; p++) sum += F[a + p] * F[b + p];
    return sum;
  }

  // Both attentions as in decoder.c: Y, and B_j = sum_i A_ij.
  function linear_attention(Q, Y, B, heads, d, n, ld) {
    [Q, Y, B] = [Q >> 2, Y >> 2, B >> 2];
    const all = heads * d,
      share = new Float64Array(ld);
    for (let i = Q; i < Q + 2 * all * ld; i++) F[i] = F[i] > 0 ? F[i] + 1 : Math.exp(F[i]);
    for (let h = 0; h < heads; h++) {
      const q = Q + h * d * ld,
        k = q + all * ld,
        v = k + all * ld,
        dims = [...Array(d).keys()];
      const keys = dims.map((a) =>
        F.subarray(k + a * ld, k + a * ld + n).reduce((s, x) => s + x, 0),
      );
      const context = dims.map((a) => dims.map((e) => product(k + a * ld, v + e * ld, n)));
      for (let p = 0; p < ld; p++) {
        const z = dims.reduce((sum, a) => sum + keys[a] * F[q + a * ld + p], 0);
        for (const e of dims)
          F[Y + (h * d + e) * ld + p] =
            dims.reduce((sum, a) => sum + context[a][e] * F[q + a * ld + p], 0) / z;
        share[p] = p < n ? 1 / z : 0;
      }
      F.fill(0, B + h * ld, B + (h + 1) * ld);
      for (const a of dims) {
        const asked = share.reduce((sum, x, p) => sum + x * F[q + a * ld + p], 0);
        for (let p = 0; p < ld; p++) F[B + h * ld + p] += asked * F[k + a * ld + p];
      }
    }
  }

  function full_attention(Q, Y, B, heads, d, n, ld) {
    [Q, Y, B] = [Q >> 2, Y >> 2, B >> 2];
    const all = heads * d,
      row = new Float64Array(n);
    for (let h = 0; h < heads; h++) {
      const q = Q + h * d * ld,
        k = q + all * ld,
        v = k + all * ld;
      F.fill(0, B + h * ld, B + (h + 1) * ld);
      for (let i = 0; i < n; i++) {
        row.fill(0);
        for (let a = 0; a < d; a++) {
          const asked = F[q + a * ld + i] / Math.sqrt(d);
          for (let p = 0; p < n; p++) row[p] += asked * F[k + a * ld + p];
        }
        const largest = Math.max(...row);
        let z = 0;
        for (let p = 0; p < n; p++) z += row[p] = Math.exp(row[p] - largest);
        for (let p = 0; p < n; p++) F[B + h * ld + p] += row[p] /= z;
        for (let e = 0; e < d; e++) {
          let sum = 0;
          for (let p = 0; p < n; p++) sum += row[p] * F[v + e * ld + p];
          F[Y + (h * d + e) * ld + i] = sum;
        }
      }
    }
  }

  return {
    memory,
    heap: () => 16, // 0 stands for a layer without a bias
    gelu: each(gelu),
    silu: each(silu),
    dense,
    linear,
    conv3,
    group_norm,
    layer_norm,
    linear_attention,
    full_attention,
  };
}
