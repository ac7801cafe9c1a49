// Bad input to graphs and programs: status, text, and that nothing has changed.
#include "network.h"

static void test_graph_errors(network *net) {
  swiftbn_graph *graph = net->graph;
  swiftbn_value value = 12345, two[2] = {12345, 12345};
  const int64_t shape[] = {3, 4}, negative[] = {3, -2};
  FAILS(SWIFTBN_VALUE_ERROR, "swiftbn_graph_create: graph is NULL", swiftbn_graph_create(NULL));
  FAILS(
      SWIFTBN_VALUE_ERROR, "swiftbn_graph_input: graph is NULL",
      swiftbn_graph_input(NULL, "x", SWIFTBN_FLOAT32, 2, shape, &value));
  FAILS(
      SWIFTBN_VALUE_ERROR, "swiftbn_graph_input: name is NULL",
      swiftbn_graph_input(graph, NULL, SWIFTBN_FLOAT32, 2, shape, &value));
  FAILS(
      SWIFTBN_VALUE_ERROR, "input q: shape is NULL", swiftbn_graph_input(graph, "q", SWIFTBN_FLOAT32, 2, NULL, &value));
  FAILS(
      SWIFTBN_VALUE_ERROR, "input q: shape [3, -2] has a negative extent, expected >= 0",
      swiftbn_graph_input(graph, "q", SWIFTBN_FLOAT32, 2, negative, &value));
  FAILS(
      SWIFTBN_TYPE_ERROR, "input q: dtype is 9, expected a swiftbn_dtype",
      swiftbn_graph_input(graph, "q", (swiftbn_dtype)9, 2, shape, &value));
  const swiftbn_tensor no_data = {NULL, SWIFTBN_FLOAT32, 2, shape, NULL};
  FAILS(SWIFTBN_VALUE_ERROR, "constant: data is NULL", swiftbn_graph_constant(graph, &no_data, &value));
  FAILS(
      SWIFTBN_VALUE_ERROR, "swiftbn_graph_variable: variable is NULL", swiftbn_graph_variable(graph, NULL, &value));

  FAILS(
      SWIFTBN_VALUE_ERROR, "unknown operation 'matmull'",
      swiftbn_graph_add(graph, "matmull", net->weights, 2, NULL, 0, &value, 1));
  FAILS(
      SWIFTBN_VALUE_ERROR, "matmul: got 1 inputs, expected 2",
      swiftbn_graph_add(graph, "matmul", net->weights, 1, NULL, 0, &value, 1));
  const swiftbn_value missing[] = {net->x, 99999}, wrong[] = {net->x, net->weights[2]};
  CHECK(swiftbn_graph_add(graph, "matmul", missing, 2, NULL, 0, &value, 1) == SWIFTBN_INDEX_ERROR);
  CHECK(strncmp(swiftbn_last_error(), "matmul: value 99999 does not exist", 34) == 0);
  FAILS(
      SWIFTBN_VALUE_ERROR,
      "matmul: a has shape (None, 2), b has shape (16, 2): inner extents 2 and 16 differ",
      swiftbn_graph_add(graph, "matmul", wrong, 2, NULL, 0, &value, 1));
  const swiftbn_attribute unknown = swiftbn_int("axes", 1), text = swiftbn_string("axis", "one");
  const swiftbn_attribute twice[] = {swiftbn_int("axis", 1), swiftbn_int("axis", 0)};
  FAILS(
      SWIFTBN_VALUE_ERROR, "softmax: unknown attribute axes",
      swiftbn_graph_add(graph, "softmax", &net->logits, 1, &unknown, 1, &value, 1));
  CHECK(swiftbn_graph_add(graph, "softmax", &net->logits, 1, &text, 1, &value, 1) == SWIFTBN_TYPE_ERROR);
  FAILS(
      SWIFTBN_VALUE_ERROR, "softmax: attribute axis is given twice",
      swiftbn_graph_add(graph, "softmax", &net->logits, 1, twice, 2, &value, 1));
  FAILS(
      SWIFTBN_VALUE_ERROR, "softmax: has 1 outputs, expected output_count to be that, got 2",
      swiftbn_graph_add(graph, "softmax", &net->logits, 1, NULL, 0, two, 2));
  FAILS(
      SWIFTBN_TYPE_ERROR, "gradients: source has dtype int64, expected float32 or float64",
      swiftbn_graph_gradients(graph, &net->loss, NULL, 1, &net->labels, 1, &value));
  FAILS(
      SWIFTBN_VALUE_ERROR, "assign: value is float32(), expected float32(16,) as variable b1 is",
      swiftbn_graph_assign(graph, net->variables[1], net->loss));
  CHECK(value == 12345 && two[0] == 12345 && two[1] == 12345);
}

