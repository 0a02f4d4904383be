// Kernels of the decoder's network (Sec. IV) in single precision, for WebAssembly SIMD.
//
// An image or a row of tokens is [channel][pixel]; `ld` floats lie between channels: the pixels,
// rounded up to a multiple of 8. What stands in between is finite and means nothing. A matrix
// A[out][in] is kept as [out / 4][in][4], with rows of 0 at the end where 4 does not divide `out`.
// decoder-network.js calls these in the network's order.
#include <wasm_simd128.h>

#define EXPORT(name) __attribute__((export_name(#name))) name
#define PANEL 8  // pixels that are worked on at once: two vectors
#define PART 144  // terms that are added one after the other: a thousand would lose a digit
typedef v128_t vec;

extern unsigned char __heap_base;
unsigned EXPORT(heap)(void) { return (unsigned)&__heap_base; }

static inline vec splat(float x) { return wasm_f32x4_splat(x); }
static inline vec load(const float *p) { return wasm_v128_load(p); }
static inline void store(float *p, vec x) { wasm_v128_store(p, x); }
static inline vec plus(vec a, vec b) { return wasm_f32x4_add(a, b); }
static inline vec minus(vec a, vec b) { return wasm_f32x4_sub(a, b); }
static inline vec times(vec a, vec b) { return wasm_f32x4_mul(a, b); }
static inline vec over(vec a, vec b) { return wasm_f32x4_div(a, b); }

static inline float sum4(vec a) {
  return (wasm_f32x4_extract_lane(a, 0) + wasm_f32x4_extract_lane(a, 1)) +
         (wasm_f32x4_extract_lane(a, 2) + wasm_f32x4_extract_lane(a, 3));
}

// exp to 2e-7: x = n ln 2 + r, a polynomial in r (Cephes expf), and n into the exponent
static inline vec vexp(vec x) {
  x = wasm_f32x4_max(wasm_f32x4_min(x, splat(88)), splat(-87));
  vec n = wasm_f32x4_nearest(times(x, splat(1.44269504f)));
  vec r = minus(minus(x, times(n, splat(0.693359375f))), times(n, splat(-2.12194440e-4f)));
  vec p = splat(1.9875691500e-4f);
  p = plus(times(p, r), splat(1.3981999507e-3f));
  p = plus(times(p, r), splat(8.3334519073e-3f));
  p = plus(times(p, r), splat(4.1665795894e-2f));
  p = plus(times(p, r), splat(1.6666665459e-1f));
  p = plus(times(p, r), splat(5.0000001201e-1f));
  p = plus(times(times(p, r), r), plus(r, splat(1)));
  vec power = wasm_i32x4_add(wasm_i32x4_trunc_sat_f32x4(n), wasm_i32x4_splat(127));
  return times(p, wasm_i32x4_shl(power, 23));
}

static inline vec vsilu(vec x) { return over(x, plus(splat(1), vexp(wasm_f32x4_neg(x)))); }

static inline vec polynomial(vec x, const float *c, int terms) {
  vec p = splat(c[0]);
  for (int i = 1; i < terms; i++) p = plus(times(p, x), splat(c[i]));
  return p;
}

// x Phi(x), with the error function as a ratio of polynomials (Eigen's, to 1e-7)
static inline vec vgelu(vec x) {
  static const float upper[] = {-2.72614225801306e-10f, 2.77068142495902e-08f,
                                -2.10102402082508e-06f, -5.69250639462346e-05f,
                                -7.34990630326855e-04f, -2.95459980854025e-03f,
                                -1.60960333262415e-02f};
  static const float lower[] = {-1.45660718464996e-05f, -2.13374055278905e-04f,
                                -1.68282697438203e-03f, -7.37332916720468e-03f,
                                -1.42647390514189e-02f};
  vec z = times(x, splat(0.70710678f));
  z = wasm_f32x4_max(wasm_f32x4_min(z, splat(4)), splat(-4));
  vec square = times(z, z);
  vec erf = over(times(z, polynomial(square, upper, 7)), polynomial(square, lower, 5));
  return times(times(x, splat(0.5f)), plus(splat(1), erf));
}

