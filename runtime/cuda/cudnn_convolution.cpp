#include "runtime/cuda/cudnn_convolution.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <climits>
#include <map>
#include <mutex>
#include <optional>

#include "runtime/cuda/cudnn.h"
#include "runtime/cuda/matmul.h"
#include "runtime/cuda/of_gpu.h"

namespace tandem::cuda {

namespace {

using namespace cudnn;

constexpr int kMostRank = kMostWindowAxes + 2;
constexpr int kMostAlgorithms = 8;
constexpr size_t kMostWorkspace = size_t{1} << 30;
constexpr size_t kKept = 1024;

std::atomic<int64_t> calls{0};

std::optional<Type> type_of(DType dtype) {
  switch (dtype) {
    case DType::f32: return Type::f32;
    case DType::f64: return Type::f64;
    case DType::f16: return Type::f16;
    case DType::bf16: return Type::bf16;
    default: return std::nullopt;
  }
}

// What decides about a plan: everything but the addresses.
using Key = std::array<int64_t, 7 + 6 * kMostWindowAxes>;
Key key_of(const ConvolutionArgs& args) {
  Key key{static_cast<int64_t>(args.computed),
          static_cast<int64_t>(args.dtype),
          args.batch,
          args.groups,
          args.in,
          args.out,
          tf32_allowed()};
  size_t at = 7;
  for (int k = 0; k < args.axes; ++k) {
    const Window& w = args.window[k];
    for (const int64_t value : {w.size, w.kernel, w.result, w.stride, w.dilation, w.before}) key[at++] = value;
  }
  return key;
}

bool fits(const ConvolutionArgs& args) {
  const int64_t images =
      std::max(args.groups * args.in * args.source_size(), args.groups * args.out * args.result_size());
  if (args.batch * images > INT_MAX || args.groups * args.out * args.in * args.places() > INT_MAX) return false;
  for (int k = 0; k < args.axes; ++k) {
    // As many zeros behind the source as before it; some more behind it do no harm where the stride leaves them out.
    const Window& w = args.window[k];
    if (w.before < 0 || w.before >= w.span()) return false;
    const int64_t seen = w.size + 2 * w.before - w.span();
    if (seen < 0 || seen / w.stride + 1 != w.result) return false;
  }
  return true;
}

// Descriptors of one kind of convolution, and how it is computed; without an algorithm where there is none.
class Plan {
 public:
  Plan(const cudnn::Api& api, Handle library, const ConvolutionArgs& args) : api_(api), of_(args.computed) {
    const Type type = *type_of(args.dtype);
    const int lead = args.axes < 2 ? 1 : 0;  // there are always two axes at least
    const int axes = args.axes + lead, rank = axes + 2;
    int before[kMostWindowAxes] = {0}, strides[kMostWindowAxes] = {1}, dilations[kMostWindowAxes] = {1};
    int source[kMostRank] = {0, 0, 1}, result[kMostRank] = {0, 0, 1}, weights[kMostRank] = {0, 0, 1};
    const auto narrow = [](int64_t value) { return static_cast<int>(value); };
    source[0] = result[0] = narrow(args.batch);
    source[1] = narrow(args.groups * args.in);
    result[1] = weights[0] = narrow(args.groups * args.out);
    weights[1] = narrow(args.in);
    for (int k = 0; k < args.axes; ++k) {
      const Window& w = args.window[k];
      before[lead + k] = narrow(w.before);
      strides[lead + k] = narrow(w.stride);
      dilations[lead + k] = narrow(w.dilation);
      source[2 + lead + k] = narrow(w.size);
      result[2 + lead + k] = narrow(w.result);
      weights[2 + lead + k] = narrow(w.kernel);
    }
    const Math math = args.dtype != DType::f32 || tf32_allowed() ? Math::any : Math::fma;
    const bool described =
        tensor(source_, type, rank, source) && tensor(result_, type, rank, result) &&
        api.filter_create(&weights_) == 0 && api.filter_set(weights_, type, kRowMajor, rank, weights) == 0 &&
        api.convolution_create(&convolution_) == 0 &&
        api.convolution_set(convolution_, axes, before, strides, dilations, kCorrelation,
                            type == Type::f64 ? Type::f64 : Type::f32) == 0 &&
        api.convolution_groups(convolution_, narrow(args.groups)) == 0 && api.convolution_math(convolution_, math) == 0;
    if (described) choose(library, math);
  }
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;
  ~Plan() {
    for (const Handle tensor : {source_, result_})
      if (tensor) api_.tensor_destroy(tensor);
    if (weights_) api_.filter_destroy(weights_);
    if (convolution_) api_.convolution_destroy(convolution_);
  }