static void test_run_errors(network *net) {
  swiftbn_program *program = NULL;
  const swiftbn_value nowhere = -5;
  CHECK(swiftbn_program_create(net->graph, &nowhere, 1, &program) == SWIFTBN_INDEX_ERROR);
  CHECK(program == NULL);

  // The loss, with an assignment that must not happen when a run fails.
  OK(swiftbn_graph_assign(net->graph, net->variables[3], net->weights[3]));
  swiftbn_value doubled = add(net->graph, "add", net->weights[1], net->weights[1]);
  OK(swiftbn_graph_assign(net->graph, net->variables[1], doubled));
  float *b1 = swiftbn_variable_data(net->variables[1]);
  for (int i = 0; i < UNITS; i++) b1[i] = 1;
  OK(swiftbn_program_create(net->graph, &net->loss, 1, &program));

  float x[4][FEATURES] = {{0}}, loss = 77, pair[2] = {77, 77};
  int64_t labels[4] = {0, 1, 1, 0}, outside[4] = {0, 1, 2, 0};
  float fractions[4] = {0, 1, 0.5f, 0};
  const int64_t x_shape[] = {4, FEATURES}, labels_shape[] = {4}, wide[] = {4, 3}, one[] = {1}, strides[] = {8, 4};
  const swiftbn_tensor good[] = {{x, SWIFTBN_FLOAT32, 2, x_shape, NULL}, {labels, SWIFTBN_INT64, 1, labels_shape, NULL}};
  const swiftbn_tensor output = {&loss, SWIFTBN_FLOAT32, 0, NULL, NULL};
  swiftbn_tensor inputs[2];
#define RESET memcpy(inputs, good, sizeof good)
  FAILS(
      SWIFTBN_VALUE_ERROR, "run: got 1 inputs, expected 2", swiftbn_program_run(program, good, 1, NULL, 0, &output, 1));
  FAILS(
      SWIFTBN_VALUE_ERROR, "outputs has 0 tensors, expected 1",
      swiftbn_program_run(program, good, 2, NULL, 0, NULL, 0));
  RESET;
  inputs[0].shape = wide;
  FAILS(
      SWIFTBN_VALUE_ERROR, "input x has shape (4, 3), expected (None, 2)",
      swiftbn_program_run(program, inputs, 2, NULL, 0, &output, 1));
  RESET;
  inputs[0].strides = strides;
  FAILS(
      SWIFTBN_VALUE_ERROR, "inputs[0]: has strides, expected C order (NULL)",
      swiftbn_program_run(program, inputs, 2, NULL, 0, &output, 1));
  RESET;
  inputs[1].data = NULL;
  FAILS(
      SWIFTBN_VALUE_ERROR, "inputs[1]: data is NULL", swiftbn_program_run(program, inputs, 2, NULL, 0, &output, 1));
  RESET;
  inputs[1].data = outside;
  CHECK(swiftbn_program_run(program, inputs, 2, NULL, 0, &output, 1) == SWIFTBN_VALUE_ERROR);
  CHECK(strncmp(swiftbn_last_error(), "sparse_softmax_cross_entropy: ", 30) == 0);
  RESET;
  inputs[1] = (swiftbn_tensor){fractions, SWIFTBN_FLOAT32, 1, labels_shape, NULL};
  FAILS(
      SWIFTBN_VALUE_ERROR, "input labels: element 2 is 0.5, expected a whole number that fits int64",
      swiftbn_program_run(program, inputs, 2, NULL, 0, &output, 1));
  const int64_t rows[] = {3, 4};
  FAILS(
      SWIFTBN_INDEX_ERROR, "run: indices[1] is 4, expected 0..<4",
      swiftbn_program_run(program, good, 2, rows, 2, &output, 1));
  FAILS(
      SWIFTBN_VALUE_ERROR, "swiftbn_program_run: row_count is -1, expected 0 or more",
      swiftbn_program_run(program, good, 2, rows, -1, &output, 1));
  const swiftbn_tensor vector = {pair, SWIFTBN_FLOAT32, 1, one, NULL}, double_loss = {pair, SWIFTBN_FLOAT64, 0, NULL, NULL};
  FAILS(
      SWIFTBN_VALUE_ERROR, "outputs[0] is float32(1,), expected float32()",
      swiftbn_program_run(program, good, 2, NULL, 0, &vector, 1));
  FAILS(
      SWIFTBN_VALUE_ERROR, "outputs[0] is float64(), expected float32()",
      swiftbn_program_run(program, good, 2, NULL, 0, &double_loss, 1));
  const swiftbn_tensor inside = {&x[1][1], SWIFTBN_FLOAT32, 0, NULL, NULL}, weight = {b1 + 2, SWIFTBN_FLOAT32, 0, NULL, NULL};
  FAILS(
      SWIFTBN_VALUE_ERROR, "outputs[0] overlaps input 0, expected memory of its own",
      swiftbn_program_run(program, good, 2, NULL, 0, &inside, 1));
  FAILS(
      SWIFTBN_VALUE_ERROR, "outputs[0] overlaps variable b1, expected memory of its own",
      swiftbn_program_run(program, good, 2, NULL, 0, &weight, 1));
  CHECK(loss == 77 && pair[0] == 77 && pair[1] == 77);
  for (int i = 0; i < UNITS; i++) CHECK(b1[i] == 1);

  OK(swiftbn_program_run(program, good, 2, NULL, 0, &output, 1));
  CHECK(loss != 77 && b1[0] == 2 && b1[UNITS - 1] == 2);
  swiftbn_program_destroy(program);
}

