// The CUDA driver, libcuda.so.1, opened when a device is first asked for. Nothing of CUDA is needed to build: what is used
// is declared here, and one table (driver.cpp) says which functions there must be. $TANDEM_CUDA_DRIVER names another file.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace tandem::cuda {

using Handle = void*;      // context, stream, event, module, function, graph
using Address = uint64_t;  // of device memory
using DeviceNumber = int;

// Results of the driver that are told apart; names and texts of all come from the driver itself.
enum class Result : int {
  success = 0,
  invalid_value = 1,
  out_of_memory = 2,
  deinitialized = 4,
  no_device = 100,
  invalid_image = 200,
  no_binary_for_gpu = 209,
  peer_access_already_enabled = 704,
  not_found = 500,
  not_ready = 600,
};

// Of cuDeviceGetAttribute.
enum class Attribute : int {
  max_threads_per_block = 1,
  max_shared_memory_per_block = 8,
  warp_size = 10,
  clock_rate = 13,
  multiprocessors = 16,
  memory_clock_rate = 36,
  memory_bus_width = 37,
  l2_cache_bytes = 38,
  max_threads_per_multiprocessor = 39,
  major = 75,
  minor = 76,
  max_shared_memory_optin = 97,
};

inline constexpr unsigned kEventWithoutTiming = 2;
inline constexpr unsigned kHostMapped = 2;    // of cuMemHostAlloc: the device sees it
inline constexpr int kMaxDynamicShared = 8;   // of cuFuncSetAttribute
inline constexpr int kCaptureRelaxed = 2;     // of cuStreamBeginCapture: memory may be allocated meanwhile
inline constexpr int kOldestDriver = 12'000;  // as cuDriverGetVersion counts: 12.0

struct Api {
  Result (*init)(unsigned flags) = nullptr;
  Result (*driver_version)(int*) = nullptr;
  Result (*error_name)(Result, const char**) = nullptr;
  Result (*error_text)(Result, const char**) = nullptr;
  Result (*device_count)(int*) = nullptr;
  Result (*device_get)(DeviceNumber*, int ordinal) = nullptr;
  Result (*device_name)(char*, int length, DeviceNumber) = nullptr;
  Result (*device_attribute)(int*, Attribute, DeviceNumber) = nullptr;
  Result (*device_memory)(size_t*, DeviceNumber) = nullptr;
  Result (*can_access_peer)(int*, DeviceNumber, DeviceNumber) = nullptr;
  Result (*primary_context)(Handle*, DeviceNumber) = nullptr;
  Result (*set_context)(Handle) = nullptr;
  Result (*enable_peer)(Handle context, unsigned flags) = nullptr;
  Result (*memory_info)(size_t* free, size_t* total) = nullptr;
  Result (*allocate)(Address*, size_t) = nullptr;
  Result (*free)(Address) = nullptr;
  Result (*allocate_host)(void**, size_t, unsigned flags) = nullptr;
  Result (*free_host)(void*) = nullptr;
  Result (*host_address)(Address*, void*, unsigned flags) = nullptr;
  Result (*copy_in)(Address, const void*, size_t, Handle stream) = nullptr;
  Result (*copy_out)(void*, Address, size_t, Handle stream) = nullptr;
  Result (*copy_within)(Address, Address, size_t, Handle stream) = nullptr;
  Result (*copy_peer)(Address, Handle context, Address, Handle from_context, size_t, Handle stream) = nullptr;
  Result (*fill_bytes)(Address, unsigned char, size_t, Handle stream) = nullptr;
  Result (*stream_create)(Handle*, unsigned flags) = nullptr;
  Result (*stream_synchronize)(Handle) = nullptr;
  Result (*stream_query)(Handle) = nullptr;
  Result (*stream_wait)(Handle stream, Handle event, unsigned flags) = nullptr;
  Result (*event_create)(Handle*, unsigned flags) = nullptr;
  Result (*event_record)(Handle event, Handle stream) = nullptr;
  Result (*event_query)(Handle) = nullptr;
  Result (*event_synchronize)(Handle) = nullptr;
  Result (*event_elapsed)(float* milliseconds, Handle from, Handle to) = nullptr;
  Result (*event_destroy)(Handle) = nullptr;
  Result (*module_load)(Handle*, const void* image) = nullptr;
  Result (*module_unload)(Handle) = nullptr;
  Result (*module_function)(Handle*, Handle module, const char* name) = nullptr;
  Result (*function_attribute)(Handle, int attribute, int value) = nullptr;
  Result (*launch)(Handle function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                   unsigned block_y, unsigned block_z, unsigned shared_bytes, Handle stream, void** params,
                   void** extra) = nullptr;
  Result (*begin_capture)(Handle stream, int mode) = nullptr;
  Result (*end_capture)(Handle stream, Handle* graph) = nullptr;
  Result (*graph_instantiate)(Handle* executable, Handle graph, unsigned long long flags) = nullptr;
  Result (*graph_launch)(Handle executable, Handle stream) = nullptr;
  Result (*graph_executable_destroy)(Handle) = nullptr;
  Result (*graph_destroy)(Handle) = nullptr;
};

// The driver, initialised. Throws Error{backend} that says what was looked for and what to do: no library, too old a
// driver, a missing function, no device, or a process that was forked after the driver was in use.
const Api& driver();
// Why driver() throws; empty when it does not.
std::string driver_problem();
int driver_version();  // 12040 for 12.4; the driver must be there

// "CUDA_ERROR_LAUNCH_FAILED (unspecified launch failure)".
std::string text_of(Result result);
// Whether nothing on the device can go on after it: all later calls of this process would return it as well.
bool ends_context(Result result);

// Of a child process: memory and handles belong to the parent.
bool forked();

}  // namespace tandem::cuda
