// Records of the steps of one run of a program.
#pragma once
#include <memory>
#include <utility>
#include <vector>

#include "runtime/profile.h"

namespace tandem {

// A step of a program that is recorded. `sampler`: of its own, if one run of the program runs it again and again, or
// null. `count`: what that said when it was `due`.
class ProfileStep {
 public:
  ProfileStep(EventKind kind, OriginRef origin, bool is_long, Sampler* sampler, uint32_t count)
      : origin_(std::move(origin)),
        sampler_(sampler),
        start_(profile_clock()),
        count_(count),
        kind_(kind),
        is_long_(is_long) {}
  ProfileStep(const ProfileStep&) = delete;
  ProfileStep& operator=(const ProfileStep&) = delete;
  ~ProfileStep() { end(); }
  int64_t read = 0, written = 0;

 private:
  void end() noexcept;

  OriginRef origin_;
  Sampler* sampler_;
  uint64_t start_;
  uint32_t count_;
  EventKind kind_;
  bool is_long_;
};

// Of the steps inside loops, in one run of a program. A table of its own for each run, but its memory is used again.
class LoopSamplers {
 public:
  static std::unique_ptr<LoopSamplers> take();
  // Records what was left out since the last records.
  static void give_back(std::unique_ptr<LoopSamplers> samplers);

  template <class Origin>
  Sampler& of(const void* step, EventKind kind, const std::shared_ptr<const Origin>& origin) {
    ++steps_;
    const size_t mask = entries_.size() - 1;
    for (size_t i = hash(step) & mask; !entries_.empty() && entries_[i & mask]; ++i)
      if (Entry& entry = *entries_[i & mask]; entry.step == step) [[likely]]
        return entry.sampler;
    return add(step, kind, origin);
  }

 private:
  static constexpr uint32_t kStepsPerRecord = 16;  // a look into the table costs that part of a record
  struct Entry {
    const void* step = nullptr;
    EventKind kind = EventKind::kernel;
    OriginRef origin;
    Sampler sampler{2, 4.0f};  // records inside a call make it longer, so there are few
  };
  static size_t hash(const void* step) { return reinterpret_cast<size_t>(step) / sizeof(void*) * 0x9E3779B1u >> 7; }

  void settle();
  void clear();
  Sampler& add(const void* step, EventKind kind, const OriginRef& origin);
  Entry& place(std::unique_ptr<Entry> entry);

  std::vector<std::unique_ptr<Entry>> entries_, unused_;  // the former at most half full
  size_t count_ = 0;
  uint32_t steps_ = 0;
};

}  // namespace tandem
