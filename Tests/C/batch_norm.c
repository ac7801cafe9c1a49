// Batch normalization on plain memory against plain loops in double.
#include "support.h"

enum { N = 7, C = 5, S = 6, COUNT = N * C * S };

// Where the test tensor (N, C, S) lies in memory.
typedef struct {
  swiftbn_dtype dtype;
  int channels_last;
  int64_t strides[3];
} layout;

static layout make_layout(swiftbn_dtype dtype, int channels_last) {
  int64_t size = (int64_t)swiftbn_dtype_size(dtype);
  layout first = {dtype, 0, {C * S * size, S * size, size}};
  layout last = {dtype, 1, {C * S * size, size, C * size}};
  return channels_last ? last : first;
}

static size_t at(layout l, int n, int c, int s) {
  size_t size = swiftbn_dtype_size(l.dtype);
  return (size_t)(n * l.strides[0] + c * l.strides[1] + s * l.strides[2]) / size;
}

static double get(swiftbn_dtype dtype, const void *data, size_t i) {
  return dtype == SWIFTBN_FLOAT32 ? ((const float *)data)[i] : ((const double *)data)[i];
}

static void set(swiftbn_dtype dtype, void *data, size_t i, double value) {
  if (dtype == SWIFTBN_FLOAT32) ((float *)data)[i] = (float)value;
  else ((double *)data)[i] = value;
}

static int near(double a, double b, double tolerance) { return fabs(a - b) <= tolerance * (1 + fabs(b)); }

static void check_layout(layout l, int has_gamma, int in_place) {
  const double epsilon = 1e-3, tolerance = l.dtype == SWIFTBN_FLOAT32 ? 1e-5 : 1e-12;
  double x[COUNT], dy[COUNT], y[COUNT], dx[COUNT], moved[COUNT];
  double gamma[C], beta[C], mean[C], inv_std[C], dgamma[C], dbeta[C], moving_mean[C], moving_variance[C];
  for (size_t i = 0; i < COUNT; i++) {
    set(l.dtype, x, i, 3 * noise() + 2);
    set(l.dtype, dy, i, noise());
  }
  for (size_t c = 0; c < C; c++) {
    set(l.dtype, gamma, c, 1.5 + noise());
    set(l.dtype, beta, c, noise());
    set(l.dtype, moving_mean, c, noise());
    set(l.dtype, moving_variance, c, 1.5 + noise());
  }
  const void *g = has_gamma ? gamma : NULL, *b = has_gamma ? beta : NULL;
  double original[COUNT], original_dy[COUNT];
  memcpy(original, x, sizeof x);
  memcpy(original_dy, dy, sizeof dy);

  const int64_t shape[] = {N, C, S};
  swiftbn_tensor tensor = {x, l.dtype, 3, shape, l.channels_last ? l.strides : NULL};
  OK(swiftbn_batch_norm(&tensor, g, b, 1, epsilon, in_place ? (void *)x : y, mean, inv_std));
  if (in_place) {
    memcpy(y, x, sizeof x);
    memcpy(x, original, sizeof x);
  }
  OK(swiftbn_batch_norm_backward(dy, &tensor, g, mean, inv_std, -2, in_place ? (void *)dy : dx, dgamma, dbeta));
  if (in_place) {
    memcpy(dx, dy, sizeof dy);
    memcpy(dy, original_dy, sizeof dy);
  }
  OK(swiftbn_batch_norm_inference(
      &tensor, g, b, moving_mean, moving_variance, 1, epsilon, in_place ? (void *)x : moved));
  if (in_place) {
    memcpy(moved, x, sizeof x);
    memcpy(x, original, sizeof x);
  }
  CHECK(memcmp(x, original, sizeof x) == 0 && memcmp(dy, original_dy, sizeof dy) == 0);

  for (int c = 0; c < C; c++) {
    double sum = 0, squares = 0, sum_dy = 0, sum_product = 0;
    const double count = N * S;
    for (int n = 0; n < N; n++)
      for (int s = 0; s < S; s++) sum += get(l.dtype, x, at(l, n, c, s));
    for (int n = 0; n < N; n++)
      for (int s = 0; s < S; s++) {
        double d = get(l.dtype, x, at(l, n, c, s)) - sum / count, gradient = get(l.dtype, dy, at(l, n, c, s));
        squares += d * d;
        sum_dy += gradient;
        sum_product += gradient * d;
      }
    const double inverse = 1 / sqrt(squares / count + epsilon);
    const double scale = has_gamma ? get(l.dtype, gamma, (size_t)c) : 1;
    const double offset = has_gamma ? get(l.dtype, beta, (size_t)c) : 0;
    CHECK(near(get(l.dtype, mean, (size_t)c), sum / count, tolerance));
    CHECK(near(get(l.dtype, inv_std, (size_t)c), inverse, tolerance));
    CHECK(near(get(l.dtype, dbeta, (size_t)c), sum_dy, tolerance));
    CHECK(near(get(l.dtype, dgamma, (size_t)c), sum_product * inverse, tolerance));
    const double moving_inverse = 1 / sqrt(get(l.dtype, moving_variance, (size_t)c) + epsilon);
    for (int n = 0; n < N; n++)
      for (int s = 0; s < S; s++) {
        const size_t i = at(l, n, c, s);
        const double d = get(l.dtype, x, i) - sum / count, gradient = get(l.dtype, dy, i);
        const double through = gradient - sum_dy / count - d * inverse * inverse * sum_product / count;
        CHECK(near(get(l.dtype, y, i), d * inverse * scale + offset, tolerance));
        CHECK(near(get(l.dtype, dx, i), scale * inverse * through, tolerance));
        const double centered = get(l.dtype, x, i) - get(l.dtype, moving_mean, (size_t)c);
        CHECK(near(get(l.dtype, moved, i), centered * moving_inverse * scale + offset, tolerance));
      }
  }
}

