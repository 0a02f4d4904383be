// The exact solver of qfp.physics.green for a wire without random potential (V = 0), for
// WebAssembly.
//
// A field is prepared once: from the self-energy Sigma1 of the upper lead the row blocks
// B_n = G0[y, y - n] of the antidot-free wire,
//     B_0 = (E - h - Sigma0 - Sigma1)^-1,   B_{n+1} = S B_n,   S = Sigma1 / d*,
// where Sigma0 = P Sigma1 P (P: x -> W-1-x), B_-n = P B_n P and B_n = B_n^T, so that one triangle
// of the blocks n >= 0 is all of G0. Only powers that do not grow appear. A scene is then one small
// linear system on the ring D of its removed sites: X = G0[D,D]^-1 psi[D].
//
// The tables of a field may be kept in single precision, for small machines; all that is computed
// from them is double.
//
// No libc. Complex numbers: interleaved in tables, split into real and imaginary arrays at work.
// Built by `make wasm`, which writes solver.sha256; tested against qfp.physics in a browser.
#include <wasm_simd128.h>

typedef double f64;
typedef v128_t pair; // two f64
#define EXPORT(name) __attribute__((export_name(#name)))
#define RING 320         // sites of a ring, at most
#define PANEL 4          // columns that LU eliminates at once
#define NEARLY 1e-11     // of the largest pivot: below, complete pivoting decides
#define NULL_PIVOT 1e-13 // of the largest: below, a level of the isolated interior
#define SPOILT 1e6       // amplitude on a ring above which rounding would show

typedef struct {
  int n, room;
  void *blocks, *psi, *out; // tables: see get
  f64 *t0, *d;              // d: hoppings along the wire
} Field;

static int W, L, TRI, P; // P: W rounded up to a multiple of 4
static f64 E;
static Field *fields;
static f64 *input, *image_, *Ar, *Ai, *Xr, *Xi, *Gr, *Gi; // input: Sigma1 packed, then d
static f64 *flow_, *wave[2]; // bond currents; lead 0's states in two rows, [x][part][state]
static int ring[RING], stride, columns;                   // of A, and of X
static int fallbacks_, forced, single;
static f64 *work[8]; // P x P each

// --- memory: taken once, never given back

extern unsigned char __heap_base;
static unsigned long top;

static void *take(unsigned long bytes) {
  if (!top) top = ((unsigned long)&__heap_base + 15) & ~15ul;
  unsigned long start = top, end = start + ((bytes + 15) & ~15ul);
  unsigned long have = __builtin_wasm_memory_size(0) << 16;
  if (end > have && __builtin_wasm_memory_grow(0, (end - have + 65535) >> 16) == (unsigned long)-1)
    return 0;
  top = end;
  return (void *)start;
}
static f64 *numbers(long n) { return take(n * sizeof(f64)); }
static void *table(long n) { return take(n * (single ? sizeof(float) : sizeof(f64))); }
static inline f64 get(const void *t, long k) {
  return single ? ((const float *)t)[k] : ((const f64 *)t)[k];
}
static inline void put(void *t, long k, f64 value) {
  if (single) ((float *)t)[k] = value;
  else ((f64 *)t)[k] = value;
}
void *memset(void *to, int value, unsigned long n) {
  char *p = to;
  while (n--) *p++ = value;
  return to;
}
void *memcpy(void *to, const void *from, unsigned long n) {
  char *p = to;
  const char *q = from;
  while (n--) *p++ = *q++;
  return to;
}

EXPORT(input_ptr) f64 *input_ptr(void) { return input; }
EXPORT(ring_ptr) int *ring_ptr(void) { return ring; }
EXPORT(image_ptr) f64 *image_ptr(void) { return image_; }
EXPORT(flow_ptr) f64 *flow_ptr(void) { return flow_; }
EXPORT(fallbacks) int fallbacks(void) { return fallbacks_; }
// A test's lever: every system is solved by complete pivoting.
EXPORT(force) void force(int on) { forced = on; }

