// What the C tests share.
#ifndef SUPPORT_H
#define SUPPORT_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "swiftbn.h"

// Counts failed checks, over all files.
extern int failures;

static inline void check_at(int holds, const char *what, const char *file, int line) {
  if (holds) return;
  failures += 1;
  fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
}

// The condition holds.
#define CHECK(condition) check_at(condition, #condition, __FILE__, __LINE__)

// The call succeeds. The tests cannot go on without what they make, so they stop.
#define OK(call)                                                                                \
  do {                                                                                          \
    if ((call) != SWIFTBN_OK) {                                                                 \
      fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, swiftbn_last_error());      \
      exit(1);                                                                                  \
    }                                                                                           \
  } while (0)

// The call fails with exactly this status and text.
#define FAILS(expected, text, call)                                                             \
  do {                                                                                          \
    swiftbn_status status = (call);                                                             \
    check_at(status == (expected), #call " gives " #expected, __FILE__, __LINE__);              \
    if (status != SWIFTBN_OK && strcmp(swiftbn_last_error(), (text)) != 0) {                    \
      failures += 1;                                                                            \
      fprintf(stderr, "%s:%d: error is\n  %s\nexpected\n  %s\n", __FILE__, __LINE__, swiftbn_last_error(), (text)); \
    }                                                                                           \
  } while (0)

// A number in [-1, 1), from a generator of fixed seed.
static inline double noise(void) {
  static uint64_t state = 1;
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (double)(state >> 11) / (double)(1ull << 52) - 1;
}

void test_batch_norm(void);
void test_gradients(void);
void test_training(void);
void test_allocations(void);
void test_errors(void);
void test_configuration(void);

#endif
