#include <algorithm>
#include <utility>

#include "frontend/compiling.h"
#include "frontend/differentiation.h"
#include "python/bindings/specialization.h"

namespace tandem {

namespace {

bool is_named_tuple(PyObject* value) { return PyTuple_Check(value) && PyObject_HasAttrString(value, "_fields"); }

InputSource source_from(const py::tuple& description) {
  const auto kind = description[0].cast<std::string>();
  InputSource source;
  if (kind == "leaf") {
    source.kind = InputSource::Kind::leaf;
    source.leaf = description[1].cast<int>();
  } else if (kind == "state") {
    source.kind = InputSource::Kind::state;
    for (py::handle place : description[1]) source.places.emplace_back(py::reinterpret_borrow<py::tuple>(place));
  } else if (kind == "shared") {
    source.kind = InputSource::Kind::shared;
    const auto leaves = description[1].cast<std::vector<int>>();
    const auto tensors = description[2].cast<std::vector<TensorRef>>();
    const Memory memory = memory_of(tensors);
    source.dtype = tensors[0]->dtype;
    source.count = memory.count;
    for (size_t i = 0; i < leaves.size(); ++i) {
      const auto same = static_cast<size_t>(std::find(tensors.begin(), tensors.end(), tensors[i]) - tensors.begin());
      source.parts.push_back({leaves[i], tensors[i]->sizes, tensors[i]->strides, memory.offsets[i], same});
    }
  } else if (kind == "grad") {
    source.kind = InputSource::Kind::gradient;
    source.leaf = description[1].cast<int>();
  } else {
    source.fixed = description[1];
  }
  return source;
}

Effect effect_from(const py::tuple& description) {
  using Kind = Effect::Kind;
  const auto kind = description[0].cast<std::string>();
  Effect effect{Kind::item, description[1], description[2], description[3], -1};
  if (kind == "cell") effect.kind = Kind::cell;
  if (kind == "attr") effect.kind = Kind::attribute;
  if (kind == "remove item") effect.kind = Kind::remove_item;
  if (kind == "remove attr") effect.kind = Kind::remove_attribute;
  if (kind == "list") effect.kind = Kind::list;
  if (kind == "dict") effect.kind = Kind::dict;
  if (kind == "set") effect.kind = Kind::set;
  if (kind == "extend") effect.kind = Kind::extend;
  if (kind == "add") effect.kind = Kind::add;
  if (kind == "argument" || kind == "grad") {
    effect.kind = kind == "grad" ? Kind::gradient : Kind::argument;
    effect.container = description[1].cast<int>();
  }
  return effect;
}

// An output that is an argument which shares memory with others, as it is.
bool is_part(const CapturedOutput& output, const SharedPart& part) {
  const auto equal = [](const std::vector<Dim>& dims, const Sizes& sizes) {
    for (size_t k = 0; k < dims.size(); ++k)
      if (!dims[k].is(sizes[static_cast<int>(k)])) return false;
    return dims.size() == static_cast<size_t>(sizes.size());
  };
  return output.layout.offset.is(part.offset) && equal(output.type.shape, part.sizes) &&
         equal(output.layout.strides, part.strides);
}

bool has_fields(py::handle node) {
  return !PyType_Check(node.ptr()) && py::hasattr(py::type::handle_of(node), "__dataclass_fields__");
}

}  // namespace

Flat::Flat(PyObject* args, PyObject* kwargs) {
  add(args);
  if (kwargs && PyDict_GET_SIZE(kwargs) > 0) add_dict(kwargs);
}

void Flat::add_dict(PyObject* dict) {
  structure.push_back(-3);
  structure.push_back(PyDict_GET_SIZE(dict));
  PyObject *key, *item;
  Py_ssize_t position = 0;
  while (PyDict_Next(dict, &position, &key, &item)) {
    structure.push_back(PyUnicode_CheckExact(key) ? PyObject_Hash(key) : reinterpret_cast<int64_t>(key));
    add(item);
  }
}

void Flat::add(PyObject* value) {
  if (is_tensor(value)) {  // by far the most frequent
    structure.push_back(-4);
    leaves.push_back(value);
  } else if (PyTuple_CheckExact(value) || is_named_tuple(value)) {
    const Py_ssize_t n = PyTuple_GET_SIZE(value);
    structure.push_back(-1);
    structure.push_back(reinterpret_cast<int64_t>(Py_TYPE(value)));
    structure.push_back(n);
    for (Py_ssize_t i = 0; i < n; ++i) add(PyTuple_GET_ITEM(value, i));
  } else if (PyList_CheckExact(value)) {
    const Py_ssize_t n = PyList_GET_SIZE(value);
    containers.push_back(value);
    structure.push_back(-2);
    structure.push_back(n);
    for (Py_ssize_t i = 0; i < n; ++i) add(PyList_GET_ITEM(value, i));
  } else if (PyDict_CheckExact(value)) {
    containers.push_back(value);
    add_dict(value);
  } else {
    structure.push_back(-4);
    leaves.push_back(value);
  }
}

Specialization::Specialization(std::shared_ptr<Executable> executable, const py::list& inputs, const py::list& symbols,
                               py::object output, const py::list& guards, const py::list& effects, py::list failures)
    : executable_(std::move(executable)), output_(std::move(output)), failures_(std::move(failures)) {
  std::vector<PyObject*> lifted;
  std::vector<std::string> names;
  for (py::handle item : inputs) {
    inputs_.push_back(source_from(py::reinterpret_borrow<py::tuple>(item)));
    const InputSource& source = inputs_.back();
    const bool argument = source.kind == InputSource::Kind::leaf || source.kind == InputSource::Kind::shared;
    names.push_back(argument                ? fmt::format("input {}", names.size())
                    : source.places.empty() ? "a tensor of the function"
                                            : source.places[0].text());
    for (const Origin& place : source.places)
      if (const py::object value = place.now()) lifted.push_back(value.ptr());
  }
  for (py::handle item : symbols) {
    const auto pair = py::reinterpret_borrow<py::tuple>(item);
    symbols_.push_back({pair[0].cast<int>(), source_from(py::reinterpret_borrow<py::tuple>(pair[1]))});
  }
  executable_->name_inputs(std::move(names));
  guards_ = std::make_unique<GuardSet>(guards, [&](py::handle value) {
    return is_tensor(value) && std::find(lifted.begin(), lifted.end(), value.ptr()) != lifted.end();
  });
  for (py::handle item : effects) effects_.push_back(effect_from(py::reinterpret_borrow<py::tuple>(item)));
  if (py::isinstance<SlotObject>(output_)) single_ = output_.cast<SlotObject>().index;
}

Specialization::~Specialization() { abandon(*executable_); }

void Specialization::remember(const Flat& flat) {
  for (size_t i = 0; i < flat.structure.size(); ++i) structure_.push_back(flat.structure[i]);
  const size_t count = flat.leaves.size();
  inputs_of_.assign(count, -1);
  constant_.assign(count, 1);
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (inputs_[i].kind == InputSource::Kind::leaf) {
      inputs_of_[static_cast<size_t>(inputs_[i].leaf)] = static_cast<int>(i);
      constant_[static_cast<size_t>(inputs_[i].leaf)] = 0;
    }
    for (const SharedPart& part : inputs_[i].parts) constant_[static_cast<size_t>(part.leaf)] = 0;
  }
  for (const SymbolSource& symbol : symbols_)
    if (symbol.source.kind == InputSource::Kind::leaf) constant_[static_cast<size_t>(symbol.source.leaf)] = 0;
  for (size_t i = 0; i < count; ++i) {
    PyObject* leaf = flat.leaves[i];
    others_.push_back(constant_[i] ? py::reinterpret_borrow<py::object>(leaf) : py::object());
    by_value_.push_back(static_cast<char>(constant_[i] && compared_by_value(leaf)));
  }
}

