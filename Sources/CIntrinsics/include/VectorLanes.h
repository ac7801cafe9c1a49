// Whole-vector operations that Swift's SIMD types lack or that come out lane by lane in generic code. Clang's vector
// types of these widths are Swift's SIMD16<Float> and SIMD8<Double> (v4), half of that (v3) or a quarter (v2).
#ifndef SBN_VECTOR_LANES_H
#define SBN_VECTOR_LANES_H

#include <stddef.h>
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

// Of the numbers of two vectors in a row, those at even and at odd places; and back: the first and the second half of
// the row that takes its numbers from a and b in turn.
#define SBN_EVENS_2 0, 2
#define SBN_EVENS_4 SBN_EVENS_2, 4, 6
#define SBN_EVENS_8 SBN_EVENS_4, 8, 10, 12, 14
#define SBN_EVENS_16 SBN_EVENS_8, 16, 18, 20, 22, 24, 26, 28, 30
#define SBN_ODDS_2 1, 3
#define SBN_ODDS_4 SBN_ODDS_2, 5, 7
#define SBN_ODDS_8 SBN_ODDS_4, 9, 11, 13, 15
#define SBN_ODDS_16 SBN_ODDS_8, 17, 19, 21, 23, 25, 27, 29, 31
#define SBN_FIRST_2 0, 2
#define SBN_FIRST_4 0, 4, 1, 5
#define SBN_FIRST_8 0, 8, 1, 9, 2, 10, 3, 11
#define SBN_FIRST_16 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define SBN_SECOND_2 1, 3
#define SBN_SECOND_4 2, 6, 3, 7
#define SBN_SECOND_8 4, 12, 5, 13, 6, 14, 7, 15
#define SBN_SECOND_16 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31

#define SBN_SHUFFLE(V, name, ...) \
  SBN_LANES V name(V a, V b) { return __builtin_shufflevector(a, b, __VA_ARGS__); }
#define SBN_PAIRS(V, suffix, count)                         \
  SBN_SHUFFLE(V, sbn_evens_##suffix, SBN_EVENS_##count)     \
  SBN_SHUFFLE(V, sbn_odds_##suffix, SBN_ODDS_##count)       \
  SBN_SHUFFLE(V, sbn_first_half_##suffix, SBN_FIRST_##count) \
  SBN_SHUFFLE(V, sbn_second_half_##suffix, SBN_SECOND_##count)

#if SBN_FLOATS == 16
SBN_PAIRS(sbn_floats, f, 16)
SBN_PAIRS(sbn_doubles, d, 8)
#elif SBN_FLOATS == 8
SBN_PAIRS(sbn_floats, f, 8)
SBN_PAIRS(sbn_doubles, d, 4)
#else
SBN_PAIRS(sbn_floats, f, 4)
SBN_PAIRS(sbn_doubles, d, 2)
#endif

// The first and the second half of the lanes as double; Swift's own conversion is a call for each.
SBN_LANES sbn_doubles sbn_low_doubles(sbn_floats v) { return __builtin_convertvector(v.lo, sbn_doubles); }
SBN_LANES sbn_doubles sbn_high_doubles(sbn_floats v) { return __builtin_convertvector(v.hi, sbn_doubles); }

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

// Lanes of two vectors in turn: those of the lower halves, those of the upper halves.
#if SBN_FLOATS == 16
#define SBN_LOWER_f(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define SBN_UPPER_f(a, b) __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#define SBN_LOWER_d(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define SBN_UPPER_d(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#elif SBN_FLOATS == 8
#define SBN_LOWER_f(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define SBN_UPPER_f(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#define SBN_LOWER_d(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define SBN_UPPER_d(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#else
#define SBN_LOWER_f(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define SBN_UPPER_f(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#define SBN_LOWER_d(a, b) __builtin_shufflevector(a, b, 0, 2)
#define SBN_UPPER_d(a, b) __builtin_shufflevector(a, b, 1, 3)
#endif

// to[j · to_step + i] = from[i · from_step + j] for a vector's lanes i and j. Taking the lanes of rows i and i + n/2 in
// turn rotates the bits of (row, column) by one; log2(n) times swaps them.
#define SBN_TRANSPOSE(V, S, suffix, n)                                                                \
  static inline void sbn_transpose_##suffix(const S *from, ptrdiff_t from_step, S *to, ptrdiff_t to_step) { \
    V a[n], b[n];                                                                                     \
    _Pragma("clang loop unroll(full)") for (int i = 0; i < n; i++)                                    \
        __builtin_memcpy(&a[i], from + i * from_step, sizeof(V));                                     \
    _Pragma("clang loop unroll(full)") for (int step = 1; step < n; step *= 2) {                      \
      _Pragma("clang loop unroll(full)") for (int i = 0; i < n / 2; i++) {                            \
        b[2 * i] = SBN_LOWER_##suffix(a[i], a[i + n / 2]);                                            \
        b[2 * i + 1] = SBN_UPPER_##suffix(a[i], a[i + n / 2]);                                        \
      }                                                                                               \
      _Pragma("clang loop unroll(full)") for (int i = 0; i < n; i++) a[i] = b[i];                     \
    }                                                                                                 \
    _Pragma("clang loop unroll(full)") for (int i = 0; i < n; i++)                                    \
        __builtin_memcpy(to + i * to_step, &a[i], sizeof(V));                                         \
  }

SBN_TRANSPOSE(sbn_floats, float, f, SBN_FLOATS)
SBN_TRANSPOSE(sbn_doubles, double, d, (SBN_FLOATS / 2))

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
