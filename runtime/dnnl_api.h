// The part of oneDNN's C interface that is used, for versions 2 and 3, which differ in how a problem is described:
// version 2 fills structures that the caller provides, version 3 makes objects.
#pragma once
#include <cstdint>
#include <string>

#include "runtime/dylib.h"

namespace tandem::dnnl {

using Handle = void*;  // engine, stream, memory, primitive ...
using Status = int;    // 0: success

// Numbers of the interface, the same in both versions; tests/runtime compares them with the header.
inline constexpr int kCpu = 1;
inline constexpr int kBf16 = 2;
inline constexpr int kF32 = 3;
inline constexpr int kDefaultStream = 1;
inline constexpr int kUserScratchpad = 1;
inline constexpr int kQueryImplementation = 8;
inline constexpr int kQuerySource = 129;
inline constexpr int kQuerySourceGradient = 130;
inline constexpr int kQueryWeights = 131;
inline constexpr int kQueryWeightsGradient = 132;
inline constexpr int kQueryResult = 133;
inline constexpr int kQueryResultGradient = 134;
inline constexpr int kQueryScratchpad = 136;
inline constexpr int kArgSource = 1;
inline constexpr int kArgResult = 17;
inline constexpr int kArgWeights = 33;
inline constexpr int kArgBias = 41;
inline constexpr int kArgScratchpad = 80;
inline constexpr int kArgSourceGradient = 129;
inline constexpr int kArgResultGradient = 145;
inline constexpr int kArgWeightsGradient = 161;
inline constexpr int kForwardInference = 96;
inline constexpr int kConvolutionDirect = 1;
inline constexpr int kAnyLayout = 1;

// Version 2: room for its structures, which are plain data of about 0.7 and up to 6 KB.
struct alignas(16) MemoryDescription2 {
  char bytes[2048];
};
struct alignas(16) ProblemDescription2 {
  char bytes[16384];
};

struct Version {  // of the library; its structure goes on
  int major, minor, patch;
};

struct Argument {
  int argument;
  Handle memory;
};

struct Api {
  Api();
  bool loaded = false;
  int major = 0;
  std::string description;  // name and version, or why there is none

  const Version* (*version)() = nullptr;
  // Of the OpenMP runtime the library uses; null when it uses none.
  void (*set_threads)(int) = nullptr;
  int (*most_threads)() = nullptr;
  Status (*engine_create)(Handle*, int kind, size_t index) = nullptr;
  Status (*stream_create)(Handle*, Handle engine, unsigned flags) = nullptr;
  Status (*stream_wait)(Handle) = nullptr;
  Status (*stream_destroy)(Handle) = nullptr;
  Status (*attr_create)(Handle*) = nullptr;
  Status (*attr_set_scratchpad_mode)(Handle, int) = nullptr;
  Status (*attr_destroy)(Handle) = nullptr;
  Status (*primitive_desc_query)(Handle, int what, int index, void* result) = nullptr;
  const void* (*primitive_desc_query_md)(Handle, int what, int index) = nullptr;
  Status (*primitive_desc_destroy)(Handle) = nullptr;
  size_t (*memory_desc_get_size)(const void*) = nullptr;
  Status (*memory_create)(Handle*, const void* description, Handle engine, void* data) = nullptr;
  Status (*memory_destroy)(Handle) = nullptr;
  Status (*primitive_create)(Handle*, Handle description) = nullptr;
  Status (*primitive_execute)(Handle, Handle stream, int count, const Argument*) = nullptr;
  Status (*primitive_destroy)(Handle) = nullptr;
  int (*memory_desc_equal)(const void*, const void*) = nullptr;
  Status (*reorder_primitive_desc_create)(Handle*, const void* from, Handle from_engine, const void* to,
                                          Handle to_engine, Handle attributes) = nullptr;