bool Specialization::has_structure(const Flat& flat) const {
  if (flat.structure.size() != structure_.size()) return false;
  for (size_t i = 0; i < structure_.size(); ++i)
    if (flat.structure[i] != structure_[i]) return false;
  return true;
}

bool Specialization::match_leaves(const Flat& flat, std::string* reason) const {
  for (size_t i = 0; i < others_.size(); ++i) {
    if (!constant_[i]) continue;
    PyObject* leaf = flat.leaves[i];
    if (leaf == others_[i].ptr() || (by_value_[i] && same_value(leaf, others_[i].ptr()))) continue;
    if (reason)
      *reason =
          fmt::format("argument {} was {}, is {}", i, std::string(py::repr(others_[i])), std::string(py::repr(leaf)));
    return false;
  }
  return true;
}

bool Specialization::fetch_shared(const InputSource& source, const Flat& flat, Call& call, std::string* reason) const {
  const auto fail = [&](const SharedPart& part, std::string_view what) {
    if (reason) *reason = fmt::format("argument {} shares memory with others: {}", part.leaf, what);
    return false;
  };
  std::vector<TensorRef> tensors;
  for (const SharedPart& part : source.parts) {
    const TensorRef* tensor = tensor_pointer(flat.leaves[static_cast<size_t>(part.leaf)]);
    if (!tensor || (*tensor)->recorded) return fail(part, "it was a tensor");
    if ((*tensor)->dtype != source.dtype) return fail(part, "its dtype was another");
    if (!((*tensor)->sizes == part.sizes) || !((*tensor)->strides == part.strides))
      return fail(part, "its shape or strides were others");
    tensors.push_back(*tensor);
  }
  const Memory memory = memory_of(tensors);
  for (size_t i = 0; i < tensors.size(); ++i)
    if (memory.offsets[i] != source.parts[i].offset ||
        std::find(tensors.begin(), tensors.end(), tensors[i]) - tensors.begin() !=
            static_cast<ptrdiff_t>(source.parts[i].same))
      return fail(source.parts[i], "they lay otherwise");
  call.made.push_back(memory.vector());
  call.tensors.push_back(call.made.back().get());
  call.objects.push_back(nullptr);
  return true;
}

