// What Swift lacks: static inline functions that become single instructions inside the kernels.
#ifndef CINTRINSICS_H
#define CINTRINSICS_H

#include <stddef.h>
#include <stdint.h>

/// Hint: the cache line at `p` will be read soon.
static inline __attribute__((always_inline)) void sbn_prefetch(const void *p) { __builtin_prefetch(p, 0, 3); }

/// Hint: the cache line at `p` will be written soon.
static inline __attribute__((always_inline)) void sbn_prefetch_write(const void *p) { __builtin_prefetch(p, 1, 3); }

/// Tells the processor that this is a spin loop.
static inline __attribute__((always_inline)) void sbn_pause(void) { __builtin_ia32_pause(); }

/// Processors in this thread's affinity mask, 0 when it cannot be read. (glibc declares the call for _GNU_SOURCE only.)
extern int sbn_sched_getaffinity(int pid, size_t size, void *mask) __asm__("sched_getaffinity");
static inline int sbn_affinity_count(void) {
  uint64_t mask[64] = {0};
  if (sbn_sched_getaffinity(0, sizeof mask, mask) != 0) return 0;
  int count = 0;
  for (int i = 0; i < 64; i++) count += __builtin_popcountll(mask[i]);
  return count;
}

#endif