  // Version 2.
  Status (*memory_desc_init_by_strides)(MemoryDescription2*, int rank, const int64_t* sizes, int type,
                                        const int64_t* strides) = nullptr;
  Status (*memory_desc_init_by_tag)(MemoryDescription2*, int rank, const int64_t* sizes, int type, int tag) = nullptr;
  Status (*matmul_desc_init)(ProblemDescription2*, const void* source, const void* weights, const void* bias,
                             const void* result) = nullptr;
  Status (*convolution_forward_desc_init)(ProblemDescription2*, int purpose, int algorithm, const void* source,
                                          const void* weights, const void* bias, const void* result,
                                          const int64_t* strides, const int64_t* dilations, const int64_t* before,
                                          const int64_t* after) = nullptr;
  Status (*convolution_data_desc_init)(ProblemDescription2*, int algorithm, const void* source, const void* weights,
                                       const void* result, const int64_t* strides, const int64_t* dilations,
                                       const int64_t* before, const int64_t* after) = nullptr;
  Status (*convolution_weights_desc_init)(ProblemDescription2*, int algorithm, const void* source, const void* weights,
                                          const void* bias, const void* result, const int64_t* strides,
                                          const int64_t* dilations, const int64_t* before,
                                          const int64_t* after) = nullptr;
  Status (*primitive_desc_create)(Handle*, const void* description, Handle attributes, Handle engine,
                                  Handle hint) = nullptr;
  // Version 3.
  Status (*memory_desc_create_with_strides)(Handle*, int rank, const int64_t* sizes, int type,
                                            const int64_t* strides) = nullptr;
  Status (*memory_desc_destroy)(Handle) = nullptr;
  Status (*matmul_primitive_desc_create)(Handle*, Handle engine, const void* source, const void* weights,
                                         const void* bias, const void* result, Handle attributes) = nullptr;
  Status (*memory_desc_create_with_tag)(Handle*, int rank, const int64_t* sizes, int type, int tag) = nullptr;
  Status (*convolution_forward_create)(Handle*, Handle engine, int purpose, int algorithm, const void* source,
                                       const void* weights, const void* bias, const void* result,
                                       const int64_t* strides, const int64_t* dilations, const int64_t* before,
                                       const int64_t* after, Handle attributes) = nullptr;
  Status (*convolution_data_create)(Handle*, Handle engine, int algorithm, const void* source, const void* weights,
                                    const void* result, const int64_t* strides, const int64_t* dilations,
                                    const int64_t* before, const int64_t* after, Handle hint,
                                    Handle attributes) = nullptr;
  Status (*convolution_weights_create)(Handle*, Handle engine, int algorithm, const void* source, const void* weights,
                                       const void* bias, const void* result, const int64_t* strides,
                                       const int64_t* dilations, const int64_t* before, const int64_t* after,
                                       Handle hint, Handle attributes) = nullptr;
};

// Strided memory, described; what both versions accept wherever a description is wanted.
class MemoryDescription {
 public:
  // Without strides (null) the layout is the library's choice.
  MemoryDescription(const Api& api, int rank, const int64_t* sizes, int type, const int64_t* strides);
  ~MemoryDescription();
  MemoryDescription(const MemoryDescription&) = delete;
  MemoryDescription& operator=(const MemoryDescription&) = delete;
  bool ok() const { return ok_; }
  const void* get() const { return api_.major == 2 ? static_cast<const void*>(&plain_) : object_; }

 private:
  const Api& api_;
  MemoryDescription2 plain_;
  Handle object_ = nullptr;
  bool ok_;
};

// The description of a matrix product as the library will run it; null when it has none.
Handle describe_matmul(const Api& api, Handle engine, Handle attributes, const MemoryDescription& source,
                       const MemoryDescription& weights, const MemoryDescription& result);

// A convolution forward, backward to its source, or backward to its weights; what is computed is the source, weights or
// result of that direction.
enum class Direction : uint8_t { forward, source, weights };
struct ConvolutionProblem {
  const MemoryDescription &source, &weights, &result;
  const MemoryDescription* bias;  // may be null; forward only
  // One number per spatial axis; a dilation of 0 is none.
  const int64_t *strides, *dilations, *before, *after;
};
// Null when the library cannot do it. Both backward directions take the description of the forward one as a hint.
Handle describe_convolution(const Api& api, Handle engine, Handle attributes, Direction direction,
                            const ConvolutionProblem& problem, Handle hint);

// A copy from one layout to another.
Handle describe_reorder(const Api& api, Handle engine, Handle attributes, const void* from, const void* to);

}  // namespace tandem::dnnl