// elu(x) + 1, the feature map of linear attention
static inline vec vfeature(vec x) {
  return wasm_v128_bitselect(plus(x, splat(1)), vexp(x), wasm_f32x4_gt(x, splat(0)));
}

void EXPORT(gelu)(float *x, int n) {
  for (int p = 0; p < n; p += 4) store(x + p, vgelu(load(x + p)));
}

void EXPORT(silu)(float *x, int n) {
  for (int p = 0; p < n; p += 4) store(x + p, vsilu(load(x + p)));
}

// y[m] = A x + bias of one vector x[k]
void EXPORT(dense)(const float *A, const float *bias, const float *x, float *y, int m, int k) {
  for (int i = 0; i < m; i += 4, A += 4 * k) {
    vec sum[4] = {splat(0), splat(0), splat(0), splat(0)};
    int t = 0;
    for (; t + 3 < k; t += 4)
      for (int q = 0; q < 4; q++)
        sum[q] = plus(sum[q], times(load(A + 4 * (t + q)), splat(x[t + q])));
    for (; t < k; t++) sum[0] = plus(sum[0], times(load(A + 4 * t), splat(x[t])));
    float four[4];
    store(four, plus(plus(sum[0], sum[1]), plus(sum[2], sum[3])));
    for (int s = 0; s < 4 && i + s < m; s++) y[i + s] = four[s] + (bias ? bias[i + s] : 0);
  }
}

// PANEL columns of Y[m][ld] = A[m][k] panel[k][PANEL] + bias (+ Y if add), four rows at once
static void panel_product(const float *A, const float *bias, const float *panel, float *Y, int m,
                          int k, int ld, int add) {
  for (int i = 0; i < m; i += 4) {
    vec sum[4][2];
    int rows = m - i < 4 ? m - i : 4;
    for (int s = 0; s < 4; s++)
      for (int q = 0; q < 2; q++) {
        sum[s][q] = splat(bias && s < rows ? bias[i + s] : 0);
        if (add && s < rows) sum[s][q] = plus(sum[s][q], load(Y + (i + s) * ld + 4 * q));
      }
    const float *a = A + i * k, *b = panel;
    for (int left = k; left > 0; left -= PART) {
      vec c[4][2];
      for (int s = 0; s < 4; s++) c[s][0] = c[s][1] = splat(0);
      for (int t = left < PART ? left : PART; t > 0; t--, a += 4, b += PANEL) {
        vec b0 = load(b), b1 = load(b + 4);
#pragma unroll
        for (int s = 0; s < 4; s++) {
          vec w = wasm_v128_load32_splat(a + s);
          c[s][0] = plus(c[s][0], times(w, b0));
          c[s][1] = plus(c[s][1], times(w, b1));
        }
      }
      for (int s = 0; s < 4; s++)
        for (int q = 0; q < 2; q++) sum[s][q] = plus(sum[s][q], c[s][q]);
    }
    for (int s = 0; s < rows; s++)
      for (int q = 0; q < 2; q++) store(Y + (i + s) * ld + 4 * q, sum[s][q]);
  }
}

// Y[m][ld] = A[m][k] X[k][ld] + bias (+ Y if add); panel: k * PANEL floats
void EXPORT(linear)(const float *A, const float *bias, const float *X, float *Y, int m, int k,
                    int ld, int add, float *panel) {
  for (int j = 0; j < ld; j += PANEL) {
    for (int t = 0; t < k; t++)
      for (int q = 0; q < PANEL; q += 4) store(panel + PANEL * t + q, load(X + t * ld + j + q));
    panel_product(A, bias, panel, Y + j, m, k, ld, add);
  }
}