// A wire of width x length sites at an energy [t]; room for `slots` fields, in single precision if
// `small`. 0 where memory is refused.
EXPORT(setup) int setup(int width, int length, f64 energy, int slots, int small) {
  single = small;
  W = width;
  L = length;
  E = energy;
  TRI = W * (W + 1) / 2;
  P = (W + 3) & ~3;
  long rows = W > RING ? W : RING, wide = rows + 2 * W + PANEL;
  fields = take(slots * sizeof(Field));
  input = numbers(2 * TRI + 2 * W);
  image_ = numbers(W * L);
  flow_ = numbers(2 * W * L);
  for (int k = 0; k < 2; k++) wave[k] = numbers(2l * W * P);
  Ar = numbers(rows * wide);
  Ai = numbers(rows * wide);
  Xr = numbers(rows * 2 * W);
  Xi = numbers(rows * 2 * W);
  Gr = numbers(rows * W);
  Gi = numbers(rows * W);
  for (int k = 0; k < 8; k++) work[k] = numbers((long)P * P);
  for (int s = 0; s < slots; s++) {
    fields[s].room = 0;
    fields[s].d = numbers(2 * W);
    fields[s].blocks = table(2l * L * TRI);
  }
  return fields[slots - 1].blocks != 0 && work[7] != 0;
}

// --- linear systems: A [rows x (rows + rhs)], right-hand sides in the last columns

static inline f64 *row_r(int i) { return Ar + (long)i * stride; }
static inline f64 *row_i(int i) { return Ai + (long)i * stride; }
static inline void swap(f64 *a, f64 *b) {
  f64 t = *a;
  *a = *b;
  *b = t;
}
static inline pair mul(pair a, pair b) { return wasm_f64x2_mul(a, b); }
static inline pair add(pair a, pair b) { return wasm_f64x2_add(a, b); }
static inline pair sub(pair a, pair b) { return wasm_f64x2_sub(a, b); }
static inline pair load(const f64 *p) { return wasm_v128_load(p); }

static void shape(int rows, int rhs) {
  columns = rhs;
  stride = (rows + rhs + 3) & ~3;
  if (!(stride & 31)) stride += 4; // no two rows at one place of the cache
}

// row i loses (r + i m) times row j, from column `from` on
static inline void eliminate(int i, int j, f64 r, f64 m, int from, int to) {
  f64 *ar = row_r(i), *ai = row_i(i), *br = row_r(j), *bi = row_i(j);
  int c = from;
  pair R = wasm_f64x2_splat(r), M = wasm_f64x2_splat(m);
  for (; c + 1 < to; c += 2) {
    pair x = load(br + c), y = load(bi + c);
    wasm_v128_store(ar + c, add(sub(load(ar + c), mul(R, x)), mul(M, y)));
    wasm_v128_store(ai + c, sub(sub(load(ai + c), mul(R, y)), mul(M, x)));
  }
  for (; c < to; c++) {
    ar[c] -= r * br[c] - m * bi[c];
    ai[c] -= r * bi[c] + m * br[c];
  }
}

// Two rows lose PANEL rows above them, four products at a time: most of the work of LU.
static void eliminate_panel(int i, int k, int from, int to) {
  pair lr[2][PANEL], li[2][PANEL];
  f64 *ar = row_r(i), *ai = row_i(i), *br = row_r(i + 1), *bi = row_i(i + 1);
  for (int q = 0; q < PANEL; q++) {
    lr[0][q] = wasm_f64x2_splat(ar[k + q]);
    li[0][q] = wasm_f64x2_splat(ai[k + q]);
    lr[1][q] = wasm_f64x2_splat(br[k + q]);
    li[1][q] = wasm_f64x2_splat(bi[k + q]);
  }
  int even = from + ((to - from) & ~1);
  for (int c = from; c < even; c += 2) {
    pair r0 = load(ar + c), m0 = load(ai + c), r1 = load(br + c), m1 = load(bi + c);
#pragma unroll
    for (int q = 0; q < PANEL; q++) {
      pair x = load(row_r(k + q) + c), y = load(row_i(k + q) + c);
      r0 = add(sub(r0, mul(lr[0][q], x)), mul(li[0][q], y));
      m0 = sub(sub(m0, mul(lr[0][q], y)), mul(li[0][q], x));
      r1 = add(sub(r1, mul(lr[1][q], x)), mul(li[1][q], y));
      m1 = sub(sub(m1, mul(lr[1][q], y)), mul(li[1][q], x));
    }
    wasm_v128_store(ar + c, r0);
    wasm_v128_store(ai + c, m0);
    wasm_v128_store(br + c, r1);
    wasm_v128_store(bi + c, m1);
  }
  if (even < to)
    for (int q = 0; q < PANEL; q++) {
      eliminate(i, k + q, ar[k + q], ai[k + q], even, to);
      eliminate(i + 1, k + q, br[k + q], bi[k + q], even, to);
    }
}

