#include "tests/passes/run_plan.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <random>

#include "passes/fold.h"
#include "passes/pipeline.h"

namespace tandem::testing {

namespace {

std::vector<int64_t> numbers(const Shape& shape, const Sizes& sizes) {
  std::vector<int64_t> out;
  for (const Dim& dim : shape) out.push_back(dim.evaluate(sizes.data()));
  return out;
}

// Offsets of the elements of a strided tensor, row-major.
std::vector<int64_t> offsets(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides) {
  std::vector<int64_t> out{0};
  for (size_t k = 0; k < shape.size(); ++k) {
    std::vector<int64_t> next;
    for (const int64_t base : out)
      for (int64_t i = 0; i < shape[k]; ++i) next.push_back(base + i * strides[k]);
    out = std::move(next);
  }
  return out;
}

int64_t read(const void* data, DType dtype, int64_t offset) {
  int64_t raw = 0;
  const auto size = static_cast<size_t>(size_of(dtype));
  std::memcpy(&raw, static_cast<const char*>(data) + offset * size_of(dtype), size);
  return evaluate(ScalarOp::cast, dtype, dtype, raw);  // sign- or zero-extended
}

Buffer buffer_of(const Tensor& tensor, const std::vector<int64_t>& strides) {
  const auto places = offsets(tensor.shape, strides);
  int64_t last = -1;
  for (const int64_t place : places) last = std::max(last, place);
  StorageRef storage = allocate(static_cast<size_t>((last + 1) * size_of(tensor.dtype)));
  auto* data = static_cast<char*>(storage->data);
  for (size_t i = 0; i < places.size(); ++i)
    std::memcpy(data + places[i] * size_of(tensor.dtype), &tensor.bits[i], static_cast<size_t>(size_of(tensor.dtype)));
  return {std::move(storage), data};
}

Tensor random_tensor(DType dtype, std::vector<int64_t> shape, std::mt19937& random) {
  Tensor tensor{dtype, std::move(shape), {}};
  int64_t count = 1;
  for (const int64_t size : tensor.shape) count *= size;
  std::uniform_int_distribution<int> number(-8, 7);
  for (int64_t i = 0; i < count; ++i)
    tensor.bits.push_back(dtype == DType::boolean ? number(random) & 1
                          : is_floating(dtype)    ? constant_bits_of(dtype, number(random))
                                                  : evaluate(ScalarOp::cast, dtype, DType::i64, number(random)));
  return tensor;
}

double as_double(DType dtype, int64_t bits) {
  const int64_t wide = evaluate(ScalarOp::cast, DType::f64, dtype, bits);
  double value;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}

}  // namespace

std::string with_sizes(std::string_view text, const Sizes& sizes) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    size_t symbol = 0;
    while (symbol < sizes.size() && text.substr(i, 1) != symbol_name(static_cast<int>(symbol))) ++symbol;
    if (symbol < sizes.size())
      out += std::to_string(sizes[symbol]);
    else
      out += text[i];
  }
  return out;
}

std::vector<Backend*> backends() {
  std::vector<Backend*> out{&interpreter()};
  if (llvm_backend() != nullptr) out.push_back(llvm_backend());
  return out;
}

Run run_plan(const Plan& plan, const Graph& graph, const std::vector<Tensor>& inputs, const Sizes& sizes) {
  const Program& program = *plan.program;
  std::vector<Buffer> buffers;
  std::vector<std::vector<int64_t>> strides;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Param& param = graph.params[i];
    const Shape own = param.contiguous ? contiguous_strides(graph.type(param.value).shape) : param.strides;
    strides.push_back(numbers(own, sizes));
    buffers.push_back(buffer_of(inputs[i], strides.back()));
  }
  Run out;
  const ProgramStats before = program_stats();
  const std::vector<Buffer> results = run(program, buffers, sizes.data());
  out.stats = program_stats() - before;
  const auto size = [&](DimRef ref) { return program.dims[static_cast<size_t>(ref)].evaluate(sizes.data()); };
  for (size_t i = 0; i < results.size(); ++i) {
    const View& view = program.outputs[i];
    Tensor tensor{program.slots[static_cast<size_t>(view.slot)].dtype, {}, {}};
    std::vector<int64_t> steps;
    for (const DimRef ref : view.shape) tensor.shape.push_back(size(ref));
    for (const DimRef ref : view.strides) steps.push_back(size(ref));
    for (const int64_t place : offsets(tensor.shape, steps))
      tensor.bits.push_back(read(results[i].data, tensor.dtype, place));
    out.results.push_back(std::move(tensor));
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    Tensor tensor{inputs[i].dtype, inputs[i].shape, {}};
    for (const int64_t place : offsets(tensor.shape, strides[i]))
      tensor.bits.push_back(read(buffers[i].data, tensor.dtype, place));
    out.inputs.push_back(std::move(tensor));
  }
  return out;
}

bool agree(const Tensor& expected, const Tensor& got, double tolerance) {
  if (expected.dtype != got.dtype || expected.shape != got.shape) return false;
  for (size_t i = 0; i < got.bits.size(); ++i) {
    if (expected.bits[i] == got.bits[i]) continue;
    const double a = as_double(got.dtype, expected.bits[i]), b = as_double(got.dtype, got.bits[i]);
    const bool nans = std::isnan(a) && std::isnan(b);
    if (!nans && !(tolerance > 0 && std::abs(a - b) <= tolerance * std::max(1.0, std::abs(a)))) return false;
  }
  return true;
}

std::vector<Tensor> random_inputs(const Graph& graph, const Sizes& sizes, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<Tensor> inputs;
  for (const Param& param : graph.params) {
    const TensorType& type = graph.type(param.value);
    inputs.push_back(random_tensor(type.dtype, numbers(type.shape, sizes), random));
  }
  return inputs;
}

void check_program(std::string_view text, const std::vector<Sizes>& all_sizes, double tolerance) {
  const Graph graph = optimize(parse_graph(text));
  for (const Sizes& sizes : all_sizes) {
    const auto inputs = random_inputs(graph, sizes, 7);
    const auto expected = evaluate_graph(optimize(parse_graph(with_sizes(text, sizes))), inputs);
    std::vector<Tensor> first;
    for (Backend* backend : backends())
      for (const Sizes& hints : {sizes, Sizes(sizes.size(), 3), Sizes(sizes.size(), 1 << 20), Sizes{}}) {
        const Plan plan = build_plan(graph, hints, *backend);
        const auto got = run_plan(plan, graph, inputs, sizes).results;
        INFO(backend->name() << ", sizes " << fmt::format("{}", fmt::join(sizes, " ")) << ", hints "
                             << fmt::format("{}", fmt::join(hints, " ")) << "\n"
                             << to_text(*plan.program));
        REQUIRE(got.size() == expected.size());
        for (size_t i = 0; i < got.size(); ++i) {
          INFO("result " << i);
          CHECK(agree(expected[i], got[i], tolerance));
          if (!first.empty()) CHECK(agree(first[i], got[i], 0));
        }
        if (first.empty()) first = got;
      }
  }
}

}  // namespace tandem::testing
