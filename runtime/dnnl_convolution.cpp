// A convolution is cut into parts, each of which oneDNN does on one thread of our pool. How it is cut follows from the
// sizes alone, so the bits do not depend on the number of threads.
//
// The library's kernels want channels in blocks; copies to that layout and back are made part by part, so that they stay
// in the second-level cache: an image is cut into bands of rows, small images are taken several at a time. Where that
// gives few parts, or the weights are most of the data, channels of the computed array are cut instead. An operand that
// several parts share is copied once, beforehand.
#include <algorithm>
#include <atomic>
#include <map>
#include <vector>

#include "ir/error.h"
#include "runtime/dnnl_convolution_part.h"
#include "runtime/parallel.h"
#include "runtime/storage.h"

namespace tandem {

namespace {

using dnnl::CompiledConvolution;
using dnnl::ConvolutionPart;

constexpr int64_t kBandBytes = 384 << 10;  // of source and result in one part
constexpr int64_t kFewParts = 4, kManyParts = 8;
constexpr int64_t kChannelStep = 32;  // channels of a part: as many as the kernels compute at a time
constexpr double kNanosecondsPerStep = 0.02;

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t round_up(int64_t a, int64_t step) { return ceil_div(a, step) * step; }

// One axis alone is seen as the second of two: the library has more kernels for images.
ConvolutionArgs as_image(ConvolutionArgs args) {
  if (args.axes > 1) return args;
  args.axes = 2;
  args.window[1] = args.window[0];
  args.window[0] = {};
  return args;
}

// What one part has of the batch, of the rows of the result, and of channels (of groups, if there are several).
struct Cuts {
  int64_t images, rows, channels;
};

struct Job {
  std::shared_ptr<const CompiledConvolution> kernel;
  char* data[CompiledConvolution::kOperands];
  const char* bias;
  int64_t images, channels;  // of what is computed
  double steps;
};

class Problem {
 public:
  explicit Problem(const ConvolutionArgs& given) : args_(as_image(given)), bytes_(size_of(given.dtype)) {
    computed_ = args_.computed == ConvolutionOf::result   ? CompiledConvolution::result
                : args_.computed == ConvolutionOf::source ? CompiledConvolution::source
                                                          : CompiledConvolution::weights;
    while (cut_axis_ < args_.axes - 1 && args_.window[cut_axis_].result == 1) ++cut_axis_;
    source_channel_ = args_.source_size();
    result_channel_ = args_.result_size();
    weights_out_ = args_.in * args_.places();
  }

  bool run() {
    if (args_.computed == ConvolutionOf::weights) return run_weights();
    if (!add_jobs(cuts())) return false;
    return execute();
  }

 private:
  int64_t channels_computed() const {
    return args_.groups > 1 ? args_.groups : args_.computed == ConvolutionOf::source ? args_.in : args_.out;
  }

  Cuts cuts() const {
    const int64_t image = args_.groups * (args_.in * source_channel_ + args_.out * result_channel_) * bytes_;
    const int64_t weights = args_.groups * args_.out * weights_out_ * bytes_;
    const Window& window = args_.window[cut_axis_];
    Cuts cuts{1, window.result, channels_computed()};
    if (image <= kBandBytes) {
      cuts.images = std::clamp<int64_t>(kBandBytes / std::max<int64_t>(image, 1), 1,
                                        std::max<int64_t>(args_.batch / kManyParts, 1));
    } else if (args_.computed == ConvolutionOf::result) {
      // Neighbouring bands read common rows; these should be few.
      const int64_t least = ceil_div(4 * std::max<int64_t>(window.span() - window.stride, 0), window.stride);
      cuts.rows = std::clamp(ceil_div(window.result, ceil_div(image, kBandBytes)), std::min(least, window.result),
                             window.result);
      cuts.rows =
          std::max<int64_t>(ceil_div(window.result, ceil_div(window.result, std::max<int64_t>(cuts.rows, 1))), 1);
    }
    const int64_t parts = ceil_div(args_.batch, cuts.images) * ceil_div(window.result, cuts.rows);
    if (parts >= kFewParts && weights <= args_.batch * image) return cuts;
    return {ceil_div(args_.batch, 2), window.result, channel_step(channels_computed())};
  }

  int64_t channel_step(int64_t channels) const {
    const int64_t each = args_.groups == 1 ? kChannelStep : args_.in == 1 && args_.out == 1 ? 16 : 1;
    return std::min(round_up(ceil_div(channels, kManyParts), each), channels);
  }

