#include "runtime/dnnl_convolution_part.h"

#include <algorithm>
#include <iterator>

namespace tandem::dnnl {

namespace {

constexpr size_t kCachedConvolutions = 512;
constexpr int kMostRank = 3 + kMostWindowAxes;  // weights: groups, out, in, kernel

// What each operand is to the call of each direction.
struct Names {
  Direction direction;
  int queries[CompiledConvolution::kOperands], arguments[CompiledConvolution::kOperands];
};

Names names_of(ConvolutionOf computed) {
  switch (computed) {
    case ConvolutionOf::result:
      return {Direction::forward, {kQuerySource, kQueryWeights, kQueryResult}, {kArgSource, kArgWeights, kArgResult}};
    case ConvolutionOf::source:
      return {Direction::source,
              {kQuerySourceGradient, kQueryWeights, kQueryResultGradient},
              {kArgSourceGradient, kArgWeights, kArgResultGradient}};
    case ConvolutionOf::weights: break;
  }
  return {Direction::weights,
          {kQuerySource, kQueryWeightsGradient, kQueryResultGradient},
          {kArgSource, kArgWeightsGradient, kArgResultGradient}};
}

struct Sizes {
  int rank = 0;
  int64_t sizes[kMostRank], strides[kMostRank];
  void push(int64_t size, int64_t stride) {
    sizes[rank] = size;
    strides[rank++] = stride;
  }
};

// Source or result.
Sizes sizes_of_image(const ConvolutionPart& part, bool of_source) {
  const int64_t* strides = of_source ? part.source_strides : part.result_strides;
  Sizes out;
  out.push(part.batch, strides[0]);
  out.push(part.groups * (of_source ? part.in : part.out), strides[1]);
  for (int i = 0; i < part.axes; ++i) out.push(of_source ? part.window[i].size : part.window[i].result, strides[2 + i]);
  return out;
}

Sizes sizes_of_weights(const ConvolutionPart& part) {
  Sizes out;
  if (part.groups > 1) out.push(part.groups, part.out * part.weights_out);
  out.push(part.out, part.weights_out);
  out.push(part.in, part.weights_in);
  int64_t places = 1;
  for (int i = 0; i < part.axes; ++i) places *= part.window[i].kernel;
  for (int i = 0; i < part.axes; ++i) out.push(part.window[i].kernel, places /= part.window[i].kernel);
  return out;
}

Key key_of(const ConvolutionPart& part) {
  Key key = {static_cast<int64_t>(part.computed),
             static_cast<int64_t>(part.dtype),
             part.bias,
             part.batch,
             part.groups,
             part.in,
             part.out,
             part.axes,
             part.weights_out,
             part.weights_in};
  for (int i = 0; i < part.axes; ++i) {
    const Window& w = part.window[i];
    key.insert(key.end(), {w.size, w.kernel, w.result, w.stride, w.dilation, w.before});
  }
  key.insert(key.end(), part.source_strides, part.source_strides + 2 + part.axes);
  key.insert(key.end(), part.result_strides, part.result_strides + 2 + part.axes);
  return key;
}

}  // namespace

std::shared_ptr<const CompiledConvolution> CompiledConvolution::find(const ConvolutionPart& part) {
  static Cache<CompiledConvolution>& cache = *new Cache<CompiledConvolution>(kCachedConvolutions);
  const OneThread limit;
  auto found = cache.find(key_of(part), [&] { return std::make_shared<const CompiledConvolution>(part); });
  return found->ok_ ? found : nullptr;
}

CompiledConvolution::CompiledConvolution(const ConvolutionPart& part) : computed_(part.computed) {
  const int type = part.dtype == DType::f32 ? kF32 : kBf16;
  const Sizes sizes[kOperands] = {sizes_of_image(part, true), sizes_of_weights(part), sizes_of_image(part, false)};
  std::unique_ptr<MemoryDescription> any[kOperands];
  for (int i = 0; i < kOperands; ++i) {
    operands_[i].plain =
        std::make_unique<MemoryDescription>(api(), sizes[i].rank, sizes[i].sizes, type, sizes[i].strides);
    any[i] = std::make_unique<MemoryDescription>(api(), sizes[i].rank, sizes[i].sizes, type, nullptr);
    if (!operands_[i].plain->ok() || !any[i]->ok()) return;
  }
  if (part.bias) {
    const int64_t channels = part.groups * part.out, one = 1;
    bias_ = std::make_unique<MemoryDescription>(api(), 1, &channels, type, &one);
    if (!bias_->ok()) return;
  }
  int64_t strides[kMostWindowAxes], dilations[kMostWindowAxes], before[kMostWindowAxes], after[kMostWindowAxes];
  for (int i = 0; i < part.axes; ++i) {
    const Window& w = part.window[i];
    strides[i] = w.stride;
    dilations[i] = w.dilation - 1;
    before[i] = w.before;
    after[i] = w.after();
  }
  Attributes attributes;
  if (!make_attributes(attributes)) return;
  const ConvolutionProblem problem{*any[source], *any[weights], *any[result], bias_.get(),
                                   strides,      dilations,     before,       after};
  const Names names = names_of(computed_);
  if (names.direction != Direction::forward) {
    *hint_.out() = describe_convolution(api(), engine(), attributes.get(), Direction::forward, problem, nullptr);
    if (!hint_.get()) return;
  }
  primitive_.make(describe_convolution(api(), engine(), attributes.get(), names.direction, problem, hint_.get()),
                  false);
  if (!primitive_) return;
  ok_ = lay(source, names.queries[source], computed_ == ConvolutionOf::source) &&
        lay(weights, names.queries[weights], computed_ == ConvolutionOf::weights) &&
        lay(result, names.queries[result], computed_ == ConvolutionOf::result);
}

// Finds out which layout is wanted, and makes the reorder if it is another one.
bool CompiledConvolution::lay(Operand operand, int query, bool computed) {
  Laid& laid = operands_[operand];
  laid.wanted = primitive_.layout(query);
  const void* plain = laid.plain->get();
  if (!laid.wanted) return false;
  if (api().memory_desc_equal(laid.wanted, plain) != 0) return true;
  laid.bytes = api().memory_desc_get_size(laid.wanted);
  Attributes attributes;
  if (!make_attributes(attributes)) return false;
  laid.reorder.make(describe_reorder(api(), engine(), attributes.get(), computed ? laid.wanted : plain,
                                     computed ? plain : laid.wanted),
                    true);
  return static_cast<bool>(laid.reorder);
}

bool CompiledConvolution::same_layout(const CompiledConvolution& other, Operand operand) const {
  return api().memory_desc_equal(operands_[operand].wanted, other.operands_[operand].wanted) != 0;
}

bool CompiledConvolution::arrange(Operand operand, const void* from, void* copy) const {
  const Laid& laid = operands_[operand];
  const Place places[] = {{kArgSource, laid.plain->get(), from}, {kArgResult, laid.wanted, copy}};
  const OneThread limit;
  return laid.reorder.run(places);
}

bool CompiledConvolution::give_back(Operand operand, const void* copy, void* to) const {
  const Laid& laid = operands_[operand];
  const Place places[] = {{kArgSource, laid.wanted, copy}, {kArgResult, laid.plain->get(), to}};
  const OneThread limit;
  return laid.reorder.run(places);
}

bool CompiledConvolution::run(const void* source_data, const void* weights_data, const void* bias,
                              const void* result_data) const {
  const Names names = names_of(computed_);
  const void* data[kOperands] = {source_data, weights_data, result_data};
  Place places[kOperands + 1];
  for (int i = 0; i < kOperands; ++i) places[i] = {names.arguments[i], operands_[i].wanted, data[i]};
  if (bias_) places[kOperands] = {kArgBias, bias_->get(), bias};
  const OneThread limit;
  return primitive_.run({places, bias_ ? std::size_t{kOperands + 1} : std::size_t{kOperands}});
}

}  // namespace tandem::dnnl
