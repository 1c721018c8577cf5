// Captured graphs for Python code that walks them: every node, attribute and type, sizes as ints or symbolic `Size`s.
#include "ir/symbols.h"
#include "ir/text.h"
#include "passes/cse.h"
#include "passes/dce.h"
#include "passes/expand.h"
#include "python/bindings/bindings.h"

namespace tandem {

namespace {

py::tuple to_python(const std::vector<Dim>& dims) {
  py::tuple out(dims.size());
  for (size_t k = 0; k < dims.size(); ++k) out[k] = to_python(dims[k]);
  return out;
}

py::object to_python(const Attr& attr) {
  struct Converter {
    py::object operator()(std::monostate) const { return py::none(); }
    py::object operator()(bool value) const { return py::bool_(value); }
    py::object operator()(int64_t value) const { return py::int_(value); }
    py::object operator()(double value) const { return py::float_(value); }
    py::object operator()(DType value) const { return tandem::to_python(value); }
    py::object operator()(const std::vector<Dim>& value) const { return to_python(value); }
  };
  return std::visit(Converter{}, attr);
}

Attr attr_from_python(const AttrSpec& spec, py::handle value) {
  if (value.is_none()) return {};
  if (py::isinstance<DTypeObject>(value)) return dtype_from(value);
  if (PyBool_Check(value.ptr())) return value.cast<bool>();
  if (PyFloat_Check(value.ptr())) return value.cast<double>();
  if (PyTuple_Check(value.ptr()) || is_size(value)) return dims_from(value);
  check_internal(PyLong_Check(value.ptr()), "the attribute '{}' got {}", spec.name, std::string(py::repr(value)));
  return spec.kind == AttrKind::real ? Attr(value.cast<double>()) : Attr(value.cast<int64_t>());
}

py::tuple to_python(const TensorType& type) { return py::make_tuple(to_python(type.dtype), to_python(type.shape)); }

py::dict data_of(const Graph& graph) {
  py::list types, params, nodes;
  for (const TensorType& type : graph.types) types.append(to_python(type));
  for (const Param& param : graph.params)
    params.append(py::make_tuple(param.value, param.name, param.contiguous, to_python(param.strides)));
  for (const Node& node : graph.nodes) {
    py::dict row, attrs, regions;
    for (size_t k = 0; k < node.attrs.size(); ++k)
      attrs[py::str(std::string(node.op->attrs[k].name))] = to_python(node.attrs[k]);
    const auto labels = region_labels(*node.op);
    for (size_t r = 0; r < node.regions.size(); ++r)
      regions[py::str(std::string(labels[r]))] = data_of(*node.regions[r]);
    row["op"] = std::string(node.op->name);
    row["inputs"] = py::tuple(py::cast(node.inputs));
    row["outputs"] = py::tuple(py::cast(node.outputs));
    row["attrs"] = attrs;
    row["regions"] = regions;
    row["line"] = node.loc.known() ? py::object(py::make_tuple(node.loc.file, node.loc.line)) : py::none();
    nodes.append(row);
  }
  py::dict out;
  out["name"] = graph.name;
  out["types"] = types;
  out["params"] = params;
  out["nodes"] = nodes;
  out["results"] = py::tuple(py::cast(graph.results));
  return out;
}

std::string_view kind_of(const CapturedOutput& output) {
  if (!output.choices.empty()) return "choice";
  switch (output.kind) {
    case CapturedOutput::Kind::value: return "value";
    case CapturedOutput::Kind::argument_view: return "argument_view";
    case CapturedOutput::Kind::result_view: return "result_view";
  }
  return "";
}

// A program as it was captured, but for what nobody uses and what is there twice; no formula is expanded.
class CapturedGraph {
 public:
  explicit CapturedGraph(std::shared_ptr<Executable> executable)
      : executable_(std::move(executable)), graph_(dce(cse(executable_->capture().first))) {}

