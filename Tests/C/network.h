// A network of two dense layers with its loss, as a graph: relu(x w1 + b1) w2 + b2 into a softmax cross-entropy.
#ifndef NETWORK_H
#define NETWORK_H

#include "support.h"

enum { FEATURES = 2, UNITS = 16, CLASSES = 2, PARAMETERS = 4 };

typedef struct {
  swiftbn_dtype dtype;
  swiftbn_graph *graph;
  swiftbn_variable *variables[PARAMETERS];
  swiftbn_value weights[PARAMETERS];
  swiftbn_value x, labels, logits, loss;
} network;

// Adds an operation of one output without attributes.
static inline swiftbn_value add(swiftbn_graph *graph, const char *operation, swiftbn_value a, swiftbn_value b) {
  const swiftbn_value inputs[] = {a, b};
  swiftbn_value output = SWIFTBN_NO_VALUE;
  OK(swiftbn_graph_add(graph, operation, inputs, b < 0 ? 1 : 2, NULL, 0, &output, 1));
  return output;
}

static inline void set_element(swiftbn_variable *variable, swiftbn_dtype dtype, size_t index, double value) {
  if (dtype == SWIFTBN_FLOAT32) ((float *)swiftbn_variable_data(variable))[index] = (float)value;
  else ((double *)swiftbn_variable_data(variable))[index] = value;
}

static inline network make_network(swiftbn_dtype dtype) {
  static const char *const names[] = {"w1", "b1", "w2", "b2"};
  static const int64_t shapes[][2] = {{FEATURES, UNITS}, {UNITS, 0}, {UNITS, CLASSES}, {CLASSES, 0}};
  const int64_t batch[] = {SWIFTBN_UNKNOWN, FEATURES};
  network net = {.dtype = dtype};
  OK(swiftbn_graph_create(&net.graph));
  OK(swiftbn_graph_input(net.graph, "x", dtype, 2, batch, &net.x));
  OK(swiftbn_graph_input(net.graph, "labels", SWIFTBN_INT64, 1, batch, &net.labels));
  for (int i = 0; i < PARAMETERS; i++) {
    OK(swiftbn_variable_create(names[i], dtype, i % 2 == 0 ? 2 : 1, shapes[i], &net.variables[i]));
    OK(swiftbn_graph_variable(net.graph, net.variables[i], &net.weights[i]));
    size_t count = swiftbn_variable_size(net.variables[i]) / swiftbn_dtype_size(dtype);
    CHECK(count == (size_t)(i % 2 == 0 ? shapes[i][0] * shapes[i][1] : shapes[i][0]));
    for (size_t k = 0; k < count && i % 2 == 0; k++) set_element(net.variables[i], dtype, k, noise());
  }
  swiftbn_value hidden = add(net.graph, "matmul", net.x, net.weights[0]);
  hidden = add(net.graph, "relu", add(net.graph, "add", hidden, net.weights[1]), SWIFTBN_NO_VALUE);
  net.logits = add(net.graph, "add", add(net.graph, "matmul", hidden, net.weights[2]), net.weights[3]);
  swiftbn_value losses = add(net.graph, "sparse_softmax_cross_entropy", net.logits, net.labels);
  net.loss = add(net.graph, "mean", losses, SWIFTBN_NO_VALUE);
  return net;
}

static inline void destroy_network(network *net) {
  for (int i = 0; i < PARAMETERS; i++) swiftbn_variable_destroy(net->variables[i]);
  swiftbn_graph_destroy(net->graph);
}

#endif
