// The solver of solver.c once more in plain JavaScript, for browsers without WebAssembly SIMD.
// The same steps under the same names, without the blocks that make C fast.

function plainSolver(width, length, energy, slots, small) {
  const W = width,
    L = length,
    TRI = (W * (W + 1)) / 2,
    NEARLY = 1e-11,
    NULL_PIVOT = 1e-13,
    SPOILT = 1e6;
  const input = new Float64Array(2 * TRI + 2 * W),
    fields = new Array(slots);
  const square = () => new Float64Array(W * W);
  const table = (n) => (small ? new Float32Array(n) : new Float64Array(n));
  const flow = new Float64Array(2 * W * L);
  let Ar,
    Ai,
    Xr,
    Xi,
    stride,
    columns,
    forced = false,
    fallbacks = 0;

  function shape(rows, rhs) {
    columns = rhs;
    stride = rows + rhs;
    if (!Ar || Ar.length < rows * stride)
      [Ar, Ai] = [0, 0].map(() => new Float64Array(rows * stride));
    if (!Xr || Xr.length < rows * rhs) [Xr, Xi] = [0, 0].map(() => new Float64Array(rows * rhs));
  }

  // row i loses (r + i m) times row j
  function eliminate(i, j, r, m, from, to) {
    for (
      let a = i * stride + from, b = j * stride + from, end = i * stride + to;
      a < end;
      a++, b++
    ) {
      const x = Ar[b],
        y = Ai[b];
      Ar[a] -= r * x - m * y;
      Ai[a] -= r * y + m * x;
    }
  }

  function swapRows(i, j) {
    if (i === j) return;
    for (let c = 0, a = i * stride, b = j * stride; c < stride; c++, a++, b++) {
      let t = Ar[a];
      Ar[a] = Ar[b];
      Ar[b] = t;
      t = Ai[a];
      Ai[a] = Ai[b];
      Ai[b] = t;
    }
  }

  // LU with partial pivoting, right-hand sides carried along; false: singular, or nearly
  function factorise(rows) {
    let largest = 0,
      least = Infinity;
    for (let j = 0; j < rows; j++) {
      let best = -1,
        p = j;
      for (let i = j; i < rows; i++) {
        const v = Ar[i * stride + j] ** 2 + Ai[i * stride + j] ** 2;
        if (v > best) {
          best = v;
          p = i;
        }
      }
      if (!(best > 0)) return false;
      largest = Math.max(largest, best);
      least = Math.min(least, best);
      swapRows(j, p);
      const ir = Ar[j * stride + j] / best,
        ii = -Ai[j * stride + j] / best;
      for (let i = j + 1; i < rows; i++) {
        const a = Ar[i * stride + j],
          b = Ai[i * stride + j];
        eliminate(i, j, a * ir - b * ii, a * ii + b * ir, j + 1, stride);
      }
    }
    return least > NEARLY ** 2 * largest;
  }

  // X from the upper triangle; `place`: where unknown i of `rank` stands (complete pivoting)
  function substitute(rows, rank, place) {
    let norm = 0;
    Xr.fill(0);
    Xi.fill(0);
    for (let i = rank - 1; i >= 0; i--) {
      const at = place[i] * columns,
        d = i * stride + i,
        size = Ar[d] ** 2 + Ai[d] ** 2;
      const ir = Ar[d] / size,
        ii = -Ai[d] / size;
      for (let c = 0; c < columns; c++) {
        Xr[at + c] = Ar[i * stride + rows + c];
        Xi[at + c] = Ai[i * stride + rows + c];
      }
      for (let j = i + 1; j < rank; j++) {
        const r = Ar[i * stride + j],
          m = Ai[i * stride + j],
          from = place[j] * columns;
        for (let c = 0; c < columns; c++) {
          const x = Xr[from + c],
            y = Xi[from + c];
          Xr[at + c] -= r * x - m * y;
          Xi[at + c] -= r * y + m * x;
        }
      }
      for (let c = at; c < at + columns; c++) {
        const r = Xr[c],
          m = Xi[c];
        Xr[c] = r * ir - m * ii;
        Xi[c] = r * ii + m * ir;
        norm += Xr[c] ** 2 + Xi[c] ** 2;
      }
    }
    return norm < SPOILT ** 2;
  }

  // complete pivoting; pivots that are null to rounding are dropped
  function solveCompletely(rows) {
    const place = Array.from({ length: rows }, (_, i) => i);
    let rank = rows,
      first = 0;
    for (let k = 0; k < rows; k++) {
      let best = -1,
        p = k,
        q = k;
      for (let i = k; i < rows; i++)
        for (let j = k; j < rows; j++) {
          const v = Ar[i * stride + j] ** 2 + Ai[i * stride + j] ** 2;
          if (v > best) {
            best = v;
            p = i;
            q = j;
          }
        }
      if (k === 0) first = Math.sqrt(best);
      if (!(Math.sqrt(best) > NULL_PIVOT * first)) {
        rank = k;
        break;
      }
      swapRows(k, p);
      for (let i = 0; i < rows; i++)
        for (const A of [Ar, Ai]) {
          const t = A[i * stride + k];
          A[i * stride + k] = A[i * stride + q];
          A[i * stride + q] = t;
        }
      [place[k], place[q]] = [place[q], place[k]];
      const ir = Ar[k * stride + k] / best,
        ii = -Ai[k * stride + k] / best;
      for (let i = k + 1; i < rows; i++) {
        const a = Ar[i * stride + k],
          b = Ai[i * stride + k];
        eliminate(i, k, a * ir - b * ii, a * ii + b * ir, k, stride);
      }
    }
    substitute(rows, rank, place);
  }

  const inOrder = (rows) => Array.from({ length: rows }, (_, i) => i);

  // --- one field

  function unpack() {
    const Sr = square(),
      Si = square();
    let q = 0;
    for (let i = 0; i < W; i++)
      for (let j = 0; i + j <= W - 1; j++, q += 2) {
        Sr[i * W + j] = Sr[(W - 1 - j) * W + W - 1 - i] = input[q];
        Si[i * W + j] = Si[(W - 1 - j) * W + W - 1 - i] = input[q + 1];
      }
    return [Sr, Si];
  }

  function middleBlock(Sr, Si) {
    shape(W, W);
    Ar.fill(0);
    Ai.fill(0);
    for (let i = 0; i < W; i++) {
      for (let j = 0; j < W; j++) {
        const h = i === j ? 4 - energy : Math.abs(i - j) === 1 ? -1 : 0,
          turned = W * W - 1 - i * W - j;
        Ar[i * stride + j] = -h - Sr[i * W + j] - Sr[turned];
        Ai[i * stride + j] = -Si[i * W + j] - Si[turned];
      }
      Ar[i * stride + W + i] = 1;
    }
    factorise(W);
    substitute(W, W, inOrder(W));
    return [Xr.slice(0, W * W), Xi.slice(0, W * W)];
  }

  // U (W x n) of Gamma0 = i (Sigma0 - Sigma0^dagger) = U U^dagger: pivoted Cholesky
  function broadeningRoot(Sr, Si, n) {
    const gr = square(),
      gi = square(),
      Ur = new Float64Array(W * n),
      Ui = new Float64Array(W * n);
    for (let i = 0; i < W; i++)
      for (let j = 0; j < W; j++) {
        const a = W - 1 - i,
          c = W - 1 - j;
        gr[i * W + j] = -(Si[a * W + c] + Si[c * W + a]);
        gi[i * W + j] = Sr[a * W + c] - Sr[c * W + a];
      }
    for (let k = 0; k < n; k++) {
      let p = 0;
      for (let i = 1; i < W; i++) if (gr[i * W + i] > gr[p * W + p]) p = i;
      const s = 1 / Math.sqrt(gr[p * W + p]);
      for (let i = 0; i < W; i++) {
        Ur[i * n + k] = gr[i * W + p] * s;
        Ui[i * n + k] = gi[i * W + p] * s;
      }
      for (let i = 0; i < W; i++)
        for (let j = 0; j < W; j++) {
          const a = Ur[i * n + k],
            b = Ui[i * n + k],
            c = Ur[j * n + k],
            d = Ui[j * n + k];
          gr[i * W + j] -= a * c + b * d;
          gi[i * W + j] -= b * c - a * d;
        }
    }
    return [Ur, Ui];
  }

  // C <- S C, symmetric
  function nextBlock(Sr, Si, C) {
    const Dr = square(),
      Di = square(),
      [Cr, Ci] = C;
    for (let i = 0; i < W; i++)
      for (let k = 0; k < W; k++) {
        const r = Sr[i * W + k],
          m = Si[i * W + k];
        for (let j = i; j < W; j++) {
          const x = Cr[k * W + j],
            y = Ci[k * W + j];
          Dr[i * W + j] += r * x - m * y;
          Di[i * W + j] += r * y + m * x;
        }
      }
    for (let i = 0; i < W; i++)
      for (let j = 0; j < i; j++) {
        Dr[i * W + j] = Dr[j * W + i];
        Di[i * W + j] = Di[j * W + i];
      }
    C[0] = Dr;
    C[1] = Di;
  }

  // Row y of psi0 = B_y U0, and row L-1-y of out = (B_y U1*), transposed, U1 = P U0
  function statesRow(f, y, [Cr, Ci], [Ur, Ui]) {
    const n = f.n,
      [psi, out] = [0, 0].map(() => new Float64Array(2 * n));
    for (let x = 0; x < W; x++) {
      psi.fill(0);
      out.fill(0);
      for (let k = 0; k < W; k++) {
        const r = Cr[x * W + k],
          m = Ci[x * W + k],
          u = k * n,
          v = (W - 1 - k) * n;
        for (let c = 0; c < n; c++) {
          psi[2 * c] += r * Ur[u + c] - m * Ui[u + c];
          psi[2 * c + 1] += r * Ui[u + c] + m * Ur[u + c];
          out[2 * c] += r * Ur[v + c] + m * Ui[v + c];
          out[2 * c + 1] += m * Ur[v + c] - r * Ui[v + c];
        }
      }
      f.psi.set(psi, 2 * n * (y * W + x));
      f.out.set(out, 2 * n * ((L - 1 - y) * W + x));
    }
  }

  function transmissionOfNothing(f, [Ur, Ui]) {
    const n = f.n;
    let T = 0;
    for (let a = 0; a < n; a++)
      for (let c = 0; c < n; c++) {
        let r = 0,
          m = 0;
        for (let x = 0; x < W; x++) {
          const o = 2 * (n * x + a);
          r += f.out[o] * Ur[x * n + c] - f.out[o + 1] * Ui[x * n + c];
          m += f.out[o] * Ui[x * n + c] + f.out[o + 1] * Ur[x * n + c];
        }
        f.t0[2 * (a * n + c)] = r;
        f.t0[2 * (a * n + c) + 1] = m;
        T += r * r + m * m;
      }
    return T;
  }

  function prepare(slot, n) {
    const [Sr, Si] = unpack(),
      d = input.subarray(2 * TRI),
      C = middleBlock(Sr, Si);
    const U = broadeningRoot(Sr, Si, n);
    const f = {
      n,
      d: d.slice(),
      blocks: table(2 * L * TRI),
      psi: table(2 * n * W * L),
      out: table(2 * n * W * L),
      t0: new Float64Array(2 * n * n),
    };
    fields[slot] = f;
    for (let i = 0; i < W; i++)
      for (let j = i * W; j < (i + 1) * W; j++) {
        const r = Sr[j],
          m = Si[j];
        Sr[j] = r * d[2 * i] - m * d[2 * i + 1];
        Si[j] = r * d[2 * i + 1] + m * d[2 * i];
      }
    for (let y = 0, b = 0; y < L; y++) {
      if (y) nextBlock(Sr, Si, C);
      for (let i = 0; i < W; i++)
        for (let j = i; j < W; j++) {
          f.blocks[b++] = C[0][i * W + j];
          f.blocks[b++] = C[1][i * W + j];
        }
      statesRow(f, y, C, U);
    }
    return transmissionOfNothing(f, U);
  }

  // --- one scene at one field

  const tri = (i, j) =>
    i <= j ? i * W - (i * (i - 1)) / 2 + j - i : j * W - (j * (j - 1)) / 2 + i - j;
  const green = (y, x, y2, x2) =>
    2 * (y >= y2 ? (y - y2) * TRI + tri(x, x2) : (y2 - y) * TRI + tri(W - 1 - x, W - 1 - x2));

  // where state c at a site stands in psi: lead 1's states are lead 0's, turned over
  const stateAt = (n, s, c) => 2 * (c < n ? n * s + c : n * (L * W - 1 - s) + c - n);

  function fill(f, ring, leads) {
    const R = ring.length,
      n = f.n;
    shape(R, leads * n);
    for (let i = 0; i < R; i++) {
      const s = ring[i],
        x = s % W,
        y = (s - x) / W,
        row = i * stride;
      for (let j = 0; j < R; j++) {
        const x2 = ring[j] % W,
          g = green(y, x, (ring[j] - x2) / W, x2);
        Ar[row + j] = f.blocks[g];
        Ai[row + j] = f.blocks[g + 1];
      }
      for (let c = 0; c < leads * n; c++) {
        const p = stateAt(n, s, c);
        Ar[row + R + c] = f.psi[p];
        Ai[row + R + c] = f.psi[p + 1];
      }
    }
  }

  function solve(f, ring, leads) {
    const R = ring.length;
    fill(f, ring, leads);
    if (!forced && factorise(R) && substitute(R, R, inOrder(R))) return;
    fallbacks++;
    fill(f, ring, leads);
    solveCompletely(R);
  }

  function conductance(slot, ring) {
    const f = fields[slot],
      n = f.n,
      tr = new Float64Array(n),
      ti = new Float64Array(n);
    let T = 0;
    solve(f, ring, 1);
    for (let a = 0; a < n; a++) {
      for (let c = 0; c < n; c++) {
        tr[c] = f.t0[2 * (a * n + c)];
        ti[c] = f.t0[2 * (a * n + c) + 1];
      }
      for (let i = 0; i < ring.length; i++) {
        const o = 2 * (n * ring[i] + a),
          r = f.out[o],
          m = f.out[o + 1];
        for (let c = 0, x = i * n; c < n; c++, x++) {
          tr[c] -= r * Xr[x] - m * Xi[x];
          ti[c] -= r * Xi[x] + m * Xr[x];
        }
      }
      for (let c = 0; c < n; c++) T += tr[c] * tr[c] + ti[c] * ti[c];
    }
    return T;
  }

  // 2 Im b* h a, summed over lead 0's states at two sites: the current of the bond from a to b
  function bond(n, [ar, ai], [br, bi], hr, hi) {
    let sum = 0;
    for (let c = 0; c < n; c++) {
      const r = br[c] * ar[c] + bi[c] * ai[c],
        m = br[c] * ai[c] - bi[c] * ar[c];
      sum += 2 * (hr * m + hi * r);
    }
    return sum;
  }

  // Currents that end in row y, of lead 0's states; through each cross-section they add up to T.
  function currents({ n, d }, y, above, below) {
    for (let x = 0; x < W; x++) {
      flow[y * W + x] = x + 1 < W ? bond(n, above[x], above[x + 1], -1, 0) : 0;
      if (y) flow[(L + y - 1) * W + x] = bond(n, below[x], above[x], d[2 * x], d[2 * x + 1]);
    }
  }

  function image(slot, ring) {
    const f = fields[slot],
      n = f.n,
      R = ring.length,
      found = new Float64Array(W * L);
    const rows = [0, 0].map(() =>
      Array.from({ length: W }, () => [0, 0].map(() => new Float64Array(2 * n))),
    );
    solve(f, ring, 2);
    for (let y = 0; y < L; y++) {
      for (let x = 0; x < W; x++) {
        const s = y * W + x,
          [pr, pi] = rows[y & 1][x];
        for (let c = 0; c < 2 * n; c++) {
          const p = stateAt(n, s, c);
          pr[c] = f.psi[p];
          pi[c] = f.psi[p + 1];
        }
        for (let j = 0; j < R; j++) {
          const x2 = ring[j] % W,
            g = green(y, x, (ring[j] - x2) / W, x2),
            r = f.blocks[g],
            m = f.blocks[g + 1];
          for (let c = 0, at = j * 2 * n; c < 2 * n; c++, at++) {
            pr[c] -= r * Xr[at] - m * Xi[at];
            pi[c] -= r * Xi[at] + m * Xr[at];
          }
        }
        let density = 0;
        for (let c = 0; c < 2 * n; c++) density += pr[c] * pr[c] + pi[c] * pi[c];
        found[s] = density / (2 * Math.PI);
      }
      currents(f, y, rows[y & 1], rows[1 - (y & 1)]);
    }
    return found;
  }

  return {
    input: () => input,
    prepare,
    conductance,
    image,
    flow: () => flow,
    fallbacks: () => fallbacks,
    force: (on) => (forced = on),
  };
}
