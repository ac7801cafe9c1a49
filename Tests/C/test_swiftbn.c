// Tests of the C interface, as a C program that knows swiftbn.h only.
#include <pthread.h>

#include "support.h"

int failures = 0;

void test_configuration(void) {
  CHECK(strlen(swiftbn_version()) >= 5);
  CHECK(swiftbn_isa_level()[0] == 'v');
  CHECK(swiftbn_dtype_size(SWIFTBN_FLOAT64) == 8 && swiftbn_dtype_size(SWIFTBN_BOOL) == 1);
  CHECK(swiftbn_dtype_size((swiftbn_dtype)99) == 0);

  size_t before = swiftbn_get_num_threads();
  OK(swiftbn_set_num_threads(3));
  CHECK(swiftbn_get_num_threads() == 3);
  FAILS(SWIFTBN_VALUE_ERROR, "swiftbn_set_num_threads: threads is 0, expected 1 or more", swiftbn_set_num_threads(0));
  CHECK(swiftbn_get_num_threads() == 3);
  OK(swiftbn_set_num_threads(before));

  size_t count = swiftbn_operation_count();
  int found = 0;
  for (size_t i = 0; i < count; i++) {
    if (i > 0) CHECK(strcmp(swiftbn_operation_name(i - 1), swiftbn_operation_name(i)) < 0);
    found += strcmp(swiftbn_operation_name(i), "batch_norm") == 0;
  }
  CHECK(found == 1);
  CHECK(swiftbn_operation_name(count) == NULL);
}

static void *another_thread(void *mine) {
  // This thread has had no error, whatever others had.
  CHECK(strcmp(swiftbn_last_error(), "") == 0);
  CHECK(swiftbn_set_num_threads(0) == SWIFTBN_VALUE_ERROR);
  CHECK(swiftbn_last_error() != (const char *)mine);
  return NULL;
}

int main(void) {
  CHECK(strcmp(swiftbn_last_error(), "") == 0);
  test_configuration();
  test_batch_norm();
  test_gradients();
  test_training();
  test_allocations();
  test_errors();

  swiftbn_graph_create(NULL);
  char mine[100];
  snprintf(mine, sizeof mine, "%s", swiftbn_last_error());
  pthread_t thread;
  pthread_create(&thread, NULL, another_thread, (void *)swiftbn_last_error());
  pthread_join(thread, NULL);
  CHECK(strcmp(swiftbn_last_error(), mine) == 0);

  if (failures > 0) {
    fprintf(stderr, "%d checks failed\n", failures);
    return 1;
  }
  printf("C interface: all checks passed\n");
  return 0;
}
