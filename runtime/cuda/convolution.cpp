// Convolution and its two transposes on a GPU (runtime/convolution.h): by cuDNN, or, where it is missing or cannot, by
// columns and products of matrices: what each place of the kernel sees of the source, for some of the batch at a time.
#include "runtime/convolution.h"

#include <algorithm>
#include <array>
#include <optional>

#include "runtime/cuda/cudnn_convolution.h"
#include "runtime/cuda/element_text.h"
#include "runtime/cuda/execute.h"
#include "runtime/cuda/matmul.h"
#include "runtime/cuda/routines.h"
#include "runtime/cuda/strided_copy.h"

namespace tandem::cuda {

namespace {

constexpr unsigned kThreads = 256;
constexpr int64_t kMostBlocks = 1 << 20;
constexpr int64_t kMostColumns = int64_t{1} << 28;  // elements of columns in memory at a time

// vals: items, images, channels, step from image to image and from row to row of the columns, places of the result; of
// each axis: size, kernel, result, stride, dilation, before.
constexpr size_t kCounts = 6, kOfAxis = 6, kVals = kCounts + kMostWindowAxes * kOfAxis;
constexpr const char* kArgs = R"(
struct Args { void* ptrs[2]; i64 vals[24]; void* scratch; i64* status; };
struct Axis { i64 size, kernel, result, stride, dilation, before; };
__device__ __forceinline__ Axis axis_of(const Args& args, int k) {
  const i64* const of = args.vals + 6 + 6 * k;
  return {of[0], of[1], of[2], of[3], of[4], of[5]};
}
)";
static_assert(kVals == 24);

// ptrs: source, columns. An item is an element of the columns.
constexpr const char* kColumns = R"(
extern "C" __global__ void __launch_bounds__(256) tandem_kernel(const __grid_constant__ Args args) {
  const bits* const source = (const bits*)args.ptrs[0];
  bits* const columns = (bits*)args.ptrs[1];
  const i64 channels = args.vals[2], image_step = args.vals[3], row_step = args.vals[4], results = args.vals[5];
  const Axis x = axis_of(args, 0), y = axis_of(args, 1), z = axis_of(args, 2);
  const i64 places = x.kernel * y.kernel * z.kernel, size = x.size * y.size * z.size;
  for (i64 item = (i64)blockIdx.x * 256 + threadIdx.x; item < args.vals[0]; item += (i64)gridDim.x * 256) {
    i64 rest = item;
    const i64 r = take(rest, results), row = take(rest, channels * places), image = rest;
    i64 at = r, kernel = row;
    const i64 rz = take(at, z.result), ry = take(at, y.result), rx = at;
    const i64 kz = take(kernel, z.kernel), ky = take(kernel, y.kernel), kx = take(kernel, x.kernel), channel = kernel;
    const i64 sx = rx * x.stride - x.before + kx * x.dilation, sy = ry * y.stride - y.before + ky * y.dilation,
              sz = rz * z.stride - z.before + kz * z.dilation;
    const bool inside = sx >= 0 && sx < x.size && sy >= 0 && sy < y.size && sz >= 0 && sz < z.size;
    columns[image * image_step + row * row_step + r] =
        inside ? source[(image * channels + channel) * size + (sx * y.size + sy) * z.size + sz] : (bits)0;
  }
}
)";