bool Specialization::fetch(const InputSource& source, const Flat& flat, Call& call, std::string* reason) const {
  PyObject* object = nullptr;
  const auto fail = [&](const std::string& what, const char* wanted) {
    if (reason) *reason = fmt::format("{} was {}, is {}", what, wanted, object ? Py_TYPE(object)->tp_name : "gone");
    return false;
  };
  std::string_view place_text;
  switch (source.kind) {
    case InputSource::Kind::shared: return fetch_shared(source, flat, call, reason);
    case InputSource::Kind::leaf: object = flat.leaves[static_cast<size_t>(source.leaf)]; break;
    case InputSource::Kind::fixed: object = source.fixed.ptr(); break;
    case InputSource::Kind::gradient: {
      const Tensor& x = *call.tensors.span()[static_cast<size_t>(source.leaf)];
      if (!x.tracking || !x.tracking->grad) {
        if (reason) *reason = fmt::format("the gradient of input {} is none any more", source.leaf);
        return false;
      }
      call.held.push_back(wrap(x.tracking->grad));
      object = call.held.back().ptr();
      break;
    }
    case InputSource::Kind::state:
      for (const Origin& place : source.places) {
        py::object value = place.now();
        if (object && value.ptr() != object) {
          if (reason) *reason = fmt::format("{} and {} were one object", source.places[0].text(), place.text());
          return false;
        }
        if (object) continue;
        object = value.ptr();
        call.held.push_back(std::move(value));
      }
      place_text = source.places[0].text();
      break;
  }
  const auto what = [&] {
    return place_text.empty() ? fmt::format("argument {}", source.leaf) : std::string(place_text);
  };
  const bool number = executable_->is_number(static_cast<int>(call.tensors.size()));
  if (number) {
    if (!object || !PyFloat_CheckExact(object)) return reason ? fail(what(), "a float") : false;
    call.made.push_back(scalar_tensor(DType::f64, PyFloat_AS_DOUBLE(object)));
    call.tensors.push_back(call.made.back().get());
    call.objects.push_back(nullptr);
    return true;
  }
  const TensorRef* tensor = object ? tensor_pointer(object) : nullptr;
  if (!tensor || (*tensor)->recorded) return reason ? fail(what(), "a tensor") : false;
  call.tensors.push_back(tensor->get());
  call.objects.push_back(object);
  return true;
}