static int largest_below(int j, int rows) {
  int p = j;
  f64 best = -1;
  for (int i = j; i < rows; i++) {
    f64 r = row_r(i)[j], m = row_i(i)[j], v = r * r + m * m;
    if (v > best) {
      best = v;
      p = i;
    }
  }
  return p;
}

// LU with partial pivoting in panels of columns; the right-hand sides are carried along. 0:
// singular, or nearly.
static int factorise(int rows) {
  int all = rows + columns;
  f64 largest = 0, least = 1e300; // pivots, squared
  for (int k = 0; k < rows; k += PANEL) {
    int kb = rows - k < PANEL ? rows - k : PANEL;
    for (int j = k; j < k + kb; j++) {
      int p = largest_below(j, rows);
      if (p != j)
        for (int c = 0; c < all; c++) {
          swap(row_r(j) + c, row_r(p) + c);
          swap(row_i(j) + c, row_i(p) + c);
        }
      f64 r = row_r(j)[j], m = row_i(j)[j], size = r * r + m * m;
      if (!(size > 0)) return 0;
      if (size > largest) largest = size;
      if (size < least) least = size;
      f64 ir = r / size, ii = -m / size;
      for (int i = j + 1; i < rows; i++) {
        f64 a = row_r(i)[j], b = row_i(i)[j], lr = a * ir - b * ii, li = a * ii + b * ir;
        row_r(i)[j] = lr;
        row_i(i)[j] = li;
        eliminate(i, j, lr, li, j + 1, k + kb);
      }
    }
    for (int j = k; j < k + kb; j++)
      for (int i = j + 1; i < k + kb; i++) eliminate(i, j, row_r(i)[j], row_i(i)[j], k + kb, all);
    int i = k + kb;
    if (kb == PANEL)
      for (; i + 1 < rows; i += 2) eliminate_panel(i, k, k + kb, all);
    for (; i < rows; i++)
      for (int q = k; q < k + kb; q++) eliminate(i, q, row_r(i)[q], row_i(i)[q], k + kb, all);
  }
  return least > NEARLY * NEARLY * largest;
}

// X = U^-1 (right-hand sides); whether its norm stays below SPOILT
static int substitute(int rows) {
  f64 norm = 0;
  for (int i = rows - 1; i >= 0; i--) {
    f64 *xr = Xr + (long)i * columns, *xi = Xi + (long)i * columns, *ar = row_r(i), *ai = row_i(i);
    for (int c = 0; c < columns; c++) {
      xr[c] = ar[rows + c];
      xi[c] = ai[rows + c];
    }
    for (int j = i + 1; j < rows; j++) {
      f64 r = ar[j], m = ai[j], *yr = Xr + (long)j * columns, *yi = Xi + (long)j * columns;
      for (int c = 0; c < columns; c++) {
        xr[c] -= r * yr[c] - m * yi[c];
        xi[c] -= r * yi[c] + m * yr[c];
      }
    }
    f64 size = ar[i] * ar[i] + ai[i] * ai[i], ir = ar[i] / size, ii = -ai[i] / size;
    for (int c = 0; c < columns; c++) {
      f64 r = xr[c] * ir - xi[c] * ii, m = xr[c] * ii + xi[c] * ir;
      xr[c] = r;
      xi[c] = m;
      norm += r * r + m * m;
    }
  }
  return norm < SPOILT * SPOILT; // false for NaN
}

