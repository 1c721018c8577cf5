// What a function is captured with: its arguments, and the tensors from outside that it turns out to use.
#include <algorithm>

#include "frontend/recorder.h"

namespace tandem {

void Recorder::note_device(const Tensor& tensor, const std::string& name) {
  devices_.resize(arguments_.size());
  devices_.back() = tensor.device;
  const auto refuse = [](const std::string& first, const std::string& second) {
    throw_error(
        ErrorKind::backend,
        "capture: got tensors on {} and on {}; need all on one device, where a compiled function runs (only tensors "
        "without axes may stay on the CPU); try x.to(...) before the call",
        first, second);
  };
  if (is_cpu(tensor.device)) {
    if (tensor.rank() == 0 || elsewhere_) return;
    if (!is_cpu(device_)) refuse(to_text(device_), fmt::format("cpu ({})", name));
    elsewhere_ = name;
  } else {
    if (!is_cpu(device_) && !(device_ == tensor.device))
      refuse(to_text(device_), fmt::format("{} ({})", to_text(tensor.device), name));
    if (elsewhere_) refuse(fmt::format("cpu ({})", *elsewhere_), fmt::format("{} ({})", to_text(tensor.device), name));
    device_ = tensor.device;
  }
}

TensorRef Recorder::input(const TensorRef& tensor, const std::vector<bool>& dynamic, const std::string& name) {
  check_internal(frames_.size() == 1, "inputs are declared before anything is recorded");
  if (tensor->recorded) throw_leaked("call", *tensor);
  TensorType type{tensor->dtype, {}, {}};  // a graph has no devices: all of it runs on one
  for (int k = 0; k < tensor->rank(); ++k) {
    const int64_t size = tensor->sizes[k];
    const bool symbolic = size > 1 && k < static_cast<int>(dynamic.size()) && dynamic[static_cast<size_t>(k)];
    if (!symbolic) {
      type.shape.emplace_back(size);
      continue;
    }
    // Equal sizes are taken to be the same size; the caller's guards check it.
    const auto [it, inserted] = symbol_of_size_.try_emplace(size, Dim(0));
    if (inserted) it->second = env_.add_symbol(size);
    type.shape.push_back(it->second);
  }
  Graph& graph = frames_[0].graph;
  const ValueId value = graph.add_param(type, name.empty() ? fmt::format("x{}", graph.params.size()) : name);
  if (!tensor->is_contiguous()) {
    graph.params.back().contiguous = false;
    graph.params.back().strides = symbolic_strides(*tensor, type.shape);
  }
  auto cell = std::make_shared<Cell>();
  cell->now = {frames_[0].id, value};
  cell->type = type;
  cell->argument = static_cast<int>(arguments_.size());
  arguments_.push_back(cell);
  note_device(*tensor, name.empty() ? fmt::format("input {}", cell->argument) : name);
  cell->writable = tensor->writable;
  note_tracking(tensor, cell);
  TensorRef wrapped = wrap_cell(std::move(cell), false);
  wrapped->writable = tensor->writable;
  return wrapped;
}

// Strides that are the product of the axis with the next smaller stride say so: what is one view of an argument, and
// what takes a copy, depends on that.
Shape Recorder::symbolic_strides(const Tensor& tensor, const Shape& shape) {
  Shape strides(shape.size());
  std::vector<int> order(shape.size());
  for (size_t k = 0; k < order.size(); ++k) order[k] = tensor.rank() - 1 - static_cast<int>(k);
  std::stable_sort(order.begin(), order.end(),
                   [&](int a, int b) { return std::abs(tensor.strides[a]) < std::abs(tensor.strides[b]); });
  std::optional<size_t> inner;
  for (const int k : order) {
    const auto at = static_cast<size_t>(k);
    const int64_t stride = tensor.strides[k];
    if (stride >= -1 && stride <= 1) {
      strides[at] = stride;
    } else if (!inner) {
      strides[at] = env_.add_symbol(stride);
    } else if (const Dim product = strides[*inner] * shape[*inner]; stride == env_.hint(product)) {
      strides[at] = product;
    } else {
      strides[at] = env_.add_symbol(stride);
      env_.equal(strides[at], product);  // becomes a guard that it is not
    }
    inner = at;
  }
  return strides;
}

TensorRef Recorder::part_of(const TensorRef& whole, const TensorRef& tensor, int64_t offset) {
  std::vector<Dim> sizes, strides;
  for (const int64_t size : tensor->sizes) sizes.emplace_back(size);
  for (const int64_t stride : tensor->strides) strides.emplace_back(stride);
  const TensorRef part = record(op("as_strided"), {&whole, 1}, {sizes, strides, std::vector<Dim>{offset}});
  part->writable = tensor->writable;
  return part;
}

TensorRef Recorder::number_input(const std::string& name) {
  check_internal(frames_.size() == 1, "inputs are declared before anything is recorded");
  Graph& graph = frames_[0].graph;
  const TensorType type{DType::f64, {}, {}};
  auto cell = std::make_shared<Cell>();
  cell->now = {frames_[0].id, graph.add_param(type, name.empty() ? fmt::format("x{}", graph.params.size()) : name)};
  cell->type = type;
  cell->argument = static_cast<int>(arguments_.size());
  arguments_.push_back(cell);
  numbers_.resize(arguments_.size());
  numbers_.back() = true;
  return wrap_cell(std::move(cell), true);
}

TensorRef Recorder::constant(const TensorRef& tensor) {
  const auto known = constant_of_.find(tensor.get());
  if (known != constant_of_.end()) return known->second;
  // Inputs are added to the function's own graph, whatever region is open.
  Graph& graph = frames_[0].graph;
  const TensorType type = tensor->type();
  const ValueId value = graph.add_param(type, fmt::format("c{}", constants_.size()));
  if (!tensor->is_contiguous()) {
    graph.params.back().contiguous = false;
    for (int64_t stride : tensor->strides) graph.params.back().strides.emplace_back(stride);
  }
  auto cell = std::make_shared<Cell>();
  cell->now = {frames_[0].id, value};
  cell->type = type;
  cell->argument = static_cast<int>(arguments_.size());
  arguments_.push_back(cell);
  note_device(*tensor, "a tensor from outside of the function");
  constants_.push_back(tensor);
  cell->writable = tensor->writable;
  note_tracking(tensor, cell);
  TensorRef wrapped = wrap_cell(std::move(cell), false);
  wrapped->writable = tensor->writable;
  constant_of_[tensor.get()] = wrapped;
  return wrapped;
}

}  // namespace tandem
