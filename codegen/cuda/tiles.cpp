// Maps that read something along one axis and write along another, such as transpositions. Of a tile of both axes, what
// lies across is read into shared memory along its own axis first. A row more than the tile has, so that neighbours along
// the other axis lie in different banks.
#include "codegen/cuda/emitter.h"

namespace tandem::cuda {

void Emitter::tiles_kernel() {
  const size_t last = last_axis(k_), other = static_cast<size_t>(crossing_axis(k_));
  std::vector<size_t> outer;
  for (size_t axis = 0; axis < k_.axes.size(); ++axis)
    if (axis != last && axis != other) outer.push_back(axis);
  t_.line("i64* const status = args.status;");
  t_.line("const i64 n = {}, m = {};", extent(last), extent(other));
  t_.line("int n_bits = 0, m_bits = 0;");
  t_.line("while (n_bits < {} && (1ll << n_bits) < n) ++n_bits;", kTileBits / 2);
  t_.line("while (m_bits < {} - n_bits && (1ll << m_bits) < m) ++m_bits;", kTileBits);
  t_.line("while (n_bits < {} - m_bits && (1ll << n_bits) < n) ++n_bits;", kTileBits);
  t_.line("const int width = 1 << n_bits, height = 1 << m_bits, pitch = height + 1;");
  t_.line("const i64 strips = (n + width - 1) >> n_bits, bands = (m + height - 1) >> m_bits;");
  t_.line("const i64 tiles = {} * bands * strips;", product(outer));
  std::vector<int> across;
  for (size_t a = 0; a < k_.accesses.size(); ++a)
    if (is_crossing(k_, k_.accesses[a])) across.push_back(static_cast<int>(a));
  for (const int access : across)
    t_.line("__shared__ {} t{}[{}];", memory_type(dtype_of(access)), access, 2 << kTileBits);
  t_.open("for (i64 tile = blockIdx.x; tile < tiles; tile += gridDim.x)");
  t_.line("i64 number = tile;");
  t_.line("const i64 left = take(number, strips) << n_bits;");
  t_.line("const i64 top = take(number, bands) << m_bits;");
  decode(outer, "number");
  each_stage([&] {
    outer_nodes();
    const auto walk = [&](const char* first, const char* first_bits, const char* second) {
      t_.raw("#pragma unroll");
      t_.open("for (int u = 0; u < {}; ++u)", (1 << kTileBits) / static_cast<int>(kMapThreads));
      t_.line("const int e = threadIdx.x + u * {};", kMapThreads);
      t_.line("const int {0} = e & ((1 << {1}) - 1), {2} = e >> {1};", first, first_bits, second);
      t_.line("const i64 i{} = left + across, i{} = top + along;", last, other);
      t_.line("if (across >= width || along >= height || i{} >= n || i{} >= m) continue;", last, other);
    };
    walk("along", "m_bits", "across");
    for (const int access : across)
      if (s_.used_access[static_cast<size_t>(access)])
        t_.line("t{}[across * pitch + along] = {};", access, place(access));
    t_.close();
    t_.line("__syncthreads();");
    for (const int access : across) s_.reach[static_cast<size_t>(access)] = Reach::tile;
    walk("across", "n_bits", "along");
    nodes(true);
    stores();
    t_.close();
    t_.line("__syncthreads();");
  });
  t_.close();
}

}  // namespace tandem::cuda