// Near a level of the isolated interior: complete pivoting; pivots that are null to rounding are
// dropped, for that direction has no weight outside the ring.
static void solve_completely(int rows) {
  int place[RING], rank = rows, all = rows + columns;
  f64 first = 0;
  for (int i = 0; i < rows; i++) place[i] = i;
  for (int k = 0; k < rows; k++) {
    f64 best = -1;
    int p = k, q = k;
    for (int i = k; i < rows; i++)
      for (int j = k; j < rows; j++) {
        f64 r = row_r(i)[j], m = row_i(i)[j], v = r * r + m * m;
        if (v > best) {
          best = v;
          p = i;
          q = j;
        }
      }
    f64 size = __builtin_sqrt(best);
    if (k == 0) first = size;
    if (!(size > NULL_PIVOT * first)) {
      rank = k;
      break;
    }
    for (int c = 0; c < all; c++) {
      swap(row_r(k) + c, row_r(p) + c);
      swap(row_i(k) + c, row_i(p) + c);
    }
    for (int i = 0; i < rows; i++) {
      swap(row_r(i) + k, row_r(i) + q);
      swap(row_i(i) + k, row_i(i) + q);
    }
    int t = place[k];
    place[k] = place[q];
    place[q] = t;
    f64 ir = row_r(k)[k] / best, ii = -row_i(k)[k] / best;
    for (int i = k + 1; i < rows; i++) {
      f64 a = row_r(i)[k], b = row_i(i)[k];
      eliminate(i, k, a * ir - b * ii, a * ii + b * ir, k, all);
    }
  }
  for (long i = 0; i < (long)rows * columns; i++) Xr[i] = Xi[i] = 0;
  for (int i = rank - 1; i >= 0; i--) {
    f64 *ar = row_r(i), *ai = row_i(i), size = ar[i] * ar[i] + ai[i] * ai[i], ir = ar[i] / size,
        ii = -ai[i] / size;
    for (int c = 0; c < columns; c++) {
      f64 r = ar[rows + c], m = ai[rows + c];
      for (int j = i + 1; j < rank; j++) {
        long x = (long)place[j] * columns + c;
        r -= ar[j] * Xr[x] - ai[j] * Xi[x];
        m -= ar[j] * Xi[x] + ai[j] * Xr[x];
      }
      long x = (long)place[i] * columns + c;
      Xr[x] = r * ir - m * ii;
      Xi[x] = r * ii + m * ir;
    }
  }
}

// --- one field

// W x W matrices in P x P ones, padded by zeros to a multiple of 4
#define AT(m, i, j) (m)[(i) * P + (j)]

// (E - h - Sigma0 - Sigma1)^-1 into C
static void middle_block(const f64 *Sr, const f64 *Si, f64 *Cr, f64 *Ci) {
  shape(W, W);
  for (int i = 0; i < W; i++)
    for (int j = 0; j < W; j++) {
      f64 h = i == j ? 4 : (i - j == 1 || j - i == 1) ? -1 : 0;
      row_r(i)[j] = (i == j ? E : 0) - h - AT(Sr, i, j) - AT(Sr, W - 1 - i, W - 1 - j);
      row_i(i)[j] = -AT(Si, i, j) - AT(Si, W - 1 - i, W - 1 - j);
      row_r(i)[W + j] = i == j;
      row_i(i)[W + j] = 0;
    }
  factorise(W);
  substitute(W);
  for (int i = 0; i < W; i++)
    for (int j = 0; j < W; j++) {
      AT(Cr, i, j) = Xr[i * W + j];
      AT(Ci, i, j) = Xi[i * W + j];
    }
}