// 3 x 3 convolution with padding 1 of an image of side x side pixels (+ Y if add); with `twice`
// that image is read as one of twice the side (nearest pixel). panel: 9 * in * PANEL floats
void EXPORT(conv3)(const float *A, const float *bias, const float *X, float *Y, int out, int in,
                   int side, int ldx, int ldy, int stride, int twice, int add, float *panel) {
  int seen = twice ? 2 * side : side, made = (seen + stride - 1) / stride;
  for (int j = 0; j < made * made; j += PANEL) {
    for (int tap = 0; tap < 9; tap++) {
      int from[PANEL];
      for (int q = 0; q < PANEL; q++) {
        int p = j + q, y = p / made * stride + tap / 3 - 1, x = p % made * stride + tap % 3 - 1;
        int inside = p < made * made && y >= 0 && y < seen && x >= 0 && x < seen;
        from[q] = !inside ? -1 : twice ? (y / 2) * side + x / 2 : y * side + x;
      }
      float *to = panel + PANEL * tap;
      for (int c = 0; c < in; c++, to += 9 * PANEL)
        for (int q = 0; q < PANEL; q++) to[q] = from[q] < 0 ? 0 : X[c * ldx + from[q]];
    }
    panel_product(A, bias, panel, Y + j, out, 9 * in, ldy, add);
  }
}

// Group normalisation over n pixels; with film[2 channels], times 1 + film[c], plus
// film[channels + c]; then SiLU if silu
void EXPORT(group_norm)(const float *weight, const float *bias, const float *X, float *Y,
                        int channels, int n, int ld, int groups, const float *film, int silu) {
  int own = channels / groups;
  for (int g = 0; g < groups; g++) {
    double sum = 0, squares = 0;
    for (int c = g * own; c < (g + 1) * own; c++)
      for (int p = 0; p < n; p++) sum += X[c * ld + p];
    double mean = sum / (own * n);
    for (int c = g * own; c < (g + 1) * own; c++)
      for (int p = 0; p < n; p++) squares += (X[c * ld + p] - mean) * (X[c * ld + p] - mean);
    double inverse = 1 / __builtin_sqrt(squares / (own * n) + 1e-5);
    for (int c = g * own; c < (g + 1) * own; c++) {
      float scale = weight[c] * inverse, shift = bias[c] - mean * scale;
      if (film) {
        scale *= 1 + film[c];
        shift = shift * (1 + film[c]) + film[channels + c];
      }
      for (int p = 0; p < ld; p += 4) {
        vec x = plus(times(splat(scale), load(X + c * ld + p)), splat(shift));
        store(Y + c * ld + p, silu ? vsilu(x) : x);
      }
    }
  }
}

// Layer normalisation over the channels of each pixel
void EXPORT(layer_norm)(const float *weight, const float *bias, const float *X, float *Y,
                        int channels, int ld) {
  vec share = splat(1.0f / channels);
  for (int p = 0; p < ld; p += 4) {
    vec sum = splat(0), squares = splat(0);
    for (int c = 0; c < channels; c++) sum = plus(sum, load(X + c * ld + p));
    vec mean = times(sum, share);
    for (int c = 0; c < channels; c++) {
      vec d = minus(load(X + c * ld + p), mean);
      squares = plus(squares, times(d, d));
    }
    vec deviation = wasm_f32x4_sqrt(plus(times(squares, share), splat(1e-5f)));
    for (int c = 0; c < channels; c++) {
      vec x = over(minus(load(X + c * ld + p), mean), deviation);
      store(Y + c * ld + p, plus(times(x, splat(weight[c])), splat(bias[c])));
    }
  }
}

// sum over n pixels of a * b
static float product(const float *a, const float *b, int n) {
  vec s = splat(0);
  int p = 0;
  for (; p + 3 < n; p += 4) s = plus(s, times(load(a + p), load(b + p)));
  float sum = sum4(s);
  for (; p < n; p++) sum += a[p] * b[p];
  return sum;
}

