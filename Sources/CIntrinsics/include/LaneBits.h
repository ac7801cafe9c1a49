// Vectors of 16 floats whose lanes are chosen by bits, one for each lane, or by index: for level v4 only.
#ifndef SBN_LANE_BITS_H
#define SBN_LANE_BITS_H

#ifdef __AVX512F__
#include <immintrin.h>
#include <stdint.h>

#include "VectorLanes.h"

typedef int32_t sbn_indices __attribute__((ext_vector_type(16)));

/// The elements from p whose bits are set, else the lanes of `rest`; touches no other memory.
SBN_LANES sbn_floats sbn_load_lanes(const float *p, uint16_t bits, sbn_floats rest) {
  return (sbn_floats)_mm512_mask_loadu_ps((__m512)rest, bits, p);
}

/// Stores the lanes whose bits are set; touches no other memory.
SBN_LANES void sbn_store_lanes(float *p, uint16_t bits, sbn_floats v) { _mm512_mask_storeu_ps(p, bits, (__m512)v); }

/// The lanes whose bits are set, 0 in the others.
SBN_LANES sbn_floats sbn_keep_lanes(sbn_floats v, uint16_t bits) {
  return (sbn_floats)_mm512_maskz_mov_ps(bits, (__m512)v);
}

/// The lanes of b where bits are set, else those of a.
SBN_LANES sbn_floats sbn_blend_lanes(sbn_floats a, sbn_floats b, uint16_t bits) {
  return (sbn_floats)_mm512_mask_blend_ps(bits, (__m512)a, (__m512)b);
}

/// `value` where bits are set, else the lanes of v.
SBN_LANES sbn_indices sbn_set_lanes(sbn_indices v, uint16_t bits, int32_t value) {
  return (sbn_indices)_mm512_mask_mov_epi32((__m512i)v, bits, _mm512_set1_epi32(value));
}

/// Where x equals y or either is NaN.
SBN_LANES uint16_t sbn_equal_bits(sbn_floats x, sbn_floats y) {
  return _mm512_cmp_ps_mask((__m512)x, (__m512)y, _CMP_EQ_UQ);
}

/// Where x is above y.
SBN_LANES uint16_t sbn_greater_bits(sbn_floats x, sbn_floats y) {
  return _mm512_cmp_ps_mask((__m512)x, (__m512)y, _CMP_GT_OQ);
}
SBN_LANES uint16_t sbn_same_bits(sbn_indices x, sbn_indices y) {
  return _mm512_cmpeq_epi32_mask((__m512i)x, (__m512i)y);
}

/// a + b as one operation: Swift's is one for each lane, and where branches meet, they are not put together again
/// (measured: 1.6 of the time of a loop).
SBN_LANES sbn_floats sbn_add_lanes(sbn_floats a, sbn_floats b) { return a + b; }

/// The sum of the lanes, as double.
SBN_LANES double sbn_lane_sum(sbn_floats v) {
  return _mm512_reduce_add_pd((__m512d)(sbn_low_doubles(v) + sbn_high_doubles(v)));
}

/// v[index], where the low four bits of an index count.
SBN_LANES sbn_floats sbn_permute(sbn_floats v, sbn_indices index) {
  return (sbn_floats)_mm512_permutexvar_ps((__m512i)index, (__m512)v);
}
SBN_LANES sbn_indices sbn_permute_indices(sbn_indices v, sbn_indices index) {
  return (sbn_indices)_mm512_permutexvar_epi32((__m512i)index, (__m512i)v);
}

/// The numbers of two vectors in a row at `index`, of which the low five bits count.
SBN_LANES sbn_floats sbn_permute_pair(sbn_floats a, sbn_floats b, sbn_indices index) {
  return (sbn_floats)_mm512_permutex2var_ps((__m512)a, (__m512i)index, (__m512)b);
}

#endif
#endif