// ptrs: columns, source. An item is an element of the source; what it is seen by is added in the order of the kernel.
constexpr const char* kAddColumns = R"(
__device__ __forceinline__ i64 seen_at(const Axis& axis, i64 s, i64 k) {
  const i64 t = s + axis.before - k * axis.dilation;
  if (t < 0 || t % axis.stride != 0) return -1;
  return t / axis.stride < axis.result ? t / axis.stride : -1;
}
extern "C" __global__ void __launch_bounds__(256) tandem_kernel(const __grid_constant__ Args args) {
  const element* const columns = (const element*)args.ptrs[0];
  element* const source = (element*)args.ptrs[1];
  const i64 channels = args.vals[2], image_step = args.vals[3], row_step = args.vals[4];
  const Axis x = axis_of(args, 0), y = axis_of(args, 1), z = axis_of(args, 2);
  const i64 places = x.kernel * y.kernel * z.kernel;
  for (i64 item = (i64)blockIdx.x * 256 + threadIdx.x; item < args.vals[0]; item += (i64)gridDim.x * 256) {
    i64 rest = item;
    const i64 sz = take(rest, z.size), sy = take(rest, y.size), sx = take(rest, x.size), channel = take(rest, channels);
    const element* const image = columns + rest * image_step;
    wide sum = 0;
    i64 row = channel * places;
    for (i64 kx = 0; kx < x.kernel; ++kx) {
      const i64 rx = seen_at(x, sx, kx);
      for (i64 ky = 0; ky < y.kernel; ++ky) {
        const i64 ry = seen_at(y, sy, ky);
        for (i64 kz = 0; kz < z.kernel; ++kz, ++row) {
          const i64 rz = seen_at(z, sz, kz);
          if (rx < 0 || ry < 0 || rz < 0) continue;
          sum += widened(image[row * row_step + (rx * y.result + ry) * z.result + rz]);
        }
      }
    }
    source[item] = narrowed(sum);
  }
}
)";

// ptrs: array, bias; vals: elements, channels, elements of a channel.
constexpr const char* kAddBias = R"(
struct Args { void* ptrs[2]; i64 vals[3]; void* scratch; i64* status; };
extern "C" __global__ void __launch_bounds__(256) tandem_kernel(const __grid_constant__ Args args) {
  element* const all = (element*)args.ptrs[0];
  const element* const bias = (const element*)args.ptrs[1];
  for (i64 item = (i64)blockIdx.x * 256 + threadIdx.x; item < args.vals[0]; item += (i64)gridDim.x * 256)
    all[item] = narrowed(widened(all[item]) + widened(bias[item / args.vals[2] % args.vals[1]]));
}
)";

// ptrs: parts, sum; vals: elements, parts. In order.
constexpr const char* kAddParts = R"(
struct Args { void* ptrs[2]; i64 vals[2]; void* scratch; i64* status; };
extern "C" __global__ void __launch_bounds__(256) tandem_kernel(const __grid_constant__ Args args) {
  const element* const parts = (const element*)args.ptrs[0];
  for (i64 item = (i64)blockIdx.x * 256 + threadIdx.x; item < args.vals[0]; item += (i64)gridDim.x * 256) {
    wide sum = widened(parts[item]);
    for (i64 part = 1; part < args.vals[1]; ++part) sum += widened(parts[part * args.vals[0] + item]);
    ((element*)args.ptrs[1])[item] = narrowed(sum);
  }
}
)";

int64_t blocks_for(int64_t items) { return std::min<int64_t>((items + kThreads - 1) / kThreads, kMostBlocks); }

class Convolution {
 public:
  Convolution(const TextLaunch& launch, const ConvolutionArgs& args) : launch_(launch), args_(args) {}

  bool run() const {
    if (!has_matmul(args_.dtype) || is_complex(args_.dtype) || args_.steps() == 0) return false;
    if (is_plain() || !cudnn_convolve(launch_.gpu, args_)) by_columns();
    if (args_.computed == ConvolutionOf::result)
      add_bias(args_.result, args_.groups * args_.out, results());
    else if (args_.computed == ConvolutionOf::source)
      add_bias(args_.source, args_.groups * args_.in, args_.source_size());
    return true;
  }

 private:
  int64_t rows() const { return args_.in * args_.places(); }  // of the columns of one group
  int64_t results() const { return args_.result_size(); }
  int64_t count(int64_t first, int64_t images) const { return std::min(images, args_.batch - first); }
  StorageRef memory(int64_t elements) const {
    return launch_.gpu.memory.allocate(static_cast<size_t>(elements * size_of(args_.dtype)));
  }
  char* at(void* array, int64_t element) const { return static_cast<char*>(array) + element * size_of(args_.dtype); }
  char* source_at(int64_t image) const {
    return at(args_.source, image * args_.groups * args_.in * args_.source_size());
  }
  char* result_at(int64_t image) const { return at(args_.result, image * args_.groups * args_.out * results()); }