  // The problem without its place in memory.
  ConvolutionPart whole() const {
    ConvolutionPart part{};
    part.computed = args_.computed;
    part.dtype = args_.dtype;
    part.bias = args_.bias != nullptr && args_.computed == ConvolutionOf::result;
    part.batch = args_.batch;
    part.groups = args_.groups;
    part.in = args_.in;
    part.out = args_.out;
    part.axes = args_.axes;
    std::copy_n(args_.window, args_.axes, part.window);
    const auto strides = [&](int64_t* to, bool of_source) {
      int64_t step = 1;
      for (int i = args_.axes - 1; i >= 0; --i) {
        to[2 + i] = step;
        step *= of_source ? args_.window[i].size : args_.window[i].result;
      }
      to[1] = step;
      to[0] = step * args_.groups * (of_source ? args_.in : args_.out);
    };
    strides(part.source_strides, true);
    strides(part.result_strides, false);
    part.weights_out = weights_out_;
    part.weights_in = args_.places();
    return part;
  }

  bool add_jobs(const Cuts& cuts) {
    const int64_t rows = args_.window[cut_axis_].result;
    for (int64_t c = 0; c < channels_computed(); c += cuts.channels)
      for (int64_t n = 0; n < args_.batch; n += cuts.images)
        for (int64_t r = 0; r < rows; r += cuts.rows)
          if (!add_job(n, std::min(cuts.images, args_.batch - n), r, std::min(cuts.rows, rows - r), c,
                       std::min(cuts.channels, channels_computed() - c)))
            return false;
    return true;
  }

  bool add_job(int64_t image, int64_t images, int64_t row, int64_t rows, int64_t channel, int64_t channels) {
    ConvolutionPart part = whole();
    part.batch = images;
    int64_t source = image * part.source_strides[0], result = image * part.result_strides[0], weights = 0, bias = 0;
    if (args_.groups > 1) {
      part.groups = channels;
      source += channel * args_.in * source_channel_;
      result += channel * args_.out * result_channel_;
      weights += channel * args_.out * weights_out_;
      bias = channel * (args_.computed == ConvolutionOf::source ? args_.in : args_.out);
    } else if (args_.computed == ConvolutionOf::source) {
      part.in = channels;
      source += channel * source_channel_;
      weights += channel * part.weights_in;
      bias = channel;
    } else {
      part.out = channels;
      result += channel * result_channel_;
      weights += channel * weights_out_;
      bias = channel;
    }
    Window& window = part.window[cut_axis_];
    if (rows != window.result) {
      const int64_t first = row * window.stride - window.before;
      const int64_t low = std::clamp<int64_t>(first, 0, window.size);
      const int64_t high = std::clamp<int64_t>(first + (rows - 1) * window.stride + window.span(), low, window.size);
      source += low * part.source_strides[2 + cut_axis_];
      result += row * part.result_strides[2 + cut_axis_];
      window.before = low - first;
      window.size = high - low;
      window.result = rows;
    }
    for (int i = 0; i < part.axes; ++i)
      if (part.window[i].size < 1 || part.window[i].before < 0) return false;
    auto kernel = CompiledConvolution::find(part);
    if (!kernel) return false;
    const auto at = [&](void* base, int64_t offset) { return static_cast<char*>(base) + offset * bytes_; };
    double steps = static_cast<double>(images) * static_cast<double>(part.groups * part.in * part.out) *
                   static_cast<double>(args_.places());
    for (int i = 0; i < part.axes; ++i) steps *= static_cast<double>(part.window[i].result);
    jobs_.push_back({std::move(kernel),
                     {at(args_.source, source), at(args_.weights, weights), at(args_.result, result)},
                     args_.bias ? static_cast<const char*>(args_.bias) + bias * bytes_ : nullptr,
                     images,
                     part.groups * (args_.computed == ConvolutionOf::source ? part.in : part.out),
                     steps});
    return true;
  }

  // A copy of an operand in the layout of kernels, for several jobs.
  struct Shared {
    const Job* first;
    CompiledConvolution::Operand operand;
    int users = 0;
    StorageRef copy;
  };

  std::vector<Shared> shared_operands() const {
    std::vector<Shared> all;
    std::multimap<const char*, size_t> places;
    for (const Job& job : jobs_)
      for (const auto operand : kAll) {
        if (operand == computed_ || job.kernel->copy_bytes(operand) == 0) continue;
        const size_t found = find(all, places, job, operand);
        if (found == all.size()) {
          places.emplace(job.data[operand], found);
          all.push_back({&job, operand, 0, {}});
        }
        ++all[found].users;
      }
    std::erase_if(all, [](const Shared& shared) { return shared.users == 1; });
    return all;
  }

  static size_t find(const std::vector<Shared>& all, const std::multimap<const char*, size_t>& places, const Job& job,
                     CompiledConvolution::Operand operand) {
    const auto [begin, end] = places.equal_range(job.data[operand]);
    for (auto at = begin; at != end; ++at) {
      const Shared& shared = all[at->second];
      if (shared.operand == operand && shared.first->kernel->same_layout(*job.kernel, operand)) return at->second;
    }
    return all.size();
  }

