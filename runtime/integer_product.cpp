#include "runtime/integer_product.h"

#include <algorithm>
#include <cstring>

#include "runtime/copy_rows.h"
#include "runtime/integer_tile.h"
#include "runtime/parallel.h"
#include "runtime/routine.h"
#include "runtime/storage.h"

namespace tandem {

namespace {

constexpr double kNsPerStep = 0.004;    // one multiply-add, roughly: decides only when threads are worth it
constexpr int64_t kDirectRows = 16;     // up to so many, packing the weights would cost more than it gains
constexpr int64_t kDirectColumns = 64;  // of a piece of work there
constexpr int64_t kTaskRows = 192;      // of x: stay in the second-level cache
constexpr int64_t kTaskColumns = 256;

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

void few_rows(const IntegerLinear& args, const DotTiles& tiles) {
  const double cost = static_cast<double>(args.rows * args.depth) * kNsPerStep;
  const auto* weight = reinterpret_cast<const uint8_t*>(args.weight);
  auto* out = reinterpret_cast<uint32_t*>(args.out);
  parallel_for(args.columns, kDirectColumns, cost, [&](int64_t begin, int64_t end) {
    for (int64_t j = begin; j < end;) {
      const bool several = end - j >= kFewColumns;
      for (int64_t i = 0; i < args.rows; i += kFewRows) {
        const auto rows = static_cast<size_t>(std::min<int64_t>(kFewRows, args.rows - i));
        const DotRows part{args.depth,    args.x.data + i * args.depth, args.depth,
                           args.x.flip,   weight + j * args.depth,      args.depth,
                           args.x.offset, out + i * args.columns + j,   args.columns};
        (several ? tiles.several : tiles.single)[rows](part);
      }
      j += several ? kFewColumns : 1;
    }
  });
}

// Columns [first, first + count) of the product as [quad][column][four bytes]; missing columns are zero.
void pack_panel(const IntegerLinear& args, int64_t first, int64_t count, int64_t width, uint8_t* panel) {
  const int64_t quads = ceil_div(args.depth, 4);
  const auto* from = reinterpret_cast<const uint8_t*>(args.weight) + first * args.depth;
  if (count < width || args.depth % 4 != 0) std::memset(panel, 0, static_cast<size_t>(quads * width * 4));
  if (args.depth % 4 == 0 && reinterpret_cast<uintptr_t>(from) % 4 == 0)
    return copy_turned(reinterpret_cast<const uint32_t*>(from), 1, quads, reinterpret_cast<uint32_t*>(panel), width,
                       quads, count);
  for (int64_t j = 0; j < count; ++j)
    for (int64_t p = 0; p < args.depth; p += 4)
      std::memcpy(panel + (p / 4 * width + j) * 4, from + j * args.depth + p,
                  static_cast<size_t>(std::min<int64_t>(4, args.depth - p)));
}

void many_rows(const IntegerLinear& args, DotIsa isa) {
  const DotTiles& tiles = dot_tiles(isa);
  const int64_t width = tiles.width, panels = ceil_div(args.columns, width), quads = ceil_div(args.depth, 4);
  const int64_t panel_bytes = quads * width * 4;
  const StorageRef packed = allocate(static_cast<size_t>(panels * panel_bytes));
  const StorageRef starts = allocate(static_cast<size_t>(panels * width) * sizeof(uint32_t));
  auto* right = static_cast<uint8_t*>(packed->data);
  auto* start = static_cast<uint32_t*>(starts->data);
  parallel_for(panels, 1, 0.2 * static_cast<double>(panel_bytes), [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      const int64_t count = std::min(width, args.columns - k * width);
      pack_panel(args, k * width, count, width, right + k * panel_bytes);
      negative_offsets(args.weight + k * width * args.depth, count, args.depth, args.x.offset, start + k * width, isa);
      std::fill(start + k * width + count, start + (k + 1) * width, 0);
    }
  });
  StorageRef copy;
  const uint8_t* left = args.x.data;
  if (args.x.flip != 0 || args.depth % 4 != 0) {
    copy = allocate(static_cast<size_t>(args.rows * quads * 4));
    auto* padded = static_cast<uint8_t*>(copy->data);
    parallel_for(args.rows, 64, 0.1 * static_cast<double>(args.depth), [&](int64_t begin, int64_t end) {
      pad_rows(args.x.data + begin * args.depth, end - begin, args.depth, args.x.flip, padded + begin * quads * 4);
    });
    left = padded;
  }
  const int64_t task_panels = std::max<int64_t>(kTaskColumns / width, 1);
  const int64_t row_tasks = ceil_div(args.rows, kTaskRows), column_tasks = ceil_div(panels, task_panels);
  const double cost = static_cast<double>(std::min(args.rows, kTaskRows) * std::min(args.columns, kTaskColumns)) *
                      static_cast<double>(args.depth) * kNsPerStep;
  auto* out = reinterpret_cast<uint32_t*>(args.out);
  parallel_for(row_tasks * column_tasks, 1, cost, [&](int64_t begin, int64_t end) {
    alignas(64) uint32_t edge[kMostDotRows * kMostDotWidth];
    for (int64_t task = begin; task < end; ++task) {
      const int64_t row = task / column_tasks * kTaskRows, last_row = std::min(row + kTaskRows, args.rows);
      const int64_t panel = task % column_tasks * task_panels, last_panel = std::min(panel + task_panels, panels);
      for (int64_t k = panel; k < last_panel; ++k)
        for (int64_t i = row; i < last_row; i += tiles.rows) {
          const int64_t rows = std::min<int64_t>(tiles.rows, last_row - i), columns = args.columns - k * width;
          const DotTile tile = tiles.plain[static_cast<size_t>(rows)];
          uint32_t* c = out + i * args.columns + k * width;
          const bool full = columns >= width;
          tile(quads, left + i * quads * 4, quads * 4, right + k * panel_bytes, start + k * width, full ? c : edge,
               full ? args.columns : width);
          for (int64_t r = 0; !full && r < rows; ++r) std::copy_n(edge + r * width, columns, c + r * args.columns);
        }
    }
  });
}

int64_t zero_point_of(const RoutineArray& x) {
  return x.dtype == DType::i8 ? int64_t{*static_cast<const int8_t*>(x.data)}
                              : int64_t{*static_cast<const uint8_t*>(x.data)};
}

Bytes left_of(const RoutineArgs& call) {
  return bytes_of(call.inputs[0].data, call.inputs[0].dtype == DType::i8, zero_point_of(call.inputs[2]));
}

void run_linear(const RoutineArgs& call) {
  const RoutineArray &x = call.inputs[0], &weight = call.inputs[1];
  int64_t rows = 1;
  for (const int64_t size : x.shape.first(x.shape.size() - 1)) rows *= size;
  integer_linear({rows, weight.shape[0], weight.shape[1], left_of(call), static_cast<const int8_t*>(weight.data),
                  static_cast<int32_t*>(call.out.data)});
}

void run_convolution(const RoutineArgs& call) {
  integer_convolution(convolution_of(call, call.inputs[0], call.inputs[1], call.out), left_of(call));
}

constexpr Routine kRoutines[] = {{"integer_linear", run_linear}, {"integer_convolution", run_convolution}};

}  // namespace

