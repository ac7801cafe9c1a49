// A graph is differentiated, trained and used.
#include "network.h"

enum { SAMPLES = 256, BATCH = 32 };

// Points of the square; the class says whether the signs of both coordinates agree.
static void make_data(double x[SAMPLES][FEATURES], int32_t labels[SAMPLES]) {
  for (int i = 0; i < SAMPLES; i++) {
    x[i][0] = noise();
    x[i][1] = noise();
    labels[i] = x[i][0] * x[i][1] > 0;
  }
}

// Gradients of every weight, against central differences.
void test_gradients(void) {
  enum { ROWS = 9 };
  static double x[SAMPLES][FEATURES];
  static int32_t labels[SAMPLES];
  make_data(x, labels);
  network net = make_network(SWIFTBN_FLOAT64);

  // The loss and its gradients; one more source, which the loss does not depend on.
  swiftbn_value sources[PARAMETERS + 1], gradients[PARAMETERS + 1], outputs[PARAMETERS + 1] = {net.loss};
  memcpy(sources, net.weights, sizeof net.weights);
  const double two = 2;
  const swiftbn_tensor constant = {(void *)&two, SWIFTBN_FLOAT64, 0, NULL, NULL};
  OK(swiftbn_graph_constant(net.graph, &constant, &sources[PARAMETERS]));
  OK(swiftbn_graph_gradients(net.graph, &net.loss, &sources[PARAMETERS], 1, sources, PARAMETERS + 1, gradients));
  CHECK(gradients[PARAMETERS] == SWIFTBN_NO_VALUE);
  memcpy(outputs + 1, gradients, sizeof net.weights);
  swiftbn_program *program;
  OK(swiftbn_program_create(net.graph, outputs, PARAMETERS + 1, &program));
  swiftbn_graph_destroy(net.graph);  // The program keeps what it needs.
  net.graph = NULL;

  const int64_t x_shape[] = {ROWS, FEATURES}, labels_shape[] = {ROWS};
  const swiftbn_tensor inputs[] = {
      {x, SWIFTBN_FLOAT64, 2, x_shape, NULL},
      {labels, SWIFTBN_INT32, 1, labels_shape, NULL},  // Converted to int64.
  };
  double loss, found[PARAMETERS][FEATURES * UNITS], ignored[PARAMETERS][FEATURES * UNITS];
  int64_t shapes[PARAMETERS + 1][SWIFTBN_MAXIMUM_RANK];
  swiftbn_tensor results[PARAMETERS + 1];
  for (int i = 0; i <= PARAMETERS; i++) {
    results[i] = (swiftbn_tensor){i == 0 ? (void *)&loss : found[i - 1], SWIFTBN_FLOAT64, 0, shapes[i], NULL};
    OK(swiftbn_program_output_type(
        program, inputs, 2, SWIFTBN_ALL_ROWS, (size_t)i, &results[i].dtype, &results[i].rank, shapes[i]));
    CHECK(results[i].dtype == SWIFTBN_FLOAT64);
    CHECK(results[i].rank == (i == 0 ? 0 : i % 2 == 1 ? 2 : 1));
  }
  OK(swiftbn_program_run(program, inputs, 2, NULL, 0, results, PARAMETERS + 1));
  CHECK(loss > 0 && loss < 5);

  for (int i = 0; i < PARAMETERS; i++) {
    double *data = swiftbn_variable_data(net.variables[i]);
    size_t count = swiftbn_variable_size(net.variables[i]) / sizeof(double);
    for (int k = 0; k <= PARAMETERS; k++) if (k > 0) results[k].data = ignored[k - 1];
    for (size_t k = 0; k < count; k++) {
      const double kept = data[k], step = 1e-6;
      data[k] = kept + step;
      OK(swiftbn_program_run(program, inputs, 2, NULL, 0, results, PARAMETERS + 1));
      const double above = loss;
      data[k] = kept - step;
      OK(swiftbn_program_run(program, inputs, 2, NULL, 0, results, PARAMETERS + 1));
      data[k] = kept;
      // The seed was 2.
      CHECK(fabs(found[i][k] - 2 * (above - loss) / (2 * step)) < 1e-8);
    }
  }
  swiftbn_program_destroy(program);
  destroy_network(&net);
}

