// Records of the steps of one run of a program.
#pragma once
#include <memory>
#include <utility>
#include <vector>

#include "runtime/profile.h"

namespace tandem {

// A step of a program, while a profile is taken. `sampler`: of its own, if one run of the program runs it again and
// again, or null.
class ProfileStep {
 public:
  // Whether there is nothing to record here, whatever a sampler would say.
  static bool is_left_out(bool is_long) {
    return !is_long && detail::innermost && !detail::innermost->is_recorded() && !detail::records_all();
  }
  template <class Origin>
  ProfileStep(EventKind kind, const std::shared_ptr<const Origin>& origin, bool is_long, Sampler* sampler)
      : kind_(kind), is_long_(is_long) {
    if (!detail::records_all() && !(detail::innermost && !detail::innermost->is_recorded())) sampler_ = sampler;
    if (sampler_ && !sampler_->due() && !is_long) return;
    origin_ = origin;
    start_ = profile_clock();
  }
  ProfileStep(const ProfileStep&) = delete;
  ProfileStep& operator=(const ProfileStep&) = delete;
  ~ProfileStep() {
    if (start_ != 0) end();
  }
  bool is_recorded() const { return start_ != 0; }
  int64_t read = 0, written = 0;

 private:
  void end() noexcept;

  OriginRef origin_;
  Sampler* sampler_ = nullptr;
  uint64_t start_ = 0;
  EventKind kind_;
  bool is_long_;
};

// Of steps inside loops, each with its own: few, as most programs have few steps, and looked up at every step.
class LoopSamplers {
 public:
  template <class Origin>
  Sampler& of(const void* step, EventKind kind, const std::shared_ptr<const Origin>& origin) {
    const size_t mask = entries_.size() - 1;
    for (size_t i = hash(step) & mask; !entries_.empty(); i = (i + 1) & mask) {
      if (entries_[i] && entries_[i]->step == step) [[likely]]
        return entries_[i]->sampler;
      if (!entries_[i]) break;
    }
    return add(step, kind, origin);
  }

  // Records what was left out since the last records.
  void settle() {
    for (const auto& entry : entries_)
      if (const uint32_t count = entry ? entry->sampler.settle() : 0) {
        const uint64_t now = profile_clock();
        detail::record({now, now, entry->origin, 0, 0, 0, entry->kind, false, count});
        if (ProfileScope* scope = detail::innermost) scope->count_record();
      }
  }

 private:
  static constexpr uint32_t kAlwaysRecorded = 2;
  struct Entry {
    Entry(const void* step, EventKind kind, OriginRef origin) : step(step), kind(kind), origin(std::move(origin)) {}
    const void* step;
    EventKind kind;
    OriginRef origin;
    Sampler sampler{kAlwaysRecorded};
  };
  static size_t hash(const void* step) { return reinterpret_cast<size_t>(step) / sizeof(void*) * 0x9E3779B1u >> 7; }

  // At most half full.
  Sampler& add(const void* step, EventKind kind, const OriginRef& origin) {
    if (2 * (count_ + 1) > entries_.size()) {
      std::vector<std::unique_ptr<Entry>> old(std::max<size_t>(16, 2 * entries_.size()));
      old.swap(entries_);
      for (auto& entry : old)
        if (entry) place(std::move(entry));
    }
    ++count_;
    return place(std::make_unique<Entry>(step, kind, origin)).sampler;
  }
  Entry& place(std::unique_ptr<Entry> entry) {
    size_t i = hash(entry->step) & (entries_.size() - 1);
    while (entries_[i]) i = (i + 1) & (entries_.size() - 1);
    return *(entries_[i] = std::move(entry));
  }

  std::vector<std::unique_ptr<Entry>> entries_;
  size_t count_ = 0;
};

}  // namespace tandem
