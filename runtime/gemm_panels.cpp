// Products of float32: the right-hand matrix in panels of 32 columns, packed once where it is known not to change, the
// left-hand one arranged in blocks of 16 columns, some rows and kDepth columns at a time, in the second-level cache.
// Every element is one chain of fused multiply-adds along k, as in gemm(): the same bits. 16-bit floats become float32
// on the way there, and their sums, which a task has in memory of its own, are rounded when it is done.
#include <algorithm>
#include <cstring>

#include "runtime/derived.h"
#include "runtime/gemm.h"
#include "runtime/gemm_panels.h"
#include "runtime/panel_tile.h"
#include "runtime/parallel.h"
#include "runtime/sixteen.h"

namespace tandem {

namespace {

constexpr int64_t kPackedMatrix = 2;     // of DerivedKey
constexpr int64_t kDepth = 256;          // of a block of k: of a panel, it stays in the first-level cache
constexpr int64_t kArranged = 64 << 10;  // elements of the left-hand side: they stay in the second-level cache
constexpr int64_t kGrouped = 64 << 10;   // elements of panels that each tile meets before the next one does
constexpr int64_t kBlock = 64 << 10;     // elements of whole rows of the result: they stay there, too
constexpr int64_t kAsItLies = 8 << 10;   // elements of a right-hand matrix that stays in the first-level cache
constexpr int64_t kTaskColumns = 256;    // at least, unless some threads would have no task
constexpr int64_t kFewColumns = 64;      // at least
constexpr int64_t kTasks = 3;            // at least, for each thread
constexpr int64_t kSums = 128 << 10;     // elements of the sums of a task: they stay there, too
constexpr int64_t kWidened = kDepth;     // 16-bit floats that become float32 at once
constexpr int64_t kPassedRows = 256;     // at most, of products that pack one panel at a time in passing
constexpr int64_t kMostPassed = 2048;    // at most, of those that pack some panels at a time
constexpr int64_t kPassedColumns = 128;  // at least of these, for each thread
constexpr double kNanosecondsPerStep = 0.008, kNanosecondsPacked = 0.2, kNanosecondsArranged = 0.1;  // an element

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t padded(int64_t depth) { return ceil_div(depth, kLanes) * kLanes; }

class Product {
 public:
  Product(const MatmulArgs& args, const PanelTiles& tiles)
      : args_(args), tiles_(tiles), all_rows_(args.m), panels_(ceil_div(args.n, kPanel)), run_(panels_) {
    for (int i = 0; i < args.batch_rank; ++i) all_rows_ *= args.batch[i];
    most_rows_ = kArranged / std::min(args.k, kDepth);
    if (after()) cut_for(*after());
    // A few rows read the right-hand matrix as it lies, if they can. For more it is packed, once for all, if it is kept or
    // there are many of them; else each task packs a block of it, which all rows meet at once, in the first-level cache.
    direct_ = !is_narrow() && args.b_col == 1 && all_rows_ <= 2 * PanelTiles::kMostPlaces;
    passes_ = !is_narrow() && !direct_ && !whole_rows_ && !is_kept() && may_pass();
    cut();
    while (is_narrow() && columns_ > 1 && rows_ * columns_ * kPanel > kSums) columns_ = ceil_div(columns_, 2);
  }
  // Of float32, no batch, with what `pack_all` made of the right-hand matrix, or, with null, as it lies: one task.
  Product(const MatmulArgs& args, const PanelTiles& tiles, const float* packed)
      : args_(args),
        tiles_(tiles),
        all_rows_(args.m),
        panels_(ceil_div(args.n, kPanel)),
        run_(panels_),
        most_rows_(args.m),
        rows_(args.m),
        columns_(panels_),
        direct_(packed == nullptr),
        packed_(packed) {}

  // The same, but for some panels, which are packed in passing.
  Product(const MatmulArgs& args, const PanelTiles& tiles, int64_t panels, bool more) : Product(args, tiles, nullptr) {
    columns_ = panels;
    direct_ = false;
    more_ = more;
  }

  void pack_all(float* to) const { pack(0, to); }
  void run_as_task(float* arranged) const { run_task(0, 0, arranged, nullptr); }
  void run_in_passing(int64_t panel, float* memory) const {
    run_passing(panel, memory, memory + all_rows_ * padded(std::min(args_.k, kDepth)));
  }

