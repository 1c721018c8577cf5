// A method of a saved model: its program, what that needs, and what people call its inputs and results.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ir/kernel.h"
#include "runtime/cache.h"
#include "runtime/cuda/device_kernel.h"
#include "runtime/program.h"
#include "runtime/signature.h"

namespace tandem::deploy {

// Of the files that are written; earlier ones can be read. 2: loops in bodies of kernels. 6: steps on rows.
// 7: loops within loops. 8: loops whose rounds are known.
inline constexpr int64_t kVersion = 8;

struct MethodInput : InputSpec {
  std::string name;    // of the argument, or of the state; none for a state that is not used
  bool state = false;  // a tensor of the model, else an argument
};

struct MethodOutput : CapturedOutput {
  std::string name;
};

// A kernel of the archive as this method uses it.
struct KernelUse : StepOrigin {
  int kernel = -1;
  Dim bytes_read = 0, bytes_written = 0;
  std::vector<std::string> access_messages;
};

// What compiled code does through Python, by the first word of the text: "raise" ends the method with the text as its
// message, "assert" does so unless its first argument holds, "print" shows its arguments (deploy/printing.h).
struct SavedHost {
  std::string text;
  uint64_t arguments = 0;
};

struct Method {
  static constexpr int kMostSymbols = 64;

  std::string name, doc;
  std::vector<MethodInput> inputs;  // the arguments, then what the method works on besides
  int symbol_count = 0;
  std::vector<ShapeGuard> guards;
  std::vector<MethodOutput> outputs;
  std::vector<std::pair<int, int>> writebacks;  // result of the program -> input
  std::vector<KernelUse> kernels;
  std::vector<SavedHost> host;
  Program program;  // without its kernels and host functions, which are made when it is loaded
};

// What an output is like, with the symbols of the method in its shape.
TensorType type_of(const Method& method, const MethodOutput& output);

// In bytes, and back; Error{serialization} for bytes that are none.
std::string method_bytes(const Method& method);
Method read_method(std::string_view bytes, int64_t version);
// Throws Error{serialization} unless all indices are in range and the program, with its kernels, keeps its rules.
void check(const Method& method);
std::string kernels_bytes(const std::vector<Kernel>& kernels);
std::vector<Kernel> read_kernels(std::string_view bytes, int64_t version);

// A kernel for a GPU, and what it is checked against when it is read.
std::string device_kernel_bytes(const DeviceKernel& kernel);
DeviceKernel read_device_kernel(std::string_view bytes, const Kernel& of, int64_t version);
// The strided copies that a method may make on a GPU: bytes of an element, up to how many axes.
std::map<int, int> copies_of(const Method& method);
CacheKey copy_key(int bytes, int rank);  // of such a copy in a pack of code

}  // namespace tandem::deploy