  py::dict data() const {
    const Capture& capture = executable_->capture().second;
    py::dict out = data_of(graph_);
    py::list outputs, guards, symbols;
    for (const CapturedOutput& output : capture.outputs)
      outputs.append(py::make_tuple(std::string(kind_of(output)), output.index, output.identical));
    for (const ShapeGuard& guard : capture.guards)
      guards.append(py::make_tuple(tandem::to_python(guard.left), static_cast<int>(guard.relation),
                                   tandem::to_python(guard.right), to_text(guard)));
    for (size_t k = 0; k < capture.hints.size(); ++k)
      symbols.append(py::make_tuple(symbol_name(static_cast<int>(k)), capture.hints[k]));
    out["outputs"] = outputs;
    out["writebacks"] = capture.writebacks;
    out["guards"] = guards;
    out["symbols"] = symbols;
    out["takes_gradients"] = capture.takes_gradients;
    out["numbers"] = capture.numbers;
    return out;
  }

  // What nodes of the graph itself give for inputs like those it was captured for.
  std::vector<TensorRef> values(const std::vector<ValueId>& wanted, const std::vector<TensorRef>& tensors) const {
    const Capture& whole = executable_->capture().second;
    Capture part;
    part.graph = graph_;
    part.graph.results = wanted;
    part.hints = whole.hints;
    part.guards = whole.guards;
    part.numbers = whole.numbers;
    for (size_t k = 0; k < wanted.size(); ++k) {
      CapturedOutput output;
      output.index = static_cast<int>(k);
      part.outputs.push_back(std::move(output));
    }
    Executable program(std::move(part), {});
    std::vector<Tensor*> inputs;
    inputs.reserve(tensors.size());
    for (const TensorRef& x : tensors) inputs.push_back(x.get());
    std::vector<int64_t> symbols(whole.hints.size() + 1);
    std::string reason;
    if (!program.matches(inputs, symbols.data(), &reason))
      throw_error(ErrorKind::value, "values: got inputs that differ from those of the capture: {}", reason);
    std::vector<TensorRef> out(wanted.size());
    const py::gil_scoped_release release;
    program.compile();
    program.run(inputs, symbols.data(), out);
    return out;
  }

 private:
  std::shared_ptr<Executable> executable_;
  Graph graph_;
};

// One step of a row's formula, over inputs of the given types; None for a row without one.
py::object formula_data(const std::string& name, const std::vector<std::pair<py::object, py::tuple>>& types,
                        const py::dict& attrs) {
  const OpDef& row = op(name);
  Graph source;
  source.name = name;
  std::vector<ValueId> inputs;
  for (size_t i = 0; i < types.size(); ++i) {
    const bool named = !row.has(Trait::variadic);
    const std::string input = named ? std::string(row.inputs[i]) : fmt::format("{}{}", row.inputs[0], i);
    inputs.push_back(source.add_param({dtype_from(types[i].first), dims_from(types[i].second), {}}, input));
  }
  Attrs values;
  for (const AttrSpec& spec : row.attrs)
    values.push_back(attr_from_python(spec, attrs[py::str(std::string(spec.name))]));
  const std::optional<Graph> formula = formula_graph(std::move(source), row, inputs, std::move(values));
  return formula ? py::object(data_of(*formula)) : py::none();
}

}  // namespace

void bind_graphs(py::module_& m) {
  py::class_<CapturedGraph>(m, "CapturedGraph", "The graph of a captured function, to be read.")
      .def(py::init<std::shared_ptr<Executable>>(), py::arg("executable"))
      .def("data", &CapturedGraph::data, "Return params, nodes, types, results and what calls do with them.")
      .def("values", &CapturedGraph::values, py::arg("wanted"), py::arg("tensors"),
           "Return what nodes yield for tensors like those of the capture: arguments, then its constants.");
  m.def("_formula", &formula_data, py::arg("op"), py::arg("types"), py::arg("attrs"),
        "Return the graph of an operation's formula, or None for one that has none.");
}

}  // namespace tandem
