#include "tests/cuda/stub/driver.h"

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tests/cuda/stub/emulation.h"

namespace {

using tandem::stub::Counts;
using tandem::stub::Image;

using Result = int;
constexpr Result kSuccess = 0, kInvalidValue = 1, kOutOfMemory = 2, kNotInitialized = 3, kNoDevice = 100,
                 kInvalidDevice = 101, kInvalidImage = 200, kInvalidContext = 201, kPeerEnabled = 704, kNotFound = 500,
                 kNotReady = 600, kIllegalAddress = 700, kCaptureUnsupported = 900, kIllegalState = 401;

constexpr int64_t kMagicContext = 0x43545800, kMagicStream = 0x53545200, kMagicEvent = 0x45565400;

struct Block {
  size_t bytes;
  char* shadow;
  int device;
};

struct Event;
struct Graph {
  std::vector<std::function<Result()>> work;
};

struct Stream {
  int64_t magic = kMagicStream;
  int device = 0;
  std::deque<std::function<Result()>> work;
  Graph* capture = nullptr;
  uint64_t asked = 0, done = 0;
};

struct Event {
  int64_t magic = kMagicEvent;
  Stream* stream = nullptr;
  uint64_t point = 0;  // of `asked` of the stream
  bool capturing = false;
};

struct Context {
  int64_t magic = kMagicContext;
  int device = 0;
  Result failed = kSuccess;  // sticky
  size_t used = 0;
};

struct Module {
  Image image;
  tandem::stub::Emulated emulated;
};
struct Function {
  Module* module;
  std::string name;
  int shared_limit = 48 << 10;
  tandem::stub::Kernel kernel{};
};

struct Fault {
  Result result;
  int after, times;
};

struct State {
  std::recursive_mutex mutex;
  int devices = 2, version = 12080;
  size_t memory = size_t{256} << 20;
  bool initialised = false;
  FILE* log = nullptr;
  std::vector<std::unique_ptr<Context>> contexts;
  std::map<uint64_t, Block> blocks;  // by address
  std::map<char*, size_t> pinned;
  std::vector<Stream*> streams;
  std::map<std::string, Fault> faults;
  std::vector<std::unique_ptr<Function>> functions;
  Counts counts{};
};

State& state() {
  static State& made = *new State;
  return made;
}

thread_local Context* current = nullptr;

int64_t number(const char* variable, int64_t otherwise) {
  const char* text = std::getenv(variable);
  return text && *text ? std::strtoll(text, nullptr, 10) : otherwise;
}

void read_environment() {
  State& s = state();
  s.devices = static_cast<int>(number("TANDEM_STUB_DEVICES", 2));
  s.version = static_cast<int>(number("TANDEM_STUB_VERSION", 12080));
  s.memory = static_cast<size_t>(number("TANDEM_STUB_MEMORY", int64_t{256} << 20));
  if (const char* file = std::getenv("TANDEM_STUB_LOG"); file && *file) s.log = std::fopen(file, "a");
}

// A fault that was asked for, if its turn has come.
Result fault(const char* name) {
  State& s = state();
  if (s.log) {
    std::fprintf(s.log, "%s\n", name);
    std::fflush(s.log);
  }
  const auto found = s.faults.find(name);
  if (found == s.faults.end() || found->second.times == 0) return kSuccess;
  if (found->second.after > 0) {
    --found->second.after;
    return kSuccess;
  }
  --found->second.times;
  return found->second.result;
}

// Of every function but those before a context: what is broken stays broken.
Result enter(const char* name) {
  if (const Result injected = fault(name)) return injected;
  if (!state().initialised) return kNotInitialized;
  if (!current) return kInvalidContext;
  return current->failed;
}

#define ENTER()                              \
  const std::lock_guard lock(state().mutex); \
  if (const Result failed = enter(__func__)) return failed

Stream* stream_of(void* handle) {
  auto* stream = static_cast<Stream*>(handle);
  return stream && stream->magic == kMagicStream ? stream : nullptr;
}

// The memory that `bytes` bytes at an address of a device are; null when they are not all of one block.
char* shadow_of(uint64_t address, size_t bytes) {
  State& s = state();
  auto it = s.blocks.upper_bound(address);
  if (it == s.blocks.begin()) return nullptr;
  --it;
  const uint64_t offset = address - it->first;
  return offset + bytes <= it->second.bytes ? it->second.shadow + offset : nullptr;
}

Result run_until(Stream& stream, uint64_t point) {
  while (stream.done < point && !stream.work.empty()) {
    const std::function<Result()> next = std::move(stream.work.front());
    stream.work.pop_front();
    ++stream.done;
    Context& context = *state().contexts[static_cast<size_t>(stream.device)];
    if (context.failed == kSuccess) context.failed = next();
    if (context.failed != kSuccess) return context.failed;
  }
  return kSuccess;
}

Result drain(Stream& stream) { return run_until(stream, stream.asked); }

Result enqueue(Stream& stream, std::function<Result()> work) {
  if (stream.capture) {
    stream.capture->work.push_back(std::move(work));
    return kSuccess;
  }
  stream.work.push_back(std::move(work));
  ++stream.asked;
  return kSuccess;
}

void drain_device(int device) {
  for (Stream* stream : state().streams)
    if (stream->device == device) drain(*stream);
}

bool is_pinned(const void* memory) {
  State& s = state();
  auto it = s.pinned.upper_bound(const_cast<char*>(static_cast<const char*>(memory)));
  if (it == s.pinned.begin()) return false;
  --it;
  return static_cast<const char*>(memory) < it->first + it->second;
}

const char* name_of(Result result) {
  switch (result) {
    case kSuccess: return "CUDA_SUCCESS";
    case kInvalidValue: return "CUDA_ERROR_INVALID_VALUE";
    case kOutOfMemory: return "CUDA_ERROR_OUT_OF_MEMORY";
    case kNoDevice: return "CUDA_ERROR_NO_DEVICE";
    case kInvalidImage: return "CUDA_ERROR_INVALID_IMAGE";
    case 209: return "CUDA_ERROR_NO_BINARY_FOR_GPU";
    case kIllegalAddress: return "CUDA_ERROR_ILLEGAL_ADDRESS";
    case 715: return "CUDA_ERROR_ILLEGAL_INSTRUCTION";
    case 719: return "CUDA_ERROR_LAUNCH_FAILED";
    case 802: return "CUDA_ERROR_SYSTEM_NOT_READY";
    case kCaptureUnsupported: return "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED";
    default: return nullptr;
  }
}

}  // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