  void run() {
    StorageRef packed;
    if (!passes_) {
      packed = pack();
      packed_ = static_cast<const float*>(packed->data);
    }
    const int64_t row_tasks = ceil_div(all_rows_, rows_), column_tasks = ceil_div(run_, columns_);
    const double cost = static_cast<double>(std::min(columns_ * parts_ * kPanel, args_.n) * args_.k) *
                        (static_cast<double>(rows_) * kNanosecondsPerStep + (passes_ ? kNanosecondsPacked : 0));
    const StorageRef all_rows = passes_ && many_rows() ? arrange_all() : StorageRef();
    parallel_for(row_tasks * column_tasks, 1, cost, [&](int64_t begin, int64_t end) {
      const int64_t arranged = all_rows ? 0 : rows_ * padded(std::min(args_.k, kDepth));
      const int64_t more = is_narrow() ? rows_ * columns_ * kPanel
                           : all_rows  ? std::max(kGrouped, parts_ * kDepth * kPanel)
                           : passes_   ? kDepth * kPanel
                                       : 0;
      const StorageRef memory = allocate(static_cast<size_t>(arranged + more) * sizeof(float));
      auto* const place = static_cast<float*>(memory->data);
      for (int64_t task = begin; task < end; ++task)
        if (all_rows)
          run_passing(task * columns_, static_cast<const float*>(all_rows->data), place);
        else if (passes_)
          run_passing(task * columns_, place, place + arranged);
        else
          run_task(task % row_tasks * rows_, task / row_tasks * columns_, place, place + arranged);
    });
  }

 private:
  bool is_narrow() const { return args_.dtype != DType::f32; }
  const AfterBlock* after() const { return is_narrow() ? nullptr : args_.after; }

  // Whether what is packed serves further products with this right-hand matrix.
  bool is_kept() const { return args_.b_copies || has_versions(); }
  bool has_versions() const { return args_.b_memory && !args_.b_memory->lent; }

  // Many rows are arranged before all else, once for all tasks. Of a matrix that is not much wider, packing is less of the
  // time than what fewer tasks cost.
  bool many_rows() const { return all_rows_ > std::min(most_rows_, kPassedRows); }
  bool may_pass() const {
    return !many_rows() ||
           (all_rows_ <= kMostPassed && args_.n >= 2 * all_rows_ && run_ * kPanel >= kPassedColumns * num_threads());
  }

  // Tasks of equal size, as many for every thread. Where rows make few of them, columns are cut first: each task then
  // arranges the rows again, which is little for that many columns.
  void cut() {
    const int64_t threads = num_threads(), wanted = threads > 1 ? kTasks * threads : 1;
    int64_t rows = passes_ ? 1 : ceil_div(all_rows_, most_rows_), columns = 1;
    const auto narrow = [&](int64_t least) { return whole_rows_ || run_ / (2 * columns) * parts_ * kPanel < least; };
    while (rows * columns < wanted) {
      const int64_t least = rows * columns < threads ? kFewColumns : kTaskColumns;
      if (!narrow(passes_ ? least : 2 * kTaskColumns))
        columns *= 2;
      else if (passes_)
        break;
      else if (all_rows_ / (2 * rows) >= 2 * PanelTiles::kMostPlaces)
        rows *= 2;
      else if (!narrow(least))
        columns *= 2;
      else
        break;
    }
    if (columns == 1 && rows > wanted) rows = ceil_div(rows, threads) * threads;
    rows_ = ceil_div(all_rows_, rows);
    columns_ = ceil_div(run_, columns);
  }

  void cut_for(const AfterBlock& after) {
    whole_rows_ = after.whole_rows || (after.parts > 1 && args_.n % (after.parts * kPanel) != 0);
    width_ = args_.n / after.parts;
    if (!whole_rows_) {
      parts_ = after.parts;
      run_ = ceil_div(width_, kPanel);
    } else {
      most_rows_ = std::min(most_rows_, std::max<int64_t>(kBlock / args_.n, 2 * PanelTiles::kMostPlaces));
    }
  }

