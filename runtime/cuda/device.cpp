#include "runtime/cuda/device.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "ir/error.h"

namespace tandem::cuda {

namespace {

constexpr int kMostGpus = 64;

std::mutex gpus_mutex;
std::array<std::atomic<Gpu*>, kMostGpus> gpus{};  // never destroyed: tensors may outlive every static object

int count_of_driver() {
  int count = 0;
  if (const Result result = driver().device_count(&count); result != Result::success)
    throw_error(ErrorKind::backend, "cuda: got {} while counting GPUs; need a working driver; try nvidia-smi",
                text_of(result));
  return std::min(count, kMostGpus);
}

void must(Result result, const char* what, int index) {
  if (result == Result::success) return;
  throw_error(
      result == Result::out_of_memory ? ErrorKind::memory : ErrorKind::backend,
      "cuda:{}: got {} from {}; need a GPU that can be used; try nvidia-smi, which shows whether another process "
      "holds it or its memory",
      index, text_of(result), what);
}

Properties properties_of(int index) {
  const Api& api = driver();
  DeviceNumber device = 0;
  must(api.device_get(&device, index), "cuDeviceGet", index);
  Properties made;
  char name[256] = {};
  must(api.device_name(name, sizeof(name) - 1, device), "cuDeviceGetName", index);
  made.name = name;
  must(api.device_memory(&made.memory, device), "cuDeviceTotalMem", index);
  const auto read = [&](Attribute attribute, int& value) { api.device_attribute(&value, attribute, device); };
  read(Attribute::major, made.major);
  read(Attribute::minor, made.minor);
  read(Attribute::multiprocessors, made.multiprocessors);
  read(Attribute::warp_size, made.warp_size);
  read(Attribute::max_threads_per_block, made.max_threads_per_block);
  read(Attribute::max_threads_per_multiprocessor, made.max_threads_per_multiprocessor);
  read(Attribute::max_shared_memory_optin, made.max_shared_memory);
  read(Attribute::l2_cache_bytes, made.l2_cache);
  read(Attribute::clock_rate, made.clock_rate);
  read(Attribute::memory_clock_rate, made.memory_clock_rate);
  read(Attribute::memory_bus_width, made.memory_bus_width);
  return made;
}

Handle context_of(int index) {
  const Api& api = driver();
  DeviceNumber device = 0;
  must(api.device_get(&device, index), "cuDeviceGet", index);
  Handle context = nullptr;
  must(api.primary_context(&context, device), "cuDevicePrimaryCtxRetain", index);
  must(api.set_context(context), "cuCtxSetCurrent", index);
  return context;
}

Handle new_stream(int index) {
  Handle stream = nullptr;
  must(driver().stream_create(&stream, 0), "cuStreamCreate", index);
  return stream;
}

}  // namespace

int device_count() { return driver_problem().empty() ? count_of_driver() : 0; }

Device device_from(std::string_view text) {
  if (text == "cpu") return {};
  int index = 0;
  bool known = text.starts_with("cuda");
  const std::string_view number = known ? text.substr(4) : text;
  if (known && !number.empty()) {
    const auto [end, problem] = std::from_chars(number.data() + 1, number.data() + number.size(), index);
    known = number.size() > 1 && number[0] == ':' && problem == std::errc() && end == number.data() + number.size() &&
            index >= 0;
  }
  if (!known)
    throw_error(ErrorKind::value, "device: got '{}'; need 'cpu', 'cuda' or the number of a GPU, as in 'cuda:1'", text);
  const int count = count_of_driver();
  if (index >= count)
    throw_error(ErrorKind::backend,
                "device: got '{}'; need a GPU that the driver sees, of which there {}; try 'cuda:0', and look at "
                "CUDA_VISIBLE_DEVICES",
                text, count == 1 ? "is 1" : fmt::format("are {}", count));
  return {Device::Type::cuda, index};
}

Gpu& Gpu::at(int index) {
  driver();  // not of a forked child
  if (index >= 0 && index < kMostGpus) {
    std::atomic<Gpu*>& place = gpus[static_cast<size_t>(index)];
    if (Gpu* known = place.load(std::memory_order_acquire)) [[likely]]
      return *known;
    const std::lock_guard lock(gpus_mutex);
    if (Gpu* known = place.load(std::memory_order_acquire)) return *known;
    if (index < count_of_driver()) {
      place.store(new Gpu(index), std::memory_order_release);
      return *place.load(std::memory_order_relaxed);
    }
  }
  throw_error(ErrorKind::backend, "device: got 'cuda:{}'; need one of the {} that the driver sees", index,
              count_of_driver());
}

Gpu::Gpu(int index)
    : index(index),
      properties(properties_of(index)),
      context(context_of(index)),
      stream(new_stream(index)),
      memory(*this),
      failures(*this) {
  const char* wanted = std::getenv("TANDEM_CUDA_SYNC");
  synchronous = wanted && *wanted && *wanted != '0';
}

void Gpu::enter() {
  if (lost()) [[unlikely]]
    throw_lost();
  check(driver().set_context(context), "cuCtxSetCurrent");
}

void Gpu::synchronize() {
  enter();
  const uint64_t launches = failures.launches();
  check(driver().stream_synchronize(stream), "cuStreamSynchronize");
  failures.known_good(launches);
  failures.look();
}

void Gpu::before(Gpu& other) {
  if (this == &other) return;
  const Api& api = driver();
  Handle event = nullptr;
  enter();
  check(api.event_create(&event, kEventWithoutTiming), "cuEventCreate");
  const Result recorded = api.event_record(event, stream);
  Result waited = Result::success;
  if (recorded == Result::success) {
    other.enter();
    waited = api.stream_wait(other.stream, event, 0);
  }
  api.event_destroy(event);  // once it is over
  check(recorded, "cuEventRecord");
  other.check(waited, "cuStreamWaitEvent");
}

void Gpu::throw_lost() const {
  throw_error(ErrorKind::backend,
              "cuda:{}: the GPU cannot be used any more in this process, because of an earlier failure: {}; need a new "
              "process; tensors on the CPU are as they were",
              index, message_);
}

void Gpu::fail(Result result, const char* what) {
  if (lost()) throw_lost();
  if (result == Result::out_of_memory)
    throw_error(ErrorKind::memory,
                "cuda:{}: got {} from {}; need free memory on the GPU; try td.cuda.empty_cache() or dropping tensors",
                index, text_of(result), what);
  if (!ends_context(result))
    throw_error(ErrorKind::backend,
                "cuda:{}: got {} from {}; need success; try TANDEM_CUDA_SYNC=1 to see where it begins", index,
                text_of(result), what);
  std::string message;
  {
    const std::lock_guard lock(mutex_);
    if (message_.empty()) message_ = fmt::format("{}{}", text_of(result), failures.suspects());
    message = message_;
  }
  lost_.store(true, std::memory_order_release);
  throw_error(
      ErrorKind::backend,
      "cuda:{}: a kernel failed: {}; need a new process to use this GPU again, tensors on the CPU are as they were; "
      "try TANDEM_CUDA_SYNC=1, with which the line is always exact",
      index, message);
}

Gpu::Staging& Gpu::staging() {
  const std::lock_guard lock(staging_.mutex);
  if (staging_.memory[0]) return staging_;
  const Api& api = driver();
  for (size_t k = 0; k < 2; ++k) {
    void* memory = nullptr;
    if (!staging_.done[k]) check(api.event_create(&staging_.done[k], kEventWithoutTiming), "cuEventCreate");
    check(api.allocate_host(&memory, Staging::kBytes, 0), "cuMemHostAlloc");
    staging_.memory[1 - k] = static_cast<char*>(memory);  // the first one last: it says that both are there
  }
  return staging_;
}

}  // namespace tandem::cuda
