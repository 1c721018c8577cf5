// Work on a GPU fails later than it was asked for. What is known of launches that may still fail: the last ones by name
// and line, for a failure of the device, and the status words of those that check indices, which are pinned memory of the
// host, so that looking at them costs no copy.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/cuda/driver.h"
#include "runtime/kernel_code.h"

namespace tandem::cuda {

class Gpu;

// What a launch with checked accesses has to say when one of them fails: which one, and the index that it was given.
struct Checked {
  std::function<std::string(size_t access, int64_t index)> message;
};

class Failures {
 public:
  explicit Failures(Gpu& gpu) : gpu_(gpu) {}

  // The words a launch may write to: two, zero. When all are taken, waits for the stream and looks at them, which may
  // throw.
  Address words(Checked checked);
  // Words that stay with a captured graph, which is launched again and again.
  Address keep_words(Checked checked);
  void release_words(Address words);

  void launched(const OriginRef& origin);
  uint64_t launches();
  // The stream was waited for: the first `launches` are well over.
  void known_good(uint64_t launches);
  // After that: throws Error{index} of the first check that failed.
  void look();
  // " in the kernel add (a.py:3)", or " in one of the last kernels, newest first: ...".
  std::string suspects();

 private:
  static constexpr size_t kWords = 1024, kRecent = 32;
  struct Place {
    Checked checked;
    bool taken = false, kept = false;
  };
  void prepare();
  size_t take(Checked checked);
  Address address_of(size_t place) const { return address_ + place * 2 * sizeof(int64_t); }

  Gpu& gpu_;
  std::mutex mutex_;
  int64_t* words_ = nullptr;
  Address address_ = 0;
  std::vector<Place> places_;
  size_t next_ = 0, taken_ = 0;
  std::array<OriginRef, kRecent> recent_;
  uint64_t launches_ = 0, known_good_ = 0;
};

}  // namespace tandem::cuda
