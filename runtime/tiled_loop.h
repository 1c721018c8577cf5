// A loop whose rounds are done several at a time (TimeTiling in runtime/program.h), as an executor runs it. `Machine` has, beside
// what runtime/frame.h says, `Started`, a launch of which any part can be run, and `count` for launches that are done.
#pragma once
#include <cstring>
#include <deque>

#include "runtime/frame.h"
#include "runtime/tiled_rows.h"

namespace tandem::detail {

template <class Machine>
class TiledLoop {
 public:
  TiledLoop(Machine& machine, const Loop& op) : machine_(machine), op_(op) {}

  // False: nothing has been done, since the sizes are not for it.
  bool run() {
    const auto rows = rows_of(op_, [this](DimRef ref) { return machine_.dim(ref); });
    if (!rows) return false;
    TimeTiles tiles = rows->tiles;
    for (const TimeTiling::Array& array : op_.tiling->arrays)
      tiles.row_bytes += 2 * rows->row_elements(array) * machine_.element_size(array.old);
    tiles.parts = parts_of(tiles);
    const auto stages = static_cast<int64_t>(rows->stages.size());
    const int64_t most = steps_together(tiles) / stages;
    if (most < 2) return false;
    machine_.run_block(op_.condition);
    if (!machine_.truth(op_.predicate)) return true;
    ++machine_.loops_;
    {
      Arrays arrays(machine_, op_, *rows, tiles);
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
    const auto is_array = [&](size_t k) {
      const int slot = op_.carried[k].first;
      return std::ranges::any_of(op_.tiling->arrays, [slot](const TimeTiling::Array& array) {
        return slot == array.old || (!array.allocated && slot == array.made);
      });
    };
    int64_t rounds = 0;
    for (; rounds < most && machine_.truth(op_.predicate); ++rounds) {
      if (const LoopHook hook = loop_hook.load(std::memory_order_relaxed)) hook();
      machine_.run_steps(others);
      machine_.take_over(op_.carried, is_array);
      machine_.run_block(op_.condition);
    }
    return rounds;
  }

  // The arrays, whose buffers change places from round to round.
  class Arrays {
   public:
    Arrays(Machine& machine, const Loop& op, const TiledRows& rows, const TimeTiles& tiles)
        : machine_(machine), op_(op), rows_(rows), tiles_(tiles) {
      for (const TimeTiling::Array& array : op.tiling->arrays) begin(array);
      for (const size_t step : rows.once) machine.execute(std::get<Copy>(op.body[step].op));
      for (auto& turn : turns_) {
        for (const auto& stage : rows.stages) {
          auto& pieces = turn.emplace_back();
          for (const TiledPart& part : stage) pieces.emplace_back(machine, op.body[part.step]);
        }
        for (const TimeTiling::Array& array : op.tiling->arrays) {
          std::swap(machine.at(array.old), machine.at(array.made));
          name(array);
        }
      }
    }
    Arrays(const Arrays&) = delete;
    Arrays& operator=(const Arrays&) = delete;
    ~Arrays() {
      for (const TimeTiling::Array& array : op_.tiling->arrays) {
        Held &old = machine_.at(array.old), &made = machine_.at(array.made);
        if (done_ % 2 == 1) std::swap(old, made);
        if (array.allocated) Machine::clear(made);
        machine_.at(array.names.back()) = Machine::share(old);
      }
    }

    void run(int64_t rounds) {
      std::optional<ProfileStep> profile;
      if (profiling()) [[unlikely]]
        machine_.begin(profile, EventKind::kernel, op_.tiling->origin, &op_, true);
      const auto stages = static_cast<int64_t>(rows_.stages.size());
      const auto rows = [](void* self, int64_t step, int64_t begin, int64_t end) {
        static_cast<Arrays*>(self)->run(step, begin, end);
      };
      run_tiled(tiles_, rounds * stages, rows, this);
      done_ += rounds;
      for (const auto& stage : turns_[0])
        for (const Piece& piece : stage)
          if (piece.launch) machine_.count(*piece.launch, profile, rounds);
    }

   private:
    // A launch or a copy, of which some rows can be done.
    struct Piece {
      Piece(Machine& machine, const Step& step) {
        if (const auto* op = std::get_if<Launch>(&step.op)) launch.emplace(machine, *op);
        copy = std::get_if<Copy>(&step.op);
        if (!copy) return;
        from = machine.address(copy->from.slot, copy->from.offset);
        to = machine.address(copy->to.slot, copy->to.offset);
      }
      std::optional<Started> launch;
      const Copy* copy = nullptr;
      char *from = nullptr, *to = nullptr;
    };

    // Both buffers are written to: nobody else may have them.
    void begin(const TimeTiling::Array& array) {
      const Allocate* first = nullptr;
      for (const Step& step : op_.body)
        if (const auto* allocate = std::get_if<Allocate>(&step.op); allocate && allocate->slot == array.names.front())
          first = allocate;
      if (array.allocated)
        machine_.execute(*first);
      else
        own(machine_.at(array.made), machine_.dim(first->count) * machine_.element_size(array.made));
      own(machine_.at(array.old), machine_.dim(first->count) * machine_.element_size(array.old));
      name(array);
    }
    static void own(Held& held, int64_t bytes) {
      if (held.counted && Machine::is_own(*held.storage) && held.data == held.storage->data &&
          held.storage->references.load(std::memory_order_acquire) == 1)
        return;
      StorageRef memory = Machine::new_memory(bytes);
      std::memcpy(memory->data, held.data, static_cast<size_t>(bytes));
      Machine::clear(held);
      auto* const data = static_cast<char*>(memory->data);
      held = {memory.release(), data, true};
    }
    // The other slots of the new array borrow it.
    void name(const TimeTiling::Array& array) {
      const Held& made = machine_.at(array.made);
      for (const int slot : array.names)
        if (slot != array.made) machine_.at(slot) = {made.storage, made.data, false};
    }

    void run(int64_t step, int64_t begin, int64_t end) {
      const auto stages = static_cast<int64_t>(rows_.stages.size());
      const auto stage = static_cast<size_t>(step % stages);
      std::deque<Piece>& pieces = turns_[(done_ + step / stages) % 2][stage];
      for (size_t i = 0; i < pieces.size(); ++i) {
        const TiledPart& part = rows_.stages[stage][i];
        Piece& piece = pieces[i];
        const int64_t first = std::max(begin - part.first, int64_t{0}), last = std::min(end - part.first, part.rows);
        if (first >= last) continue;
        if (piece.copy) {
          copy_rows(piece, part, first, last);
          continue;
        }
        Started& launch = *piece.launch;
        const int64_t points = launch.range / part.rows;  // of a row
        launch.run(first * points, last * points, launch.values.data(), launch.pointers.data());
      }
    }
    void copy_rows(const Piece& piece, const TiledPart& part, int64_t first, int64_t last) {
      const View& view = piece.copy->to;
      const size_t rank = view.shape.size();
      int64_t sizes[kMostCopyAxes], strides[kMostCopyAxes];
      for (size_t i = 0; i < rank; ++i)
        sizes[i] = machine_.dim(view.shape[i]), strides[i] = machine_.dim(view.strides[i]);
      const int64_t bytes = machine_.element_size(view.slot);
      const int64_t start = part.by_rows ? first * strides[0] * bytes : 0;
      if (part.by_rows) sizes[0] = last - first;
      Machine::copy(static_cast<int>(bytes), static_cast<int>(rank), sizes, piece.from + start, strides,
                    piece.to + start, strides);
    }

    Machine& machine_;
    const Loop& op_;
    const TiledRows& rows_;
    const TimeTiles& tiles_;
    std::vector<std::deque<Piece>> turns_[2];  // by stage; in every second round, the buffers have changed places
    int64_t done_ = 0;
  };

  Machine& machine_;
  const Loop& op_;
};

}  // namespace tandem::detail