bool Specialization::fetch_symbol(const SymbolSource& symbol, const Flat& flat, Call& call, std::string* reason) const {
  py::object value = symbol.source.kind == InputSource::Kind::leaf
                         ? py::reinterpret_borrow<py::object>(flat.leaves[static_cast<size_t>(symbol.source.leaf)])
                         : symbol.source.places[0].now();
  int overflow = 0;
  if (value && PyLong_CheckExact(value.ptr())) {
    call.symbols[symbol.symbol] = PyLong_AsLongLongAndOverflow(value.ptr(), &overflow);
    if (overflow == 0) return true;
  }
  if (reason) {
    const std::string what = symbol.source.kind == InputSource::Kind::leaf
                                 ? fmt::format("argument {}", symbol.source.leaf)
                                 : symbol.source.places[0].text();
    *reason = fmt::format("{} was an int, is {}", what, value ? std::string(py::repr(value)) : "gone");
  }
  return false;
}

bool Specialization::matches(const Flat& flat, Call& call, std::string* reason) const {
  if (!has_structure(flat)) {
    if (reason) *reason = "the arguments have another structure";
    return false;
  }
  if (!match_leaves(flat, reason)) return false;
  call.flat = &flat;
  for (const SymbolSource& symbol : symbols_)
    if (!fetch_symbol(symbol, flat, call, reason)) return false;
  for (const InputSource& source : inputs_)
    if (!fetch(source, flat, call, reason)) return false;
  return executable_->matches(call.tensors.span(), call.symbols, reason) && guards_->hold(reason);
}

namespace {

// Says which call this thread is running.
class RunningCall {
 public:
  RunningCall(const Specialization& program, const Flat& flat) : program(program), flat(flat), before_(now) {
    now = this;
  }
  ~RunningCall() { now = before_; }
  RunningCall(const RunningCall&) = delete;
  RunningCall& operator=(const RunningCall&) = delete;

  static thread_local const RunningCall* now;
  const Specialization& program;
  const Flat& flat;

 private:
  const RunningCall* before_;
};
thread_local const RunningCall* RunningCall::now = nullptr;

const RunningCall& running_call() {
  check_internal(RunningCall::now != nullptr, "no compiled call is running");
  return *RunningCall::now;
}

}  // namespace

py::list running_containers() {
  py::list out;
  const auto& containers = running_call().flat.containers;
  for (size_t i = 0; i < containers.size(); ++i) out.append(py::reinterpret_borrow<py::object>(containers[i]));
  return out;
}

py::object running_failure(size_t number) { return running_call().program.failure(number); }

bool Specialization::needs_eager(Call& call) const {
  if (executable_->takes_gradients()) return false;
  const auto tensors = call.tensors.span();
  const bool any = std::any_of(tensors.begin(), tensors.end(), [](const Tensor* x) { return is_tracked(*x); });
  return any && executable_->is_tracked() && !prepare_taped(call);
}