// ---- control ----

EXPORT void stub_fail(const char* function, int result, int after, int times) {
  const std::lock_guard lock(state().mutex);
  state().faults[function] = {result, after, times};
}

EXPORT void stub_counts(Counts* out) {
  const std::lock_guard lock(state().mutex);
  *out = state().counts;
}

// For libraries beside the driver: the memory at an address, and work on a stream.
EXPORT char* stub_shadow(uint64_t address) {
  const std::lock_guard lock(state().mutex);
  return shadow_of(address, 1);
}
EXPORT void stub_enqueue(void* stream, void (*run)(void*), void* context) {
  const std::lock_guard lock(state().mutex);
  enqueue(*stream_of(stream), [=] { return run(context), kSuccess; });
}

// ---- the driver ----

EXPORT Result cuDriverGetVersion(int* version) {
  read_environment();
  *version = state().version;
  return kSuccess;
}

EXPORT Result cuInit(unsigned) {
  const std::lock_guard lock(state().mutex);
  read_environment();
  if (const Result injected = fault("cuInit")) return injected;
  State& s = state();
  if (const int64_t result = number("TANDEM_STUB_INIT", 0)) return static_cast<Result>(result);
  if (s.devices == 0) return kNoDevice;
  for (int k = static_cast<int>(s.contexts.size()); k < s.devices; ++k) {
    s.contexts.push_back(std::make_unique<Context>());
    s.contexts.back()->device = k;
  }
  s.initialised = true;
  return kSuccess;
}

EXPORT Result cuGetErrorName(Result result, const char** name) {
  *name = name_of(result);
  return *name ? kSuccess : kInvalidValue;
}
EXPORT Result cuGetErrorString(Result result, const char** text) {
  *text = name_of(result) ? "as the stub was told" : nullptr;
  return *text ? kSuccess : kInvalidValue;
}

