// Tensors as Python objects. pybind11 makes and finds these through tables of types and instances, which takes longer
// than a small operation; a tensor knows its object itself, and objects are made as pybind11 lays them out.
#include "python/bindings/bindings.h"

namespace tandem {

namespace {

using Instance = py::detail::instance;
static_assert(sizeof(TensorRef) <= py::detail::instance_simple_holder_in_ptrs() * sizeof(void*));

PyTypeObject* tensor_type = nullptr;
destructor pybind_dealloc = nullptr;

TensorRef& holder(Instance* instance) { return *reinterpret_cast<TensorRef*>(&instance->simple_value_holder[1]); }

void dealloc(PyObject* self) {
  auto* instance = reinterpret_cast<Instance*>(self);
  const bool simple = instance->simple_layout && instance->simple_holder_constructed;
  if (simple && holder(instance)->wrapper == self) holder(instance)->wrapper = nullptr;
  if (!simple || Py_TYPE(self) != tensor_type || instance->simple_instance_registered || instance->has_patients) {
    pybind_dealloc(self);
    return;
  }
  PyObject_GC_UnTrack(self);
  if (instance->weakrefs) PyObject_ClearWeakRefs(self);
#if PY_VERSION_HEX >= 0x030D0000
  PyObject_ClearManagedDict(self);
#else
  if (PyObject** dict = _PyObject_GetDictPtr(self)) Py_CLEAR(*dict);
#endif
  holder(instance).~TensorRef();
  tensor_type->tp_free(self);
  Py_DECREF(tensor_type);
}

}  // namespace

void prepare_wrapping(PyTypeObject* type) {
  tensor_type = type;
  pybind_dealloc = std::exchange(type->tp_dealloc, dealloc);
}

py::object wrap(const TensorRef& x) {
  if (!x) return py::none();
  if (x->wrapper) return py::reinterpret_borrow<py::object>(static_cast<PyObject*>(x->wrapper));
  PyObject* self = tensor_type->tp_alloc(tensor_type, 0);
  if (!self) throw py::error_already_set();
  auto* instance = reinterpret_cast<Instance*>(self);
  instance->simple_layout = true;
  instance->owned = true;
  instance->simple_value_holder[0] = x.get();
  new (&instance->simple_value_holder[1]) TensorRef(x);
  instance->simple_holder_constructed = true;
  x->wrapper = self;
  return py::reinterpret_steal<py::object>(self);
}

}  // namespace tandem