bool Specialization::prepare_taped(Call& call) const {
  if (!executable_->is_differentiable()) return false;
  const auto tensors = call.tensors.span();
  for (const auto& [result, written] : executable_->writebacks()) {
    const Tensor& x = *tensors[static_cast<size_t>(written)];
    if (is_tracked(x) || !x.is_contiguous()) return false;
  }
  std::vector<TensorRef> owned;
  for (size_t k = 0; k < tensors.size(); ++k) {
    const auto is_this = [&](const TensorRef& x) { return x.get() == tensors[k]; };
    const TensorRef* known = call.objects[k] ? tensor_pointer(call.objects[k]) : nullptr;
    const auto look_in = [&](const std::vector<TensorRef>& held) {
      const auto found = std::find_if(held.begin(), held.end(), is_this);
      if (!known && found != held.end()) known = &*found;
    };
    look_in(call.made);
    look_in(executable_->constants());
    if (!known) return false;
    owned.push_back(*known);
  }
  call.taped = std::move(owned);
  return true;
}

py::object Specialization::run(const Flat& flat, Call& call) const {
  const size_t count = executable_->outputs().size();
  TensorRef few[4];
  std::vector<TensorRef> many(count > 4 ? count : 0);
  const std::span<TensorRef> outputs(count > 4 ? many.data() : few, count);
  const RunningCall running(*this, flat);
  for (const int input : executable_->replaces_gradient())
    if (const TrackingRef& tracking = call.tensors.span()[static_cast<size_t>(input)]->tracking)
      tracking->grad = nullptr;
  if (!call.taped.empty()) {
    run_taped(executable_, std::move(call.taped), call.symbols, outputs);
  } else if (executable_->brief()) {
    executable_->run(call.tensors.span(), call.symbols, outputs);
  } else {
    const auto tensors = call.tensors.span();
    py::gil_scoped_release release;
    executable_->run(tensors, call.symbols, outputs);
  }
  py::object result = single_ >= 0 ? wrapped(single_, call, outputs) : unflatten(output_, call, outputs);
  for (const Effect& effect : effects_) apply(effect, flat, call, outputs);
  return result;
}

// The argument that an output is.
py::object Specialization::argument_of(const CapturedOutput& output, const Call& call) const {
  const auto input = static_cast<size_t>(output.index);
  for (const SharedPart& part : inputs_[input].parts)
    if (is_part(output, part))
      return py::reinterpret_borrow<py::object>(call.flat->leaves[static_cast<size_t>(part.leaf)]);
  PyObject* object = call.objects[input];
  if (object) return py::reinterpret_borrow<py::object>(object);
  return py::float_(*static_cast<const double*>(call.tensors[input]->data));
}

py::object Specialization::wrapped(int index, const Call& call, std::span<const TensorRef> outputs) const {
  const auto i = static_cast<size_t>(index);
  const CapturedOutput& output = executable_->outputs()[i];
  const auto is_this = [&](const CapturedOutput& choice) {
    return choice.identical && outputs[i].get() == call.tensors[static_cast<size_t>(choice.index)];
  };
  if (output.identical) return argument_of(output, call);
  const auto choice = std::find_if(output.choices.begin(), output.choices.end(), is_this);
  if (choice != output.choices.end()) return argument_of(*choice, call);
  if (output.weak) return item_of(*outputs[i]);
  return py::cast(outputs[i]);
}

