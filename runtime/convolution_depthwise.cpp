// Convolutions of many groups of few channels, as in depthwise layers, by our own loops.
//
// What a band of rows of the result sees of one plane of the source is copied with borders as zeros and, for a stride,
// columns next to each other that one place of the kernel sees. Rows then follow one another with the same gap in the
// result and in what is seen, so both loops run over a whole band as over one row; what lies in the gaps, rows that a
// stride skips among it, is left out of a result and zero in a sum.
//
// An element of a result is one chain of fused multiply-adds over channels and places of the kernel, the bias last: the
// bits of the columns (convolution_columns.cpp). With a stride of one, so is an element of the gradient of the source,
// which is the convolution with a turned kernel. An element of the gradient of the weights is summed in the lanes of DepthwiseLoops through bands
// and images, which are combined as a tree. How work is cut depends on sizes only.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "runtime/convolution.h"
#include "runtime/copy_rows.h"
#include "runtime/depthwise_loops.h"
#include "runtime/parallel.h"

namespace tandem {

namespace {

constexpr int64_t kMostChannels = 4;      // of a group, of the source times those of the result
constexpr int64_t kBandBytes = 24 << 10;  // of what a band sees of a plane
constexpr double kNanosecondsPerStep = 0.02, kNanosecondsArranged = 0.3;

int64_t round_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

template <class T>
using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;

// How a plane of a source is copied for bands of rows of a result.
class Band {
 public:
  Band(const Window& high, const Window& wide, int64_t element) : high_(high), wide_(wide) {
    columns_ = round_up((wide.result - 1) * wide.stride + wide.span(), wide.stride);
    rows_ = high.result;
    while (rows_ > 1 && seen_rows(rows_) * columns_ * element > kBandBytes) rows_ = (rows_ + 1) / 2;
    plane_ = seen_rows(rows_) * columns_;
    const int64_t row = columns_ / wide.stride;
    pitch_ = row * high.stride;
    for (int64_t h = 0; h < high.kernel; ++h)
      for (int64_t w = 0; w < wide.kernel; ++w) {
        const int64_t ahead = w * wide.dilation;
        taps_.push_back(ahead % wide.stride * (plane_ / wide.stride) + h * high.dilation * row + ahead / wide.stride);
      }
    low_ = std::clamp<int64_t>(wide.before, 0, columns_);
    top_ = std::clamp(wide.size + wide.before, low_, columns_);
  }

  int64_t count() const { return (high_.result - 1) / rows_ + 1; }
  int64_t row(int64_t band) const { return band * rows_; }
  int64_t rows(int64_t band) const { return std::min(rows_, high_.result - row(band)); }
  int64_t columns() const { return wide_.result; }
  int64_t pitch() const { return pitch_; }
  int64_t plane() const { return plane_; }
  int64_t most() const { return rows_ * pitch_; }
  // From the first element of the result to the last.
  int64_t length(int64_t band) const { return (rows(band) - 1) * pitch_ + columns(); }
  const std::vector<int64_t>& taps() const { return taps_; }

  // `padded`: memory of a plane, for a stride.
  template <class T>
  void arrange(const T* source, int64_t band, T* seen, T* padded) const {
    if (wide_.stride == 1) return pad(source, band, seen);
    pad(source, band, padded);
    const int64_t count = seen_rows(rows(band)) * columns_ / wide_.stride;
    for (int64_t phase = 0; phase < wide_.stride; ++phase, seen += plane_ / wide_.stride)
      copy_row(reinterpret_cast<const Bits<T>*>(padded + phase), wide_.stride, reinterpret_cast<Bits<T>*>(seen), 1,
               count);
  }

 private:
  int64_t seen_rows(int64_t rows) const { return (rows - 1) * high_.stride + high_.span(); }

  template <class T>
  void pad(const T* source, int64_t band, T* to) const {
    const int64_t first = row(band) * high_.stride - high_.before, last = first + seen_rows(rows(band));
    for (int64_t y = first; y < last; ++y, to += columns_) {
      if (y < 0 || y >= high_.size) {
        std::fill_n(to, columns_, T{});
        continue;
      }
      for (int64_t i = 0; i < low_; ++i) to[i] = T{};
      std::copy_n(source + y * wide_.size - wide_.before + low_, top_ - low_, to + low_);
      for (int64_t i = top_; i < columns_; ++i) to[i] = T{};
    }
  }