  // All panels, or, if the others are read as they lie, the last one, unless it is full.
  StorageRef pack() const {
    const int64_t first = direct_ ? args_.n / kPanel : 0;
    const size_t bytes = static_cast<size_t>((panels_ - first) * kPanel * args_.k) * sizeof(float);
    const DerivedKey key{kPackedMatrix + (static_cast<int64_t>(args_.dtype) << 8), (args_.b_row << 1) + direct_,
                         args_.b_col, (args_.k << 32) ^ args_.n};
    const auto make = [&](void* to) { pack(first, static_cast<float*>(to)); };
    if (args_.b_copies && !has_versions()) return args_.b_copies->derived(args_.b, key, bytes, make);
    return derived(args_.b_memory, args_.b, key, bytes, make);
  }

  // From panel `first` on.
  void pack(int64_t first, float* to) const {
    parallel_for(panels_ - first, 1, kNanosecondsPacked * static_cast<double>(kPanel * args_.k),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t i = begin; i < end; ++i) {
                     const int64_t column = (first + i) * kPanel;
                     float* const panel = to + i * kPanel * args_.k;
                     const int64_t columns = std::min(kPanel, args_.n - column), first_element = column * args_.b_col;
                     if (is_narrow())
                       pack_narrow(static_cast<const uint16_t*>(args_.b) + first_element, columns, panel);
                     else
                       pack_panel(static_cast<const float*>(args_.b) + first_element, args_.b_row, args_.b_col, args_.k,
                                  columns, panel);
                   }
                 });
  }

  // A panel of 16-bit floats, some rows of the matrix at a time.
  void pack_narrow(const uint16_t* from, int64_t columns, float* panel) const {
    if (args_.b_col == 1) {
      for (int64_t i = 0; i < args_.k; ++i, from += args_.b_row, panel += kPanel) {
        widen(args_.dtype, from, columns, panel);
        std::fill_n(panel + columns, kPanel - columns, 0.0f);
      }
      return;
    }
    float wide[kPanel * kWidened];
    for (int64_t p = 0; p < args_.k; p += kWidened, from += kWidened * args_.b_row, panel += kPanel * kWidened) {
      const int64_t rows = std::min(kWidened, args_.k - p);
      for (int64_t j = 0; j < columns; ++j) widen_row(from + j * args_.b_col, args_.b_row, rows, wide + j * kWidened);
      pack_panel(wide, 1, kWidened, rows, columns, panel);
    }
  }

  // Of 16-bit floats `step` apart, which is 1 as a rule.
  void widen_row(const uint16_t* from, int64_t step, int64_t count, float* to) const {
    if (step == 1) return widen(args_.dtype, from, count, to);
    uint16_t row[kWidened];
    for (int64_t i = 0; i < count; ++i) row[i] = from[i * step];
    widen(args_.dtype, row, count, to);
  }

  // `column` in panels, of each part.
  void run_task(int64_t row, int64_t column, float* arranged, float* sums) const {
    const int64_t rows = std::min(rows_, all_rows_ - row), last = std::min(column + columns_, run_);
    const int64_t first_column = column * kPanel, columns = std::min(last * kPanel, args_.n) - first_column;
    const int64_t out_row = is_narrow() ? columns_ * kPanel : args_.n;
    float* const out = is_narrow() ? sums - first_column : static_cast<float*>(args_.out) + row * args_.n;
    // Else few rows at a time: those of many, a power of two apart, would displace one another from the caches.
    const bool at_once = whole_rows_ || rows * (last - column) * parts_ * kPanel <= kBlock;
    for (int64_t p = 0; p < args_.k; p += kDepth) {
      const int64_t depth = std::min(kDepth, args_.k - p);
      const int64_t group = std::max<int64_t>(kGrouped / (depth * kPanel * parts_), 1);
      const bool ends = after() && p + depth == args_.k;
      // A tile that meets all panels at once stays in the first-level cache until it has.
      const bool tile_by_tile = column + group >= last;
      if (!tile_by_tile)
        for_each_tile(rows, [&](int64_t begin, int64_t count) {
          arrange(row + begin, count, p, depth, arranged + begin * padded(depth));
        });
      for (int64_t first = column; first < last; first += group) {
        const int64_t end = std::min(first + group, last);
        for_each_tile(rows, [&](int64_t begin, int64_t count) {
          float* const left = arranged + (tile_by_tile ? 0 : begin * padded(depth));
          if (tile_by_tile) arrange(row + begin, count, p, depth, left);
          const int64_t rows_left = rows - begin - count;
          const auto later = [&](int64_t panel) -> Later {
            if (end < last) return later_panel(panel + group, p, depth, count, rows_left);
            if (p + depth < args_.k) return later_panel(panel - first + column, p + depth, depth, count, rows_left);
            return {};
          };
          for (int64_t part = 0; part < parts_; ++part)
            for (int64_t panel = part * run_ + first; panel < part * run_ + end; ++panel)
              run_panel(left, count, p, depth, panel, nullptr, later(panel), out + begin * out_row + panel * kPanel,
                        out_row);
          if (ends && !at_once) finish(row + begin, count, first * kPanel, std::min(end * kPanel, width_));
        });
      }
      if (ends && at_once) finish(row, rows, column * kPanel, std::min(last * kPanel, width_));
    }
    for (int64_t i = 0; i < rows && is_narrow(); ++i)
      narrow(args_.dtype, sums + i * out_row, columns,
             static_cast<uint16_t*>(args_.out) + (row + i) * args_.n + first_column);
  }

