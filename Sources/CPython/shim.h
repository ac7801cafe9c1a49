// Python's stable ABI (3.11), and functions for what it offers as macros only.
#ifndef SWIFTBN_CPYTHON_SHIM_H
#define SWIFTBN_CPYTHON_SHIM_H

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

/// A Python object that holds a retained reference to a Swift object.
typedef struct {
  PyObject_HEAD
  void *handle;
} SBNObject;

static inline PyObject *sbn_none(void) {
  Py_INCREF(Py_None);
  return Py_None;
}
static inline int sbn_is_none(PyObject *object) { return object == Py_None; }
static inline int sbn_is_bool(PyObject *object) { return PyBool_Check(object); }
static inline int sbn_is_int(PyObject *object) { return PyLong_Check(object); }
static inline int sbn_is_float(PyObject *object) { return PyFloat_Check(object); }
static inline int sbn_is_string(PyObject *object) { return PyUnicode_Check(object); }
static inline int sbn_is_tuple(PyObject *object) { return PyTuple_Check(object); }
static inline int sbn_is_list(PyObject *object) { return PyList_Check(object); }
static inline int sbn_is_dict(PyObject *object) { return PyDict_Check(object); }
static inline int sbn_has_type(PyObject *object, PyObject *type) { return PyObject_TypeCheck(object, (PyTypeObject *)type); }
static inline PyObject *sbn_type(PyObject *object) { return (PyObject *)Py_TYPE(object); }
/// A new instance of a heap type, its handle null.
static inline PyObject *sbn_alloc(PyObject *type) { return PyType_GenericAlloc((PyTypeObject *)type, 0); }
/// Frees the memory of an instance whose handle has been let go, and its reference to its type.
static inline void sbn_free(PyObject *object) {
  PyTypeObject *type = Py_TYPE(object);
  ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
  Py_DECREF(type);
}

#endif