// U (W x n) with Gamma0 = i (Sigma0 - Sigma0^dagger) = U U^dagger, of rank n: pivoted Cholesky
static void broadening_root(const f64 *Sr, const f64 *Si, int n, f64 *Ur, f64 *Ui, f64 *gr,
                            f64 *gi) {
  for (int i = 0; i < W; i++)
    for (int j = 0; j < W; j++) {
      int a = W - 1 - i, c = W - 1 - j; // Sigma0[i, j] = Sigma1[a, c]
      AT(gr, i, j) = -(AT(Si, a, c) + AT(Si, c, a));
      AT(gi, i, j) = AT(Sr, a, c) - AT(Sr, c, a);
    }
  for (int i = 0; i < P * P; i++) Ur[i] = Ui[i] = 0;
  for (int k = 0; k < n; k++) {
    int p = 0;
    for (int i = 1; i < W; i++)
      if (AT(gr, i, i) > AT(gr, p, p)) p = i;
    f64 s = 1 / __builtin_sqrt(AT(gr, p, p));
    for (int i = 0; i < W; i++) {
      AT(Ur, i, k) = AT(gr, i, p) * s;
      AT(Ui, i, k) = AT(gi, i, p) * s;
    }
    for (int i = 0; i < W; i++)
      for (int j = 0; j < W; j++) {
        AT(gr, i, j) -= AT(Ur, i, k) * AT(Ur, j, k) + AT(Ui, i, k) * AT(Ui, j, k);
        AT(gi, i, j) -= AT(Ui, i, k) * AT(Ur, j, k) - AT(Ur, i, k) * AT(Ui, j, k);
      }
  }
}

// Two rows of D = S C from column `from` on, in blocks of four columns that stay in registers
static void two_rows(int i, int from, const f64 *Sr, const f64 *Si, const f64 *Cr, const f64 *Ci,
                     f64 *Dr, f64 *Di) {
  for (int j = from; j < P; j += 4) {
    pair r[2][2], m[2][2];
    for (int u = 0; u < 2; u++)
      for (int v = 0; v < 2; v++) r[u][v] = m[u][v] = wasm_f64x2_splat(0);
    for (int k = 0; k < W; k++) {
      pair x[2] = {load(&AT(Cr, k, j)), load(&AT(Cr, k, j + 2))},
           y[2] = {load(&AT(Ci, k, j)), load(&AT(Ci, k, j + 2))};
#pragma unroll
      for (int u = 0; u < 2; u++) {
        pair a = wasm_v128_load64_splat(&AT(Sr, i + u, k)),
             b = wasm_v128_load64_splat(&AT(Si, i + u, k));
#pragma unroll
        for (int v = 0; v < 2; v++) {
          r[u][v] = sub(add(r[u][v], mul(a, x[v])), mul(b, y[v]));
          m[u][v] = add(add(m[u][v], mul(a, y[v])), mul(b, x[v]));
        }
      }
    }
    for (int u = 0; u < 2; u++)
      for (int v = 0; v < 2; v++) {
        wasm_v128_store(&AT(Dr, i + u, j + 2 * v), r[u][v]);
        wasm_v128_store(&AT(Di, i + u, j + 2 * v), m[u][v]);
      }
  }
}

// C <- S C; the product is symmetric, so columns j >= i are computed and mirrored
static void next_block(const f64 *Sr, const f64 *Si, f64 *Cr, f64 *Ci, f64 *Dr, f64 *Di) {
  for (int i = 0; i < W; i += 2) two_rows(i, i & ~3, Sr, Si, Cr, Ci, Dr, Di);
  for (int i = 0; i < W; i++)
    for (int j = i; j < W; j++) {
      AT(Cr, i, j) = AT(Cr, j, i) = AT(Dr, i, j);
      AT(Ci, i, j) = AT(Ci, j, i) = AT(Di, i, j);
    }
}

