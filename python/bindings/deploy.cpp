// Models in files: writing and running them.
#include <cstring>

#include "deploy/model.h"
#include "deploy/printing.h"
#include "deploy/weights.h"

#include "frontend/archive.h"
#include "python/bindings/bindings.h"
#include "runtime/cache.h"
#include "runtime/cpu.h"

namespace tandem {

namespace {

deploy::Array array_of(const Tensor& x) { return {x.dtype, x.sizes, x.strides, x.storage, x.data}; }

TensorRef tensor_of(const deploy::Array& x) {
  return std::make_shared<Tensor>(x.dtype, x.sizes, x.strides, x.storage, x.data);
}

size_t method_of(const deploy::Model& model, const std::string& name) {
  const int found = model.find(name);
  if (found >= 0) return static_cast<size_t>(found);
  std::string names;
  for (size_t k = 0; k < model.method_count(); ++k) names += (k > 0 ? ", " : "") + model.method(k).name;
  throw_error(ErrorKind::value, "model: got the method '{}'; need one of {}", name, names);
}

py::list run_model(deploy::Model& model, const std::string& name, const std::vector<TensorRef>& tensors) {
  const size_t method = method_of(model, name);
  const std::vector<deploy::MethodOutput>& outputs = model.method(method).outputs;
  std::vector<deploy::Array> arguments, results(outputs.size());
  for (const TensorRef& x : tensors) arguments.push_back(array_of(*x));
  {
    const py::gil_scoped_release release;
    model.run(method, arguments, results);
  }
  py::list found;
  for (size_t k = 0; k < results.size(); ++k) {
    const TensorRef x = tensor_of(results[k]);
    found.append(outputs[k].weak ? item_of(*x) : wrap(x));
  }
  return found;
}

py::dict state_of(const deploy::Model& model) {
  py::dict found;
  for (const deploy::Model::State& each : model.state()) found[py::str(each.name)] = wrap(tensor_of(each.array));
  return found;
}

std::vector<std::string> method_names(const deploy::Model& model) {
  std::vector<std::string> names;
  names.reserve(model.method_count());
  for (size_t k = 0; k < model.method_count(); ++k) names.push_back(model.method(k).name);
  return names;
}

py::tuple described(const ArchiveWriter& writer) {
  const deploy::Method& method = writer.methods().at(0);
  const auto row = [](const std::string& name, DType dtype, const Shape& shape) {
    py::list sizes;
    for (const Dim& dim : shape) sizes.append(to_text(dim));
    return py::make_tuple(name, info(dtype).name, sizes);
  };
  py::list arguments, results;
  for (const deploy::MethodInput& input : method.inputs)
    if (!input.state) arguments.append(row(input.name, input.dtype, input.sizes));
  for (const deploy::MethodOutput& output : method.outputs) {
    const TensorType type = type_of(method, output);
    results.append(row(output.name, type.dtype, type.shape));
  }
  return py::make_tuple(arguments, results);
}

// As Python's own print: to what its streams are now.
void show(const deploy::Printed& printed, std::span<const HostTensor> values) {
  const py::gil_scoped_acquire gil;
  py::list arguments;
  for (const HostTensor& value : values) {
    Sizes sizes;
    for (const int64_t size : value.shape) sizes.push_back(size);
    const TensorRef copy = Tensor::empty(value.dtype, sizes);
    std::memcpy(copy->data, value.data, static_cast<size_t>(element_count(sizes) * size_of(value.dtype)));
    arguments.append(wrap(copy));
  }
  const py::object stream = py::module_::import("sys").attr(printed.to_errors ? "stderr" : "stdout");
  if (!stream.is_none()) stream.attr("write")(py::str(printed.format).attr("format")(*arguments));
}

}  // namespace

void bind_deploy(py::module_& m) {
  deploy::set_print_hook(show);
  m.def("cpu_levels", cpu_levels, "Return the instruction sets that this machine runs, lowest first.");
  m.def(
      "hash128", [](const py::bytes& bytes) { return hash128(std::string_view(bytes)).hex(); }, py::arg("bytes"),
      "Return the hash that files are compared with, as text.");
  py::class_<ArchiveWriter>(m, "ArchiveWriter", "Writes compiled functions and their tensors to one file.")
      .def(py::init<>())
      .def(
          "add",
          [](ArchiveWriter& writer, const Executable& executable, std::string name, std::string doc,
             std::vector<std::pair<std::string, bool>> inputs, std::vector<std::string> outputs) {
            writer.add(executable, {std::move(name), std::move(doc), std::move(inputs), std::move(outputs)});
          },
          py::arg("executable"), py::arg("name"), py::arg("doc"), py::arg("inputs"), py::arg("outputs"))
      .def(
          "write",
          [](ArchiveWriter& writer, const std::string& path, const std::string& manifest, const py::bytes& weights,
             const std::vector<std::string>& targets, const std::vector<std::pair<std::string, py::bytes>>& parts) {
            std::vector<std::pair<std::string, std::string>> files;
            files.reserve(parts.size());
            for (const auto& [name, bytes] : parts) files.emplace_back(name, std::string(bytes));
            const std::string_view view = weights;
            const py::gil_scoped_release release;
            writer.write(path, manifest, view, targets, files);
          },
          py::arg("path"), py::arg("manifest"), py::arg("weights"), py::arg("targets"), py::arg("parts"))
      .def(
          "object",
          [](const ArchiveWriter& writer, const std::string& name, const std::string& weights_file, size_t size,
             const std::string& target) { return py::bytes(writer.object(name, weights_file, size, target)); },
          py::arg("name"), py::arg("weights_file"), py::arg("weights_size"), py::arg("target"))
      .def("describe", described, "Return the arguments and results of the only method: name, dtype, sizes as text.");
  py::dict codes;
  for (const auto& [code, dtype] : deploy::weight_codes())
    codes[py::str(std::string(code))] = std::string(info(dtype).name);
  m.attr("_weight_codes") = codes;  // dtypes of the safetensors format, in its order
  m.attr("_weight_pairs") = deploy::kPairs;
  using deploy::Model;
  m.def(
      "load_model",
      [](const std::string& path, const std::string& target, bool verified) {
        const py::gil_scoped_release release;
        return Model::load(path, {target, verified});
      },
      py::arg("path"), py::arg("target") = "", py::arg("verified") = true, "Read the file of a model.");
  py::class_<Model, std::shared_ptr<Model>>(m, "Model", "A model from a file.")
      .def_property_readonly("manifest", &Model::manifest)
      .def_property_readonly("target", &Model::target)
      .def_property_readonly("device", [](const Model& model) { return to_text(model.device()); })
      .def_property_readonly("methods", method_names)
      .def("signature",
           [](const Model& model, const std::string& name) { return model.signature(method_of(model, name)); })
      .def("doc", [](const Model& model, const std::string& name) { return model.method(method_of(model, name)).doc; })
      .def("run", run_model, py::arg("method"), py::arg("tensors"))
      .def("state", state_of)
      .def("save", &Model::save, py::arg("path"), py::call_guard<py::gil_scoped_release>());
}

}  // namespace tandem
