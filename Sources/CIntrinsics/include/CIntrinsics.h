// What Swift lacks: static inline functions that become single instructions inside the kernels.
#ifndef CINTRINSICS_H
#define CINTRINSICS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "HalfPrecision.h"
#include "LaneBits.h"
#include "VectorLanes.h"

#ifdef __AVX512F__
#include <immintrin.h>
#endif

/// Hint: the cache line at `p` will be read soon.
static inline __attribute__((always_inline)) void sbn_prefetch(const void *p) { __builtin_prefetch(p, 0, 3); }

/// Hint: the cache line at `p` will be read, but not before the nearest cache has been filled with other things.
static inline __attribute__((always_inline)) void sbn_prefetch_far(const void *p) { __builtin_prefetch(p, 0, 2); }

/// Hint: the cache line at `p` will be written soon.
static inline __attribute__((always_inline)) void sbn_prefetch_write(const void *p) { __builtin_prefetch(p, 1, 3); }

/// Replaces the first `count` elements of the vector at `v` (of T.Vector's size) by those at `p`; touches no others.
static inline __attribute__((always_inline)) void sbn_load_part_f32(const float *p, int count, void *v) {
#ifdef __AVX512F__
  _mm512_storeu_ps(v, _mm512_mask_loadu_ps(_mm512_loadu_ps(v), (__mmask16)((1u << count) - 1), p));
#else
  memcpy(v, p, (size_t)count * sizeof *p);
#endif
}
static inline __attribute__((always_inline)) void sbn_load_part_f64(const double *p, int count, void *v) {
#ifdef __AVX512F__
  _mm512_storeu_pd(v, _mm512_mask_loadu_pd(_mm512_loadu_pd(v), (__mmask8)((1u << count) - 1), p));
#else
  memcpy(v, p, (size_t)count * sizeof *p);
#endif
}

/// Stores the first `count` elements of the vector at `v`; touches no memory behind them.
static inline __attribute__((always_inline)) void sbn_store_part_f32(float *p, int count, const void *v) {
#ifdef __AVX512F__
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << count) - 1), _mm512_loadu_ps(v));
#else
  memcpy(p, v, (size_t)count * sizeof *p);
#endif
}
static inline __attribute__((always_inline)) void sbn_store_part_f64(double *p, int count, const void *v) {
#ifdef __AVX512F__
  _mm512_mask_storeu_pd(p, (__mmask8)((1u << count) - 1), _mm512_loadu_pd(v));
#else
  memcpy(p, v, (size_t)count * sizeof *p);
#endif
}

/// Stores a vector of T.Vector's size past the caches to `p`, which must be aligned to that size.
/// `sbn_store_fence` must follow before others may read it.
static inline __attribute__((always_inline)) void sbn_stream(void *p, const void *v) {
#ifdef __AVX512F__
  _mm512_stream_si512((__m512i *)p, _mm512_loadu_si512(v));
#elif defined(__AVX__)
  typedef long long vector __attribute__((vector_size(32)));
  vector value;
  memcpy(&value, v, sizeof value);
  __builtin_nontemporal_store(value, (vector *)p);
#else
  typedef long long vector __attribute__((vector_size(16)));
  vector value;
  memcpy(&value, v, sizeof value);
  __builtin_nontemporal_store(value, (vector *)p);
#endif
}
static inline __attribute__((always_inline)) void sbn_store_fence(void) { __builtin_ia32_sfence(); }

/// Tells the processor that this is a spin loop.
static inline __attribute__((always_inline)) void sbn_pause(void) { __builtin_ia32_pause(); }

/// The thread's floating-point control word (MXCSR).
static inline __attribute__((always_inline)) uint32_t sbn_float_state(void) { return __builtin_ia32_stmxcsr(); }
static inline __attribute__((always_inline)) void sbn_set_float_state(uint32_t state) {
  __builtin_ia32_ldmxcsr(state);
}

/// Processors in this thread's affinity mask, 0 when it cannot be read. (glibc declares the call for _GNU_SOURCE only.)
extern int sbn_sched_getaffinity(int pid, size_t size, void *mask) __asm__("sched_getaffinity");
static inline int sbn_affinity_count(void) {
  uint64_t mask[64] = {0};
  if (sbn_sched_getaffinity(0, sizeof mask, mask) != 0) return 0;
  int count = 0;
  for (int i = 0; i < 64; i++) count += __builtin_popcountll(mask[i]);
  return count;
}

/// The processor this thread runs on, -1 if unknown.
extern int sbn_processor(void) __asm__("sched_getcpu");

/// Moves this thread to another processor of its affinity mask, if there is one. The mask stays what it was.
extern int sbn_sched_setaffinity(int pid, size_t size, const void *mask) __asm__("sched_setaffinity");
static inline void sbn_leave_processor(int processor) {
  uint64_t mask[64] = {0}, others[64];
  if (processor < 0 || processor >= 64 * 64 || sbn_sched_getaffinity(0, sizeof mask, mask) != 0) return;
  uint64_t any = 0;
  for (int i = 0; i < 64; i++) {
    others[i] = i == processor / 64 ? mask[i] & ~((uint64_t)1 << processor % 64) : mask[i];
    any |= others[i];
  }
  if (any == 0) return;
  sbn_sched_setaffinity(0, sizeof others, others);
  sbn_sched_setaffinity(0, sizeof mask, mask);
}

#endif