// Stochastic gradient descent with momentum, on shuffled batches gathered by row.
void test_training(void) {
  static double x[SAMPLES][FEATURES];
  static int32_t labels[SAMPLES];
  make_data(x, labels);
  network net = make_network(SWIFTBN_FLOAT32);
  swiftbn_program *prediction;
  OK(swiftbn_program_create(net.graph, &net.logits, 1, &prediction));
  swiftbn_program_destroy(prediction);

  swiftbn_value gradients[PARAMETERS], rate;
  swiftbn_variable *velocities[PARAMETERS];
  const float learning_rate = 0.1f;
  const swiftbn_tensor constant = {(void *)&learning_rate, SWIFTBN_FLOAT32, 0, NULL, NULL};
  OK(swiftbn_graph_constant(net.graph, &constant, &rate));
  OK(swiftbn_graph_gradients(net.graph, &net.loss, NULL, 1, net.weights, PARAMETERS, gradients));
  for (int i = 0; i < PARAMETERS; i++) {
    swiftbn_dtype dtype;
    int32_t rank;
    int64_t shape[SWIFTBN_MAXIMUM_RANK];
    OK(swiftbn_graph_type(net.graph, net.weights[i], &dtype, &rank, shape));
    OK(swiftbn_variable_create("velocity", dtype, rank, shape, &velocities[i]));
    swiftbn_value velocity, next[2];
    OK(swiftbn_graph_variable(net.graph, velocities[i], &velocity));
    const swiftbn_value inputs[] = {net.weights[i], gradients[i], rate, velocity};
    const swiftbn_attribute attributes[] = {swiftbn_double("momentum", 0.9), swiftbn_bool("nesterov", true)};
    OK(swiftbn_graph_add(net.graph, "sgd", inputs, 4, attributes, 2, next, 2));
    OK(swiftbn_graph_assign(net.graph, net.variables[i], next[0]));
    OK(swiftbn_graph_assign(net.graph, velocities[i], next[1]));
  }
  swiftbn_program *step;
  OK(swiftbn_program_create(net.graph, &net.loss, 1, &step));

  const int64_t x_shape[] = {SAMPLES, FEATURES}, labels_shape[] = {SAMPLES};
  const swiftbn_tensor inputs[] = {
      {x, SWIFTBN_FLOAT64, 2, x_shape, NULL},  // Converted to float32.
      {labels, SWIFTBN_INT32, 1, labels_shape, NULL},
  };
  float loss = 0;
  const swiftbn_tensor output = {&loss, SWIFTBN_FLOAT32, 0, NULL, NULL};
  int64_t order[SAMPLES];
  for (int i = 0; i < SAMPLES; i++) order[i] = i;
  double first = 0, last = 0;
  for (int epoch = 0; epoch < 60; epoch++) {
    for (int i = SAMPLES - 1; i > 0; i--) {
      int other = (int)((noise() + 1) / 2 * (i + 1));
      int64_t kept = order[i];
      order[i] = order[other];
      order[other] = kept;
    }
    last = 0;
    for (int batch = 0; batch < SAMPLES / BATCH; batch++) {
      OK(swiftbn_program_run(step, inputs, 2, order + batch * BATCH, BATCH, &output, 1));
      last += loss * BATCH / SAMPLES;
    }
    if (epoch == 0) first = last;
  }
  CHECK(first > 0.3);
  CHECK(last < 0.1);

  // A graph of its own for inference, on the same variables, with probabilities.
  swiftbn_graph *graph;
  swiftbn_value features, w[PARAMETERS], probabilities;
  const int64_t batch_shape[] = {SWIFTBN_UNKNOWN, FEATURES}, classes_shape[] = {SAMPLES, CLASSES};
  OK(swiftbn_graph_create(&graph));
  OK(swiftbn_graph_input(graph, "x", SWIFTBN_FLOAT32, 2, batch_shape, &features));
  for (int i = 0; i < PARAMETERS; i++) OK(swiftbn_graph_variable(graph, net.variables[i], &w[i]));
  swiftbn_value hidden = add(graph, "add", add(graph, "matmul", features, w[0]), w[1]);
  hidden = add(graph, "relu", hidden, SWIFTBN_NO_VALUE);
  swiftbn_value logits = add(graph, "add", add(graph, "matmul", hidden, w[2]), w[3]);
  const swiftbn_attribute axis = swiftbn_int("axis", 1);
  OK(swiftbn_graph_add(graph, "softmax", &logits, 1, &axis, 1, &probabilities, 1));
  OK(swiftbn_program_create(graph, &probabilities, 1, &prediction));
  static float found[SAMPLES][CLASSES];
  const swiftbn_tensor predicted = {found, SWIFTBN_FLOAT32, 2, classes_shape, NULL};
  OK(swiftbn_program_run(prediction, inputs, 1, NULL, 0, &predicted, 1));
  int right = 0;
  for (int i = 0; i < SAMPLES; i++) {
    CHECK(fabs(found[i][0] + found[i][1] - 1) < 1e-6);
    right += (found[i][1] > found[i][0]) == labels[i];
  }
  CHECK(right > 0.97 * SAMPLES);

  for (int i = 0; i < PARAMETERS; i++) swiftbn_variable_destroy(velocities[i]);
  swiftbn_program_destroy(prediction);
  swiftbn_graph_destroy(graph);
  swiftbn_program_destroy(step);
  destroy_network(&net);
}
