// Which of many short events are recorded, and how many of them each record stands for.
//
// All are counted. One that takes long enough is recorded every time; of shorter ones some are left out, so many that
// recording costs 1/800 of what they take, and at first fewer, so that an estimate rests on many. How many differs from record to record around that number, or events that
// take turns would be recorded in step with one of them. Pure arithmetic on durations, so that what is recorded follows
// from them alone. Test: tests/runtime/test_profile.cpp.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <type_traits>

namespace tandem {

// Whoever counts holds a lock (the GIL, for most), or is the only one: counts of threads that do not may be lost.
class Sampler {
 public:
  // `always`: how many are recorded before any is left out. `growth`: after n records about n * growth are left out at
  // most before the next one.
  Sampler(uint32_t always, float growth) : always_(always), growth_(growth) {}

  // Counts one more event. 0: it is left out. Else it is to be recorded, with `take` or `take_alone` at its end, and is
  // an example of so many: itself and those that were left out before it.
  uint32_t due() {
    const uint32_t count = get(pending_) + 1;
    if (count < get(gap_)) {
      set(pending_, count);
      return 0;
    }
    set(pending_, 0);
    return count;
  }

  // The event, an example of `count`, took `ticks`, and recording it `cost`. False: it took far longer than the others
  // (a thread was put to sleep), so that it is no example of them and stands for itself.
  bool take(uint32_t count, uint64_t ticks, uint64_t cost) {
    const auto time = static_cast<float>(ticks);
    float mean = get(mean_);
    const uint32_t records = get(records_) + 1;
    const float bound = records > kKnown ? mean * kOutlier : time;
    mean += (std::min(time, bound) - mean) / static_cast<float>(std::min(records, kMemory));
    set(mean_, mean);
    set(records_, records);
    const float known = std::max(1.0f, std::min(static_cast<float>(records) * growth_, kLongestPeriod));
    const float period = static_cast<float>(cost) * kFactor / std::max(mean, 1.0f);
    set(gap_, records < always_ ? 1 : about(std::clamp(period, 1.0f, known)));
    if (time <= bound) return true;
    take_alone(count);
    return false;
  }
  // The event stands for itself; the next one is recorded, too, and is the example of the others.
  void take_alone(uint32_t count) {
    set(pending_, get(pending_) + count - 1);
    set(gap_, 1);
  }

  // An event that was left out is recorded after all, and stands for itself; so is the next one.
  void take_back() {
    const uint32_t count = get(pending_);
    set(pending_, count > 0 ? count - 1 : 0);
    set(gap_, 1);
  }

  // How many events were left out since the last record; they count as told from now on.
  uint32_t settle() {
    const uint32_t count = get(pending_);
    set(pending_, 0);
    return count;
  }
  // Forgets all but how it draws numbers.
  void restart() {
    set(pending_, 0);
    set(gap_, 1);
    set(records_, 0);
    set(mean_, 0.0f);
  }

 private:
  static constexpr float kFactor = 800, kOutlier = 8, kLongestPeriod = 1000;
  static constexpr uint32_t kKnown = 8, kMemory = 32;  // records: before outliers are told; that the mean remembers

  template <class T>
  static T get(const std::atomic<T>& value) {
    return value.load(std::memory_order_relaxed);
  }
  template <class T>
  static void set(std::atomic<T>& value, std::type_identity_t<T> to) {
    value.store(to, std::memory_order_relaxed);
  }
  // 1 ... 2 * period - 1, evenly: `period` in the mean.
  uint32_t about(float period) {
    uint32_t x = get(random_);
    x ^= x << 13, x ^= x >> 17, x ^= x << 5;
    set(random_, x);
    return 1 + static_cast<uint32_t>((2 * period - 1) * (static_cast<float>(x >> 8) * 0x1p-24f));
  }

  const uint32_t always_;
  const float growth_;
  std::atomic<uint32_t> pending_{0}, gap_{1}, records_{0}, random_{2463534242u};
  std::atomic<float> mean_{0.0f};  // ticks
};

}  // namespace tandem
