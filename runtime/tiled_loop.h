// A loop whose rounds are done several at a time (TimeTiling in runtime/program.h), as an executor runs it. `Machine` has, beside
// what runtime/frame.h says, `Started`, a launch of which any part can be run, and `count` for launches that are done.
#pragma once
#include <cstring>
#include <deque>

#include "runtime/frame.h"
#include "runtime/time_tiling.h"

namespace tandem::detail {

template <class Machine>
class TiledLoop {
 public:
  TiledLoop(Machine& machine, const Loop& op) : machine_(machine), op_(op) {}

  // False: nothing has been done, since the sizes, or the loop, are not for it.
  bool run() {
    const std::optional<TimeTiles> tiles = tiles_of();
    const int64_t most = tiles ? rounds_together(*tiles) : 1;
    if (most < 2) return false;
    machine_.run_block(op_.condition);
    if (!machine_.truth(op_.predicate)) return true;
    ++machine_.loops_;
    {
      Arrays arrays(machine_, op_, *tiles);
      while (const int64_t rounds = count_rounds(most)) arrays.run(rounds);
    }
    --machine_.loops_;
    return true;
  }

 private:
  using Started = typename Machine::Started;

  // The other steps go ahead of the arrays.
  int64_t count_rounds(int64_t most) {
    const auto others = std::span(op_.body).subspan(static_cast<size_t>(op_.tiling->others));
    const auto is_array = [&](size_t k) { return std::ranges::count(op_.tiling->arrays, static_cast<int>(k)) > 0; };
    int64_t rounds = 0;
    for (; rounds < most && machine_.truth(op_.predicate); ++rounds) {
      if (const LoopHook hook = loop_hook.load(std::memory_order_relaxed)) hook();
      machine_.run_steps(others);
      machine_.take_over(op_.carried, is_array);
      machine_.run_block(op_.condition);
    }
    return rounds;
  }

  std::optional<TimeTiles> tiles_of() {
    const TimeTiling& tiling = *op_.tiling;
    TimeTiles tiles{machine_.dim(tiling.writes[0].shape[0]), 0, 0, 0};
    for (const int k : tiling.arrays) {
      const auto& [old, made] = op_.carried[static_cast<size_t>(k)];
      const Touched written = touched(tiling.writes, made);
      const auto behind = rows_behind(touched(tiling.reads, old), written);
      if (!behind) return std::nullopt;
      tiles.behind = std::max(tiles.behind, *behind);
      tiles.row_bytes += 2 * written.step * machine_.element_size(made);
    }
    for (const Step& step : launches(op_)) {
      const auto& launch = std::get<Launch>(step.op);
      const int64_t range = machine_.dim(launch.range);
      if (tiles.rows <= 0 || range % tiles.rows != 0) return std::nullopt;
      tiles.row_cost += launch.cost * static_cast<double>(range) / static_cast<double>(tiles.rows);
    }
    return tiles;
  }

  // Of one array, by all views of it together. Where their steps differ, nothing can be said.
  Touched touched(const std::vector<View>& views, int slot) {
    Touched all;
    for (const View& view : views) {
      if (view.slot != slot) continue;
      const int64_t offset = machine_.dim(view.offset);
      Touched one{offset, offset + 1, machine_.dim(view.strides[0])};
      for (size_t i = 1; i < view.shape.size(); ++i) {
        const int64_t reach = (machine_.dim(view.shape[i]) - 1) * machine_.dim(view.strides[i]);
        (reach < 0 ? one.begin : one.end) += reach;
      }
      const bool differs = all.step != 0 && all.step != one.step;
      all = {std::min(all.begin, one.begin), std::max(all.end, one.end), differs || one.step <= 0 ? -1 : one.step};
    }
    return all;
  }

  static std::span<const Step> launches(const Loop& op) {
    const auto first = static_cast<size_t>(op.tiling->launches);
    return std::span(op.body).subspan(first, static_cast<size_t>(op.tiling->releases) - first);
  }

  // The arrays, which change places from round to round.
  class Arrays {
   public:
    Arrays(Machine& machine, const Loop& op, const TimeTiles& tiles) : machine_(machine), op_(op), tiles_(tiles) {
      machine.run_steps(std::span(op.body).first(static_cast<size_t>(op.tiling->launches)));
      each([&](Held& old, Held& made) { own(old, made); });
      for (int turn = 0; turn < 2; ++turn) {
        for (const Step& step : launches(op)) launches_.emplace_back(machine, std::get<Launch>(step.op));
        each([](Held& old, Held& made) { std::swap(old, made); });
      }
    }
    Arrays(const Arrays&) = delete;
    Arrays& operator=(const Arrays&) = delete;
    ~Arrays() {  // both names are of the last ones now
      each([&](Held& old, Held& made) {
        if (done_ % 2 == 1) std::swap(old, made);
        Machine::clear(made);
        made = Machine::share(old);
      });
    }

    void run(int64_t rounds) {
      std::optional<ProfileStep> profile;
      if (profiling()) [[unlikely]]
        machine_.begin(profile, EventKind::kernel, op_.tiling->origin, &op_, true);
      const auto rows = [](void* self, int64_t round, int64_t begin, int64_t end) {
        static_cast<Arrays*>(self)->run(round, begin, end);
      };
      run_tiled(tiles_, rounds, rows, this);
      done_ += rounds;
      for (size_t i = 0; i < count(); ++i) machine_.count(launches_[i], profile, rounds);
    }

   private:
    size_t count() const { return launches_.size() / 2; }
    template <class Use>
    void each(const Use& use) {
      for (const int k : op_.tiling->arrays) {
        const auto& [old, made] = op_.carried[static_cast<size_t>(k)];
        use(machine_.at(old), machine_.at(made));
      }
    }
    // The old array is written to, too: nobody else may have it.
    static void own(Held& old, const Held& made) {
      if (old.counted && Machine::is_own(*old.storage) && old.data == old.storage->data &&
          old.storage->references.load(std::memory_order_acquire) == 1)
        return;
      StorageRef memory = Machine::new_memory(static_cast<int64_t>(made.storage->bytes));
      std::memcpy(memory->data, old.data, made.storage->bytes);
      Machine::clear(old);
      auto* const data = static_cast<char*>(memory->data);
      old = {memory.release(), data, true};
    }
    void run(int64_t round, int64_t begin, int64_t end) {
      const size_t first = (done_ + round) % 2 == 0 ? 0 : count();
      for (size_t i = first; i < first + count(); ++i) {
        Started& launch = launches_[i];
        const int64_t points = launch.range / tiles_.rows;  // of a row
        launch.run(begin * points, end * points, launch.values.data(), launch.pointers.data());
      }
    }

    Machine& machine_;
    const Loop& op_;
    const TimeTiles& tiles_;
    std::deque<Started> launches_;  // that read the old arrays, then those that read the new ones
    int64_t done_ = 0;
  };

  Machine& machine_;
  const Loop& op_;
};

}  // namespace tandem::detail