  // What a tile fetches of the panel that will lie where the present one does: the last two of a block's rows a half each.
  Later later_panel(int64_t panel, int64_t p, int64_t depth, int64_t rows, int64_t rows_left) const {
    if (direct_ || rows_left > rows) return {};
    return {packed_ + panel * kPanel * args_.k + p * kPanel + (rows_left == 0 ? 0 : depth * kPanel / 2), kPanel / 2};
  }

  // All rows, packing a block of the right-hand matrix after the other. `column` in panels, of each part.
  void run_passing(int64_t column, float* arranged, float* block) const {
    const int64_t last = std::min(column + columns_, run_);
    for (int64_t p = 0; p < args_.k; p += kDepth) {
      const int64_t depth = std::min(kDepth, args_.k - p);
      arrange_block(p, depth, arranged);
      for (int64_t part = 0; part < parts_; ++part)
        for (int64_t panel = part * run_ + column; panel < part * run_ + last; ++panel) {
          pack_block(panel, p, depth, block);
          for_each_tile(all_rows_,
                        [&](int64_t begin, int64_t count) { pass(arranged, begin, count, p, depth, panel, block); });
        }
    }
    if (after()) finish(0, all_rows_, column * kPanel, std::min(last * kPanel, width_));
  }

  // The same for many rows, which `arrange_all` has arranged: some panels at a time, in the second-level cache.
  void run_passing(int64_t column, const float* arranged, float* blocks) const {
    const int64_t last = std::min(column + columns_, run_);
    for (int64_t p = 0; p < args_.k; p += kDepth) {
      const int64_t depth = std::min(kDepth, args_.k - p), block = depth * kPanel;
      const int64_t group = std::max<int64_t>(kGrouped / (block * parts_), 1);
      for (int64_t first = column; first < last; first += group) {
        const int64_t end = std::min(first + group, last);
        for (int64_t part = 0; part < parts_; ++part)
          for (int64_t panel = first; panel < end; ++panel)
            pack_block(part * run_ + panel, p, depth, blocks + (part * group + panel - first) * block);
        for_each_tile(all_rows_, [&](int64_t begin, int64_t count) {
          for (int64_t part = 0; part < parts_; ++part)
            for (int64_t panel = first; panel < end; ++panel)
              pass(arranged + p * all_rows_, begin, count, p, depth, part * run_ + panel,
                   blocks + (part * group + panel - first) * block);
          if (after() && p + depth == args_.k) finish(begin, count, first * kPanel, std::min(end * kPanel, width_));
        });
      }
    }
  }

  void pass(const float* arranged, int64_t row, int64_t rows, int64_t p, int64_t depth, int64_t panel,
            const float* block) const {
    run_panel(arranged + row * padded(depth), rows, p, depth, panel, block, {},
              static_cast<float*>(args_.out) + row * args_.n + panel * kPanel, args_.n);
  }

  void pack_block(int64_t panel, int64_t p, int64_t depth, float* block) const {
    const int64_t first = panel * kPanel;
    pack_panel(static_cast<const float*>(args_.b) + first * args_.b_col + p * args_.b_row, args_.b_row, args_.b_col,
               depth, std::min(kPanel, args_.n - first), block);
  }

  // All rows, some columns.
  void arrange_block(int64_t p, int64_t depth, float* arranged) const {
    for_each_tile(all_rows_, [&](int64_t begin, int64_t count) {
      arrange(begin, count, p, depth, arranged + begin * padded(depth));
    });
  }