// Row y of psi0 = B_y U0, and row L-1-y of out = (B_y U1*), transposed, where U1 = P U0. Two states
// at a time: U has zeros behind its last column.
static void states_row(Field *f, int y, const f64 *Cr, const f64 *Ci, const f64 *Ur,
                       const f64 *Ui) {
  int n = f->n;
  for (int x = 0; x < W; x++) {
    long p = 2l * n * (y * W + x), o = 2l * n * ((L - 1 - y) * W + x);
    f64 part[4][2];
    for (int c = 0; c < n; c += 2) {
      pair pr = wasm_f64x2_splat(0), pi = pr, qr = pr, qi = pr;
      for (int k = 0; k < W; k++) {
        pair r = wasm_v128_load64_splat(&AT(Cr, x, k)), m = wasm_v128_load64_splat(&AT(Ci, x, k));
        pair ur = load(&AT(Ur, k, c)), ui = load(&AT(Ui, k, c));
        pair vr = load(&AT(Ur, W - 1 - k, c)), vi = load(&AT(Ui, W - 1 - k, c));
        pr = sub(add(pr, mul(r, ur)), mul(m, ui));
        pi = add(add(pi, mul(r, ui)), mul(m, ur));
        qr = add(add(qr, mul(r, vr)), mul(m, vi));
        qi = sub(add(qi, mul(m, vr)), mul(r, vi));
      }
      wasm_v128_store(part[0], pr);
      wasm_v128_store(part[1], pi);
      wasm_v128_store(part[2], qr);
      wasm_v128_store(part[3], qi);
      for (int v = 0; v < 2 && c + v < n; v++) {
        put(f->psi, p + 2 * (c + v), part[0][v]);
        put(f->psi, p + 2 * (c + v) + 1, part[1][v]);
        put(f->out, o + 2 * (c + v), part[2][v]);
        put(f->out, o + 2 * (c + v) + 1, part[3][v]);
      }
    }
  }
}

// Everything of a field from `input` (Sigma1, entries i + j <= W - 1; then d) with n open modes,
// into a slot. The conductance of the wire without antidots, which is n; -1 where memory is
// refused.
EXPORT(prepare) f64 prepare(int slot, int n) {
  f64 *Sr = work[0], *Si = work[1], *Cr = work[2], *Ci = work[3], *Ur = work[4], *Ui = work[5],
      *Dr = work[6], *Di = work[7];
  Field *f = fields + slot;
  if (f->room < n) {
    f->psi = table(2l * n * W * L);
    f->out = table(2l * n * W * L);
    f->t0 = numbers(2l * n * n);
    if (!f->psi || !f->out || !f->t0) return -1;
    f->room = n;
  }
  f->n = n;
  const f64 *s = input, *d = input + 2 * TRI;
  memcpy(f->d, d, 2 * W * sizeof(f64));
  for (int i = 0; i < W; i++)
    for (int j = 0; i + j <= W - 1; j++, s += 2) {
      AT(Sr, i, j) = AT(Sr, W - 1 - j, W - 1 - i) = s[0];
      AT(Si, i, j) = AT(Si, W - 1 - j, W - 1 - i) = s[1];
    }
  middle_block(Sr, Si, Cr, Ci);
  broadening_root(Sr, Si, n, Ur, Ui, Dr, Di);
  for (int i = 0; i < W; i++)
    for (int j = 0; j < W; j++) { // S = Sigma1 / d*, and |d| = 1
      f64 r = AT(Sr, i, j), m = AT(Si, i, j);
      AT(Sr, i, j) = r * d[2 * i] - m * d[2 * i + 1];
      AT(Si, i, j) = r * d[2 * i + 1] + m * d[2 * i];
    }
  long b = 0;
  for (int y = 0; y < L; y++) {
    if (y) next_block(Sr, Si, Cr, Ci, Dr, Di);
    for (int i = 0; i < W; i++)
      for (int j = i; j < W; j++) {
        put(f->blocks, b++, AT(Cr, i, j));
        put(f->blocks, b++, AT(Ci, i, j));
      }
    states_row(f, y, Cr, Ci, Ur, Ui);
  }
  f64 T = 0;
  for (int a = 0; a < n; a++)
    for (int c = 0; c < n; c++) {
      f64 r = 0, m = 0;
      for (int x = 0; x < W; x++) {
        f64 sr = get(f->out, 2l * (n * x + a)), si = get(f->out, 2l * (n * x + a) + 1);
        r += sr * AT(Ur, x, c) - si * AT(Ui, x, c);
        m += sr * AT(Ui, x, c) + si * AT(Ur, x, c);
      }
      f->t0[2 * (a * n + c)] = r;
      f->t0[2 * (a * n + c) + 1] = m;
      T += r * r + m * m;
    }
  return T;
}