EXPORT Result cuDeviceGetCount(int* count) {
  *count = state().devices;
  return kSuccess;
}
EXPORT Result cuDeviceGet(int* device, int ordinal) {
  *device = ordinal;
  return ordinal < state().devices ? kSuccess : kInvalidDevice;
}
EXPORT Result cuDeviceGetName(char* name, int length, int device) {
  std::snprintf(name, static_cast<size_t>(length), "Stub GPU %d", device);
  return kSuccess;
}
EXPORT Result cuDeviceTotalMem_v2(size_t* bytes, int) {
  *bytes = state().memory;
  return kSuccess;
}
EXPORT Result cuDeviceGetAttribute(int* value, int attribute, int) {
  switch (attribute) {
    case 1: *value = 1024; break;
    case 10: *value = 32; break;
    case 16: *value = 4; break;
    case 39: *value = 2048; break;
    case 75: *value = static_cast<int>(number("TANDEM_STUB_MAJOR", 9)); break;
    case 76: *value = static_cast<int>(number("TANDEM_STUB_MINOR", 0)); break;
    case 97: *value = 227 << 10; break;
    default: *value = 1;
  }
  return kSuccess;
}
EXPORT Result cuDeviceCanAccessPeer(int* can, int, int) {
  *can = 1;
  return kSuccess;
}

EXPORT Result cuDevicePrimaryCtxRetain(void** context, int device) {
  const std::lock_guard lock(state().mutex);
  if (const Result injected = fault("cuDevicePrimaryCtxRetain")) return injected;
  if (!state().initialised) return kNotInitialized;
  *context = state().contexts[static_cast<size_t>(device)].get();
  return kSuccess;
}
EXPORT Result cuCtxSetCurrent(void* context) {
  current = static_cast<Context*>(context);
  return current && current->magic == kMagicContext ? kSuccess : kInvalidContext;
}
EXPORT Result cuCtxEnablePeerAccess(void*, unsigned) { return kPeerEnabled; }

EXPORT Result cuMemGetInfo_v2(size_t* free, size_t* total) {
  ENTER();
  *total = state().memory;
  *free = *total - current->used;
  return kSuccess;
}

EXPORT Result cuMemAlloc_v2(uint64_t* address, size_t bytes) {
  ENTER();
  State& s = state();
  if (bytes == 0) return kInvalidValue;
  if (current->used + bytes > s.memory) return kOutOfMemory;
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t mapped = (bytes + page - 1) / page * page;
  // The address is one that nothing can be read from; the memory lies elsewhere.
  void* outside = mmap(nullptr, mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  void* shadow = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (outside == MAP_FAILED || shadow == MAP_FAILED) return kOutOfMemory;
  std::memset(shadow, 0xA5, bytes);  // undefined contents
  *address = reinterpret_cast<uint64_t>(outside);
  s.blocks[*address] = {bytes, static_cast<char*>(shadow), current->device};
  current->used += bytes;
  ++s.counts.blocks;
  s.counts.bytes += static_cast<int64_t>(bytes);
  return kSuccess;
}

EXPORT Result cuMemFree_v2(uint64_t address) {
  ENTER();
  State& s = state();
  const auto found = s.blocks.find(address);
  if (found == s.blocks.end()) return kInvalidValue;
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const Block block = found->second;
  const size_t mapped = (block.bytes + page - 1) / page * page;
  drain_device(block.device);
  s.blocks.erase(found);
  munmap(reinterpret_cast<void*>(address), mapped);
  munmap(block.shadow, mapped);
  s.contexts[static_cast<size_t>(block.device)]->used -= block.bytes;
  --s.counts.blocks;
  s.counts.bytes -= static_cast<int64_t>(block.bytes);
  return kSuccess;
}

EXPORT Result cuMemHostAlloc(void** memory, size_t bytes, unsigned) {
  ENTER();
  *memory = std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  state().pinned[static_cast<char*>(*memory)] = bytes;
  ++state().counts.pinned;
  return kSuccess;
}
EXPORT Result cuMemFreeHost(void* memory) {
  ENTER();
  state().pinned.erase(static_cast<char*>(memory));
  std::free(memory);
  --state().counts.pinned;
  return kSuccess;
}
EXPORT Result cuMemHostGetDevicePointer_v2(uint64_t* address, void* memory, unsigned) {
  ENTER();
  *address = reinterpret_cast<uint64_t>(memory);
  return is_pinned(memory) ? kSuccess : kInvalidValue;
}

EXPORT Result cuMemcpyHtoDAsync_v2(uint64_t to, const void* from, size_t bytes, void* handle) {
  ENTER();
  Stream* stream = stream_of(handle);
  if (!stream || !shadow_of(to, bytes)) return kInvalidValue;
  ++state().counts.copies;
  if (is_pinned(from))
    return enqueue(*stream, [=] { return std::memcpy(shadow_of(to, bytes), from, bytes), kSuccess; });
  const auto taken = std::make_shared<std::string>(static_cast<const char*>(from), bytes);
  return enqueue(*stream, [=] { return std::memcpy(shadow_of(to, bytes), taken->data(), bytes), kSuccess; });
}
EXPORT Result cuMemcpyDtoHAsync_v2(void* to, uint64_t from, size_t bytes, void* handle) {
  ENTER();
  Stream* stream = stream_of(handle);
  if (!stream || !shadow_of(from, bytes)) return kInvalidValue;
  ++state().counts.copies;
  return enqueue(*stream, [=] { return std::memcpy(to, shadow_of(from, bytes), bytes), kSuccess; });
}
EXPORT Result cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, void* handle) {
  ENTER();
  Stream* stream = stream_of(handle);
  if (!stream || !shadow_of(from, bytes) || !shadow_of(to, bytes)) return kInvalidValue;
  ++state().counts.copies;
  return enqueue(*stream, [=] { return std::memmove(shadow_of(to, bytes), shadow_of(from, bytes), bytes), kSuccess; });
}
EXPORT Result cuMemcpyPeerAsync(uint64_t to, void*, uint64_t from, void*, size_t bytes, void* handle) {
  ENTER();
  Stream* stream = stream_of(handle);
  if (!stream || !shadow_of(from, bytes) || !shadow_of(to, bytes)) return kInvalidValue;
  ++state().counts.copies;
  return enqueue(*stream, [=] { return std::memcpy(shadow_of(to, bytes), shadow_of(from, bytes), bytes), kSuccess; });
}
EXPORT Result cuMemsetD8Async(uint64_t to, unsigned char value, size_t bytes, void* handle) {
  ENTER();
  Stream* stream = stream_of(handle);
  if (!stream || !shadow_of(to, bytes)) return kInvalidValue;
  return enqueue(*stream, [=] { return std::memset(shadow_of(to, bytes), value, bytes), kSuccess; });
}