py::object Specialization::unflatten(py::handle node, const Call& call, std::span<const TensorRef> outputs) const {
  if (node.is_none()) return py::none();
  if (py::isinstance<SlotObject>(node)) return wrapped(node.cast<SlotObject>().index, call, outputs);
  if (is_size(node)) return py::int_(dim_from(node).evaluate(call.symbols));
  if (PyTuple_Check(node.ptr())) {
    const auto tuple = py::reinterpret_borrow<py::tuple>(node);
    py::tuple out(tuple.size());
    for (size_t i = 0; i < tuple.size(); ++i) out[i] = unflatten(tuple[i], call, outputs);
    if (is_named_tuple(node.ptr())) return py::type::of(node)(*out);
    return out;
  }
  if (PyList_CheckExact(node.ptr())) {
    py::list out;
    for (py::handle item : node) out.append(unflatten(item, call, outputs));
    return out;
  }
  if (PyDict_CheckExact(node.ptr())) {
    py::dict out;
    for (auto [key, value] : py::reinterpret_borrow<py::dict>(node)) out[key] = unflatten(value, call, outputs);
    return out;
  }
  if (has_fields(node)) {
    py::object copy = py::module_::import("copy").attr("copy")(node);
    const py::object set = py::module_::import("builtins").attr("object").attr("__setattr__");
    for (py::handle field : py::module_::import("dataclasses").attr("fields")(node)) {
      const py::object name = field.attr("name");
      set(copy, name, unflatten(py::getattr(node, name), call, outputs));
    }
    return copy;
  }
  return py::reinterpret_borrow<py::object>(node);
}

void Specialization::apply(const Effect& effect, const Flat& flat, const Call& call,
                           std::span<const TensorRef> outputs) const {
  using Kind = Effect::Kind;
  const auto check = [](int status) {
    if (status < 0) throw py::error_already_set();
  };
  if (effect.kind == Kind::remove_item) {
    check(PyDict_DelItem(effect.owner.ptr(), effect.key.ptr()));
    return;
  }
  if (effect.kind == Kind::remove_attribute) {
    check(PyObject_DelAttr(effect.owner.ptr(), effect.key.ptr()));
    return;
  }
  const py::object value = unflatten(effect.value, call, outputs);
  if (effect.kind == Kind::gradient) {
    const py::object given = unflatten(effect.key, call, outputs);
    const bool none = value.is_none() || (!given.is_none() && !given.cast<bool>());
    call.tensors[static_cast<size_t>(effect.container)]->tracking->grad = none ? nullptr : value.cast<TensorRef>();
    return;
  }
  PyObject* owner =
      effect.kind == Kind::argument ? flat.containers[static_cast<size_t>(effect.container)] : effect.owner.ptr();
  switch (effect.kind) {
    case Kind::item: check(PyDict_SetItem(owner, effect.key.ptr(), value.ptr())); return;
    case Kind::cell: check(PyCell_Set(owner, value.ptr())); return;
    case Kind::attribute: check(PyObject_SetAttr(owner, effect.key.ptr(), value.ptr())); return;
    default: break;
  }
  const bool further = effect.kind == Kind::extend || effect.kind == Kind::add;
  if (PyList_CheckExact(owner)) {
    const Py_ssize_t size = PyList_GET_SIZE(owner);
    check(PyList_SetSlice(owner, further ? size : 0, size, value.ptr()));
  } else if (PyDict_CheckExact(owner)) {
    PyDict_Clear(owner);
    check(PyDict_Update(owner, value.ptr()));
  } else {
    if (!further) check(PySet_Clear(owner));
    for (py::handle item : value) check(PySet_Add(owner, item.ptr()));
  }
}

int Specialization::visit(visitproc visit, void* arg) const {
  Py_VISIT(output_.ptr());
  Py_VISIT(failures_.ptr());
  for (const py::object& other : others_) Py_VISIT(other.ptr());
  const auto visit_source = [&](const InputSource& source) -> int {
    Py_VISIT(source.fixed.ptr());
    for (const Origin& place : source.places)
      if (const int stop = place.visit(visit, arg)) return stop;
    return 0;
  };
  for (const InputSource& source : inputs_)
    if (const int stop = visit_source(source)) return stop;
  for (const SymbolSource& symbol : symbols_)
    if (const int stop = visit_source(symbol.source)) return stop;
  for (const Effect& effect : effects_) {
    Py_VISIT(effect.owner.ptr());
    Py_VISIT(effect.key.ptr());
    Py_VISIT(effect.value.ptr());
  }
  return guards_->visit(visit, arg);
}

}  // namespace tandem
