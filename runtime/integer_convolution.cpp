// By columns, like other convolutions that no library does: what each place of the kernel sees of some places of the
// result, packed as the loops want it, times a matrix of weights. A thread's columns stay in the second-level cache.
#include <algorithm>
#include <cstring>

#include "runtime/convolution_rows.h"
#include "runtime/integer_product.h"
#include "runtime/integer_tile.h"
#include "runtime/parallel.h"
#include "runtime/storage.h"

namespace tandem {

namespace {

constexpr int64_t kColumnBytes = 256 << 10;  // of one thread
constexpr double kNsPerStep = 0.006;

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// to[4 * i + j] = rows[j][i] ^ flip.
void interleave(const uint8_t* rows, int64_t row, int64_t count, uint8_t flip, uint8_t* to) {
  int64_t i = 0;
#if defined(__x86_64__)
  const __m128i flips = _mm_set1_epi8(static_cast<char>(flip));
  const auto load = [&](int64_t j) {
    return _mm_xor_si128(_mm_loadu_si128(reinterpret_cast<const __m128i*>(rows + j * row + i)), flips);
  };
  for (; i + 16 <= count; i += 16) {
    const __m128i a = load(0), b = load(1), c = load(2), d = load(3);
    const __m128i ab_low = _mm_unpacklo_epi8(a, b), ab_high = _mm_unpackhi_epi8(a, b);
    const __m128i cd_low = _mm_unpacklo_epi8(c, d), cd_high = _mm_unpackhi_epi8(c, d);
    auto* out = reinterpret_cast<__m128i*>(to + 4 * i);
    _mm_storeu_si128(out, _mm_unpacklo_epi16(ab_low, cd_low));
    _mm_storeu_si128(out + 1, _mm_unpackhi_epi16(ab_low, cd_low));
    _mm_storeu_si128(out + 2, _mm_unpacklo_epi16(ab_high, cd_high));
    _mm_storeu_si128(out + 3, _mm_unpackhi_epi16(ab_high, cd_high));
  }
#endif
  for (; i < count; ++i)
    for (int64_t j = 0; j < 4; ++j) to[4 * i + j] = rows[j * row + i] ^ flip;
}

class Problem {
 public:
  Problem(const ConvolutionArgs& args, const Bytes& source, DotIsa isa)
      : args_(args),
        grid_(args),
        source_(source),
        isa_(isa),
        tiles_(dot_tiles(isa)),
        places_(args.places()),
        source_size_(args.source_size()),
        result_size_(args.result_size()),
        depth_(args.in * places_),
        quads_(ceil_div(depth_, 4)) {
    const int64_t fitting = kColumnBytes / (quads_ * 4) / tiles_.width * tiles_.width;
    tile_ = std::clamp<int64_t>(fitting, tiles_.width, ceil_div(result_size_, tiles_.width) * tiles_.width);
    tasks_ = ceil_div(result_size_, tile_);
  }

  void run() {
    prepare_weights();
    const double cost =
        static_cast<double>(args_.out * quads_ * 4) * static_cast<double>(std::min(tile_, result_size_)) * kNsPerStep;
    parallel_for(args_.batch * args_.groups * tasks_, 1, cost, [this](int64_t begin, int64_t end) {
      const StorageRef memory = allocate(static_cast<size_t>(tile_ * (quads_ + 1) * 4));
      auto* columns = static_cast<uint8_t*>(memory->data);
      for (int64_t task = begin; task < end; ++task) run_task(task, columns, columns + tile_ * quads_ * 4);
    });
  }

 private:
  void prepare_weights() {
    const auto* given = static_cast<const int8_t*>(args_.weights);
    const int64_t rows = args_.groups * args_.out;
    starts_ = allocate(static_cast<size_t>(rows) * sizeof(uint32_t));
    negative_offsets(given, rows, depth_, source_.offset, static_cast<uint32_t*>(starts_->data), isa_);
    weights_ = reinterpret_cast<const uint8_t*>(given);
    if (depth_ % 4 == 0) return;
    padded_ = allocate(static_cast<size_t>(rows * quads_ * 4));
    pad_rows(weights_, rows, depth_, 0, static_cast<uint8_t*>(padded_->data));
    weights_ = static_cast<const uint8_t*>(padded_->data);
  }

  // Places [tile.begin, tile.end) of the result, panel after panel: [quad][place in the panel][four bytes].
  void fill(const uint8_t* source, Range tile, uint8_t* columns, uint8_t* rows) const {
    const int64_t width = tiles_.width, panels = ceil_div(tile.count(), width);
    for (int64_t q = 0; q < quads_; ++q) {
      std::memset(rows, source_.zero, static_cast<size_t>(4 * tile_));
      for (int64_t k = 4 * q; k < std::min(4 * q + 4, depth_); ++k) {
        const uint8_t* channel = source + k / places_ * source_size_;
        uint8_t* row = rows + (k - 4 * q) * tile_;
        for_each_row(grid_, k % places_, tile, [&](int64_t at, int64_t from, int64_t count, int64_t step) {
          if (step == 1)
            std::copy_n(channel + from, count, row + at);
          else
            for (int64_t i = 0; i < count; ++i) row[at + i] = channel[from + i * step];
        });
      }
      for (int64_t panel = 0; panel < panels; ++panel)
        interleave(rows + panel * width, tile_, width, source_.flip, columns + (panel * quads_ + q) * width * 4);
    }
  }

  void run_task(int64_t task, uint8_t* columns, uint8_t* rows) const {
    const int64_t image = task / tasks_, group = image % args_.groups, begin = task % tasks_ * tile_;
    const Range tile{begin, std::min(begin + tile_, result_size_)};
    fill(source_.data + image * args_.in * source_size_, tile, columns, rows);
    const uint8_t* weights = weights_ + group * args_.out * quads_ * 4;
    const auto* starts = static_cast<const uint32_t*>(starts_->data) + group * args_.out;
    auto* out = static_cast<uint32_t*>(args_.result) + image * args_.out * result_size_ + begin;
    alignas(64) uint32_t edge[kMostDotRows * kMostDotWidth];
    const int64_t width = tiles_.width;
    for (int64_t p = 0; p < tile.count(); p += width)
      for (int64_t i = 0; i < args_.out; i += tiles_.rows) {
        const int64_t count = std::min<int64_t>(tiles_.rows, args_.out - i), seen = tile.count() - p;
        const bool full = seen >= width;
        uint32_t* c = out + i * result_size_ + p;
        tiles_.turned[static_cast<size_t>(count)](quads_, weights + i * quads_ * 4, quads_ * 4,
                                                  columns + p * quads_ * 4, starts + i, full ? c : edge,
                                                  full ? result_size_ : width);
        for (int64_t r = 0; !full && r < count; ++r) std::copy_n(edge + r * width, seen, c + r * result_size_);
      }
  }

  const ConvolutionArgs& args_;
  Grid grid_;
  Bytes source_;
  DotIsa isa_;
  const DotTiles& tiles_;
  int64_t places_, source_size_, result_size_, depth_, quads_, tile_ = 0, tasks_ = 0;
  const uint8_t* weights_ = nullptr;
  StorageRef starts_, padded_;
};

}  // namespace

void integer_convolution(const ConvolutionArgs& args, const Bytes& source, DotIsa isa) {
  const int64_t results = args.batch * args.groups * args.out * args.result_size();
  if (results == 0) return;
  if (args.in == 0) {
    std::memset(args.result, 0, static_cast<size_t>(results) * sizeof(int32_t));
    return;
  }
  Problem(args, source, isa).run();
}

}  // namespace tandem