EXPORT Result cuStreamCreate(void** stream, unsigned) {
  ENTER();
  auto* made = new Stream;
  made->device = current->device;
  *stream = made;
  state().streams.push_back(made);
  ++state().counts.streams;
  return kSuccess;
}
EXPORT Result cuStreamSynchronize(void* handle) {
  ENTER();
  Stream* stream = stream_of(handle);
  if (!stream) return kInvalidValue;
  if (stream->capture) return kCaptureUnsupported;
  ++state().counts.waits;
  return drain(*stream);
}
EXPORT Result cuStreamQuery(void* handle) {
  ENTER();
  Stream* stream = stream_of(handle);
  return stream->work.empty() ? kSuccess : kNotReady;
}
EXPORT Result cuStreamWaitEvent(void* handle, void* event, unsigned) {
  ENTER();
  Stream* stream = stream_of(handle);
  const auto* awaited = static_cast<Event*>(event);
  if (!stream || awaited->magic != kMagicEvent) return kInvalidValue;
  if (!awaited->stream) return kSuccess;
  return enqueue(*stream, [other = awaited->stream, point = awaited->point] { return run_until(*other, point); });
}

EXPORT Result cuEventCreate(void** event, unsigned) {
  ENTER();
  *event = new Event;
  ++state().counts.events;
  return kSuccess;
}
EXPORT Result cuEventRecord(void* handle, void* on) {
  ENTER();
  auto* event = static_cast<Event*>(handle);
  Stream* stream = stream_of(on);
  if (!stream || event->magic != kMagicEvent) return kInvalidValue;
  event->stream = stream;
  event->point = stream->asked;
  return kSuccess;
}
EXPORT Result cuEventQuery(void* handle) {
  ENTER();
  const auto* event = static_cast<Event*>(handle);
  return !event->stream || event->stream->done >= event->point ? kSuccess : kNotReady;
}
EXPORT Result cuEventSynchronize(void* handle) {
  ENTER();
  const auto* event = static_cast<Event*>(handle);
  ++state().counts.waits;
  return event->stream ? run_until(*event->stream, event->point) : kSuccess;
}
EXPORT Result cuEventElapsedTime(float* milliseconds, void*, void*) {
  ENTER();
  *milliseconds = 1.5f;
  return kSuccess;
}
EXPORT Result cuEventDestroy_v2(void* handle) {
  const std::lock_guard lock(state().mutex);
  auto* event = static_cast<Event*>(handle);
  event->magic = 0;
  delete event;
  --state().counts.events;
  return kSuccess;
}

