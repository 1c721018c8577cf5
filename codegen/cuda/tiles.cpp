// Maps that read something along one axis and write along another, such as transpositions. Of a tile of both axes, what
// lies across is read into shared memory along its own axis first, in rows of an odd length, so that neighbours along the
// other axis lie in different banks.
#include <bit>

#include "codegen/cuda/emitter.h"

namespace tandem::cuda {

void Emitter::tiles_kernel() {
  const size_t last = last_axis(k_), other = static_cast<size_t>(crossing_axis(k_));
  std::vector<size_t> outer;
  for (size_t axis = 0; axis < k_.axes.size(); ++axis)
    if (axis != last && axis != other) outer.push_back(axis);
  t_.line("i64* const status = args.status;");
  t_.line("const i64 n = {}, m = {};", extent(last), extent(other));
  const int bits = std::countr_zero(static_cast<unsigned>(rule_.elements));
  t_.line("int n_bits = bits_for(n, {}), m_bits = bits_for(m, (int)smaller({} - n_bits, {}));", bits / 2, bits,
          kMostTileBits);
  t_.line("n_bits = bits_for(n, (int)smaller({} - m_bits, {}));", bits, kMostTileBits);
  t_.line("const int width = 1 << n_bits, height = 1 << m_bits, pitch = height | 1;");
  t_.line("const i64 strips = (n + width - 1) >> n_bits, bands = (m + height - 1) >> m_bits;");
  t_.line("const i64 tiles = {} * bands * strips;", product(outer));
  std::vector<int> across;
  for (size_t a = 0; a < k_.accesses.size(); ++a)
    if (is_crossing(k_, k_.accesses[a], rule_.elements)) across.push_back(static_cast<int>(a));
  for (const int access : across)
    t_.line("__shared__ {} t{}[{}];", memory_type(dtype_of(access)), access, rule_.elements * 3 / 2);
  t_.open("for (i64 tile = blockIdx.x; tile < tiles; tile += gridDim.x)");
  t_.line("i64 number = tile;");
  t_.line("const i64 left = take(number, strips) << n_bits;");
  t_.line("const i64 top = take(number, bands) << m_bits;");
  t_.line("const int wide = (int)smaller(width, n - left), high = (int)smaller(height, m - top);");
  decode(outer, "number");
  each_stage([&] {
    outer_nodes();
    // A thread keeps its place along the first of both axes, which has no more places than there are threads.
    const auto walk = [&](const char* first, const char* first_bits, const char* first_end, const char* second,
                          const char* second_end) {
      t_.open("if (const int {0} = threadIdx.x & ((1 << {1}) - 1); {0} < {2})", first, first_bits, first_end);
      t_.raw("#pragma unroll");
      t_.open("for (int u = 0; u < {}; ++u)", rule_.elements / static_cast<int>(kMapThreads));
      t_.line("const int {0} = (threadIdx.x >> {1}) + u * ({2} >> {1});", second, first_bits, kMapThreads);
      t_.line("if ({} >= {}) break;", second, second_end);
      t_.line("const i64 i{} = left + across, i{} = top + along;", last, other);
    };
    walk("along", "m_bits", "high", "across", "wide");
    for (const int access : across)
      if (s_.used_access[static_cast<size_t>(access)])
        t_.line("t{}[across * pitch + along] = {};", access, place(access));
    t_.close();
    t_.close();
    t_.line("__syncthreads();");
    for (const int access : across) s_.reach[static_cast<size_t>(access)] = Reach::tile;
    walk("across", "n_bits", "wide", "along", "high");
    nodes(true);
    stores();
    t_.close();
    t_.close();
    t_.line("__syncthreads();");
  });
  t_.close();
}

}  // namespace tandem::cuda