  StorageRef arrange_all() const {
    StorageRef memory = allocate(static_cast<size_t>(all_rows_ * padded(args_.k)) * sizeof(float));
    auto* const arranged = static_cast<float*>(memory->data);
    const double cost = kNanosecondsArranged * static_cast<double>(all_rows_ * kDepth);
    parallel_for(ceil_div(args_.k, kDepth), 1, cost, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin * kDepth; p < std::min(end * kDepth, args_.k); p += kDepth)
        arrange_block(p, std::min(kDepth, args_.k - p), arranged + p * all_rows_);
    });
    return memory;
  }

  void finish(int64_t row, int64_t rows, int64_t column, int64_t end) const {
    after()->run(after()->context, row, rows, column, end - column);
  }

  // Rows of a tile: as equal as possible.
  template <class Use>
  void for_each_tile(int64_t rows, Use&& use) const {
    const int64_t tiles = ceil_div(rows, tiles_.places);
    for (int64_t tile = 0, row = 0; tile < tiles; ++tile) {
      const int64_t count = rows / tiles + (tile < rows % tiles ? 1 : 0);
      use(row, count);
      row += count;
    }
  }

  // Rows of a tile: [block of 16 columns][row][column].
  void arrange(int64_t first, int64_t count, int64_t column, int64_t depth, float* tile) const {
    for (int64_t done = 0; done < count;) {
      const int64_t at = first + done, row = at % args_.m, run = std::min(count - done, args_.m - row);
      const int64_t from = batch_offset(args_, args_.a_batch, at / args_.m) + row * args_.a_row + column * args_.a_col;
      if (is_narrow())
        arrange_narrow(static_cast<const uint16_t*>(args_.a) + from, run, depth, count * kLanes, tile + done * kLanes);
      else
        arrange_rows(static_cast<const float*>(args_.a) + from, args_.a_row, args_.a_col, run, depth, count * kLanes,
                     tile + done * kLanes);
      done += run;
    }
  }

  // `block`: from 16 columns to the next.
  static void arrange_rows(const float* from, int64_t row, int64_t column, int64_t rows, int64_t depth, int64_t block,
                           float* to) {
    if (column != 1) {
      for (int64_t c = 0; c < depth; c += kLanes, to += block)
        turn_to_lanes(from + c * column, column, row, rows, std::min(kLanes, depth - c), to);
      return;
    }
    const int64_t lines = depth / kLanes, whole = lines * kLanes;
    copy_lines(from, row, rows, lines, block, to);
    for (int64_t i = 0; i < rows && whole < depth; ++i)
      std::copy_n(from + i * row + whole, depth - whole, to + lines * block + i * kLanes);
  }

  // Rows of at most a tile, made float32 as they lie.
  void arrange_narrow(const uint16_t* from, int64_t rows, int64_t depth, int64_t block, float* to) const {
    float wide[PanelTiles::kMostPlaces * kDepth];
    if (args_.a_row == 1 && args_.a_col != 1) {
      for (int64_t c = 0; c < depth; ++c)
        widen(args_.dtype, from + c * args_.a_col, rows, wide + c * PanelTiles::kMostPlaces);
      arrange_rows(wide, 1, PanelTiles::kMostPlaces, rows, depth, block, to);
      return;
    }
    for (int64_t i = 0; i < rows; ++i) widen_row(from + i * args_.a_row, args_.a_col, depth, wide + i * kDepth);
    arrange_rows(wide, kDepth, 1, rows, depth, block, to);
  }

  // A tile by a panel, from column p of the left-hand matrix on. `packed`: what meets these columns; null: it is among all
  // that is packed, or lies in the matrix.
  void run_panel(const float* arranged, int64_t rows, int64_t p, int64_t depth, int64_t panel, const float* packed,
                 Later later, float* out, int64_t out_row) const {
    static constexpr int64_t kNoTap = 0;
    const int64_t columns = std::min(kPanel, args_.n - panel * kPanel);
    const bool as_it_lies = direct_ && columns == kPanel;
    TileArgs tile{};
    tile.source = arranged;
    tile.block = rows * kLanes;
    tile.channels = depth;
    tile.taps = &kNoTap;
    tile.tap_count = 1;
    tile.weights_row = as_it_lies ? args_.b_row : kPanel;
    if (packed)
      tile.weights = packed;
    else if (as_it_lies)
      tile.weights = static_cast<const float*>(args_.b) + panel * kPanel + p * args_.b_row;
    else
      tile.weights = packed_ + (direct_ ? 0 : panel * kPanel * args_.k) + p * kPanel;
    tile.later = later;
    tile.more = more_ || p > 0;
    tile.out = out;
    tile.out_place = out_row;
    tile.out_block = kLanes;
    for (int64_t i = 0; i < rows && tile.more; ++i)
      for (int64_t line = kPanel; line < 2 * kPanel; line += kLanes) __builtin_prefetch(out + i * out_row + line, 0, 2);
    for (int64_t lane = 0; lane < columns;
         lane += tiles_.lanes, tile.weights += tiles_.lanes, tile.out += tiles_.lanes) {
      const int64_t width = std::min<int64_t>(columns - lane, tiles_.lanes), blocks = ceil_div(width, kLanes);
      const bool fetches = later.step != 0 && width == tiles_.lanes;
      const PanelTiles::Function run = fetches ? tiles_.fetching[rows] : tiles_.of[rows][blocks - 1][0];
      if (width == blocks * kLanes)
        run(tile);
      else
        run_edge(tile, run, rows, width, blocks * kLanes);
    }
  }

  // Tiles are as wide as whole vectors: at the right edge they work on a copy.
  void run_edge(TileArgs tile, PanelTiles::Function run, int64_t rows, int64_t width, int64_t lanes) const {
    alignas(64) float copy[kPanel * PanelTiles::kMostPlaces] = {};
    float* const out = tile.out;
    const int64_t out_row = tile.out_place;
    for (int64_t i = 0; i < rows && tile.more; ++i) std::copy_n(out + i * out_row, width, copy + i * lanes);
    tile.out = copy;
    tile.out_place = lanes;
    run(tile);
    for (int64_t i = 0; i < rows; ++i) std::copy_n(copy + i * lanes, width, out + i * out_row);
  }

  const MatmulArgs& args_;
  const PanelTiles& tiles_;
  int64_t all_rows_;  // through the batch, which has one right-hand matrix
  int64_t panels_;
  // What comes after a block needs some columns of each of so many parts of the result, or whole rows.
  int64_t parts_ = 1;
  int64_t run_;        // panels of a part
  int64_t width_ = 0;  // columns of a part
  bool whole_rows_ = false;
  int64_t most_rows_;
  int64_t rows_, columns_;  // of a part of the result in a task; columns in panels
  bool direct_, passes_ = false;
  bool more_ = false;  // adds to what is there
  const float* packed_ = nullptr;
};

}  // namespace

