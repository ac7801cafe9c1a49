// The steps of a plan allocate nothing: this program's malloc stands in for the C library's and counts. A call itself
// allocates a little for the description of its arguments, so training is compared with a program of a single step.
#include <stdatomic.h>

#include "support.h"

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static atomic_long allocations;

void *malloc(size_t bytes) {
  atomic_fetch_add(&allocations, 1);
  return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes) {
  atomic_fetch_add(&allocations, 1);
  return __libc_calloc(count, bytes);
}

void *realloc(void *block, size_t bytes) {
  atomic_fetch_add(&allocations, 1);
  return __libc_realloc(block, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes) {
  atomic_fetch_add(&allocations, 1);
  return __libc_memalign(alignment, bytes);
}

int posix_memalign(void **block, size_t alignment, size_t bytes) {
  atomic_fetch_add(&allocations, 1);
  *block = __libc_memalign(alignment, bytes);
  return *block == NULL;
}

enum { BATCH = 64, SIDE = 14, CHANNELS = 32, CLASSES = 10, FEATURES = 6 * 6 * CHANNELS, WEIGHTS = 6 };

typedef struct {
  const char *name;
  int32_t rank;
  int64_t shape[4];
} weight;

static const weight weights[WEIGHTS] = {
    {"kernel", 4, {3, 3, 1, CHANNELS}}, {"bias", 1, {CHANNELS}},        {"gamma", 1, {CHANNELS}},
    {"beta", 1, {CHANNELS}},            {"dense", 2, {FEATURES, CLASSES}}, {"dense_bias", 1, {CLASSES}},
};

static swiftbn_value add(
    swiftbn_graph *graph, const char *operation, const swiftbn_value *inputs, size_t count,
    const swiftbn_attribute *attributes, size_t attribute_count, size_t output_count) {
  swiftbn_value outputs[4];
  OK(swiftbn_graph_add(graph, operation, inputs, count, attributes, attribute_count, outputs, output_count));
  return outputs[0];
}

static swiftbn_value add2(swiftbn_graph *graph, const char *operation, swiftbn_value a, swiftbn_value b) {
  return add(graph, operation, (swiftbn_value[]){a, b}, b < 0 ? 1 : 2, NULL, 0, 1);
}

// How often a run allocates once it has run a few times: the first ones start threads, compile the plan and find how much
// scratch memory each thread needs. A thread that the others leave no chunk may find that late, so the least number counts.
static long allocations_of_a_run(swiftbn_program *program, const swiftbn_tensor *inputs, float *value) {
  enum { FIRST = 20, RUNS = 40 };
  const swiftbn_tensor output = {value, SWIFTBN_FLOAT32, 0, NULL, NULL};
  int64_t rows[BATCH];
  long count = -1;
  for (int run = 0; run < RUNS; run++) {
    for (int i = 0; i < BATCH; i++) rows[i] = (i * 5 + run) % (2 * BATCH);
    const long before = atomic_load(&allocations);
    OK(swiftbn_program_run(program, inputs, 2, rows, BATCH, &output, 1));
    const long here = atomic_load(&allocations) - before;
    if (run >= FIRST && (count < 0 || here < count)) count = here;
  }
  return count;
}

// Convolution, ReLU, batch normalization, pooling, dense layer, cross-entropy, momentum.
void test_allocations(void) {
  swiftbn_graph *graph;
  swiftbn_variable *variables[WEIGHTS], *velocities[WEIGHTS];
  swiftbn_value x, labels, w[WEIGHTS], gradients[WEIGHTS];
  const int64_t x_declared[] = {SWIFTBN_UNKNOWN, SIDE, SIDE, 1};
  OK(swiftbn_graph_create(&graph));
  OK(swiftbn_graph_input(graph, "x", SWIFTBN_FLOAT32, 4, x_declared, &x));
  OK(swiftbn_graph_input(graph, "labels", SWIFTBN_INT32, 1, x_declared, &labels));
  for (int i = 0; i < WEIGHTS; i++) {
    OK(swiftbn_variable_create(weights[i].name, SWIFTBN_FLOAT32, weights[i].rank, weights[i].shape, &variables[i]));
    OK(swiftbn_variable_create("velocity", SWIFTBN_FLOAT32, weights[i].rank, weights[i].shape, &velocities[i]));
    OK(swiftbn_graph_variable(graph, variables[i], &w[i]));
    float *data = swiftbn_variable_data(variables[i]);
    const size_t count = swiftbn_variable_size(variables[i]) / sizeof(float);
    for (size_t k = 0; k < count; k++) data[k] = (float)(0.1 * noise());
  }
  const int64_t two[] = {2, 2};
  const swiftbn_attribute pool[] = {swiftbn_ints("pool_size", two, 2), swiftbn_ints("strides", two, 2)};
  swiftbn_value h = add2(graph, "add", add2(graph, "conv2d", x, w[0]), w[1]);
  h = add2(graph, "relu", h, SWIFTBN_NO_VALUE);
  h = add(graph, "batch_norm", (swiftbn_value[]){h, w[2], w[3]}, 3, NULL, 0, 4);
  h = add(graph, "max_pool2d", &h, 1, pool, 2, 1);
  h = add2(graph, "flatten", h, SWIFTBN_NO_VALUE);
  h = add2(graph, "add", add2(graph, "matmul", h, w[4]), w[5]);
  const swiftbn_value losses = add2(graph, "sparse_softmax_cross_entropy", h, labels);
  const swiftbn_value loss = add2(graph, "mean", losses, SWIFTBN_NO_VALUE);
  OK(swiftbn_graph_gradients(graph, &loss, NULL, 1, w, WEIGHTS, gradients));
  const float step_size = 0.05f;
  const swiftbn_tensor constant = {(void *)&step_size, SWIFTBN_FLOAT32, 0, NULL, NULL};
  swiftbn_value rate;
  OK(swiftbn_graph_constant(graph, &constant, &rate));
  for (int i = 0; i < WEIGHTS; i++) {
    swiftbn_value velocity, next[2];
    OK(swiftbn_graph_variable(graph, velocities[i], &velocity));
    const swiftbn_attribute momentum = swiftbn_double("momentum", 0.9);
    const swiftbn_value inputs[] = {w[i], gradients[i], rate, velocity};
    OK(swiftbn_graph_add(graph, "sgd", inputs, 4, &momentum, 1, next, 2));
    OK(swiftbn_graph_assign(graph, variables[i], next[0]));
    OK(swiftbn_graph_assign(graph, velocities[i], next[1]));
  }
  swiftbn_program *training, *single;
  OK(swiftbn_program_create(graph, &loss, 1, &training));
  swiftbn_graph *other;
  swiftbn_value y;
  OK(swiftbn_graph_create(&other));
  OK(swiftbn_graph_input(other, "x", SWIFTBN_FLOAT32, 4, x_declared, &y));
  OK(swiftbn_graph_input(other, "labels", SWIFTBN_INT32, 1, x_declared, &labels));
  y = add2(other, "mean", y, SWIFTBN_NO_VALUE);
  OK(swiftbn_program_create(other, &y, 1, &single));

  static float images[2 * BATCH][SIDE][SIDE];
  static uint8_t truth[2 * BATCH];  // Converted to int32.
  for (int i = 0; i < 2 * BATCH; i++) {
    truth[i] = (uint8_t)(i % CLASSES);
    for (int k = 0; k < SIDE * SIDE; k++) images[i][k / SIDE][k % SIDE] = (float)noise() + (k % CLASSES == i % CLASSES);
  }
  const int64_t x_shape[] = {2 * BATCH, SIDE, SIDE, 1};
  const swiftbn_tensor inputs[] = {
      {images, SWIFTBN_FLOAT32, 4, x_shape, NULL}, {truth, SWIFTBN_UINT8, 1, x_shape, NULL}};
  float loss_before = 0, loss_after = 0;
  const size_t threads = swiftbn_get_num_threads();
  for (size_t count = 1; count <= 4; count *= 2) {
    OK(swiftbn_set_num_threads(count));
    const long expected = allocations_of_a_run(single, inputs, &loss_after);
    CHECK(expected >= 0);
    CHECK(allocations_of_a_run(training, inputs, count == 1 ? &loss_before : &loss_after) == expected);
  }
  CHECK(loss_after < 0.5f * loss_before);
  OK(swiftbn_set_num_threads(threads));

  swiftbn_graph_destroy(other);
  swiftbn_program_destroy(single);
  swiftbn_program_destroy(training);
  for (int i = 0; i < WEIGHTS; i++) {
    swiftbn_variable_destroy(variables[i]);
    swiftbn_variable_destroy(velocities[i]);
  }
  swiftbn_graph_destroy(graph);
}
