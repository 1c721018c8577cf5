#include "runtime/dnnl_api.h"

#include <fmt/format.h>

namespace tandem::dnnl {

namespace {

#if defined(TANDEM_HAVE_DNNL)
constexpr bool kBuilt = true;
#else
constexpr bool kBuilt = false;
#endif

bool bind_all(Api& api, Dylib& library) {
  const bool common =
      library.bind(api.engine_create, "dnnl_engine_create") && library.bind(api.stream_create, "dnnl_stream_create") &&
      library.bind(api.stream_wait, "dnnl_stream_wait") && library.bind(api.stream_destroy, "dnnl_stream_destroy") &&
      library.bind(api.attr_create, "dnnl_primitive_attr_create") &&
      library.bind(api.attr_set_scratchpad_mode, "dnnl_primitive_attr_set_scratchpad_mode") &&
      library.bind(api.attr_destroy, "dnnl_primitive_attr_destroy") &&
      library.bind(api.primitive_desc_query, "dnnl_primitive_desc_query") &&
      library.bind(api.primitive_desc_query_md, "dnnl_primitive_desc_query_md") &&
      library.bind(api.primitive_desc_destroy, "dnnl_primitive_desc_destroy") &&
      library.bind(api.memory_desc_get_size, "dnnl_memory_desc_get_size") &&
      library.bind(api.memory_create, "dnnl_memory_create") &&
      library.bind(api.memory_destroy, "dnnl_memory_destroy") &&
      library.bind(api.primitive_create, "dnnl_primitive_create") &&
      library.bind(api.primitive_execute, "dnnl_primitive_execute") &&
      library.bind(api.primitive_destroy, "dnnl_primitive_destroy") &&
      library.bind(api.memory_desc_equal, "dnnl_memory_desc_equal") &&
      library.bind(api.reorder_primitive_desc_create, "dnnl_reorder_primitive_desc_create");
  if (!common) return false;
  if (!library.bind(api.set_threads, "omp_set_num_threads") || !library.bind(api.most_threads, "omp_get_max_threads"))
    api.set_threads = nullptr;
  if (api.major == 2)
    return library.bind(api.memory_desc_init_by_strides, "dnnl_memory_desc_init_by_strides") &&
           library.bind(api.memory_desc_init_by_tag, "dnnl_memory_desc_init_by_tag") &&
           library.bind(api.convolution_forward_desc_init, "dnnl_dilated_convolution_forward_desc_init") &&
           library.bind(api.convolution_data_desc_init, "dnnl_dilated_convolution_backward_data_desc_init") &&
           library.bind(api.convolution_weights_desc_init, "dnnl_dilated_convolution_backward_weights_desc_init") &&
           library.bind(api.matmul_desc_init, "dnnl_matmul_desc_init") &&
           library.bind(api.primitive_desc_create, "dnnl_primitive_desc_create");
  return library.bind(api.memory_desc_create_with_strides, "dnnl_memory_desc_create_with_strides") &&
         library.bind(api.memory_desc_create_with_tag, "dnnl_memory_desc_create_with_tag") &&
         library.bind(api.memory_desc_destroy, "dnnl_memory_desc_destroy") &&
         library.bind(api.convolution_forward_create, "dnnl_convolution_forward_primitive_desc_create") &&
         library.bind(api.convolution_data_create, "dnnl_convolution_backward_data_primitive_desc_create") &&
         library.bind(api.convolution_weights_create, "dnnl_convolution_backward_weights_primitive_desc_create") &&
         library.bind(api.matmul_primitive_desc_create, "dnnl_matmul_primitive_desc_create");
}

}  // namespace

Api::Api() {
  if (!kBuilt) {
    description = "no oneDNN: this build leaves it out";
    return;
  }
  static Dylib library("TANDEM_DNNL", {"libdnnl.so.2", "libdnnl.so.3", "libdnnl.so"});
  if (!library || !library.bind(version, "dnnl_version")) {
    description = "no oneDNN: " + library.reason();
    return;
  }
  const Version& found = *version();
  major = found.major;
  if (major != 2 && major != 3) {
    description = fmt::format("no oneDNN: {} is version {}; 2 and 3 are known", library.name(), major);
    return;
  }
  loaded = bind_all(*this, library);
  description =
      loaded ? fmt::format("oneDNN {}.{}.{}", found.major, found.minor, found.patch) : "no oneDNN: " + library.reason();
}

MemoryDescription::MemoryDescription(const Api& api, int rank, const int64_t* sizes, int type, const int64_t* strides)
    : api_(api) {
  Status status = 0;
  if (api.major == 2)
    status = strides ? api.memory_desc_init_by_strides(&plain_, rank, sizes, type, strides)
                     : api.memory_desc_init_by_tag(&plain_, rank, sizes, type, kAnyLayout);
  else
    status = strides ? api.memory_desc_create_with_strides(&object_, rank, sizes, type, strides)
                     : api.memory_desc_create_with_tag(&object_, rank, sizes, type, kAnyLayout);
  ok_ = status == 0;
}

MemoryDescription::~MemoryDescription() {
  if (object_) api_.memory_desc_destroy(object_);
}

Handle describe_matmul(const Api& api, Handle engine, Handle attributes, const MemoryDescription& source,
                       const MemoryDescription& weights, const MemoryDescription& result) {
  Handle made = nullptr;
  if (api.major == 2) {
    ProblemDescription2 problem;
    if (api.matmul_desc_init(&problem, source.get(), weights.get(), nullptr, result.get()) != 0) return nullptr;
    return api.primitive_desc_create(&made, &problem, attributes, engine, nullptr) == 0 ? made : nullptr;
  }
  const Status status =
      api.matmul_primitive_desc_create(&made, engine, source.get(), weights.get(), nullptr, result.get(), attributes);
  return status == 0 ? made : nullptr;
}

namespace {

Handle describe_convolution2(const Api& api, Handle engine, Handle attributes, Direction direction,
                             const ConvolutionProblem& c, Handle hint) {
  ProblemDescription2 problem;
  const void *source = c.source.get(), *weights = c.weights.get(), *result = c.result.get();
  Status status = 0;
  switch (direction) {
    case Direction::forward:
      status = api.convolution_forward_desc_init(&problem, kForwardInference, kConvolutionDirect, source, weights,
                                                 c.bias ? c.bias->get() : nullptr, result, c.strides, c.dilations,
                                                 c.before, c.after);
      break;
    case Direction::source:
      status = api.convolution_data_desc_init(&problem, kConvolutionDirect, source, weights, result, c.strides,
                                              c.dilations, c.before, c.after);
      break;
    case Direction::weights:
      status = api.convolution_weights_desc_init(&problem, kConvolutionDirect, source, weights, nullptr, result,
                                                 c.strides, c.dilations, c.before, c.after);
      break;
  }
  Handle made = nullptr;
  return status == 0 && api.primitive_desc_create(&made, &problem, attributes, engine, hint) == 0 ? made : nullptr;
}

Handle describe_convolution3(const Api& api, Handle engine, Handle attributes, Direction direction,
                             const ConvolutionProblem& c, Handle hint) {
  const void *source = c.source.get(), *weights = c.weights.get(), *result = c.result.get();
  Handle made = nullptr;
  Status status = 0;
  switch (direction) {
    case Direction::forward:
      status = api.convolution_forward_create(&made, engine, kForwardInference, kConvolutionDirect, source, weights,
                                              c.bias ? c.bias->get() : nullptr, result, c.strides, c.dilations,
                                              c.before, c.after, attributes);
      break;
    case Direction::source:
      status = api.convolution_data_create(&made, engine, kConvolutionDirect, source, weights, result, c.strides,
                                           c.dilations, c.before, c.after, hint, attributes);
      break;
    case Direction::weights:
      status = api.convolution_weights_create(&made, engine, kConvolutionDirect, source, weights, nullptr, result,
                                              c.strides, c.dilations, c.before, c.after, hint, attributes);
      break;
  }
  return status == 0 ? made : nullptr;
}

}  // namespace

Handle describe_convolution(const Api& api, Handle engine, Handle attributes, Direction direction,
                            const ConvolutionProblem& problem, Handle hint) {
  return api.major == 2 ? describe_convolution2(api, engine, attributes, direction, problem, hint)
                        : describe_convolution3(api, engine, attributes, direction, problem, hint);
}

Handle describe_reorder(const Api& api, Handle engine, Handle attributes, const void* from, const void* to) {
  Handle made = nullptr;
  return api.reorder_primitive_desc_create(&made, from, engine, to, engine, attributes) == 0 ? made : nullptr;
}

}  // namespace tandem::dnnl
