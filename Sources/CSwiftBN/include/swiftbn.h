/// The C interface of swiftbn: batch normalization on plain memory, and graphs that are built, differentiated, run and
/// trained.
///
/// Every function that can fail returns a status; swiftbn_last_error() then has the text. When a function fails it has
/// changed nothing. Handles are made by the ..._create functions and given back by the ..._destroy functions, which
/// accept NULL. All functions may be called from several threads; a graph must not be changed by one thread while
/// another one uses it.
///
/// Link with -lswiftbn. The library must not be unloaded with dlclose.
#ifndef SWIFTBN_H
#define SWIFTBN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// ---------------------------------------------------------------------------------------------------------------------
// Status, errors, configuration

typedef enum swiftbn_status {
  SWIFTBN_OK = 0,
  SWIFTBN_VALUE_ERROR = 1,    ///< A value or shape that does not fit.
  SWIFTBN_TYPE_ERROR = 2,     ///< An element type or kind of attribute that does not fit.
  SWIFTBN_INDEX_ERROR = 3,    ///< An index out of range.
  SWIFTBN_MEMORY_ERROR = 4,   ///< Memory ran out.
  SWIFTBN_RUNTIME_ERROR = 5,  ///< Anything else.
} swiftbn_status;

/// Text of the last failure on this thread, in UTF-8; "" if there was none. Valid until the next failure on this thread.
/// Calls that succeed leave it as it is.
const char *swiftbn_last_error(void);

/// Version of the library, such as "0.1.0".
const char *swiftbn_version(void);

/// Level of x86-64 that the library was compiled for: "v2", "v3" or "v4".
const char *swiftbn_isa_level(void);

/// Threads that one call may use, the caller's included. Results do not depend on it, not in a single bit.
size_t swiftbn_get_num_threads(void);

/// Sets the number of threads, 1 or more; at most 64 are used.
swiftbn_status swiftbn_set_num_threads(size_t threads);

// ---------------------------------------------------------------------------------------------------------------------
// Tensors

/// Types of elements, in this machine's byte order. A SWIFTBN_BOOL is one byte, 0 or 1.
typedef enum swiftbn_dtype {
  SWIFTBN_FLOAT32 = 0,
  SWIFTBN_FLOAT64 = 1,
  SWIFTBN_INT32 = 2,
  SWIFTBN_INT64 = 3,
  SWIFTBN_UINT8 = 4,
  SWIFTBN_BOOL = 5,
  SWIFTBN_UINT32 = 6,
  /// The 16-bit floating-point types are stored and cast; operations compute in the wider ones.
  SWIFTBN_FLOAT16 = 7,
  SWIFTBN_BFLOAT16 = 8,
} swiftbn_dtype;

/// Bytes of one element; 0 if there is no such type.
size_t swiftbn_dtype_size(swiftbn_dtype dtype);

/// Largest number of axes.
#define SWIFTBN_MAXIMUM_RANK 64

/// Stands in a shape for an extent that is known only when a program runs, such as the size of a batch.
#define SWIFTBN_UNKNOWN (-1)

/// A tensor in the caller's memory. The library keeps none of these pointers after a call.
typedef struct swiftbn_tensor {
  void *data;              ///< May be NULL if there are no elements.
  swiftbn_dtype dtype;
  int32_t rank;            ///< 0 to SWIFTBN_MAXIMUM_RANK; 0 is a scalar.
  const int64_t *shape;    ///< `rank` extents, outermost axis first; may be NULL for a scalar.
  const int64_t *strides;  ///< NULL: C order. Else `rank` steps in bytes; only the functions swiftbn_batch_norm... take it.
} swiftbn_tensor;

// ---------------------------------------------------------------------------------------------------------------------
// Batch normalization on plain memory
//
// x is float32 or float64, of any rank >= 2, with the channels (C of them) along `axis`; a negative axis counts from the
// end. It may lie in memory in any order of its axes (channels first, channels last, ...) as long as there are no gaps.
// All other pointers are to elements of x's type: y, dy and dx laid out exactly as x, the others C elements. Outputs
// overlap nothing else, except where it is said.

/// Normalizes each channel by the batch's own statistics:
///
///     y = gamma * (x - mean) / sqrt(variance + epsilon) + beta        with the biased variance
///
/// \param gamma, beta  NULL for 1 and 0.
/// \param epsilon      > 0.
/// \param y            May be x->data.
/// \param mean         Receives the mean of each channel.
/// \param inv_std      Receives 1 / sqrt(variance + epsilon) of each channel.
swiftbn_status swiftbn_batch_norm(
    const swiftbn_tensor *x, const void *gamma, const void *beta, int32_t axis, double epsilon, void *y, void *mean,
    void *inv_std);

