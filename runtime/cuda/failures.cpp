#include "runtime/cuda/failures.h"

#include <algorithm>
#include <cstring>

#include "runtime/access_message.h"
#include "runtime/cuda/device.h"

namespace tandem::cuda {

void Failures::prepare() {
  if (words_) return;
  void* memory = nullptr;
  const size_t bytes = kWords * 2 * sizeof(int64_t);
  gpu_.check(driver().allocate_host(&memory, bytes, kHostMapped), "cuMemHostAlloc");
  std::memset(memory, 0, bytes);
  gpu_.check(driver().host_address(&address_, memory, 0), "cuMemHostGetDevicePointer");
  words_ = static_cast<int64_t*>(memory);
  places_.resize(kWords);
}

// With the lock held and a place free.
size_t Failures::take(Checked checked) {
  while (places_[next_].taken) next_ = (next_ + 1) % kWords;
  places_[next_] = {std::move(checked), true, false};
  ++taken_;
  return next_;
}

Address Failures::words(Checked checked) {
  std::unique_lock lock(mutex_);
  prepare();
  while (taken_ == kWords) {
    lock.unlock();
    gpu_.synchronize();
    lock.lock();
  }
  return address_of(take(std::move(checked)));
}

Address Failures::keep_words(Checked checked) {
  const std::lock_guard lock(mutex_);
  prepare();
  if (taken_ >= kWords / 2)
    throw_error(ErrorKind::backend,
                "cuda graph: got more than {} checks of indices in captured programs; need fewer; "
                "try fewer captured programs",
                kWords / 2);
  const size_t place = take(std::move(checked));
  places_[place].kept = true;
  return address_of(place);
}

void Failures::release_words(Address words) {
  const std::lock_guard lock(mutex_);
  Place& place = places_[(words - address_) / (2 * sizeof(int64_t))];
  place = {};
  --taken_;
}

void Failures::launched(const OriginRef& origin) {
  const std::lock_guard lock(mutex_);
  recent_[launches_++ % kRecent] = origin;
}

uint64_t Failures::launches() {
  const std::lock_guard lock(mutex_);
  return launches_;
}

void Failures::known_good(uint64_t launches) {
  const std::lock_guard lock(mutex_);
  known_good_ = std::max(known_good_, launches);
  if (launches == launches_) recent_.fill(nullptr);  // they keep their kernels
}

void Failures::look() {
  std::string message;
  {
    const std::lock_guard lock(mutex_);
    if (taken_ == 0) return;
    for (size_t k = 0; k < kWords; ++k) {
      Place& place = places_[k];
      if (!place.taken) continue;
      volatile int64_t* words = words_ + 2 * k;  // which the device wrote
      if (words[0] != 0) {
        if (message.empty()) message = place.checked.message(static_cast<size_t>(words[0] - 1), words[1]);
        words[0] = 0;
        words[1] = 0;
      }
      if (place.kept) continue;
      place = {};
      --taken_;
    }
  }
  if (!message.empty()) throw Error(ErrorKind::index, message);
}

std::string Failures::suspects() {
  const std::lock_guard lock(mutex_);
  const uint64_t first = std::max(known_good_, launches_ - std::min<uint64_t>(launches_, kRecent));
  constexpr size_t kMost = 5;
  std::vector<std::string> names;
  for (uint64_t k = launches_; k-- > first;) {
    const OriginRef& origin = recent_[k % kRecent];
    std::string name = origin->name + line_of(*origin);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
  }
  if (names.empty()) return "";
  if (names.size() == 1) return " in the kernel " + names[0];
  std::string text = " in one of the kernels since the last synchronisation, newest first: ";
  for (size_t k = 0; k < std::min(kMost, names.size()); ++k) text += (k > 0 ? ", " : "") + names[k];
  return text + (names.size() > kMost ? ", ..." : "");
}

}  // namespace tandem::cuda
