// The call path of an annotated function. Flattens the arguments, finds the specialisation whose guards hold, runs it, and puts
// the outputs into the shape the function returned. `td.script` and `td.trace` make objects of a Python class derived from
// it, whose methods do what is not worth hurrying.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "python/bindings/specialization.h"
#include "runtime/profile.h"

namespace tandem {

class CompiledFunction {
 public:
  py::object call(py::handle self, py::handle args, py::handle kwargs);

  // Part of a call of another function that is not compiled yet: a program if there is one, but none is made.
  py::object call_inside(py::handle self, py::handle args, py::handle kwargs);

  // Makes the program for calls with arguments like these. `marks`: which sizes of a tensor differ from call to call, by
  // the tensor's id.
  void precompile(py::handle self, py::handle args, py::handle kwargs, const py::dict& marks);

  // The program for these arguments, compiled, and its inputs.
  SpecializationRef bind(py::handle self, const Flat& flat, py::handle args, py::handle kwargs,
                         Specialization::Call& call);

  // Until everything is compiled.
  void wait(py::handle self);
  py::dict stats() const;
  struct Kept {
    py::object object;  // what the garbage collector sees
    SpecializationRef made;
  };
  const std::vector<Kept>& specializations() const { return specializations_; }
  void clear();
  // Another annotation of the same code: what was compiled for it is good for this one.
  void adopt(const CompiledFunction& other) { *this = other; }
  OriginRef origin;                    // for profiles, once there was one
  std::shared_ptr<EventSource> calls;  // ... too
  bool direct = true;                  // calls go to the compiled program; false: to the Python method `_uncompiled`

 private:
  // The result of a specialisation that fits; null when none does, or when those that do are not compiled yet: `pending`
  // is the first of them; or when gradients flow through it and it does not know how.
  py::object run_known(const Flat& flat, SpecializationRef& pending, bool& differentiated, bool is_hit);

  // Whether it is compiled, no later than at `deadline`. If that failed it is forgotten, and the error thrown.
  bool wait_for(py::handle self, const SpecializationRef& pending, Executable::Clock::time_point deadline);
  py::object run_eagerly(py::handle self, py::handle args, py::handle kwargs);

  // Whether there is a program that takes such arguments, also when the marked sizes are others.
  bool is_prepared(const Flat& flat, const py::dict& marks) const;
  static std::vector<bool> mark_of(const py::dict& marks, PyObject* leaf);

  // Guards may run Python code, and with it other threads, so the place is looked at again.
  void use_first(size_t place, const SpecializationRef& used);
  SpecializationRef capture(py::handle self, py::handle args, py::handle kwargs, const Flat& flat,
                            const py::dict& marks);

  // What earlier specialisations saw otherwise: of a tensor, a tuple that says so for every size (1 never is a symbol, as
  // it broadcasts); of an int or float, whether its value differed; else None.
  py::object dynamic_part(const Flat& flat, size_t leaf, const std::vector<bool>& marks) const;
  std::vector<bool> dynamic_sizes(const Flat& flat, size_t leaf, const Tensor& x) const;

  std::vector<Kept> specializations_;  // the one used last comes first
  int64_t calls_ = 0, hits_ = 0, captures_ = 0, eager_calls_ = 0, failed_ = 0;
  std::vector<std::string> failures_;
  bool warned_ = false;
};

// The instance behind a Python object of the class or one derived from it.
CompiledFunction* function_of(PyObject* self);
// Hands the current Python error of a call to `_failed`, which knows about fall-backs and the user's lines.
PyObject* recover(PyObject* self, PyObject* args, PyObject* kwargs);
// tp_call. Whatever goes wrong is handed to `_failed`.
PyObject* call_compiled(PyObject* self, PyObject* args, PyObject* kwargs);

// Whether annotated functions are compiled at all: the global switch.
bool compilation_enabled();
void enable_compilation(bool on);

}  // namespace tandem
