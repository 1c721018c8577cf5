// Sorting along an axis: keys as runtime/sort_keys.h has them, in the order of runtime/cuda/order.h.
#include <algorithm>
#include <array>
#include <vector>

#include "runtime/cuda/element_text.h"
#include "runtime/cuda/order.h"
#include "runtime/cuda/routines.h"
#include "runtime/sort_rows.h"

namespace tandem::cuda {

namespace {

constexpr unsigned kThreads = 256;
constexpr int64_t kMostBlocks = 1 << 20;

// Keys<U, kind, descending, true> of the CPU, on `bits`: both zeros are one key, and so are all NaNs.
constexpr const char* kKeys = R"(
__device__ __forceinline__ bits key_of(bits x) {
  if (!kFloating) {
    const bits key = kSigned ? (bits)(x ^ kSign) : x;
    return kDescending ? (bits)~key : key;
  }
  if (x == kSign) x = 0;
  bits key = (x & kSign) != 0 ? (bits)~x : (bits)(x | kSign);
  if (kDescending) key = (bits)~key;
  return (bits)(x & (bits)~kSign) > kInfinity ? (bits)~(bits)0 : key;
}
)";
// Elements in order are those that were there, but for NaNs, which are one.
constexpr const char* kWritten = R"(
__device__ __forceinline__ bits written(bits x) {
  const bool is_nan = kFloating && (bits)(x & (bits)~kSign) > kInfinity;
  return is_nan ? (bits)(kInfinity | (bits)1 << (kMantissa - 1)) : x;
}
)";

// ptrs: elements, keys or places, result; vals: rows, count, inner (steps between the elements of a row), wanted.
constexpr const char* kBegin = R"(
struct Args { void* ptrs[3]; i64 vals[4]; void* scratch; i64* status; };
extern "C" __global__ void __launch_bounds__(256) tandem_kernel(const Args args) {
  const i64 rows = args.vals[0], n = args.vals[1], inner = args.vals[2], wanted = args.vals[3];
  for (i64 item = (i64)blockIdx.x * 256 + threadIdx.x; item < rows * wanted; item += (i64)gridDim.x * 256) {
    // Neighbouring threads have neighbours in memory.
    const i64 row = item / (wanted * inner) * inner + item % inner, i = item / inner % wanted;
)";
constexpr const char* kToKeys = R"(
    ((key*)args.ptrs[1])[row * n + i] = key_at((const bits*)args.ptrs[0], item);
  }
}
)";
constexpr const char* kToPlacedKeys = R"(
    const i64 place = (i64)((const u32*)args.ptrs[2])[row * n + i], start = row / inner * n * inner + row % inner;
    ((key*)args.ptrs[1])[row * n + i] = key_at((const bits*)args.ptrs[0], start + place * inner);
  }
}
)";
constexpr const char* kToValues = R"(
    const i64 place = (i64)((const u32*)args.ptrs[1])[row * n + i], start = row / inner * n * inner + row % inner;
    ((bits*)args.ptrs[2])[item] = written(((const bits*)args.ptrs[0])[start + place * inner]);
  }
}
)";
constexpr const char* kToPlaces = R"(
    ((i64*)args.ptrs[2])[item] = (i64)((const u32*)args.ptrs[1])[row * n + i];
  }
}
)";

int mantissa_of(DType dtype) {
  switch (dtype) {
    case DType::f16: return 10;
    case DType::bf16: return 7;
    case DType::f32: return 23;
    case DType::f64: return 52;
    default: return 1;
  }
}

// What orders an element: itself, a part of a complex number, or which of its parts are NaN.
enum class Source : uint8_t { whole, real, imaginary, nans };
constexpr std::array<const char*, 4> kSourceNames = {"", "_real", "_imaginary", "_nans"};
constexpr std::array<const char*, 4> kKeyAt = {
    "key_of(x[i])", "key_of(x[2 * i])", "key_of(x[2 * i + 1])",
    "(key)(2 * (key_of(x[2 * i]) == (bits)~(bits)0) + (key_of(x[2 * i + 1]) == (bits)~(bits)0))"};

struct Order {
  DType dtype;  // of the numbers, or of their parts
  bool descending;
  Source source = Source::whole;

  int size() const { return size_of(dtype); }
  int key_bytes() const { return size() == 8 ? 8 : 4; }
  int key_bits() const { return source == Source::nans ? 2 : 8 * size(); }
  std::string name(const char* what) const {
    return fmt::format("{}_{}{}{}", what, info(dtype).name, kSourceNames[static_cast<size_t>(source)],
                       descending ? "_descending" : "");
  }
  std::string text() const {
    return key_text(dtype, descending) + kWritten +
           fmt::format("__device__ __forceinline__ key key_at(const bits* x, i64 i) {{ return {}; }}\n",
                       kKeyAt[static_cast<size_t>(source)]) +
           kBegin;
  }
};

