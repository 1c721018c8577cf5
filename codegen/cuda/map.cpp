// Maps: every thread has some neighbours along the last axis, moved by whole packs where they are aligned. A group of
// threads, a power of two, has a piece of a row, so that short rows do not waste threads, or, where there is more to do
// than all threads can begin with, some pieces: what is computed once for all of them takes a time that counts.
#include <algorithm>
#include <bit>
#include <numeric>

#include "codegen/cuda/emitter.h"

namespace tandem::cuda {

void Emitter::map_kernel() {
  const size_t rank = k_.axes.size();
  const size_t last = rank == 0 ? 0 : last_axis(k_);
  std::vector<size_t> rows;
  for (size_t axis = 0; axis < rank; ++axis)
    if (axis != last) rows.push_back(axis);
  const int shift = std::countr_zero(static_cast<unsigned>(rule_.elements));
  t_.line("const i64 n = {};", rank == 0 ? "1" : extent(last));
  t_.line("i64* const status = args.status;");
  t_.line("const int width = bits_for((n + {}) >> {}, 5);", rule_.elements - 1, shift);
  t_.line("const i64 piece = (i64){} << width, all = (n + piece - 1) >> (width + {});", rule_.elements, shift);
  t_.line("const int more = all >= {} && ({} * all) << width >= {} ? {} : 0;", 1 << kMorePieces, product(rows),
          kManyItems, kMorePieces);
  t_.line("const i64 pieces = (all + (1 << more) - 1) >> more, items = ({} * pieces) << width;", product(rows));
  t_.open("for (i64 item = (i64)blockIdx.x * {0} + threadIdx.x; item < items; item += (i64)gridDim.x * {0})",
          kMapThreads);
  t_.line("const int lane = (int)item & ((1 << width) - 1);");
  if (rows.empty()) {
    t_.line("const i64 first = ((item >> width) * piece) << more;");
  } else {
    t_.line("i64 number = item >> width;");
    t_.line("const i64 first = (take(number, pieces) * piece) << more;");
    decode(rows, "number");
  }
  each_stage([&] { map_stage(); });
  t_.close();
}

void Emitter::map_stage() {
  const size_t rank = k_.axes.size();
  outer_nodes();
  if (rank == 0) {
    nodes(true);
    stores();
    return;
  }
  const size_t last = last_axis(k_);
  std::vector<int> packed;
  for (size_t a = 0; a < s_.used_access.size() && rule_.elements > 1; ++a)
    if (s_.used_access[a] && k_.accesses[a].strides[last].is(1) && !gathers_inside(static_cast<int>(a)))
      packed.push_back(static_cast<int>(a));
  t_.line("const i64 stop = smaller(n, first + (piece << more));");
  t_.open("for (i64 start = first; start < stop; start += piece)");
  if (!packed.empty()) pack_stage(packed);
  // Neighbouring threads take neighbouring elements.
  t_.open("for (int e = 0; e < {}; ++e)", rule_.elements);
  t_.line("const i64 i{} = start + lane + ((i64)e << width);", last);
  t_.line("if (i{} >= n) break;", last);
  nodes(true);
  stores();
  t_.close();
  if (!packed.empty()) t_.close();
  t_.close();
}

// Leaves the branch for what is not aligned, or not a whole piece, open.
void Emitter::pack_stage(const std::vector<int>& packed) {
  const size_t last = last_axis(k_);
  const int count = rule_.elements;
  std::string whole = "start + piece <= n";
  for (const int access : packed)
    if (size_of(dtype_of(access)) * count > size_of(dtype_of(access)))
      whole += fmt::format(" && aligned({} + start, {})", pointer(access), size_of(dtype_of(access)) * count);
  t_.open("if ({})", whole);
  t_.line("const i64 at = start + lane * {};", count);
  const auto stored = [&](int access) {
    return std::any_of(s_.stage->stores.begin(), s_.stage->stores.end(),
                       [&](const Store& store) { return store.access == access; });
  };
  for (const int access : packed) {
    const std::string_view type = memory_type(dtype_of(access));
    if (stored(access))
      t_.line("Pack<{}, {}> o{};", type, count, access);
    else
      t_.line("const Pack<{0}, {1}> l{2} = load_pack<{1}>(p{2} + at);", type, count, access);
    s_.reach[static_cast<size_t>(access)] = Reach::pack;
  }
  t_.raw("#pragma unroll");
  t_.open("for (int e = 0; e < {}; ++e)", count);
  t_.line("const i64 i{} = at + e;", last);
  nodes(true);
  stores();
  t_.close();
  for (const int access : packed) {
    if (stored(access)) t_.line("store_pack(p{0} + at, o{0});", access);
    s_.reach[static_cast<size_t>(access)] = Reach::element;
  }
  t_.other();
}

}  // namespace tandem::cuda
