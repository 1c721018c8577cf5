#include "runtime/cuda/copy.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "ir/error.h"
#include "runtime/cuda/device.h"

namespace tandem {

namespace cuda {

namespace {

struct Counts {
  std::atomic<int64_t> to_device{0}, to_host{0}, within{0}, peer{0}, to_device_bytes{0}, to_host_bytes{0};
};
Counts counts;

void count(std::atomic<int64_t>& which, std::atomic<int64_t>* bytes = nullptr, size_t size = 0) {
  which.fetch_add(1, std::memory_order_relaxed);
  if (bytes) bytes->fetch_add(static_cast<int64_t>(size), std::memory_order_relaxed);
}

Address address(const void* pointer) { return reinterpret_cast<Address>(pointer); }

// The driver itself takes few bytes along before it returns; more would be waited for.
constexpr size_t kTakenAlong = size_t{64} << 10;

void copy_in(Gpu& gpu, Address to, const void* from, size_t bytes) {
  const Api& api = driver();
  count(counts.to_device, &counts.to_device_bytes, bytes);
  if (bytes <= kTakenAlong) return gpu.check(api.copy_in(to, from, bytes, gpu.stream), "cuMemcpyHtoDAsync");
  Gpu::Staging& staging = gpu.staging();
  const std::lock_guard lock(staging.mutex);
  const auto* source = static_cast<const char*>(from);
  for (size_t at = 0, k = 0; at < bytes; at += Gpu::Staging::kBytes, k ^= 1) {
    const size_t part = std::min(bytes - at, Gpu::Staging::kBytes);
    gpu.check(api.event_synchronize(staging.done[k]), "cuEventSynchronize");
    std::memcpy(staging.memory[k], source + at, part);
    gpu.check(api.copy_in(to + at, staging.memory[k], part, gpu.stream), "cuMemcpyHtoDAsync");
    gpu.check(api.event_record(staging.done[k], gpu.stream), "cuEventRecord");
  }
}

void copy_out(Gpu& gpu, void* to, Address from, size_t bytes) {
  const Api& api = driver();
  count(counts.to_host, &counts.to_host_bytes, bytes);
  if (bytes <= kTakenAlong) {
    gpu.check(api.copy_out(to, from, bytes, gpu.stream), "cuMemcpyDtoHAsync");
    return gpu.synchronize();
  }
  gpu.synchronize();  // what failed is thrown before anything is written
  Gpu::Staging& staging = gpu.staging();
  const std::lock_guard lock(staging.mutex);
  auto* target = static_cast<char*>(to);
  const size_t parts = (bytes + Gpu::Staging::kBytes - 1) / Gpu::Staging::kBytes;
  const auto size_of_part = [&](size_t n) { return std::min(bytes - n * Gpu::Staging::kBytes, Gpu::Staging::kBytes); };
  const auto start = [&](size_t n) {
    const size_t k = n % 2;
    gpu.check(api.copy_out(staging.memory[k], from + n * Gpu::Staging::kBytes, size_of_part(n), gpu.stream),
              "cuMemcpyDtoHAsync");
    gpu.check(api.event_record(staging.done[k], gpu.stream), "cuEventRecord");
  };
  start(0);
  for (size_t n = 0; n < parts; ++n) {
    if (n + 1 < parts) start(n + 1);
    gpu.check(api.event_synchronize(staging.done[n % 2]), "cuEventSynchronize");
    std::memcpy(target + n * Gpu::Staging::kBytes, staging.memory[n % 2], size_of_part(n));
  }
}

}  // namespace

CopyStats copy_stats() {
  return {counts.to_device.load(), counts.to_host.load(),         counts.within.load(),
          counts.peer.load(),      counts.to_device_bytes.load(), counts.to_host_bytes.load()};
}

}  // namespace cuda

StorageRef allocate_on(Device device, size_t bytes) {
  return is_cpu(device) ? allocate(bytes) : cuda::Gpu::at(device.index).memory.allocate(bytes);
}

void copy_bytes(Device to_device, void* to, Device from_device, const void* from, size_t bytes) {
  using namespace cuda;
  if (bytes == 0) return;
  if (is_cpu(to_device) && is_cpu(from_device)) {
    std::memcpy(to, from, bytes);
    return;
  }
  if (is_cpu(from_device)) {
    Gpu& gpu = Gpu::at(to_device.index);
    gpu.enter();
    return copy_in(gpu, address(to), from, bytes);
  }
  Gpu& source = Gpu::at(from_device.index);
  if (is_cpu(to_device)) {
    source.enter();
    return copy_out(source, to, address(from), bytes);
  }
  Gpu& target = Gpu::at(to_device.index);
  if (&target == &source) {
    target.enter();
    count(counts.within);
    return target.check(driver().copy_within(address(to), address(from), bytes, target.stream), "cuMemcpyDtoDAsync");
  }
  // Neither stream may run ahead of the other: the source's memory may be let go of at once.
  source.before(target);
  target.enter();
  count(counts.peer);
  target.check(driver().copy_peer(address(to), target.context, address(from), source.context, bytes, target.stream),
               "cuMemcpyPeerAsync");
  target.before(source);
}

}  // namespace tandem