// --- one scene at one field

static inline int tri(int i, int j) {
  return i <= j ? i * W - i * (i - 1) / 2 + j - i : j * W - j * (j - 1) / 2 + i - j;
}
// where G0 between two sites stands among the blocks
static inline long green(int y, int x, int y2, int x2) {
  int n = y - y2;
  return 2l * (n >= 0 ? (long)n * TRI + tri(x, x2) : (long)-n * TRI + tri(W - 1 - x, W - 1 - x2));
}
// where state c at a site stands in psi: lead 1's states are lead 0's, turned over
static inline long state_at(int n, int s, int c) {
  return 2l * (c < n ? n * s + c : n * (L * W - 1 - s) + c - n);
}

static void fill(const Field *f, int R, int leads) {
  int n = f->n;
  shape(R, leads * n);
  for (int i = 0; i < R; i++) {
    int s = ring[i], y = s / W, x = s % W;
    f64 *ar = row_r(i), *ai = row_i(i);
    for (int j = 0; j < R; j++) {
      long g = green(y, x, ring[j] / W, ring[j] % W);
      ar[j] = get(f->blocks, g);
      ai[j] = get(f->blocks, g + 1);
    }
    for (int c = 0; c < n * leads; c++) {
      long p = state_at(n, s, c);
      ar[R + c] = get(f->psi, p);
      ai[R + c] = get(f->psi, p + 1);
    }
  }
}

static void solve(const Field *f, int R, int leads) {
  fill(f, R, leads);
  if (!forced && factorise(R) && substitute(R)) return;
  fallbacks_++;
  fill(f, R, leads);
  solve_completely(R);
}

// T = Tr t t^dagger [e^2/h] with the first R sites of `ring` removed, at a prepared field
EXPORT(conductance) f64 conductance(int slot, int R) {
  const Field *f = fields + slot;
  int n = f->n;
  f64 T = 0;
  solve(f, R, 1);
  for (int a = 0; a < n; a++) {
    f64 tr[n], ti[n];
    for (int c = 0; c < n; c++) {
      tr[c] = f->t0[2 * (a * n + c)];
      ti[c] = f->t0[2 * (a * n + c) + 1];
    }
    for (int i = 0; i < R; i++) {
      const f64 *xr = Xr + (long)i * n, *xi = Xi + (long)i * n;
      long o = 2l * (n * ring[i] + a);
      f64 sr = get(f->out, o), si = get(f->out, o + 1);
      for (int c = 0; c < n; c++) {
        tr[c] -= sr * xr[c] - si * xi[c];
        ti[c] -= sr * xi[c] + si * xr[c];
      }
    }
    for (int c = 0; c < n; c++) T += tr[c] * tr[c] + ti[c] * ti[c];
  }
  return T;
}