/// Gradients of swiftbn_batch_norm. With d = x - mean, s = inv_std and n values per channel:
///
///     dbeta = sum(dy)        dgamma = s * sum(dy * d)        dx = gamma * s * (dy - dbeta / n - d * s * dgamma / n)
///
/// \param dy             The gradient with respect to y.
/// \param gamma          NULL for 1.
/// \param mean, inv_std  What swiftbn_batch_norm gave.
/// \param dx             May be dy.
/// \param dgamma, dbeta  Receive C elements each.
swiftbn_status swiftbn_batch_norm_backward(
    const void *dy, const swiftbn_tensor *x, const void *gamma, const void *mean, const void *inv_std, int32_t axis,
    void *dx, void *dgamma, void *dbeta);

/// Normalizes each channel by given statistics:
///
///     y = gamma * (x - moving_mean) / sqrt(moving_variance + epsilon) + beta
///
/// \param gamma, beta  NULL for 1 and 0.
/// \param epsilon      > 0.
/// \param y            May be x->data.
swiftbn_status swiftbn_batch_norm_inference(
    const swiftbn_tensor *x, const void *gamma, const void *beta, const void *moving_mean, const void *moving_variance,
    int32_t axis, double epsilon, void *y);

// ---------------------------------------------------------------------------------------------------------------------
// Variables: tensors that live on between runs, such as weights

typedef struct swiftbn_variable swiftbn_variable;

/// Makes a variable, filled with zeros.
///
/// \param name  For error texts. Any text, also the same for several variables.
swiftbn_status swiftbn_variable_create(
    const char *name, swiftbn_dtype dtype, int32_t rank, const int64_t *shape, swiftbn_variable **variable);

/// Gives the handle back. Graphs and programs that use the variable keep it alive.
void swiftbn_variable_destroy(swiftbn_variable *variable);

/// The variable's elements in C order, aligned to 64 bytes. The address never changes. They may be read and written
/// whenever no program that uses the variable is running. NULL for NULL.
void *swiftbn_variable_data(const swiftbn_variable *variable);

/// Bytes of the variable's elements. 0 for NULL.
size_t swiftbn_variable_size(const swiftbn_variable *variable);

// ---------------------------------------------------------------------------------------------------------------------
// Graphs: descriptions of computations

typedef struct swiftbn_graph swiftbn_graph;

/// A value of one graph.
typedef int64_t swiftbn_value;

/// Stands for a gradient that is zero because the target does not depend on the source.
#define SWIFTBN_NO_VALUE (-1)

typedef enum swiftbn_attribute_kind {
  SWIFTBN_ATTRIBUTE_INT = 0,
  SWIFTBN_ATTRIBUTE_DOUBLE = 1,
  SWIFTBN_ATTRIBUTE_BOOL = 2,
  SWIFTBN_ATTRIBUTE_STRING = 3,
  SWIFTBN_ATTRIBUTE_INTS = 4,
  SWIFTBN_ATTRIBUTE_DOUBLES = 5,
} swiftbn_attribute_kind;

/// One attribute of an operation. Best written with the functions swiftbn_int, swiftbn_double, ... below.
typedef struct swiftbn_attribute {
  const char *name;
  swiftbn_attribute_kind kind;
  int64_t integer;         ///< Of SWIFTBN_ATTRIBUTE_INT and (0 or 1) SWIFTBN_ATTRIBUTE_BOOL.
  double number;           ///< Of SWIFTBN_ATTRIBUTE_DOUBLE.
  const char *text;        ///< Of SWIFTBN_ATTRIBUTE_STRING.
  const int64_t *integers; ///< Of SWIFTBN_ATTRIBUTE_INTS.
  const double *numbers;   ///< Of SWIFTBN_ATTRIBUTE_DOUBLES.
  size_t count;            ///< Of integers or numbers.
} swiftbn_attribute;

static inline swiftbn_attribute swiftbn_int(const char *name, int64_t value) {
  swiftbn_attribute attribute = {name, SWIFTBN_ATTRIBUTE_INT, value, 0, NULL, NULL, NULL, 0};
  return attribute;
}

static inline swiftbn_attribute swiftbn_double(const char *name, double value) {
  swiftbn_attribute attribute = {name, SWIFTBN_ATTRIBUTE_DOUBLE, 0, value, NULL, NULL, NULL, 0};
  return attribute;
}

static inline swiftbn_attribute swiftbn_bool(const char *name, bool value) {
  swiftbn_attribute attribute = {name, SWIFTBN_ATTRIBUTE_BOOL, value, 0, NULL, NULL, NULL, 0};
  return attribute;
}

static inline swiftbn_attribute swiftbn_string(const char *name, const char *value) {
  swiftbn_attribute attribute = {name, SWIFTBN_ATTRIBUTE_STRING, 0, 0, value, NULL, NULL, 0};
  return attribute;
}

static inline swiftbn_attribute swiftbn_ints(const char *name, const int64_t *values, size_t count) {
  swiftbn_attribute attribute = {name, SWIFTBN_ATTRIBUTE_INTS, 0, 0, NULL, values, NULL, count};
  return attribute;
}

static inline swiftbn_attribute swiftbn_doubles(const char *name, const double *values, size_t count) {
  swiftbn_attribute attribute = {name, SWIFTBN_ATTRIBUTE_DOUBLES, 0, 0, NULL, NULL, values, count};
  return attribute;
}

