// Convolution of float32 by our own loops.
//
// Every element of the result is one chain of fused multiply-adds over the weights in the order in which they lie in
// memory, places outside of the source being zeros, and the bias is added last: the bits are those of the columns
// (convolution_columns.cpp), whatever the layout, the instruction set, the threads or how the work is cut.
//
// A unit is some rows of the result of one image, or a part of one long row. What it sees is first arranged in memory that
// stays in the second-level cache: blocks of channels side by side, borders as zeros, and columns (and rows) that a
// place of the kernel sees next to each other although they are a stride apart. So one loop does every stride, dilation
// and kernel. Weights lie in panels of 16 or 32 channels of the result.
#include <algorithm>
#include <cstring>
#include <vector>

#include "runtime/convolution.h"
#include "runtime/derived.h"
#include "runtime/panel_tile.h"
#include "runtime/parallel.h"
#include "runtime/storage.h"

namespace tandem {

namespace {

constexpr int64_t kUnitFloats = 64 << 10;  // of what a unit sees
constexpr int64_t kPackedPanels = 1;       // of DerivedKey
constexpr int64_t kMostPlaces = PanelTiles::kMostPlaces;
constexpr int64_t kTurned = 8 * kMostPlaces;  // places of the result that are turned back together, and lines of it
static_assert(kTurned % kLanes == 0);
constexpr double kNanosecondsPerStep = 0.008;

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// One axis: places of the kernel whose distance is a multiple of the stride see the same columns, one or several apart.
struct Phases {
  explicit Phases(const Window& w) : window(w) {
    for (int64_t k = 0; k < w.kernel; ++k) {
      const int64_t phase = k * w.dilation % w.stride, ahead = k * w.dilation / w.stride;
      auto at = std::find(starts.begin(), starts.end(), phase);
      slot.push_back(at - starts.begin());
      if (at == starts.end()) starts.push_back(phase);
      shift.push_back(ahead);
      most_ahead = std::max(most_ahead, ahead);
    }
  }
  int64_t count() const { return static_cast<int64_t>(starts.size()); }
  Window window;
  std::vector<int64_t> starts;       // of each phase, in the source
  std::vector<int64_t> slot, shift;  // of each place of the kernel: its phase, and how far ahead it sees there
  int64_t most_ahead = 0;
};

// Where every place sees just itself, all of them are one long row.
ConvolutionArgs as_row(const ConvolutionArgs& args) {
  for (int i = 0; i < args.axes; ++i)
    if (const Window& w = args.window[i]; w.kernel != 1 || w.stride != 1 || w.before != 0 || w.size != w.result)
      return args;
  ConvolutionArgs row = args;
  row.axes = 1;
  row.window[0] = {args.source_size(), 1, args.source_size()};
  return row;
}

class Direct {
 public:
  Direct(const ConvolutionArgs& given, const PanelTiles& tiles)
      : args_(as_row(given)),
        tiles_(tiles),
        high_(args_.axes == 2 ? args_.window[0] : Window{}),
        wide_(args_.window[args_.axes - 1]) {
    pitch_ = args_.in <= kFewLanes ? kFewLanes : kLanes;
    blocks_ = ceil_div(args_.in, pitch_);
    depth_ = args_.in * args_.places();
    panels_ = ceil_div(args_.out, kPanel);
    source_plane_ = args_.source_size();
    result_plane_ = args_.result_size();
    cut();
    for (int64_t h = 0; h < high_.window.kernel; ++h)
      for (int64_t w = 0; w < wide_.window.kernel; ++w)
        taps_.push_back(((high_.slot[at(h)] * unit_rows_ + high_.shift[at(h)]) * row_floats_) +
                        (wide_.slot[at(w)] * unit_columns_ + wide_.shift[at(w)]) * pitch_);
  }