DotIsa best_dot_isa() {
#if defined(__x86_64__)
  static const DotIsa isa = [] {
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni"))
      return DotIsa::vnni;
    return __builtin_cpu_supports("avx2") ? DotIsa::avx2 : DotIsa::generic;
  }();
  return isa;
#else
  return DotIsa::generic;
#endif
}

Bytes bytes_of(const void* data, bool is_signed, int64_t zero_point) {
  return {static_cast<const uint8_t*>(data), static_cast<uint8_t>(is_signed ? 0x80 : 0),
          static_cast<uint32_t>(zero_point + (is_signed ? 128 : 0)), static_cast<uint8_t>(zero_point)};
}

void negative_offsets(const int8_t* weight, int64_t rows, int64_t depth, uint32_t offset, uint32_t* start, DotIsa isa) {
  if (offset == 0) {
    std::fill_n(start, rows, 0);
    return;
  }
  const DotTiles& tiles = dot_tiles(isa);
  const StorageRef ones = allocate(static_cast<size_t>(depth));
  std::memset(ones->data, 1, static_cast<size_t>(depth));
  DotRows part{depth, static_cast<const uint8_t*>(ones->data), depth, 0, nullptr, depth, 0, nullptr, 0};
  for (int64_t i = 0; i < rows;) {
    const bool several = rows - i >= kFewColumns;
    part.b = reinterpret_cast<const uint8_t*>(weight) + i * depth;
    part.c = start + i;
    (several ? tiles.several : tiles.single)[1](part);
    i += several ? kFewColumns : 1;
  }
  for (int64_t i = 0; i < rows; ++i) start[i] = 0 - offset * start[i];
}

void pad_rows(const uint8_t* from, int64_t rows, int64_t depth, uint8_t flip, uint8_t* to) {
  const int64_t padded = ceil_div(depth, 4) * 4;
  for (int64_t i = 0; i < rows; ++i, from += depth, to += padded) {
    for (int64_t p = 0; p < depth; ++p) to[p] = from[p] ^ flip;
    std::fill(to + depth, to + padded, 0);
  }
}

void integer_linear(const IntegerLinear& args, DotIsa isa) {
  if (args.rows == 0 || args.columns == 0) return;
  return args.rows <= kDirectRows ? few_rows(args, dot_tiles(isa)) : many_rows(args, isa);
}

std::span<const Routine> integer_routines() { return kRoutines; }

}  // namespace tandem