/// Makes an empty graph.
swiftbn_status swiftbn_graph_create(swiftbn_graph **graph);

/// Gives the handle back. Programs made of the graph keep what they need.
void swiftbn_graph_destroy(swiftbn_graph *graph);

/// Adds an input: data that is given to every run, in the order in which inputs were added.
///
/// \param shape  Extents may be SWIFTBN_UNKNOWN.
swiftbn_status swiftbn_graph_input(
    swiftbn_graph *graph, const char *name, swiftbn_dtype dtype, int32_t rank, const int64_t *shape,
    swiftbn_value *value);

/// Adds a constant; its elements are copied.
swiftbn_status swiftbn_graph_constant(swiftbn_graph *graph, const swiftbn_tensor *tensor, swiftbn_value *value);

/// The value that a variable has when a run begins. The same variable always gives the same value.
swiftbn_status swiftbn_graph_variable(swiftbn_graph *graph, swiftbn_variable *variable, swiftbn_value *value);

/// Adds an operation.
///
/// \param operation   Its name, one of swiftbn_operation_name.
/// \param inputs      `input_count` values.
/// \param attributes  `attribute_count` attributes; those that are left out have their defaults.
/// \param outputs     Receives the operation's outputs.
/// \param output_count  How many values the operation has; if it has another number that is an error.
swiftbn_status swiftbn_graph_add(
    swiftbn_graph *graph, const char *operation, const swiftbn_value *inputs, size_t input_count,
    const swiftbn_attribute *attributes, size_t attribute_count, swiftbn_value *outputs, size_t output_count);

/// Adds the computation of d(sum of targets * seeds) / d(source), for each source.
///
/// \param seeds      `target_count` values, or NULL for ones.
/// \param gradients  Receives `source_count` values; SWIFTBN_NO_VALUE where no target depends on the source.
swiftbn_status swiftbn_graph_gradients(
    swiftbn_graph *graph, const swiftbn_value *targets, const swiftbn_value *seeds, size_t target_count,
    const swiftbn_value *sources, size_t source_count, swiftbn_value *gradients);

/// Has a variable take a value at the end of each run. A later assignment to the same variable replaces this one.
swiftbn_status swiftbn_graph_assign(swiftbn_graph *graph, swiftbn_variable *variable, swiftbn_value value);

/// The type of a value.
///
/// \param shape  Receives up to SWIFTBN_MAXIMUM_RANK extents; SWIFTBN_UNKNOWN for those that are not known.
swiftbn_status swiftbn_graph_type(
    const swiftbn_graph *graph, swiftbn_value value, swiftbn_dtype *dtype, int32_t *rank,
    int64_t shape[SWIFTBN_MAXIMUM_RANK]);

/// Number of operations there are.
size_t swiftbn_operation_count(void);

/// Name of an operation, in alphabetical order; NULL for an index out of range. The text is never freed.
const char *swiftbn_operation_name(size_t index);

// ---------------------------------------------------------------------------------------------------------------------
// Programs: graphs that are ready to run

typedef struct swiftbn_program swiftbn_program;

/// Makes a program of a graph. The graph must not be changed afterwards.
///
/// \param outputs  `output_count` values that a run returns. The graph's assignments run as well.
swiftbn_status swiftbn_program_create(
    const swiftbn_graph *graph, const swiftbn_value *outputs, size_t output_count, swiftbn_program **program);

/// Gives the handle back.
void swiftbn_program_destroy(swiftbn_program *program);

/// The type of an output for inputs of these types, whose data is not looked at. It compiles the program for them unless
/// that has been done, so that the first run is as fast as the others.
///
/// \param inputs     `input_count` tensors; one per input of the graph.
/// \param row_count  As for swiftbn_program_run if rows are given there, else SWIFTBN_ALL_ROWS.
/// \param output     Which output, counted from 0.
swiftbn_status swiftbn_program_output_type(
    swiftbn_program *program, const swiftbn_tensor *inputs, size_t input_count, int64_t row_count, size_t output,
    swiftbn_dtype *dtype, int32_t *rank, int64_t shape[SWIFTBN_MAXIMUM_RANK]);

/// Stands for all rows, as they are.
#define SWIFTBN_ALL_ROWS (-1)

/// Computes the outputs, then makes the assignments. Several threads may run one program; they take turns.
///
/// \param inputs   `input_count` tensors in C order, one per input of the graph. Elements of another type than the input
///                 was declared with are converted; a float that becomes an integer must be a whole number.
/// \param rows     NULL, or `row_count` indices: then row k of the batch is row rows[k], along the first axis, of every
///                 input.
/// \param outputs  `output_count` tensors in C order that receive the outputs; their types must be the outputs' types.
///                 They overlap neither each other nor an input.
swiftbn_status swiftbn_program_run(
    swiftbn_program *program, const swiftbn_tensor *inputs, size_t input_count, const int64_t *rows, int64_t row_count,
    const swiftbn_tensor *outputs, size_t output_count);

#ifdef __cplusplus
}
#endif

#endif
