// Gradients: properties of tensors, and what tandem/autograd.py is made of.
#include "frontend/autocast.h"
#include "frontend/recorder.h"
#include "python/bindings/bindings.h"

namespace tandem {

namespace {

std::vector<TensorRef> tensors_from(const py::sequence& values) {
  std::vector<TensorRef> out;
  for (py::handle value : values) out.push_back(value.is_none() ? nullptr : value.cast<TensorRef>());
  return out;
}

bool requires_grad(const TensorRef& x) {
  Recorder* recorder = Recorder::current();
  return recorder ? recorder->requires_grad(x) : tracking_of(x) != nullptr;
}

bool is_leaf(const TensorRef& x) {
  if (Recorder* recorder = Recorder::current()) return recorder->is_leaf(x);
  const TrackingRef& tracking = tracking_of(x);
  return !tracking || tracking->is_leaf();
}

py::object grad_of(const TensorRef& x) {
  Recorder* recorder = Recorder::current();
  const TrackingRef tracking = recorder ? nullptr : tracking_of(x);
  const TensorRef grad = recorder ? recorder->grad(x) : tracking ? tracking->grad : nullptr;
  return grad ? wrap(grad) : py::none();
}

void set_grad(const TensorRef& x, const py::object& value) {
  TensorRef grad = value.is_none() ? nullptr : value.cast<TensorRef>();
  if (Recorder* recorder = Recorder::current()) return recorder->set_grad(x, std::move(grad));
  const TrackingRef& tracking = tracking_of(x);
  if (grad && !tracking)
    throw_error(ErrorKind::autograd, "grad: got a tensor that does not require gradients; try x.requires_grad_()");
  if (grad) check_gradient(*x, *grad);
  if (tracking) tracking->grad = std::move(grad);
}

void run_backward(const TensorRef& x, const py::object& gradient, bool retain_graph, bool create_graph) {
  const TensorRef upstream = gradient.is_none() ? nullptr : gradient.cast<TensorRef>();
  backward({&x, 1}, {&upstream, 1}, {.create_graph = create_graph, .retain = retain_graph});
}

TrackingRef tracked(const TensorRef& x, std::string_view what) {
  if (Recorder* recorder = Recorder::current()) return recorder->watch(x, what);
  TrackingRef tracking = tracking_of(x);
  if (!tracking)
    throw_error(ErrorKind::autograd, "{}: got a tensor that does not require gradients; try x.requires_grad_()", what);
  return tracking;
}

// A Python function that may be let go of on any thread.
std::shared_ptr<py::function> held(const py::function& function) {
  return {new py::function(function), [](py::function* gone) {
            const py::gil_scoped_acquire gil;
            delete gone;
          }};
}

// Called with the gradient; what it returns, unless None, takes its place.
std::function<TensorRef(const TensorRef&)> hook_of(const py::function& function) {
  return [hook = held(function)](const TensorRef& gradient) {
    const py::object result = (*hook)(wrap(gradient));
    return result.is_none() ? nullptr : result.cast<TensorRef>();
  };
}

}  // namespace

void bind_autograd(py::module_& m) {
  auto tensor = py::reinterpret_borrow<py::class_<Tensor, TensorRef>>(py::type::of<Tensor>());
  tensor
      .def_property(
          "requires_grad", requires_grad, [](const TensorRef& x, bool required) { require_grad(x, required); },
          "Whether operations on it are recorded, so that gradients can be computed.")
      .def_property_readonly("is_leaf", is_leaf, "Whether it was not computed from tensors that require gradients.")
      .def_property("grad", grad_of, set_grad,
                    "Gradient that `backward` has summed up, of shape and dtype of the tensor, or None.")
      .def_property_readonly(
          "grad_fn",
          [](const TensorRef& x) -> py::object {
            if (is_leaf(x)) return py::none();
            if (Recorder::current()) return py::str("captured");
            const TrackingRef& tracking = tracking_of(x);
            const GradNode& node = *tracking->made_by;
            return py::str(node.op ? std::string(node.op->name) : node.name);
          },
          "Name of the operation that made it, where gradients flow through that; else None.")
      .def(
          "requires_grad_",
          [](py::object self, bool requires_grad) {
            require_grad(self.cast<TensorRef>(), requires_grad);
            return self;
          },
          py::arg("requires_grad") = true,
          "Record operations on this tensor, or stop doing so, and return it.\n\n>>> x = "
          "td.asarray([1.0, 2.0]).requires_grad_()\n>>> (x * x).sum().backward()\n>>> x.grad\ntensor([2., 4.])")
      .def(
          "detach", [](const TensorRef& x) { return detached(x); },
          "Return a tensor of the same memory that no gradient flows through.")
      .def(
          "backward", run_backward, py::arg("gradient") = py::none(), py::arg("retain_graph") = false,
          py::arg("create_graph") = false,
          "Add the gradients of this tensor to `grad` of the leaves it was computed from.\n\n`gradient` has its shape; "
          "it may be left out of a tensor with one element. A second pass over the same operations needs "
          "retain_graph=True in the first; with create_graph=True the gradients can be differentiated in turn.")
      .def(
          "retain_grad", [](const TensorRef& x) { tracked(x, "retain_grad")->keeps_grad = true; },
          "Make `backward` keep the gradient of this tensor in `grad`, though it is not a leaf.")
      .def(
          "register_hook",
          [](const TensorRef& x, const py::function& hook) {
            tracked(x, "register_hook")->hooks.push_back(hook_of(hook));
          },
          py::arg("hook"),
          "Call hook(gradient) in each backward pass; a tensor that it returns takes the gradient's place.");
  m.def(
      "_grad_where",
      [](const TensorRef& x) -> py::tuple {
        Recorder* recorder = Recorder::current();
        if (!recorder) return py::make_tuple(grad_of(x), py::none());
        const auto [gradient, given] = recorder->grad_where(x);
        return py::make_tuple(gradient ? wrap(gradient) : py::none(), given ? wrap(given) : py::none());
      },
      "Return the gradient of a tensor, or None, and a tensor that says whether it is there, or None: for certain.");
  m.def("_set_grad_enabled", &GradMode::set, "Record operations from now on, or do not; return what was the case.");
  m.def("_grad_enabled", &GradMode::enabled);
  m.def("_same", &same, "Return another tensor of the same memory, whose gradient is that of the given one.");
  m.def(
      "_set_autocast",
      [](const py::object& dtype) {
        const auto before = Autocast::set(dtype.is_none() ? std::nullopt : std::optional(dtype_from(dtype)));
        return before ? to_python(*before) : py::none();
      },
      "Carry products of this thread out in this dtype from now on, or, with None, in their own; return what was set.");
  m.def(
      "_autocast_names",
      [](bool low) {
        py::list out;
        for (const std::string_view name : autocast_names(low)) out.append(py::str(std::string(name)));
        return out;
      },
      "Return the operations that autocast carries out in 16 bits, or in 32.");
  m.def(
      "_gradients",
      [](const py::sequence& roots, const py::sequence& upstream, const py::sequence& inputs, bool retain_graph,
         bool create_graph) {
        py::list out;
        for (const TensorRef& each : gradients(tensors_from(roots), tensors_from(upstream), tensors_from(inputs),
                                               {.create_graph = create_graph, .retain = retain_graph}))
          out.append(each ? wrap(each) : py::none());
        return out;
      },
      py::arg("roots"), py::arg("upstream"), py::arg("inputs"), py::kw_only(), py::arg("retain_graph"),
      py::arg("create_graph"), "Return the gradients of inputs, None for those that the roots do not rest on.");
  m.def("_tape_position", &tape_position);
  m.def(
      "_tape_sources",
      [](const py::sequence& results, const py::sequence& known, uint64_t position) {
        py::list out;
        for (const TensorRef& each : tape_sources(tensors_from(results), tensors_from(known), position))
          out.append(wrap(each));
        return out;
      },
      "Return what the results rest on that was there before a position of the tape, but for `known`.");
  m.def(
      "_tape_function",
      [](const std::string& name, const py::sequence& inputs, const py::sequence& results, const py::function& rule) {
        tape_function(name, tensors_from(inputs), tensors_from(results),
                      [made = held(rule)](std::span<const TensorRef> upstream) {
                        py::list given;
                        for (const TensorRef& each : upstream) given.append(each ? wrap(each) : py::none());
                        return tensors_from((*made)(*py::tuple(given)));
                      });
      },
      "Record that `results` were made of `inputs` by a function whose gradients `rule` computes.");
}

}  // namespace tandem