  // Every place of the kernel sees the source as it is.
  bool is_plain() const {
    return std::all_of(args_.window, args_.window + kMostWindowAxes, [](const Window& w) {
      return w.kernel == 1 && w.stride == 1 && w.before == 0 && w.result == w.size;
    });
  }

  std::array<int64_t, kVals> vals(int64_t items, int64_t images, int64_t image_step, int64_t row_step) const {
    std::array<int64_t, kVals> out{items, images, args_.groups * args_.in, image_step, row_step, results()};
    for (size_t k = 0; k < kMostWindowAxes; ++k) {
      const Window& w = args_.window[k];
      std::copy_n(std::array{w.size, w.kernel, w.result, w.stride, w.dilation, w.before}.data(), kOfAxis,
                  out.data() + kCounts + kOfAxis * k);
    }
    return out;
  }
  const DeviceCode& code(const std::string& name, const std::string& text, int vals) const {
    return TextKernels::all().of(launch_.gpu, name, [&] { return KernelText{name, text, 2, vals}; });
  }
  const DeviceCode& code_of_elements(const char* what, const std::string& text, int vals) const {
    return code(fmt::format("{}_{}", what, info(args_.dtype).name), element_text(args_.dtype) + text, vals);
  }

  void fill_columns(int64_t first, int64_t images, void* columns, int64_t image_step, int64_t row_step) const {
    const int64_t items = images * args_.groups * rows() * results();
    launch_.run(
        code(fmt::format("columns_{}", 8 * size_of(args_.dtype)), bits_text(args_.dtype) + kArgs + kColumns, kVals),
        blocks_for(items), kThreads, std::array<void*, 2>{source_at(first), columns},
        vals(items, images, image_step, row_step));
  }

  // One product for each image and group; steps from image to image and from group to group.
  struct Operand {
    const void* data;
    int64_t image, group, row, column;
  };
  void multiply(int64_t images, int64_t m, int64_t n, int64_t k, const Operand& a, const Operand& b, void* out) const {
    const int64_t extents[] = {images, args_.groups}, a_batch[] = {a.image, a.group}, b_batch[] = {b.image, b.group};
    matmul(launch_.gpu, {.dtype = args_.dtype,
                         .m = m,
                         .n = n,
                         .k = k,
                         .batch_rank = 2,
                         .batch = extents,
                         .a_batch = a_batch,
                         .b_batch = b_batch,
                         .a_row = a.row,
                         .a_col = a.column,
                         .b_row = b.row,
                         .b_col = b.column,
                         .a = a.data,
                         .b = b.data,
                         .out = out});
  }

  void by_columns() const {
    const int64_t images = std::clamp<int64_t>(kMostColumns / (args_.groups * rows() * results()), 1, args_.batch);
    if (args_.computed == ConvolutionOf::weights) return compute_weights(images);
    for (int64_t first = 0; first < args_.batch; first += images)
      args_.computed == ConvolutionOf::result ? add_result(first, count(first, images))
                                              : add_source(first, count(first, images));
  }

  void add_result(int64_t first, int64_t images) const {
    const int64_t of_group = rows() * results(), of_image = args_.groups * of_group;
    StorageRef columns;
    const void* seen = source_at(first);
    if (!is_plain()) {
      columns = memory(images * of_image);
      fill_columns(first, images, columns->data, of_image, results());
      seen = columns->data;
    }
    multiply(images, args_.out, results(), rows(), {args_.weights, 0, args_.out * rows(), rows(), 1},
             {seen, of_image, of_group, results(), 1}, result_at(first));
  }

