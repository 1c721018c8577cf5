#include <algorithm>
#include <cstring>
#include <vector>

#include "ir/error.h"
#include "runtime/convolution_rows.h"
#include "runtime/gemm.h"
#include "runtime/library.h"
#include "runtime/parallel.h"
#include "runtime/sixteen.h"
#include "runtime/storage.h"

namespace tandem {

namespace {

constexpr int64_t kColumnBytes = 256 << 10;  // of one thread
constexpr int64_t kLeastTile = 32;           // places of the result
constexpr int64_t kSlices = 4;               // of the batch, whose sums are added in order
constexpr double kNanosecondsPerStep = 0.1;

// columns[c * places + place, p] = what place `place` of the kernel sees of channel c at place p of the tile.
template <class U>
void fill_columns(const ConvolutionArgs& args, const Grid& grid, const U* source, Range channels, Range tile,
                  U* columns) {
  const int64_t places = args.places(), size = args.source_size(), count = tile.count();
  for (int64_t c = channels.begin; c < channels.end; ++c)
    for (int64_t place = 0; place < places; ++place, columns += count) {
      std::fill_n(columns, count, U{});
      const U* channel = source + c * size;
      for_each_row(grid, place, tile, [&](int64_t at, int64_t from, int64_t n, int64_t step) {
        if (step == 1)
          std::copy_n(channel + from, n, columns + at);
        else
          for (int64_t i = 0; i < n; ++i) columns[at + i] = channel[from + i * step];
      });
    }
}

// The other way: adds columns to what they were seen of.
template <class U>
void add_columns(const ConvolutionArgs& args, const Grid& grid, const U* columns, Range channels, Range tile,
                 U* source) {
  const int64_t places = args.places(), size = args.source_size(), count = tile.count();
  for (int64_t c = channels.begin; c < channels.end; ++c)
    for (int64_t place = 0; place < places; ++place, columns += count) {
      U* channel = source + c * size;
      for_each_row(grid, place, tile, [&](int64_t at, int64_t from, int64_t n, int64_t step) {
        for (int64_t i = 0; i < n; ++i)
          channel[from + i * step] = static_cast<U>(channel[from + i * step] + columns[at + i]);
      });
    }
}

MatmulArgs product(const ConvolutionArgs& args, int64_t m, int64_t n, int64_t k) {
  return {args.dtype, m, n, k, 0, nullptr, nullptr, nullptr, k, 1, n, 1, nullptr, nullptr, nullptr};
}

// Of integers, those of the same width that wrap.
template <class U>
class Columns {
 public:
  explicit Columns(const ConvolutionArgs& args)
      : args_(args),
        grid_(args),
        depth_(args.in * args.places()),
        source_size_(args.source_size()),
        result_size_(args.result_size()),
        tile_(std::min(std::max(kColumnBytes / (depth_ * static_cast<int64_t>(sizeof(U))), kLeastTile), result_size_)),
        tiles_((result_size_ + tile_ - 1) / tile_) {}

  void run() const {
    switch (args_.computed) {
      case ConvolutionOf::result: return compute_result();
      case ConvolutionOf::source: return compute_source();
      case ConvolutionOf::weights: return compute_weights();
    }
  }

 private:
  static StorageRef memory(int64_t elements) { return allocate(static_cast<size_t>(elements) * sizeof(U)); }
  static U* data(const StorageRef& storage) { return static_cast<U*>(storage->data); }
  const U* source(int64_t image, int64_t group) const {
    return static_cast<const U*>(args_.source) + (image * args_.groups + group) * args_.in * source_size_;
  }
  U* result(int64_t image, int64_t group) const {
    return static_cast<U*>(args_.result) + (image * args_.groups + group) * args_.out * result_size_;
  }
  Range tile(int64_t i) const { return {i * tile_, std::min((i + 1) * tile_, result_size_)}; }
  double cost(double parts) const { return args_.steps() * kNanosecondsPerStep / parts; }
  const void* bias_of(int64_t group, int64_t channels, int64_t first = 0) const {
    return static_cast<const U*>(args_.bias) + group * channels + first;
  }

  void compute_result() const {
    const int64_t tasks = args_.batch * args_.groups * tiles_;
    parallel_for(tasks, 1, cost(static_cast<double>(tasks)), [&](int64_t begin, int64_t end) {
      const StorageRef columns = memory(depth_ * tile_);
      const StorageRef sums = tiles_ > 1 ? memory(args_.out * tile_) : StorageRef();
      for (int64_t t = begin; t < end; ++t) {
        const int64_t group = t / tiles_ % args_.groups, image = t / tiles_ / args_.groups;
        const Range range = tile(t % tiles_);
        fill_columns(args_, grid_, source(image, group), {0, args_.in}, range, data(columns));
        U* out = result(image, group);
        MatmulArgs multiply = product(args_, args_.out, range.count(), depth_);
        multiply.a = static_cast<const U*>(args_.weights) + group * args_.out * depth_;
        multiply.b = columns->data;
        multiply.out = tiles_ > 1 ? sums->data : out;
        gemm(multiply);
        if (args_.bias) add_bias(args_.dtype, multiply.out, args_.out, range.count(), bias_of(group, args_.out));
        if (tiles_ > 1)
          for (int64_t c = 0; c < args_.out; ++c)
            std::copy_n(data(sums) + c * range.count(), range.count(), out + c * result_size_ + range.begin);
      }
    });
  }