  void run() {
    const StorageRef weights = pack_weights();
    packed_ = static_cast<const float*>(weights->data);
    pad_bias();
    const double unit_cost = args_.steps() * kNanosecondsPerStep / static_cast<double>(units());
    // What many units see is arranged by whoever computes them, one after another; where there are few units, or the
    // weights are more than what is seen, the work is cut by panels, and all is arranged beforehand.
    if (units() >= 4 * num_threads() && panels_ * kPanel * depth_ <= units() * unit_floats_) {
      parallel_for(units(), 1, unit_cost, [&](int64_t begin, int64_t end) {
        const StorageRef seen = allocate(static_cast<size_t>(unit_floats_) * sizeof(float));
        for (int64_t unit = begin; unit < end; ++unit) {
          arrange(unit, 0, blocks_, static_cast<float*>(seen->data));
          for (int64_t panel = 0; panel < panels_; ++panel) compute(unit, panel, static_cast<float*>(seen->data));
        }
      });
      return;
    }
    const StorageRef memory = allocate(static_cast<size_t>(units() * unit_floats_) * sizeof(float));
    auto* seen = static_cast<float*>(memory->data);
    parallel_for(units() * blocks_, 1, 0.2 * static_cast<double>(block_floats_), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        arrange(i / blocks_, i % blocks_, i % blocks_ + 1, seen + i / blocks_ * unit_floats_);
    });
    parallel_for(units() * panels_, 1, unit_cost / static_cast<double>(panels_), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t unit = i % units(), panel = i / units();
        compute(unit, panel, seen + unit * unit_floats_, unit + 1 == units() && panel + 1 < panels_);
      }
    });
  }

 private:
  static size_t at(int64_t i) { return static_cast<size_t>(i); }
  int64_t units() const { return args_.batch * bands_ * strips_; }

  // Rows and columns of the result in a unit.
  void cut() {
    const int64_t width = wide_.window.result, height = high_.window.result;
    const auto floats = [&](int64_t rows, int64_t columns) {
      return blocks_ * pitch_ * high_.count() * (rows + high_.most_ahead) * wide_.count() *
             (columns + wide_.most_ahead);
    };
    columns_ = width;
    while (columns_ > 8 * kMostPlaces && floats(1, columns_) > kUnitFloats)
      columns_ = ceil_div(ceil_div(columns_, 2), kMostPlaces) * kMostPlaces;
    strips_ = ceil_div(width, columns_);
    rows_ = 1;
    while (rows_ < height && floats(rows_ + 1, columns_) <= kUnitFloats) ++rows_;
    bands_ = ceil_div(height, rows_);
    rows_ = ceil_div(height, bands_);
    bands_ = ceil_div(height, rows_);
    unit_rows_ = rows_ + high_.most_ahead;
    unit_columns_ = columns_ + wide_.most_ahead;
    row_floats_ = wide_.count() * unit_columns_ * pitch_;
    block_floats_ = high_.count() * unit_rows_ * row_floats_;
    unit_floats_ = blocks_ * block_floats_;
  }

  struct Unit {
    int64_t image, row, rows, column, columns;  // of the result
  };
  Unit unit_at(int64_t unit) const {
    const int64_t row = unit / strips_ % bands_ * rows_, column = unit % strips_ * columns_;
    return {unit / strips_ / bands_, row, std::min(rows_, high_.window.result - row), column,
            std::min(columns_, wide_.window.result - column)};
  }

  StorageRef pack_weights() const {
    const size_t bytes = at(panels_ * kPanel * depth_) * sizeof(float);
    return derived(args_.weights_memory, args_.weights, {kPackedPanels, args_.out, depth_}, bytes,
                   [this](void* to) { pack_panels(static_cast<float*>(to)); });
  }

  void pack_panels(float* packed) const {
    const auto* weights = static_cast<const float*>(args_.weights);
    parallel_for(panels_, 1, 0.2 * static_cast<double>(kPanel * depth_), [&](int64_t begin, int64_t end) {
      for (int64_t panel = begin; panel < end; ++panel) {
        const int64_t first = panel * kPanel;
        pack_panel(weights + first * depth_, 1, depth_, depth_, std::min(kPanel, args_.out - first),
                   packed + first * depth_);
      }
    });
  }

  void pad_bias() {
    if (!args_.bias) return;
    bias_.assign(at(panels_ * kPanel), 0.0f);
    std::copy_n(static_cast<const float*>(args_.bias), args_.out, bias_.begin());
  }

  // What the unit sees of some blocks of channels.
  void arrange(int64_t index, int64_t first, int64_t last, float* seen) const {
    const Unit unit = unit_at(index);
    const Window& w = high_.window;
    for (int64_t block = first; block < last; ++block)
      for (int64_t f = 0; f < high_.count(); ++f)
        for (int64_t y = 0; y < unit.rows + high_.most_ahead; ++y) {
          const int64_t row = (unit.row + y) * w.stride + high_.starts[at(f)] - w.before;
          arrange_row(unit, block, row, seen + block * block_floats_ + (f * unit_rows_ + y) * row_floats_);
        }
  }

  void arrange_row(const Unit& unit, int64_t block, int64_t row, float* to) const {
    if (row < 0 || row >= high_.window.size) {
      std::fill_n(to, row_floats_, 0.0f);
      return;
    }
    const Window& w = wide_.window;
    for (int64_t f = 0; f < wide_.count(); ++f, to += unit_columns_ * pitch_) {
      // Columns of the arranged row that are inside of the source.
      const int64_t start = unit.column * w.stride + wide_.starts[at(f)] - w.before;
      const int64_t count = unit.columns + wide_.most_ahead;
      const int64_t low = std::min(start >= 0 ? 0 : ceil_div(-start, w.stride), count);
      const int64_t high = std::clamp(start >= w.size ? 0 : (w.size - start - 1) / w.stride + 1, low, count);
      std::fill_n(to, low * pitch_, 0.0f);
      if (low < high)
        copy_seen(unit.image, block, row * w.size + start + low * w.stride, high - low, to + low * pitch_);
      std::fill_n(to + high * pitch_, (count - high) * pitch_, 0.0f);
    }
  }

  void copy_seen(int64_t image, int64_t block, int64_t place, int64_t count, float* to) const {
    const auto* source = static_cast<const float*>(args_.source) + image * args_.in * source_plane_;
    const int64_t step = wide_.window.stride;
    const float* from = source + block * pitch_ * source_plane_ + place;
    const int64_t channels = std::min(pitch_, args_.in - block * pitch_);
    if (pitch_ == kLanes) return turn_to_lanes(from, source_plane_, step, count, channels, to);
    for (int64_t c = 0; c < channels; ++c, from += source_plane_)
      for (int64_t i = 0; i < count; ++i) to[i * kFewLanes + c] = from[i * step];
  }

  // With `fetches`, tiles fetch the next panel, of which each has an equal part.
  void compute(int64_t index, int64_t panel, const float* seen, bool fetches = false) const {
    const Unit unit = unit_at(index);
    // Rows that lie one behind the other are one.
    const bool joined = strips_ == 1 && unit_columns_ == unit.columns && wide_.count() == 1;
    const int64_t runs = joined ? 1 : unit.rows, length = joined ? unit.rows * unit.columns : unit.columns;
    const int64_t channels = std::min(kPanel, args_.out - panel * kPanel);
    Later later;
    if (fetches) {
      const int64_t tiles = runs * ceil_div(length, tiles_.places) * ceil_div(channels, tiles_.lanes);
      later = {packed_ + (panel + 1) * kPanel * depth_, ceil_div(kPanel, tiles)};
    }
    for (int64_t lane = 0; lane < channels; lane += tiles_.lanes) {
      const int64_t blocks = ceil_div(std::min<int64_t>(channels - lane, tiles_.lanes), kLanes);
      for (int64_t y = 0; y < runs; ++y)
        for (int64_t x = 0; x < length; x += kTurned) {
          const int64_t place = (unit.row + y) * wide_.window.result + unit.column + x;
          compute_places(seen + y * row_floats_ + x * pitch_, panel * kPanel + lane, blocks,
                         std::min(length - x, kTurned), unit.image, place, later);
        }
    }
  }

  // Some places of one row, of a few blocks of channels. Tiles leave channels next to each other; whole lines of places are
  // turned back at once, since those of many channels, often a power of two apart, would not stay in the first-level cache
  // from one tile to the next.
  void compute_places(const float* seen, int64_t channel, int64_t blocks, int64_t count, int64_t image, int64_t place,
                      Later& later) const {
    alignas(64) float lanes[kPanel * kTurned];
    const int64_t pieces = ceil_div(count, tiles_.places);
    TileArgs tile{seen,
                  block_floats_,
                  args_.in,
                  taps_.data(),
                  static_cast<int64_t>(taps_.size()),
                  packed_ + channel / kPanel * kPanel * depth_ + channel % kPanel,
                  kPanel,
                  bias_.empty() ? nullptr : bias_.data() + channel,
                  false,
                  lanes,
                  kLanes,
                  count * kLanes,
                  later};
    const bool fetches = later.step != 0 && pitch_ == kLanes && blocks * kLanes == tiles_.lanes;
    for (int64_t piece = 0; piece < pieces; ++piece) {
      const int64_t places = count / pieces + (piece < count % pieces ? 1 : 0);
      (fetches ? tiles_.fetching[places] : tiles_.of[places][blocks - 1][pitch_ == kFewLanes])(tile);
      tile.later.from += depth_ * tile.later.step;
      tile.source += places * pitch_;
      tile.out += places * kLanes;
    }
    later = tile.later;
    float* const result = static_cast<float*>(args_.result) + image * args_.out * result_plane_ + place;
    for (int64_t b = 0; b < blocks; ++b, channel += kLanes)
      turn_to_places(lanes + b * count * kLanes, count, std::min(kLanes, args_.out - channel),
                     result + channel * result_plane_, result_plane_);
  }

  const ConvolutionArgs args_;
  const PanelTiles& tiles_;
  const Phases high_, wide_;
  int64_t pitch_, blocks_, depth_, panels_, source_plane_, result_plane_;
  int64_t rows_, bands_, columns_, strips_;  // of the result in a unit, and how many units
  int64_t unit_rows_, unit_columns_;         // of what a unit sees, in each phase
  int64_t row_floats_, block_floats_, unit_floats_;
  std::vector<int64_t> taps_;
  std::vector<float> bias_;
  const float* packed_ = nullptr;
};

}  // namespace

bool convolve_direct(const ConvolutionArgs& args, Isa isa) {
  const PanelTiles* tiles = panel_tiles(isa);
  if (!tiles || args.computed != ConvolutionOf::result || args.dtype != DType::f32 || args.groups != 1 || args.axes > 2)
    return false;
  Direct(args, *tiles).run();
  return true;
}

}  // namespace tandem
