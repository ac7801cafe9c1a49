// Conversions of the 16-bit floating-point formats, given as their bits, to and from float; to nearest, ties to even.
#ifndef HALF_PRECISION_H
#define HALF_PRECISION_H

#include <stdint.h>
#include <string.h>

#define SBN_INLINE static inline __attribute__((always_inline))

SBN_INLINE uint32_t sbn_float_bits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}
SBN_INLINE float sbn_float_of_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/// IEEE 754 binary16 to float.
SBN_INLINE float sbn_half_to_float(uint16_t half) {
#ifdef __F16C__
  _Float16 x;
  memcpy(&x, &half, sizeof x);
  return (float)x;
#else
  // As a float with a bias of 15 instead of 127; the product is exact, for subnormal numbers too.
  float magnitude = sbn_float_of_bits((uint32_t)(half & 0x7fff) << 13) * 0x1p112f;
  uint32_t bits = sbn_float_bits(magnitude);
  if (magnitude >= 65536.0f) bits |= 0x7f800000;
  return sbn_float_of_bits(bits | (uint32_t)(half & 0x8000) << 16);
#endif
}

/// float to IEEE 754 binary16.
SBN_INLINE uint16_t sbn_float_to_half(float x) {
#ifdef __F16C__
  _Float16 half = (_Float16)x;
  uint16_t bits;
  memcpy(&bits, &half, sizeof bits);
  return bits;
#else
  uint32_t bits = sbn_float_bits(x), sign = bits & 0x80000000, half;
  bits ^= sign;
  if (bits >= 0x47800000) {
    half = bits > 0x7f800000 ? 0x7e00 : 0x7c00;
  } else if (bits < 0x38800000) {
    // Adding 1/2 leaves the bits of a subnormal result at the end of the sum.
    half = sbn_float_bits(sbn_float_of_bits(bits) + 0.5f) - 0x3f000000;
  } else {
    half = (bits - 0x38000000 + 0xfff + (bits >> 13 & 1)) >> 13;
  }
  return (uint16_t)(half | sign >> 16);
#endif
}

/// bfloat16 (the upper half of a float) to float.
SBN_INLINE float sbn_brain_to_float(uint16_t brain) { return sbn_float_of_bits((uint32_t)brain << 16); }

/// float to bfloat16.
SBN_INLINE uint16_t sbn_float_to_brain(float x) {
  uint32_t bits = sbn_float_bits(x);
  uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  return (uint16_t)(x != x ? bits >> 16 | 0x40 : rounded);
}

/// float rounded to odd: what is lost stays visible in the last bit, so that rounding once more rounds correctly.
SBN_INLINE float sbn_double_to_float_odd(double x) {
  float near = (float)x;
  double back = near;
  uint32_t bits = sbn_float_bits(near);
  if (back == x || x != x) return near;
  if ((back < 0 ? -back : back) > (x < 0 ? -x : x)) bits -= 1;
  return sbn_float_of_bits(bits | 1);
}

#undef SBN_INLINE
#endif