  void compute_source() const {
    const int64_t step = (args_.in + kSlices - 1) / kSlices, slices = (args_.in + step - 1) / step;
    const int64_t places = args_.places(), tasks = args_.batch * args_.groups * slices;
    parallel_for(tasks, 1, cost(static_cast<double>(tasks)), [&](int64_t begin, int64_t end) {
      const StorageRef columns = memory(step * places * tile_);
      for (int64_t t = begin; t < end; ++t) {
        const int64_t group = t / slices % args_.groups, image = t / slices / args_.groups;
        const Range channels{t % slices * step, std::min((t % slices + 1) * step, args_.in)};
        U* out = const_cast<U*>(source(image, group));
        std::fill(out + channels.begin * source_size_, out + channels.end * source_size_, U{});
        for (int64_t i = 0; i < tiles_; ++i) {
          const Range range = tile(i);
          MatmulArgs multiply = product(args_, channels.count() * places, range.count(), args_.out);
          multiply.a = static_cast<const U*>(args_.weights) + group * args_.out * depth_ + channels.begin * places;
          multiply.a_row = 1, multiply.a_col = depth_;
          multiply.b = result(image, group) + range.begin;
          multiply.b_row = result_size_;
          multiply.out = columns->data;
          gemm(multiply);
          add_columns(args_, grid_, data(columns), channels, range, out);
        }
        if (args_.bias)
          add_bias(args_.dtype, out + channels.begin * source_size_, channels.count(), source_size_,
                   bias_of(group, args_.in, channels.begin));
      }
    });
  }

  void compute_weights() const {
    const int64_t step = (args_.batch + kSlices - 1) / kSlices, slices = (args_.batch + step - 1) / step;
    const int64_t matrix = args_.out * depth_, tasks = slices * args_.groups;
    const StorageRef partial = memory(matrix * tasks);
    parallel_for(tasks, 1, cost(static_cast<double>(tasks)), [&](int64_t begin, int64_t end) {
      const StorageRef columns = memory(depth_ * tile_), sums = memory(matrix);
      for (int64_t t = begin; t < end; ++t) {
        U* total = data(partial) + t * matrix;
        std::fill_n(total, matrix, U{});
        const int64_t group = t % args_.groups, first = t / args_.groups * step;
        for (int64_t image = first; image < std::min(first + step, args_.batch); ++image)
          for (int64_t i = 0; i < tiles_; ++i) {
            const Range range = tile(i);
            fill_columns(args_, grid_, source(image, group), {0, args_.in}, range, data(columns));
            MatmulArgs multiply = product(args_, args_.out, depth_, range.count());
            multiply.a = result(image, group) + range.begin;
            multiply.a_row = result_size_;
            multiply.b = columns->data;
            multiply.b_row = 1, multiply.b_col = range.count();
            multiply.out = sums->data;
            gemm(multiply);
            add(data(sums), total, matrix);
          }
      }
    });
    U* out = static_cast<U*>(args_.weights);
    const int64_t all = matrix * args_.groups;
    std::copy_n(data(partial), all, out);
    for (int64_t s = 1; s < slices; ++s) add(data(partial) + s * all, out, all);
  }

  static void add(const U* from, U* to, int64_t count) {
    for (int64_t i = 0; i < count; ++i) to[i] = static_cast<U>(to[i] + from[i]);
  }

  const ConvolutionArgs& args_;
  const Grid grid_;
  const int64_t depth_;  // rows of the columns
  const int64_t source_size_, result_size_;
  const int64_t tile_, tiles_;
};

// In f32, on copies.
void run_half(const ConvolutionArgs& given) {
  ConvolutionArgs args = given;
  args.dtype = DType::f32;
  const int64_t counts[] = {args.batch * args.groups * args.in * args.source_size(),
                            args.groups * args.out * args.in * args.places(),
                            args.batch * args.groups * args.out * args.result_size(),
                            args.groups * (args.computed == ConvolutionOf::source ? args.in : args.out)};
  const void* from[] = {given.source, given.weights, given.result, given.bias};
  const size_t computed = args.computed == ConvolutionOf::source ? 0 : args.computed == ConvolutionOf::weights ? 1 : 2;
  StorageRef wide[4];
  for (size_t i = 0; i < 4; ++i) {
    if (!from[i]) continue;
    wide[i] = allocate(static_cast<size_t>(counts[i]) * sizeof(float));
    if (i != computed) widen(given.dtype, from[i], counts[i], static_cast<float*>(wide[i]->data));
  }
  args.source = wide[0]->data;
  args.weights = wide[1]->data;
  args.result = wide[2]->data;
  args.bias = wide[3] ? wide[3]->data : nullptr;
  args.weights_memory = nullptr;
  if (!convolve_direct(args)) Columns<float>(args).run();  // the same bits
  narrow(given.dtype, static_cast<const float*>(wide[computed]->data), counts[computed],
         const_cast<void*>(from[computed]));
}

}  // namespace

void convolve_columns(const ConvolutionArgs& args) {
  switch (args.dtype) {
    case DType::f16:
    case DType::bf16: return run_half(args);
    case DType::f32: return Columns<float>(args).run();
    case DType::f64: return Columns<double>(args).run();
    default: break;
  }
  switch (size_of(args.dtype)) {
    case 1: return Columns<uint8_t>(args).run();
    case 2: return Columns<uint16_t>(args).run();
    case 4: return Columns<uint32_t>(args).run();
    default: return Columns<uint64_t>(args).run();
  }
}

}  // namespace tandem