  const Window high_, wide_;
  int64_t columns_;            // that are seen in a row
  int64_t rows_, plane_;       // of the result; what they see
  int64_t pitch_;              // from a row of the result to the next, also in what is seen
  int64_t low_, top_;          // of the columns that are seen, those inside of the source
  std::vector<int64_t> taps_;  // where each place of the kernel sees the first element of the result
};

template <class T>
class Depthwise {
 public:
  Depthwise(const ConvolutionArgs& args, Isa isa)
      : args_(args),
        loops_(depthwise_loops<T>(isa)),
        band_(args.axes == 2 ? args.window[0] : Window{}, args.window[args.axes - 1], sizeof(T)) {}

  void run_result() const {
    chains(args_.in, args_.out, static_cast<const T*>(args_.source), args_.source_size(),
           static_cast<const T*>(args_.weights), static_cast<T*>(args_.result), args_.result_size());
  }

  // As a result whose source is this one's result and whose kernel is turned around.
  static void run_source(const ConvolutionArgs& args, Isa isa) {
    ConvolutionArgs turned = args;
    for (int i = 0; i < args.axes; ++i) {
      Window& w = turned.window[i];
      std::swap(w.size, w.result);
      w.before = w.span() - 1 - w.before;
    }
    const int64_t places = args.places();
    std::vector<T> weights(static_cast<size_t>(args.groups * args.in * args.out * places));
    const T* from = static_cast<const T*>(args.weights);
    for (int64_t g = 0; g < args.groups; ++g)
      for (int64_t o = 0; o < args.out; ++o)
        for (int64_t i = 0; i < args.in; ++i, from += places)
          std::reverse_copy(from, from + places, weights.data() + ((g * args.in + i) * args.out + o) * places);
    const Depthwise of(turned, isa);
    of.chains(args.out, args.in, static_cast<const T*>(args.result), args.result_size(), weights.data(),
              static_cast<T*>(args.source), args.source_size());
  }

  void run_weights() const {
    const double cost = args_.steps() / static_cast<double>(args_.groups) * kNanosecondsPerStep;
    parallel_for(args_.groups, 1, cost, [this](int64_t begin, int64_t end) {
      Planes planes(*this, args_.in, args_.out);
      std::vector<T> lanes(static_cast<size_t>(args_.in * args_.out * args_.places() * kLanes));
      for (int64_t group = begin; group < end; ++group) sum_group(group, planes, lanes.data());
    });
  }

 private:
  static constexpr int64_t kLanes = kPlaneLanes<T>;

  // What a band sees of the channels of a group, and its part of results. Vectors read and write beyond the last element.
  struct Planes {
    Planes(const Depthwise& of, int64_t channels, int64_t results)
        : plane(of.band_.plane()),
          flat(round_up(of.band_.most(), kLanes)),
          seen(static_cast<size_t>(channels * plane + kLanes)),
          result(static_cast<size_t>(results * flat)),
          padded(static_cast<size_t>(plane)) {}
    int64_t plane, flat;
    std::vector<T> seen, result, padded;
  };

  // What the band sees of the group of channels of an image that begins at `source`.
  void arrange(const T* source, int64_t channels, int64_t plane, int64_t band, Planes& planes) const {
    for (int64_t c = 0; c < channels; ++c)
      band_.arrange(source + c * plane, band, planes.seen.data() + c * planes.plane, planes.padded.data());
  }

  // `from`: channels of a group that are seen, `to`: that are computed.
  void chains(int64_t from, int64_t to, const T* source, int64_t source_plane, const T* weights, T* result,
              int64_t result_plane) const {
    std::vector<int64_t> taps;
    for (int64_t c = 0; c < from; ++c)
      for (const int64_t tap : band_.taps()) taps.push_back(c * band_.plane() + tap);
    const auto depth = static_cast<int64_t>(taps.size());
    const double arranged = static_cast<double>(from * band_.plane()) * kNanosecondsArranged;
    const double cost = arranged + static_cast<double>(to * depth * band_.most()) * kNanosecondsPerStep;
    parallel_for(args_.batch * args_.groups * band_.count(), 1, cost, [&](int64_t begin, int64_t end) {
      Planes planes(*this, from, 1);
      int64_t band = begin % band_.count(), n = begin / band_.count(), group = n % args_.groups;
      for (int64_t i = begin; i < end; ++i) {
        arrange(source + n * from * source_plane, from, source_plane, band, planes);
        for (int64_t c = 0; c < to; ++c) {
          const int64_t channel = group * to + c;
          const T* bias = args_.bias ? static_cast<const T*>(args_.bias) + channel : nullptr;
          loops_.chains(round_up(band_.length(band), kLanes), planes.seen.data(), taps.data(), depth,
                        weights + channel * depth, bias, planes.result.data());
          T* const out = result + (n * to + c) * result_plane + band_.row(band) * band_.columns();
          for (int64_t y = 0; y < band_.rows(band); ++y)
            std::copy_n(planes.result.data() + y * band_.pitch(), band_.columns(), out + y * band_.columns());
        }
        if (++band < band_.count()) continue;
        band = 0;
        ++n;
        if (++group == args_.groups) group = 0;
      }
    });
  }

