// One convolution that oneDNN does at once, on one thread: a part of the problem that convolve() was asked for.
#pragma once
#include <memory>

#include "runtime/convolution.h"
#include "runtime/dnnl_primitive.h"

namespace tandem::dnnl {

// Operands are parts of larger arrays: strides in elements of batch, channels and the axes of the window. Weights may be
// a slice of their input channels.
struct ConvolutionPart {
  ConvolutionOf computed;
  DType dtype;
  bool bias;
  int64_t batch, groups, in, out;
  int axes;
  Window window[kMostWindowAxes];
  int64_t source_strides[2 + kMostWindowAxes], result_strides[2 + kMostWindowAxes];
  int64_t weights_out, weights_in;  // strides; places of the kernel are contiguous
};

class CompiledConvolution {
 public:
  static constexpr int kOperands = 3;
  enum Operand : uint8_t { source, weights, result };

  // Found in a cache, or made. Null: oneDNN has no fast kernel.
  static std::shared_ptr<const CompiledConvolution> find(const ConvolutionPart& part);

  // Of a copy in the layout that the kernel wants; 0 when it takes the operand as it lies.
  size_t copy_bytes(Operand operand) const { return operands_[operand].bytes; }
  bool same_layout(const CompiledConvolution& other, Operand operand) const;
  // To that layout, and of what is computed back from it. False: the library failed.
  bool arrange(Operand operand, const void* from, void* copy) const;
  bool give_back(Operand operand, const void* copy, void* to) const;
  // Operands where copy_bytes says so are copies.
  bool run(const void* source, const void* weights, const void* bias, const void* result) const;

  explicit CompiledConvolution(const ConvolutionPart& part);

 private:
  struct Laid {
    std::unique_ptr<MemoryDescription> plain;
    const void* wanted = nullptr;
    size_t bytes = 0;
    Primitive reorder;  // of an input to the wanted layout, of what is computed from it
  };
  bool lay(Operand operand, int query, bool computed);

  ConvolutionOf computed_;
  Laid operands_[kOperands];
  std::unique_ptr<MemoryDescription> bias_;
  Description hint_;
  Primitive primitive_;
  bool ok_ = false;
};

}  // namespace tandem::dnnl