// |psi|^2 at two neighbouring sites, summed over the states of both leads; G: their rows of G0[:,
// D]; w: where lead 0's states at them are kept
static void densities(const Field *f, int R, int site, const f64 *gr, const f64 *gi, f64 *w,
                      f64 *d0, f64 *d1) {
  int n = f->n;
  *d0 = *d1 = 0;
  for (int c = 0; c < 2 * n; c += 2) {
    f64 init[2][2][2]; // site, part, state
    for (int u = 0; u < 2; u++)
      for (int v = 0; v < 2; v++) {
        long p = state_at(n, site + u, c + v);
        init[u][0][v] = get(f->psi, p);
        init[u][1][v] = get(f->psi, p + 1);
      }
    pair r0 = load(init[0][0]), i0 = load(init[0][1]), r1 = load(init[1][0]), i1 = load(init[1][1]);
    for (int j = 0; j < R; j++) {
      pair xr = load(Xr + (long)j * 2 * n + c), xi = load(Xi + (long)j * 2 * n + c);
      pair a = wasm_v128_load64_splat(gr + (long)j * W),
           b = wasm_v128_load64_splat(gi + (long)j * W);
      r0 = add(sub(r0, mul(a, xr)), mul(b, xi));
      i0 = sub(sub(i0, mul(a, xi)), mul(b, xr));
      a = wasm_v128_load64_splat(gr + (long)j * W + 1);
      b = wasm_v128_load64_splat(gi + (long)j * W + 1);
      r1 = add(sub(r1, mul(a, xr)), mul(b, xi));
      i1 = sub(sub(i1, mul(a, xi)), mul(b, xr));
    }
    if (c < n) { // of a last pair the second is lead 1's, and is not read
      pair all[4] = {r0, i0, r1, i1};
      for (int part = 0; part < 4; part++) wasm_v128_store(w + part * P + c, all[part]);
    }
    pair e0 = add(mul(r0, r0), mul(i0, i0)), e1 = add(mul(r1, r1), mul(i1, i1));
    *d0 += wasm_f64x2_extract_lane(e0, 0) + wasm_f64x2_extract_lane(e0, 1);
    *d1 += wasm_f64x2_extract_lane(e1, 0) + wasm_f64x2_extract_lane(e1, 1);
  }
}

// 2 Im b* h a, summed over lead 0's states at two sites: the current of the bond from a to b
static f64 bond(int n, const f64 *a, const f64 *b, f64 hr, f64 hi) {
  f64 sum = 0;
  for (int c = 0; c < n; c++) {
    f64 r = b[c] * a[c] + b[P + c] * a[P + c], m = b[c] * a[P + c] - b[P + c] * a[c];
    sum += 2 * (hr * m + hi * r);
  }
  return sum;
}

// Currents that end in row y, of lead 0's states; through each cross-section they add up to T.
static void currents(const Field *f, int y) {
  const f64 *above = wave[y & 1], *below = wave[1 - (y & 1)];
  f64 *across = flow_ + (long)y * W, *along = flow_ + (long)(L + y - 1) * W;
  for (int x = 0; x < W; x++) {
    const f64 *own = above + 2l * x * P;
    across[x] = x + 1 < W ? bond(f->n, own, own + 2 * P, -1, 0) : 0;
    if (y) along[x] = bond(f->n, below + 2l * x * P, own, f->d[2 * x], f->d[2 * x + 1]);
  }
}

// LDOS sum |psi|^2 / 2 pi [1/t] into image_ptr(), and the currents of the bonds to the next x, then
// of those to the next y, into flow_ptr(); what they say on removed sites means nothing
EXPORT(image) void image(int slot, int R) {
  const Field *f = fields + slot;
  const f64 per = 0.15915494309189535; // 1 / 2 pi
  solve(f, R, 2);
  for (int y = 0; y < L; y++) {
    for (int j = 0; j < R; j++) {
      int y2 = ring[j] / W, x2 = ring[j] % W;
      f64 *gr = Gr + (long)j * W, *gi = Gi + (long)j * W;
      for (int x = 0; x < W; x++) {
        long g = green(y, x, y2, x2);
        gr[x] = get(f->blocks, g);
        gi[x] = get(f->blocks, g + 1);
      }
    }
    for (int x = 0; x < W; x += 2) {
      int at = x + 1 < W ? x : W - 2; // the last pair of an odd width overlaps the one before
      f64 d0, d1;
      densities(f, R, y * W + at, Gr + at, Gi + at, wave[y & 1] + 2l * at * P, &d0, &d1);
      image_[y * W + at] = d0 * per;
      image_[y * W + at + 1] = d1 * per;
    }
    currents(f, y);
  }
}