  void add_source(int64_t first, int64_t images) const {
    const int64_t of_group = rows() * results(), of_image = args_.groups * of_group, of_result = args_.out * results();
    const bool plain = is_plain();
    const StorageRef columns = plain ? StorageRef() : memory(images * of_image);
    multiply(images, rows(), results(), args_.out, {args_.weights, 0, args_.out * rows(), 1, rows()},
             {result_at(first), args_.groups * of_result, of_result, results(), 1},
             plain ? static_cast<void*>(source_at(first)) : columns->data);
    if (plain) return;
    const int64_t items = images * args_.groups * args_.in * args_.source_size();
    launch_.run(code_of_elements("add_columns", std::string(kArgs) + kAddColumns, kVals), blocks_for(items), kThreads,
                std::array<void*, 2>{columns->data, source_at(first)}, vals(items, images, of_image, results()));
  }

  // The sum runs over images, too: their columns lie side by side, and so do their results.
  void compute_weights(int64_t most) const {
    const int64_t parts = (args_.batch + most - 1) / most, size = args_.groups * args_.out * rows();
    const StorageRef sums = parts > 1 ? memory(parts * size) : StorageRef();
    for (int64_t part = 0; part < parts; ++part) {
      const int64_t first = part * most, images = count(first, most), width = images * results();
      const StorageRef columns = memory(args_.groups * rows() * width),
                       given = memory(args_.groups * args_.out * width);
      fill_columns(first, images, columns->data, results(), width);
      const int64_t channels = args_.groups * args_.out, sizes[] = {channels, images, results()},
                    from[] = {results(), channels * results(), 1}, to[] = {width, results(), 1};
      copy_strided(launch_.gpu, size_of(args_.dtype), 3, sizes, result_at(first), from, given->data, to);
      multiply(1, args_.out, rows(), width, {given->data, 0, args_.out * width, width, 1},
               {columns->data, 0, rows() * width, 1, width}, parts > 1 ? at(sums->data, part * size) : args_.weights);
    }
    if (parts > 1)
      launch_.run(code_of_elements("add_parts", kAddParts, 2), blocks_for(size), kThreads,
                  std::array<void*, 2>{sums->data, args_.weights}, std::array<int64_t, 2>{size, parts});
  }

  void add_bias(void* array, int64_t channels, int64_t size) const {
    if (!args_.bias) return;
    const int64_t items = args_.batch * channels * size;
    launch_.run(code_of_elements("add_bias", kAddBias, 3), blocks_for(items), kThreads,
                std::array<void*, 2>{array, const_cast<void*>(args_.bias)},
                std::array<int64_t, 3>{items, channels, size});
  }

  const TextLaunch& launch_;
  const ConvolutionArgs& args_;
};

bool run_as(const TextLaunch& launch, ConvolutionArgs args, ConvolutionOf computed, const void* bias) {
  args.computed = computed;
  args.bias = bias;
  return Convolution(launch, args).run();
}

const void* bias_of(const RoutineArgs& args) { return args.inputs.size() > 2 ? args.inputs[2].data : nullptr; }

bool run_convolution(const TextLaunch& launch, const RoutineArgs& args) {
  return run_as(launch, convolution_of(args, args.inputs[0], args.inputs[1], args.out), ConvolutionOf::result,
                bias_of(args));
}
bool run_source(const TextLaunch& launch, const RoutineArgs& args) {
  return run_as(launch, convolution_of(args, args.out, args.inputs[1], args.inputs[0]), ConvolutionOf::source,
                bias_of(args));
}
bool run_weights(const TextLaunch& launch, const RoutineArgs& args) {
  return run_as(launch, convolution_of(args, args.inputs[0], args.out, args.inputs[1]), ConvolutionOf::weights,
                nullptr);
}

constexpr DeviceRoutine kRoutines[] = {
    {"convolution", run_convolution}, {"convolution_source", run_source}, {"convolution_weights", run_weights}};

}  // namespace

std::span<const DeviceRoutine> convolution_routines() { return kRoutines; }

}  // namespace tandem::cuda