  bool execute() {
    std::vector<Shared> shared = shared_operands();
    std::atomic<bool> failed{false};
    const auto each = [&](size_t count, double cost, auto&& work) {
      parallel_for(static_cast<int64_t>(count), 1, cost, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end && !failed.load(std::memory_order_relaxed); ++i)
          if (!work(static_cast<size_t>(i))) failed.store(true, std::memory_order_relaxed);
      });
    };
    each(shared.size(), 50e3, [&](size_t i) {
      Shared& s = shared[i];
      s.copy = allocate(s.first->kernel->copy_bytes(s.operand));
      return s.first->kernel->arrange(s.operand, s.first->data[s.operand], s.copy->data);
    });
    if (failed.load()) return false;
    each(jobs_.size(), jobs_.empty() ? 0 : jobs_[0].steps * kNanosecondsPerStep,
         [&](size_t i) { return run_job(jobs_[i], shared); });
    return !failed.load();
  }

  bool run_job(const Job& job, const std::vector<Shared>& shared) const {
    const void* laid[CompiledConvolution::kOperands];
    StorageRef copies[CompiledConvolution::kOperands];
    for (const auto operand : kAll) {
      laid[operand] = job.data[operand];
      const size_t bytes = job.kernel->copy_bytes(operand);
      if (bytes == 0) continue;
      const auto ready = std::find_if(shared.begin(), shared.end(), [&](const Shared& s) {
        return s.operand == operand && s.first->data[operand] == job.data[operand] &&
               s.first->kernel->same_layout(*job.kernel, operand);
      });
      if (ready != shared.end()) {
        laid[operand] = ready->copy->data;
        continue;
      }
      copies[operand] = allocate(bytes);
      laid[operand] = copies[operand]->data;
      if (operand != computed_ && !job.kernel->arrange(operand, job.data[operand], copies[operand]->data)) return false;
    }
    if (!job.kernel->run(laid[0], laid[1], job.bias, laid[2])) return false;
    if (copies[computed_] && !job.kernel->give_back(computed_, laid[computed_], job.data[computed_])) return false;
    if (args_.computed == ConvolutionOf::source && job.bias) add_bias_to(job);
    return true;
  }

  void add_bias_to(const Job& job) const {
    const int64_t image = args_.groups * args_.in * source_channel_;
    for (int64_t n = 0; n < job.images; ++n)
      add_bias(args_.dtype, job.data[computed_] + n * image * bytes_, job.channels, source_channel_, job.bias);
  }

  // Sums over the batch: in a few slices of it, whose sums are added in order, or, where the weights are large or have
  // 16 bits, for one slice of the output channels after another.
  bool run_weights() {
    const int64_t count = args_.groups * args_.out * weights_out_;
    const int64_t image = args_.groups * (args_.in * source_channel_ + args_.out * result_channel_);
    const int64_t slices = args_.dtype == DType::f32 ? std::min(args_.batch, kManyParts) : 1;
    if (slices < 2 || count * slices > args_.batch * image) {
      return add_jobs({args_.batch, args_.window[cut_axis_].result, channel_step(channels_computed())}) && execute();
    }
    const StorageRef partial = allocate(static_cast<size_t>(count * slices * bytes_));
    const int64_t step = ceil_div(args_.batch, slices);
    if (!add_jobs({step, args_.window[cut_axis_].result, channels_computed()})) return false;
    auto* sums = static_cast<float*>(partial->data);
    for (size_t i = 0; i < jobs_.size(); ++i)
      jobs_[i].data[computed_] = reinterpret_cast<char*>(sums + static_cast<int64_t>(i) * count);
    if (!execute()) return false;
    auto* out = static_cast<float*>(args_.weights);
    const auto parts = static_cast<int64_t>(jobs_.size());
    parallel_for(count, 4096, 0.3 * static_cast<double>(parts), [&](int64_t begin, int64_t end) {
      std::copy(sums + begin, sums + end, out + begin);
      for (int64_t p = 1; p < parts; ++p)
        for (int64_t i = begin; i < end; ++i) out[i] += sums[p * count + i];
    });
    return true;
  }

  static constexpr CompiledConvolution::Operand kAll[] = {CompiledConvolution::source, CompiledConvolution::weights,
                                                          CompiledConvolution::result};

  ConvolutionArgs args_;
  int64_t bytes_;
  CompiledConvolution::Operand computed_;
  int cut_axis_ = 0;
  int64_t source_channel_, result_channel_, weights_out_;
  std::vector<Job> jobs_;
};

}  // namespace

bool dnnl_convolve(const ConvolutionArgs& args) {
  if ((args.dtype != DType::f32 && args.dtype != DType::bf16) || !dnnl::engine()) return false;
  return Problem(args).run();
}

}  // namespace tandem
