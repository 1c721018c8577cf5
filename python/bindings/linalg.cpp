// What tandem/linalg.py is made of: the operations that routines compute, by their names with an underscore in front.
#include <deque>

#include "frontend/eager.h"
#include "ir/builder.h"
#include "python/bindings/bindings.h"
#include "runtime/lapack.h"

namespace tandem {

namespace {

// Runs formulas at once.
class EagerBuilder : public Builder {
 public:
  using Builder::emit;
  Value add(TensorRef tensor) {
    types_.push_back(tensor->type());
    tensors_.push_back(std::move(tensor));
    return {this, static_cast<ValueId>(tensors_.size()) - 1};
  }
  Value emit(const OpDef& op, std::span<const Value> inputs, Attrs attrs) override {
    std::vector<TensorRef> tensors;
    tensors.reserve(inputs.size());
    for (const Value& input : inputs) tensors.push_back(at(input));
    return add(run_eager(op, tensors, std::move(attrs)));
  }
  const TensorType& type(ValueId id) const override { return types_[static_cast<size_t>(id)]; }
  ShapeEnv& env() override { return env_; }
  const TensorRef& at(Value value) const { return tensors_[static_cast<size_t>(value.id)]; }

 private:
  std::vector<TensorRef> tensors_;
  std::deque<TensorType> types_;  // references stay good
  ShapeEnv env_;
};

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
  EagerBuilder b;
  std::vector<Value> values;
  values.reserve(inputs.size());
  for (const TensorRef& input : inputs) values.push_back(b.add(input));
  const Value output = b.emit(row, values, attrs), up = b.add(upstream);
  py::list out;
  for (const Value& each : std::get<GradRule>(row.grad)({b, values, output, up, row, attrs}))
    out.append(each ? py::cast(b.at(each)) : py::none());
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
