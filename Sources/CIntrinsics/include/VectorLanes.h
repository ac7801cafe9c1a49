// Whole-vector operations that Swift's SIMD types lack or that come out lane by lane in generic code. Clang's vector
// types of these widths are Swift's SIMD16<Float> and SIMD8<Double> (v4), half of that (v3) or a quarter (v2).
#ifndef SBN_VECTOR_LANES_H
#define SBN_VECTOR_LANES_H

#include <stdint.h>

#if defined(__AVX512F__)
#define SBN_FLOATS 16
#elif defined(__AVX2__)
#define SBN_FLOATS 8
#else
#define SBN_FLOATS 4
#endif

typedef float sbn_floats __attribute__((ext_vector_type(SBN_FLOATS)));
typedef double sbn_doubles __attribute__((ext_vector_type(SBN_FLOATS / 2)));

#define SBN_LANES static inline __attribute__((always_inline))

// Square root; the larger and the smaller lane, NaN if either is; `x > y ? a : b`; `a > b ? a : b`; g where x equals y or
// either is NaN, else 0, and the reverse.
#define SBN_VECTOR_OPERATIONS(V, suffix)                                                              \
  SBN_LANES V sbn_sqrt_##suffix(V a) { return __builtin_elementwise_sqrt(a); }                        \
  SBN_LANES V sbn_max_##suffix(V a, V b) { return ((a > b) | (a != a)) ? a : b; }                     \
  SBN_LANES V sbn_min_##suffix(V a, V b) { return ((a < b) | (a != a)) ? a : b; }                     \
  SBN_LANES V sbn_select_##suffix(V x, V y, V a, V b) { return x > y ? a : b; }                       \
  SBN_LANES V sbn_upper_##suffix(V a, V b) { return a > b ? a : b; }                                  \
  SBN_LANES V sbn_keep_##suffix(V g, V x, V y) { return ((x < y) | (x > y)) ? (V)0 : g; }             \
  SBN_LANES V sbn_clear_##suffix(V g, V x, V y) { return ((x < y) | (x > y)) ? g : (V)0; }

SBN_VECTOR_OPERATIONS(sbn_floats, f)
SBN_VECTOR_OPERATIONS(sbn_doubles, d)

// Zero, as a value that the optimizer does not know to be zero.
SBN_LANES sbn_floats sbn_hidden_zero_f(void) {
  sbn_floats zero = 0;
  __asm__("" : "+v"(zero));
  return zero;
}
SBN_LANES sbn_doubles sbn_hidden_zero_d(void) {
  sbn_doubles zero = 0;
  __asm__("" : "+v"(zero));
  return zero;
}

// Towards zero, NaN as 0, the nearest bound outside the range; without branches, so that loops over them vectorize.
SBN_LANES double sbn_clamp(double x, double low, double high) {
  double raised = x > low ? x : low;
  return x == x ? (raised < high ? raised : high) : 0;
}
SBN_LANES int32_t sbn_saturated_i32(double x) { return (int32_t)sbn_clamp(x, -2147483648.0, 2147483647.0); }
SBN_LANES uint32_t sbn_saturated_u32(double x) { return (uint32_t)(int64_t)sbn_clamp(x, 0, 4294967295.0); }
SBN_LANES uint8_t sbn_saturated_u8(double x) { return (uint8_t)(int32_t)sbn_clamp(x, 0, 255); }
SBN_LANES int64_t sbn_saturated_i64(double x) {
  // 2^63 - 1 is no double: what reaches 2^63 is replaced afterwards.
  int64_t inside = (int64_t)sbn_clamp(x, -9223372036854775808.0, 9223372036854774784.0);
  return x >= 9223372036854775808.0 ? INT64_MAX : inside;
}

#endif
