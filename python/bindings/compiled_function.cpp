#include "python/bindings/compiled_function.h"

#include <algorithm>
#include <atomic>

#include "frontend/checks.h"
#include "frontend/compiling.h"

namespace tandem {

namespace {

std::atomic<bool> enabled{true};

// More specialisations than this are a sign that something differs in every call; the least recently used go.
constexpr size_t kMostSpecializations = 64;

// While this thread runs a function as it is, because its code is not there yet: what it calls captures nothing either.
thread_local int standing_in = 0;

struct StandIn {
  StandIn() { ++standing_in; }
  ~StandIn() { --standing_in; }
  StandIn(const StandIn&) = delete;
  StandIn& operator=(const StandIn&) = delete;
};

// An exception of the user's function that ran as it is: raised as it is.
struct Unexplained {
  py::error_already_set error;
};

class CaptureLock {
 public:
  explicit CaptureLock(py::handle self) : lock_(self.attr("_lock")) { lock_.attr("acquire")(); }
  ~CaptureLock() { lock_.attr("release")(); }
  CaptureLock(const CaptureLock&) = delete;
  CaptureLock& operator=(const CaptureLock&) = delete;

 private:
  py::object lock_;
};

}  // namespace

py::object CompiledFunction::call(py::handle self, py::handle args, py::handle kwargs) {
  ++calls_;
  bool captured = false;
  for (;;) {
    const Flat flat(args.ptr(), kwargs.ptr());
    SpecializationRef pending;
    bool differentiated = false;
    if (py::object result = run_known(flat, pending, differentiated, !captured)) return result;
    if (differentiated) return run_eagerly(self, args, kwargs);
    if (!pending) {
      // One thread captures, the others wait and then find what it made.
      const int64_t before = captures_;
      SpecializationRef made;
      {
        const CaptureLock lock(self);
        if (captures_ != before) continue;
        made = capture(self, args, kwargs, flat, {});
      }
      captured = true;
      Specialization::Call call;
      std::string reason;
      if (!made->matches(flat, call, &reason))
        throw_error(ErrorKind::capture,
                    "call: got arguments that the program just captured for them does not accept ({}); "
                    "need tensors in attributes, variables and the like that share no memory with an argument which is "
                    "written to, and state that does not change during capture; try passing the tensor as an argument",
                    reason);
      if (made->needs_eager(call)) return run_eagerly(self, args, kwargs);
      if (made->executable()->ready()) return made->run(flat, call);
      pending = std::move(made);
    }
    if (!wait_for(self, pending, pending->executable()->deadline)) return run_eagerly(self, args, kwargs);
  }
}

py::object CompiledFunction::call_inside(py::handle self, py::handle args, py::handle kwargs) {
  ++calls_;
  const Flat flat(args.ptr(), kwargs.ptr());
  SpecializationRef pending;
  bool differentiated = false;
  if (py::object result = run_known(flat, pending, differentiated, true)) return result;
  return run_eagerly(self, args, kwargs);
}

void CompiledFunction::precompile(py::handle self, py::handle args, py::handle kwargs, const py::dict& marks) {
  for (;;) {
    const Flat flat(args.ptr(), kwargs.ptr());
    if (is_prepared(flat, marks)) return;
    const int64_t before = captures_;
    const CaptureLock lock(self);
    if (captures_ != before) continue;
    capture(self, args, kwargs, flat, marks);
    return;
  }
}

SpecializationRef CompiledFunction::bind(py::handle self, const Flat& flat, py::handle args, py::handle kwargs,
                                         Specialization::Call& call) {
  for (bool prepared = false;; prepared = true) {
    for (const Kept& kept : std::vector<Kept>(specializations_)) {
      Specialization::Call found;
      if (!kept.made->matches(flat, found, nullptr)) continue;
      SpecializationRef made = kept.made;
      wait_for(self, made, Executable::kNever);
      if (made->needs_eager(found))
        throw_error(ErrorKind::value,
                    "bind: got tensors whose gradients the compiled program cannot say; need others; try td.no_grad() "
                    "or calling the function itself");
      call = std::move(found);
      return made;
    }
    if (prepared)
      throw_error(
          ErrorKind::capture,
          "bind: got arguments that the program just captured for them does not accept; need state that does not "
          "change during capture; try calling the function itself");
    precompile(self, args, kwargs, {});
  }
}

void CompiledFunction::wait(py::handle self) {
  for (;;) {
    const auto pending = std::find_if(specializations_.begin(), specializations_.end(),
                                      [](const Kept& kept) { return !kept.made->executable()->ready(); });
    if (pending == specializations_.end()) return;
    wait_for(self, SpecializationRef(pending->made), Executable::kNever);
  }
}

py::dict CompiledFunction::stats() const {
  py::dict out;
  out["captures"] = captures_;
  const auto pending = std::count_if(specializations_.begin(), specializations_.end(),
                                     [](const Kept& kept) { return !kept.made->executable()->ready(); });
  out["compiles"] = captures_ - failed_ - pending;
  out["pending"] = pending;
  out["cache_hits"] = hits_;
  out["calls"] = calls_;
  out["eager_calls"] = eager_calls_;
  out["guard_failures"] = failures_;
  return out;
}

void CompiledFunction::clear() {
  std::vector<Kept> gone;
  gone.swap(specializations_);  // destructors may run Python code
}

py::object CompiledFunction::run_known(const Flat& flat, SpecializationRef& pending, bool& differentiated,
                                       bool is_hit) {
  for (size_t i = 0; i < specializations_.size(); ++i) {
    Specialization::Call call;
    const SpecializationRef found = specializations_[i].made;
    if (!found->matches(flat, call, nullptr)) continue;
    if (!found->executable()->ready()) {
      if (!pending) pending = found;
      continue;
    }
    differentiated = found->needs_eager(call);
    if (differentiated) return {};
    use_first(i, found);
    hits_ += is_hit;
    return found->run(flat, call);
  }
  return {};
}

bool CompiledFunction::wait_for(py::handle self, const SpecializationRef& pending,
                                Executable::Clock::time_point deadline) {
  try {
    if (deadline <= Executable::Clock::now()) return await(*pending->executable(), deadline);
    py::gil_scoped_release release;
    return await(*pending->executable(), deadline);
  } catch (...) {
    const auto at = std::find_if(specializations_.begin(), specializations_.end(),
                                 [&](const Kept& kept) { return kept.made == pending; });
    if (at != specializations_.end()) {
      const Kept gone = std::move(*at);
      specializations_.erase(at);
      ++failed_;
      self.attr("_dropped")(gone.object);
    }
    throw;
  }
}

py::object CompiledFunction::run_eagerly(py::handle self, py::handle args, py::handle kwargs) {
  ++eager_calls_;
  const StandIn mark;
  const py::object function = self.attr("__wrapped__");
  PyObject* result = PyObject_Call(function.ptr(), args.ptr(), kwargs.ptr());
  if (!result) throw Unexplained{py::error_already_set()};
  return py::reinterpret_steal<py::object>(result);
}

bool CompiledFunction::is_prepared(const Flat& flat, const py::dict& marks) const {
  const std::vector<Kept> now = specializations_;
  return std::any_of(now.begin(), now.end(), [&](const Kept& kept) {
    Specialization::Call call;
    if (!kept.made->has_structure(flat)) return false;
    for (size_t i = 0; i < flat.leaves.size(); ++i) {
      const std::vector<bool> mark = mark_of(marks, flat.leaves[i]);
      for (size_t k = 0; k < mark.size(); ++k) {
        if (!mark[k]) continue;
        const int input = kept.made->input_of(i);
        if (input < 0) return false;
        const Shape& shape = kept.made->executable()->input_type(input).shape;
        if (k >= shape.size() || shape[k].is_constant()) return false;
      }
    }
    return kept.made->matches(flat, call, nullptr);
  });
}

std::vector<bool> CompiledFunction::mark_of(const py::dict& marks, PyObject* leaf) {
  const py::int_ id(reinterpret_cast<intptr_t>(leaf));
  return marks.contains(id) ? marks[id].cast<std::vector<bool>>() : std::vector<bool>{};
}

void CompiledFunction::use_first(size_t place, const SpecializationRef& used) {
  if (place == 0 || place >= specializations_.size() || specializations_[place].made != used) return;
  const auto first = specializations_.begin(), at = first + static_cast<std::ptrdiff_t>(place);
  std::rotate(first, at, at + 1);
}

SpecializationRef CompiledFunction::capture(py::handle self, py::handle args, py::handle kwargs, const Flat& flat,
                                            const py::dict& marks) {
  py::list leaves, dynamic, reasons;
  const std::vector<Kept> now = specializations_;
  for (const auto& [object, s] : now) {
    std::string reason;
    Specialization::Call call;
    if (s->matches(flat, call, &reason)) continue;
    reasons.append(reason);
  }
  if (!reasons.empty()) failures_.push_back(reasons[0].cast<std::string>());
  for (size_t i = 0; i < flat.leaves.size(); ++i) {
    leaves.append(py::reinterpret_borrow<py::object>(flat.leaves[i]));
    dynamic.append(dynamic_part(flat, i, mark_of(marks, flat.leaves[i])));
  }
  const py::object keywords = kwargs ? py::reinterpret_borrow<py::object>(kwargs) : py::dict();
  const py::object object = self.attr("_capture")(args, keywords, leaves, dynamic, reasons);
  const auto made = object.cast<SpecializationRef>();
  made->remember(flat);
  ++captures_;
  if (specializations_.size() == kMostSpecializations) {
    specializations_.pop_back();
    if (!warned_) self.attr("_too_many")(kMostSpecializations, reasons);
    warned_ = true;
  }
  specializations_.insert(specializations_.begin(), {object, made});
  return made;
}

py::object CompiledFunction::dynamic_part(const Flat& flat, size_t leaf, const std::vector<bool>& marks) const {
  PyObject* object = flat.leaves[leaf];
  if (const TensorRef* tensor = tensor_pointer(object)) {
    std::vector<bool> sizes = dynamic_sizes(flat, leaf, **tensor);
    for (size_t k = 0; k < marks.size(); ++k) sizes[k] = sizes[k] || marks[k];
    return py::tuple(py::cast(sizes));
  }
  if (!PyLong_CheckExact(object) && !PyFloat_CheckExact(object)) return py::none();
  for (const auto& [object_of, s] : specializations_) {
    if (!s->has_structure(flat)) continue;
    const py::object& before = s->constant(leaf);
    if (!before || (Py_TYPE(before.ptr()) == Py_TYPE(object) && !same_value(before.ptr(), object)))
      return py::bool_(true);
  }
  return py::bool_(false);
}

std::vector<bool> CompiledFunction::dynamic_sizes(const Flat& flat, size_t leaf, const Tensor& x) const {
  std::vector<bool> out(static_cast<size_t>(x.rank()), false);
  for (const auto& [object_of, s] : specializations_) {
    if (!s->has_structure(flat) || s->input_of(leaf) < 0) continue;
    const TensorType& type = s->executable()->input_type(s->input_of(leaf));
    if (type.rank() != x.rank() || type.dtype != x.dtype) continue;
    for (int k = 0; k < x.rank(); ++k) {
      const Dim d = type.shape[static_cast<size_t>(k)];
      if (x.sizes[k] > 1 && !d.is(0) && !d.is(1) && !d.is(x.sizes[k])) out[static_cast<size_t>(k)] = true;
    }
  }
  return out;
}

CompiledFunction* function_of(PyObject* self) {
  auto* instance = reinterpret_cast<py::detail::instance*>(self);
  return static_cast<CompiledFunction*>(instance->get_value_and_holder().value_ptr());
}

namespace {

OriginRef origin_of(py::handle function) {
  StepOrigin origin{function.attr("__qualname__").cast<std::string>(), {}};
  const py::object code = py::getattr(function.attr("__wrapped__"), "__code__", py::none());
  if (!code.is_none())
    origin.sources.push_back({code.attr("co_filename").cast<std::string>(), code.attr("co_firstlineno").cast<int>()});
  return std::make_shared<const StepOrigin>(std::move(origin));
}

OriginRef origin_of_call(const void* self) {
  PyObject* object = const_cast<PyObject*>(static_cast<const PyObject*>(self));
  OriginRef& origin = function_of(object)->origin;
  if (!origin) origin = origin_of(object);
  return origin;
}

}  // namespace

PyObject* recover(PyObject* self, PyObject* args, PyObject* kwargs) {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  if (traceback) PyException_SetTraceback(value, traceback);
  const auto failure = py::reinterpret_steal<py::object>(value);
  Py_XDECREF(type), Py_XDECREF(traceback);
  try {
    const py::object keywords = kwargs ? py::reinterpret_borrow<py::object>(kwargs) : py::dict();
    const auto answer = py::handle(self).attr("_failed")(failure, py::handle(args), keywords).cast<py::tuple>();
    if (answer[0].cast<bool>()) return py::object(answer[1]).release().ptr();
    const py::object error = answer[1];
    PyErr_Restore(py::type::of(error).release().ptr(), py::object(error).release().ptr(),
                  PyException_GetTraceback(error.ptr()));
  } catch (py::error_already_set& error) {
    error.restore();
  }
  return nullptr;
}

PyObject* call_compiled(PyObject* self, PyObject* args, PyObject* kwargs) {
  CompiledFunction* function = function_of(self);
  const py::handle given = kwargs;
  try {
    if (!function->direct || !compilation_enabled() || result_checks() != 0 || Recorder::current()) {
      const py::object keywords = kwargs ? py::reinterpret_borrow<py::object>(kwargs) : py::dict();
      return py::handle(self).attr("_uncompiled")(py::handle(args), keywords).release().ptr();
    }
    if (profiling() && !function->calls) [[unlikely]]
      function->calls = std::make_shared<EventSource>(EventKind::call);
    const ProfileScope profile(profiling() ? function->calls.get() : nullptr, origin_of_call, self);
    if (standing_in > 0) return function->call_inside(self, args, given).release().ptr();
    return function->call(self, args, given).release().ptr();
  } catch (Unexplained& raised) {
    raised.error.restore();
    return nullptr;
  } catch (py::error_already_set& error) {
    error.restore();
  } catch (...) {
    // The translators of pybind11 turn it into the current Python error.
    py::detail::try_translate_exceptions();
  }
  // `_failed` returns (True, result) or (False, exception): so no frame of its own is left in the traceback.
  return recover(self, args, kwargs);
}

bool compilation_enabled() { return enabled.load(std::memory_order_relaxed); }
void enable_compilation(bool on) { enabled = on; }

}  // namespace tandem