bool gemm_panels(const MatmulArgs& args, Isa isa) {
  const PanelTiles* tiles = panel_tiles(isa);
  const auto varies = [](int64_t stride) { return stride != 0; };
  const bool known = args.dtype == DType::f32 || args.dtype == DType::f16 || args.dtype == DType::bf16;
  if (!tiles || !known || std::any_of(args.b_batch, args.b_batch + args.batch_rank, varies)) return false;
  Product(args, *tiles).run();
  return true;
}

int64_t panel_elements(const MatmulArgs& args) {
  const bool as_it_lies = args.b_col == 1 && args.n % kPanel == 0 && args.k * args.n <= kAsItLies;
  return as_it_lies ? 0 : ceil_div(args.n, kPanel) * kPanel * args.k;
}
void pack_panels(const MatmulArgs& args, const PanelTiles& tiles, float* to) {
  Product(args, tiles, nullptr).pack_all(to);
}
int64_t rows_at_once(const MatmulArgs& args) { return kArranged / std::min(args.k, kDepth); }
int64_t arranged_elements(int64_t rows, const MatmulArgs& args) { return rows * padded(std::min(args.k, kDepth)); }
void multiply_panels(const MatmulArgs& args, const PanelTiles& tiles, const float* packed, float* arranged) {
  Product(args, tiles, packed).run_as_task(arranged);
}
void add_panels(const MatmulArgs& args, const PanelTiles& tiles, int64_t panel, int64_t panels, bool more,
                float* memory) {
  Product(args, tiles, panels, more).run_in_passing(panel, memory);
}
int64_t passing_elements(int64_t rows, int64_t k) { return rows * padded(std::min(k, kDepth)) + kDepth * kPanel; }

}  // namespace tandem