EXPORT Result cuModuleLoadData(void** module, const void* image) {
  ENTER();
  auto made = std::make_unique<Module>();
  if (std::memcmp(image, Image{}.magic, sizeof(Image::magic)) == 0)
    std::memcpy(&made->image, image, sizeof(Image));
  else if (!tandem::stub::load(made->emulated, image))
    return kInvalidImage;
  *module = made.release();
  ++state().counts.modules;
  return kSuccess;
}
EXPORT Result cuModuleUnload(void* module) {
  ENTER();
  drain_device(current->device);
  std::vector<std::unique_ptr<Function>>& all = state().functions;
  std::erase_if(all, [module](const auto& function) { return function->module == module; });
  delete static_cast<Module*>(module);
  --state().counts.modules;
  return kSuccess;
}
EXPORT Result cuModuleGetFunction(void** function, void* handle, const char* name) {
  ENTER();
  auto* module = static_cast<Module*>(handle);
  auto made = std::make_unique<Function>();
  made->module = module;
  made->name = name;
  if (!module->image.run && !tandem::stub::find(module->emulated, name, made->kernel)) return kNotFound;
  *function = made.get();
  state().functions.push_back(std::move(made));
  return kSuccess;
}
EXPORT Result cuFuncSetAttribute(void* handle, int attribute, int value) {
  ENTER();
  if (attribute != 8 || value > 227 << 10) return kInvalidValue;
  static_cast<Function*>(handle)->shared_limit = value;
  return kSuccess;
}

#ifndef STUB_WITHOUT_LAUNCH
EXPORT Result cuLaunchKernel(void* handle, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                             unsigned block_y, unsigned block_z, unsigned shared, void* on, void** params, void**) {
  ENTER();
  const auto& function = *static_cast<Function*>(handle);
  Stream* stream = stream_of(on);
  const uint64_t threads = uint64_t{block_x} * block_y * block_z;
  if (!stream || grid_x == 0 || threads == 0 || threads > 1024) return kInvalidValue;
  if (static_cast<int>(shared) > function.shared_limit) return kInvalidValue;
  ++state().counts.launches;
  const Image image = function.module->image;
  const tandem::stub::Kernel kernel = function.kernel;
  const auto* given = static_cast<const uint64_t*>(params[0]);
  const int64_t count = image.run ? image.words : kernel.words;
  const auto words = std::make_shared<std::vector<uint64_t>>(given, given + count);
  return enqueue(*stream, [=]() -> Result {
    if (const Result injected = fault("run")) return injected;
    std::vector<uint64_t> usable = *words;
    for (uint64_t& word : usable)
      if (char* shadow = shadow_of(word, 1)) word = reinterpret_cast<uint64_t>(shadow);
    const unsigned grid[3] = {grid_x, grid_y, grid_z}, block[3] = {block_x, block_y, block_z};
    if (!image.run) return tandem::stub::run(kernel, usable.data(), grid, block, shared);
    image.run(image.context, usable.data(), grid, block);
    return kSuccess;
  });
}
#endif

EXPORT Result cuStreamBeginCapture_v2(void* handle, int) {
  ENTER();
  Stream* stream = stream_of(handle);
  if (!stream || stream->capture) return kIllegalState;
  stream->capture = new Graph;
  return kSuccess;
}
EXPORT Result cuStreamEndCapture(void* handle, void** graph) {
  ENTER();
  Stream* stream = stream_of(handle);
  if (!stream || !stream->capture) return kIllegalState;
  *graph = stream->capture;
  stream->capture = nullptr;
  ++state().counts.graphs;
  return kSuccess;
}
EXPORT Result cuGraphInstantiateWithFlags(void** executable, void* graph, unsigned long long) {
  ENTER();
  *executable = new Graph(*static_cast<Graph*>(graph));
  ++state().counts.graphs;
  return kSuccess;
}
EXPORT Result cuGraphLaunch(void* executable, void* handle) {
  ENTER();
  Stream* stream = stream_of(handle);
  ++state().counts.launches;
  return enqueue(*stream, [work = static_cast<Graph*>(executable)->work]() -> Result {
    for (const auto& each : work)
      if (const Result failed = each()) return failed;
    return kSuccess;
  });
}
EXPORT Result cuGraphExecDestroy(void* executable) {
  const std::lock_guard lock(state().mutex);
  delete static_cast<Graph*>(executable);
  --state().counts.graphs;
  return kSuccess;
}
EXPORT Result cuGraphDestroy(void* graph) {
  const std::lock_guard lock(state().mutex);
  delete static_cast<Graph*>(graph);
  --state().counts.graphs;
  return kSuccess;
}