void test_errors(void) {
  swiftbn_variable *variable = NULL;
  const int64_t unknown[] = {SWIFTBN_UNKNOWN}, huge[] = {1ll << 40, 1ll << 40};
  FAILS(
      SWIFTBN_VALUE_ERROR, "variable w: shape [-1] has a negative extent, expected >= 0",
      swiftbn_variable_create("w", SWIFTBN_FLOAT32, 1, unknown, &variable));
  FAILS(
      SWIFTBN_VALUE_ERROR, "variable w: shape (1099511627776, 1099511627776) has more than 2**48 elements",
      swiftbn_variable_create("w", SWIFTBN_FLOAT32, 2, huge, &variable));
  FAILS(
      SWIFTBN_MEMORY_ERROR, "cannot allocate 1125899906842624 bytes",
      swiftbn_variable_create("w", SWIFTBN_FLOAT64, 1, (const int64_t[]){1ll << 47}, &variable));
  CHECK(variable == NULL);
  swiftbn_variable_destroy(NULL);
  swiftbn_graph_destroy(NULL);
  swiftbn_program_destroy(NULL);
  CHECK(swiftbn_variable_data(NULL) == NULL && swiftbn_variable_size(NULL) == 0);

  network net = make_network(SWIFTBN_FLOAT32);
  test_graph_errors(&net);
  test_run_errors(&net);
  destroy_network(&net);
}