  bool exists() const { return algorithm_.has_value(); }
  size_t workspace() const { return algorithm_->workspace; }

  Status run(Handle library, const ConvolutionArgs& args, void* workspace) const {
    // One and zero of whatever type it scales by.
    const double one64 = 1, zero64 = 0;
    const float one32 = 1, zero32 = 0;
    const bool is_double = args.dtype == DType::f64;
    const void* one = is_double ? static_cast<const void*>(&one64) : &one32;
    const void* zero = is_double ? static_cast<const void*>(&zero64) : &zero32;
    const auto with = [&](const auto& compute, Handle first, const void* a, Handle second, const void* b,
                          Handle computed, void* data) {
      return compute(library, one, first, a, second, b, convolution_, algorithm_->number, workspace, this->workspace(),
                     zero, computed, data);
    };
    switch (of_) {
      case ConvolutionOf::result:
        return with(api_.result, source_, args.source, weights_, args.weights, result_, args.result);
      case ConvolutionOf::source:
        return with(api_.source, weights_, args.weights, result_, args.result, source_, args.source);
      case ConvolutionOf::weights:
        return with(api_.weights, source_, args.source, result_, args.result, weights_, args.weights);
    }
    return -1;
  }

 private:
  bool tensor(Handle& made, Type type, int rank, const int* sizes) const {
    int strides[kMostRank], stride = 1;
    for (int k = rank; k-- > 0;) strides[k] = stride, stride *= sizes[k];
    return api_.tensor_create(&made) == 0 && api_.tensor_set(made, type, rank, sizes, strides) == 0;
  }

  // The quickest, by its own account, of those that give the same bits every time.
  void choose(Handle library, Math math) {
    Algorithm found[kMostAlgorithms] = {};
    int count = 0;
    const auto ask = [&](const auto& choose, Handle a, Handle b, Handle computed) {
      return choose(library, a, b, convolution_, computed, kMostAlgorithms, &count, found);
    };
    const Status status = of_ == ConvolutionOf::result   ? ask(api_.choose_result, source_, weights_, result_)
                          : of_ == ConvolutionOf::source ? ask(api_.choose_source, weights_, result_, source_)
                                                         : ask(api_.choose_weights, source_, result_, weights_);
    if (status != 0) return;
    for (int k = 0; k < count && !algorithm_; ++k) {
      const Algorithm& each = found[k];
      if (each.status != 0 || each.determinism != kDeterministic || each.workspace > kMostWorkspace) continue;
      algorithm_ = each;
    }
    // Where tensor cores are welcome, they are a row of their own; full float32 stays asked for.
    if (algorithm_ && math == Math::any && algorithm_->math != math)
      api_.convolution_math(convolution_, algorithm_->math);
  }

  const cudnn::Api& api_;
  const ConvolutionOf of_;
  Handle source_ = nullptr, result_ = nullptr, weights_ = nullptr, convolution_ = nullptr;
  std::optional<Algorithm> algorithm_;
};

// Of one GPU.
struct Plans {
  std::mutex mutex;
  Handle library = nullptr;
  std::map<Key, Plan> known;

  const Plan& of(const cudnn::Api& api, const ConvolutionArgs& args) {
    const Key key = key_of(args);
    const auto found = known.find(key);
    if (found != known.end()) return found->second;
    if (known.size() >= kKept) known.clear();
    return known.try_emplace(key, api, library, args).first->second;
  }
};

}  // namespace

int64_t cudnn_calls() { return calls.load(); }

bool cudnn_convolve(Gpu& gpu, const ConvolutionArgs& args) {
  if (!type_of(args.dtype) || !fits(args)) return false;
  const cudnn::Api* const api = cudnn::api();
  if (!api) return false;
  auto& plans = of_gpu<Plans>(gpu);
  const std::lock_guard lock(plans.mutex);  // its handle is of one thread at a time
  if (!plans.library && (api->create(&plans.library) != 0 || api->set_stream(plans.library, gpu.stream) != 0))
    return false;
  const Plan& plan = plans.of(*api, args);
  if (!plan.exists()) return false;
  StorageRef workspace;
  if (plan.workspace() > 0) workspace = gpu.memory.allocate(plan.workspace());
  const Status status = plan.run(plans.library, args, workspace ? workspace->data : nullptr);
  if (status != 0)
    throw_error(ErrorKind::backend, "convolution: got {} from cuDNN {}; need success; try other sizes, or x.cpu()",
                api->status_text(status), cudnn::version());
  calls.fetch_add(1, std::memory_order_relaxed);
  return true;
}

}  // namespace tandem::cuda
