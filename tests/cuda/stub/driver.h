// A CUDA driver for tests: a library with the functions of libcuda that Tandem uses, on memory of the host. It is as
// unforgiving as a GPU: streams run only when somebody waits for them, pinned memory is read when the copy runs, memory of
// a device cannot be touched from the host (its addresses are mapped without access), and it fails when it is told to.
#pragma once
#include <cstdint>

namespace tandem::stub {

// What a "module" is: the bytes of this structure. `run` gets the words of the parameters, with addresses of the device
// turned into ones that can be used, and the launch; it may be called from any thread.
struct Image {
  char magic[8] = {'T', 'D', 'M', 'S', 'T', 'U', 'B', '\0'};
  void (*run)(const void* context, uint64_t* words, const unsigned* grid, const unsigned* block) = nullptr;
  const void* context = nullptr;
  int64_t words = 0;
};

// Of the control functions below. What is live now, and what happened since the library was loaded.
struct Counts {
  int64_t blocks, bytes, pinned, modules, events, streams, graphs;  // live
  int64_t launches, copies, waits;                                  // so far
};

}  // namespace tandem::stub

// Exported by the library besides the driver's functions:
//   void stub_fail(const char* function, int result, int after, int times): calls of that function ("cuMemAlloc_v2"; "run"
//     for the execution of a kernel) return `result`, `times` times after `after` further ones succeeded
//   void stub_counts(tandem::stub::Counts*)
// Environment, read by cuInit: TANDEM_STUB_DEVICES (2), TANDEM_STUB_VERSION (12080), TANDEM_STUB_MEMORY (bytes per device,
// 256 MB), TANDEM_STUB_LOG (a file that names each call).