static void check_errors(void) {
  float memory[64] = {0}, y[24] = {0}, mean[4] = {0}, inv_std[4] = {0};
  const int64_t shape[] = {6, 4}, empty[] = {0, 4}, gaps[] = {32, 4}, negative[] = {6, -1};
  swiftbn_tensor x = {memory, SWIFTBN_FLOAT32, 2, shape, NULL};
#define TRY(tensor, axis, epsilon, out, mean, inv_std) \
  swiftbn_batch_norm(tensor, NULL, NULL, axis, epsilon, out, mean, inv_std)
  FAILS(SWIFTBN_VALUE_ERROR, "swiftbn_batch_norm: x is NULL", TRY(NULL, 1, 1e-3, y, mean, inv_std));
  FAILS(SWIFTBN_VALUE_ERROR, "swiftbn_batch_norm: out is NULL", TRY(&x, 1, 1e-3, NULL, mean, inv_std));
  FAILS(SWIFTBN_VALUE_ERROR, "swiftbn_batch_norm: mean is NULL", TRY(&x, 1, 1e-3, y, NULL, inv_std));
  FAILS(
      SWIFTBN_VALUE_ERROR, "swiftbn_batch_norm: axis 2 is out of range for rank 2, expected -2 <= axis < 2",
      TRY(&x, 2, 1e-3, y, mean, inv_std));
  FAILS(
      SWIFTBN_VALUE_ERROR, "swiftbn_batch_norm: epsilon is nan, expected a finite number > 0",
      TRY(&x, 1, NAN, y, mean, inv_std));
  FAILS(
      SWIFTBN_VALUE_ERROR, "swiftbn_batch_norm: out overlaps x in part, expected the same memory or none of it",
      TRY(&x, 1, 1e-3, memory + 1, mean, inv_std));
  FAILS(
      SWIFTBN_VALUE_ERROR, "swiftbn_batch_norm: inv_std overlaps mean, expected memory of its own",
      TRY(&x, 1, 1e-3, y, mean, mean));
  FAILS(
      SWIFTBN_VALUE_ERROR, "swiftbn_batch_norm: mean overlaps x, expected memory of its own",
      TRY(&x, 1, 1e-3, y, memory + 23, inv_std));
  swiftbn_tensor bad = x;
  bad.dtype = SWIFTBN_INT32;
  FAILS(
      SWIFTBN_TYPE_ERROR, "swiftbn_batch_norm: x has dtype int32, expected float32 or float64",
      TRY(&bad, 1, 1e-3, y, mean, inv_std));
  bad.dtype = (swiftbn_dtype)77;
  FAILS(
      SWIFTBN_TYPE_ERROR, "swiftbn_batch_norm: x: dtype is 77, expected a swiftbn_dtype",
      TRY(&bad, 1, 1e-3, y, mean, inv_std));
  bad = x;
  bad.rank = 65;
  FAILS(
      SWIFTBN_VALUE_ERROR, "swiftbn_batch_norm: x: rank is 65, expected 0...64", TRY(&bad, 1, 1e-3, y, mean, inv_std));
  bad = x;
  bad.shape = empty;
  FAILS(
      SWIFTBN_VALUE_ERROR, "swiftbn_batch_norm: x has shape (0, 4), expected at least one value per channel",
      TRY(&bad, 1, 1e-3, y, mean, inv_std));
  bad.shape = negative;
  FAILS(
      SWIFTBN_VALUE_ERROR, "swiftbn_batch_norm: x: shape [6, -1] has a negative extent, expected >= 0",
      TRY(&bad, 1, 1e-3, y, mean, inv_std));
  bad = x;
  bad.strides = gaps;
  FAILS(
      SWIFTBN_VALUE_ERROR,
      "swiftbn_batch_norm: x is not contiguous in any order of its axes, and copying is not allowed",
      TRY(&bad, 1, 1e-3, y, mean, inv_std));
  for (int i = 0; i < 24; i++) CHECK(y[i] == 0 && memory[i] == 0);
  for (int i = 0; i < 4; i++) CHECK(mean[i] == 0 && inv_std[i] == 0);
  FAILS(
      SWIFTBN_VALUE_ERROR, "swiftbn_batch_norm_backward: inv_std is NULL",
      swiftbn_batch_norm_backward(y, &x, NULL, mean, NULL, 1, y, inv_std, mean));
  FAILS(
      SWIFTBN_VALUE_ERROR, "swiftbn_batch_norm_inference: moving_variance is NULL",
      swiftbn_batch_norm_inference(&x, NULL, NULL, mean, NULL, 1, 1e-3, y));
}

void test_batch_norm(void) {
  for (int precise = 0; precise < 2; precise++)
    for (int channels_last = 0; channels_last < 2; channels_last++)
      for (int has_gamma = 0; has_gamma < 2; has_gamma++)
        for (int in_place = 0; in_place < 2; in_place++)
          check_layout(make_layout(precise ? SWIFTBN_FLOAT64 : SWIFTBN_FLOAT32, channels_last), has_gamma, in_place);
  check_errors();
}
