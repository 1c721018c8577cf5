// What tandem/linalg.py is made of: the operations that routines compute, by their names with an underscore in front.
#include "python/bindings/bindings.h"
#include "runtime/lapack.h"

namespace tandem {

namespace {

// What the gradient formula of a row gives, also of one that is no function of Python.
py::list gradient(const std::string& name, const std::vector<TensorRef>& inputs, const py::sequence& params,
                  const TensorRef& upstream) {
  const OpDef& row = op(name);
  Attrs attrs;
  attrs.reserve(params.size());
  for (py::handle param : params) {
    const AttrKind kind = row.attrs[attrs.size()].kind;
    const bool list = py::isinstance<py::sequence>(param);
    attrs.push_back(kind == AttrKind::boolean ? Attr(param.cast<int64_t>() != 0)
                    : list                    ? Attr(dims_from(param))
                    : kind == AttrKind::dims  ? Attr(std::vector<Dim>{Dim(param.cast<int64_t>())})
                                              : Attr(param.cast<int64_t>()));
  }
  std::vector<TensorRef> leaves;
  for (const TensorRef& input : inputs) {
    leaves.push_back(detached(input));
    if (is_inexact(input->dtype)) require_grad(leaves.back(), true);
  }
  const GradMode recorded(true);
  const TensorRef result = call(row, leaves, attrs);
  py::list out;
  for (const TensorRef& each : gradients({&result, 1}, {&upstream, 1}, leaves, {})) out.append(wrap(each));
  return out;
}

std::string lapack_of_numpy() {
  const py::gil_scoped_acquire gil;
  return py::module_::import("tandem._lapack").attr("bundled")().cast<std::string>();
}

}  // namespace

void bind_linalg(py::module_& m) {
  lapack::set_finder(lapack_of_numpy);
  for (const OpDef* op : all_ops()) {
    const auto* structure = std::get_if<Structure>(&op->lower);
    const bool library = structure && *structure == Structure::library && op->has(Trait::internal);
    if (!library && op->name != "slice") continue;  // slices with steps that are symbols
    const std::string name = fmt::format("_{}", op->name);
    add_operation(m, *op, name, std::string(op->doc));
  }
  m.def("_gradient", gradient, "Evaluate the gradient formula of a row, for tests.");
  m.def("_lapack", lapack::description, "Return which LAPACK is used, or why there is none.");
}

}  // namespace tandem