  void sum_group(int64_t group, Planes& planes, T* lanes) const {
    const int64_t places = args_.places(), sums = args_.in * args_.out * places;
    T* const out = static_cast<T*>(args_.weights) + group * sums;
    for (const bool gaps : {true, false}) {
      std::fill_n(lanes, sums * kLanes, T{});
      for (int64_t n = 0; n < args_.batch; ++n)
        for (int64_t band = 0; band < band_.count(); ++band)
          sum_band(n * args_.groups + group, band, planes, gaps, lanes);
      bool known = true;
      for (int64_t i = 0; i < sums; ++i) {
        T* const of = lanes + i * kLanes;
        for (int64_t half = kLanes / 2; half > 0; half /= 2)
          for (int64_t lane = 0; lane < half; ++lane) of[lane] += of[lane + half];
        out[i] = of[0];
        known = known && !std::isnan(out[i]);
      }
      if (known) return;  // else it may have been no number that is seen in a gap, times zero
    }
  }

  void sum_band(int64_t n, int64_t band, Planes& planes, bool gaps, T* lanes) const {
    const int64_t columns = band_.columns(), pitch = band_.pitch();
    arrange(static_cast<const T*>(args_.source) + n * args_.in * args_.source_size(), args_.in, args_.source_size(),
            band, planes);
    const int64_t length = round_up(band_.length(band), kLanes);
    for (int64_t o = 0; o < args_.out; ++o) {
      T* const result = planes.result.data() + o * planes.flat;
      const T* from =
          static_cast<const T*>(args_.result) + (n * args_.out + o) * args_.result_size() + band_.row(band) * columns;
      std::fill_n(result, planes.flat, T{});
      for (int64_t y = 0; y < band_.rows(band); ++y) std::copy_n(from + y * columns, columns, result + y * pitch);
      for (int64_t c = 0; c < args_.in; ++c) {
        const T* const seen = planes.seen.data() + c * planes.plane;
        if (gaps)
          loops_.sums(length, seen, band_.taps().data(), args_.places(), result, lanes);
        else
          sum_without_gaps(band, seen, result, lanes);
        lanes += args_.places() * kLanes;
      }
    }
  }

  void sum_without_gaps(int64_t band, const T* seen, const T* result, T* lanes) const {
    for (const int64_t tap : band_.taps()) {
      for (int64_t y = 0; y < band_.rows(band); ++y)
        for (int64_t i = y * band_.pitch(); i < y * band_.pitch() + band_.columns(); ++i)
          lanes[i % kLanes] = std::fma(seen[tap + i], result[i], lanes[i % kLanes]);
      lanes += kLanes;
    }
  }

  const ConvolutionArgs& args_;
  const DepthwiseLoops<T>& loops_;
  const Band band_;
};

template <class T>
void run(const ConvolutionArgs& args, Isa isa) {
  switch (args.computed) {
    case ConvolutionOf::result: return Depthwise<T>(args, isa).run_result();
    case ConvolutionOf::source: return Depthwise<T>::run_source(args, isa);
    case ConvolutionOf::weights: return Depthwise<T>(args, isa).run_weights();
  }
}

}  // namespace

bool convolve_depthwise(const ConvolutionArgs& args, Isa isa) {
  if (args.groups == 1 || args.in * args.out > kMostChannels || args.axes < 1 || args.axes > 2) return false;
  for (int i = 0; i < args.axes; ++i)
    if (args.window[i].stride > (args.computed == ConvolutionOf::result ? 2 : 1)) return false;
  if (args.dtype == DType::f32)
    run<float>(args, isa);
  else if (args.dtype == DType::f64)
    run<double>(args, isa);
  else
    return false;
  return true;
}

}  // namespace tandem