// Both attentions take queries, keys and values from Q[3 * heads * d][ld], write Y[heads * d][ld]
// and B[heads][ld], B_j = sum_i A_ij of Sec. V. scratch: see each.

// A_ij = phi(q_i).phi(k_j) / z_i; scratch: d * d + d + ld floats
void EXPORT(linear_attention)(float *Q, float *Y, float *B, int heads, int d, int n, int ld,
                              float *scratch) {
  int all = heads * d;
  float *context = scratch, *keys = context + d * d, *share = keys + d;
  for (int i = 0; i < 2 * all * ld; i += 4) store(Q + i, vfeature(load(Q + i)));
  for (int h = 0; h < heads; h++) {
    const float *q = Q + h * d * ld, *k = q + all * ld, *v = k + all * ld;
    for (int a = 0; a < d; a++) {
      keys[a] = 0;
      for (int p = 0; p < n; p++) keys[a] += k[a * ld + p];
      for (int e = 0; e < d; e++) context[a * d + e] = product(k + a * ld, v + e * ld, n);
    }
    for (int p = 0; p < ld; p += 4) {
      vec z = splat(0);
      for (int a = 0; a < d; a++) z = plus(z, times(splat(keys[a]), load(q + a * ld + p)));
      for (int e = 0; e < d; e++) {
        vec y = splat(0);
        for (int a = 0; a < d; a++)
          y = plus(y, times(splat(context[a * d + e]), load(q + a * ld + p)));
        store(Y + (h * d + e) * ld + p, over(y, z));
      }
      for (int i = p; i < p + 4; i++) share[i] = i < n ? 1 : 0;
      store(share + p, over(load(share + p), z));
    }
    float *b = B + h * ld;
    for (int p = 0; p < ld; p++) b[p] = 0;
    for (int a = 0; a < d; a++) {
      vec asked = splat(product(q + a * ld, share, n));  // sum_i phi(q_i) / z_i
      for (int p = 0; p < ld; p += 4)
        store(b + p, plus(load(b + p), times(asked, load(k + a * ld + p))));
    }
  }
}

// Eqs. (1) and (2): A_ij = softmax_j q_i.k_j / sqrt(d); scratch: ld floats
void EXPORT(full_attention)(const float *Q, float *Y, float *B, int heads, int d, int n, int ld,
                            float *scratch) {
  int all = heads * d;
  float scale = 1 / __builtin_sqrtf(d), *row = scratch;
  for (int h = 0; h < heads; h++) {
    const float *q = Q + h * d * ld, *k = q + all * ld, *v = k + all * ld;
    float *b = B + h * ld;
    for (int p = 0; p < ld; p++) b[p] = 0;
    for (int i = 0; i < n; i++) {
      for (int p = 0; p < ld; p += 4) {
        vec s = splat(0);
        for (int a = 0; a < d; a++)
          s = plus(s, times(splat(q[a * ld + i] * scale), load(k + a * ld + p)));
        store(row + p, s);
      }
      float largest = row[0];
      for (int p = 1; p < n; p++) largest = row[p] > largest ? row[p] : largest;
      for (int p = 0; p < ld; p += 4) store(row + p, vexp(minus(load(row + p), splat(largest))));
      double z = 0;
      for (int p = 0; p < n; p++) z += row[p];
      for (int p = 0; p < ld; p += 4) {
        store(row + p, times(load(row + p), splat(1 / z)));
        store(b + p, plus(load(b + p), load(row + p)));
      }
      for (int e = 0; e < d; e++) Y[(h * d + e) * ld + i] = product(row, v + e * ld, n);
    }
  }
}

// what clang calls where it sees a loop that copies or fills
void *memset(void *to, int value, unsigned long n) {
  for (char *p = to; n--;) *p++ = value;
  return to;
}
void *memcpy(void *to, const void *from, unsigned long n) {
  const char *q = from;
  for (char *p = to; n--;) *p++ = *q++;
  return to;
}