class Sorting {
 public:
  // `places`: the order in which elements are already, and equal ones stay.
  Sorting(const TextLaunch& launch, const RoutineArray& x, int64_t axis, const Order& order, StorageRef places = {})
      : launch_(launch), rows_(x.shape, axis), order_(order) {
    Keys keys;
    keys.bytes = order.key_bytes();
    keys.rows = rows_.rows();
    keys.count = rows_.count;
    keys.memory = launch.gpu.memory.allocate(static_cast<size_t>(keys.rows * keys.count * keys.bytes));
    keys.places = std::move(places);
    if (keys.places)
      walk(order.name("placed_keys"), order.text() + kToPlacedKeys, {x.data, keys.memory->data, keys.places->data},
           rows_.count);
    else
      walk(order.name("keys"), order.text() + kToKeys, {x.data, keys.memory->data, nullptr}, rows_.count);
    sorted_ = in_order(launch, std::move(keys), order.key_bits());
  }
  const StorageRef& places() const { return sorted_.places; }
  void write_values(void* from, void* out) const {
    walk(order_.name("values"), order_.text() + kToValues, {from, sorted_.places->data, out}, rows_.count);
  }
  void write_places(void* out, int64_t wanted) const {
    walk("sorted_places", std::string(kBegin) + kToPlaces, {nullptr, sorted_.places->data, out}, wanted);
  }

 private:
  void walk(const std::string& name, const std::string& text, const std::array<void*, 3>& ptrs, int64_t wanted) const {
    const DeviceCode& code = TextKernels::all().of(launch_.gpu, name, [&] { return KernelText{name, text, 3, 4}; });
    const int64_t items = rows_.rows() * wanted;
    launch_.run(code, std::min<int64_t>((items + kThreads - 1) / kThreads, kMostBlocks), kThreads, ptrs,
                std::array{rows_.rows(), rows_.count, rows_.inner, wanted});
  }

  const TextLaunch& launch_;
  SortedRows rows_;
  Order order_;
  Ordered sorted_;
};

// A block has a row at least, so very many short ones are better done elsewhere.
constexpr int64_t kMostRows = 1 << 22;
bool fits(const SortedRows& rows) { return rows.count < kMostKeys && rows.rows() <= kMostRows; }
bool is_empty(const RoutineArray& x) { return std::ranges::find(x.shape, 0) != x.shape.end(); }

// params: axis, descending
bool run_sort(const TextLaunch& launch, const RoutineArgs& args) {
  const RoutineArray& x = args.inputs[0];
  if (is_empty(x)) return true;
  if (!fits(SortedRows(x.shape, args.params[0]))) return false;
  Sorting(launch, x, args.params[0], {x.dtype, args.params[1] != 0}).write_values(x.data, args.out.data);
  return true;
}

// params: axis, descending
bool run_argsort(const TextLaunch& launch, const RoutineArgs& args) {
  const RoutineArray& x = args.inputs[0];
  if (is_empty(x)) return true;
  const SortedRows rows(x.shape, args.params[0]);
  if (!fits(rows)) return false;
  Sorting(launch, x, args.params[0], {x.dtype, args.params[1] != 0}).write_places(args.out.data, rows.count);
  return true;
}

// params: axis, descending; the last input decides first
bool run_lexsort(const TextLaunch& launch, const RoutineArgs& args) {
  if (is_empty(args.inputs[0])) return true;
  const SortedRows rows(args.inputs[0].shape, args.params[0]);
  if (!fits(rows)) return false;
  std::vector<Source> sources;  // of all keys, one after the other
  std::vector<const RoutineArray*> arrays;
  for (const RoutineArray& key : args.inputs)
    for (const Source source : {Source::imaginary, Source::real, Source::nans, Source::whole})
      if ((source != Source::whole) == is_complex(key.dtype)) {
        sources.push_back(source);
        arrays.push_back(&key);
      }
  StorageRef places;
  for (size_t k = 0; k < sources.size(); ++k) {
    const Order order{real_type(arrays[k]->dtype), args.params[1] != 0, sources[k]};
    const Sorting sorting(launch, *arrays[k], args.params[0], order, std::move(places));
    places = sorting.places();
    if (k + 1 == sources.size()) sorting.write_places(args.out.data, rows.count);
  }
  return true;
}

// params: k, axis, largest
bool run_topk(const TextLaunch& launch, const RoutineArgs& args) {
  const RoutineArray& x = args.inputs[0];
  if (is_empty(x) || args.params[0] == 0) return true;
  if (!fits(SortedRows(x.shape, args.params[1]))) return false;
  Sorting(launch, x, args.params[1], {x.dtype, args.params[2] != 0}).write_places(args.out.data, args.params[0]);
  return true;
}

constexpr DeviceRoutine kRoutines[] = {
    {"sort", run_sort}, {"argsort", run_argsort}, {"topk_indices", run_topk}, {"lexsort", run_lexsort}};

}  // namespace

std::string key_text(DType dtype, bool descending) {
  const bool floating = info(dtype).kind == Kind::floating;
  const int size = size_of(dtype);
  return bits_text(dtype) +
         fmt::format(
             "typedef u{} key;\nconstexpr bool kFloating = {}, kSigned = {}, kDescending = {};\n"
             "constexpr int kMantissa = {};\nconstexpr bits kSign = (bits)((bits)1 << {});\n"
             "constexpr bits kInfinity = (bits)((bits)((bits)~kSign >> kMantissa) << kMantissa);\n",
             size == 8 ? 64 : 32, floating, info(dtype).is_signed, descending, mantissa_of(dtype), 8 * size - 1) +
         kKeys;
}

std::span<const DeviceRoutine> sort_routines() { return kRoutines; }

}  // namespace tandem::cuda
