// A saved model in memory: its methods and its tensors. No Python, no compiler.
#pragma once
#include <memory>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "deploy/api/tandem.h"
#include "deploy/method.h"
#include "deploy/zip.h"
#include "ir/sizes.h"
#include "runtime/storage.h"

namespace tandem::deploy {

// A tensor of the caller, of the model, or a result. Strides in elements.
struct Array {
  DType dtype = DType::f32;
  Sizes sizes = {}, strides = {};
  StorageRef storage = {};
  void* data = nullptr;
  bool is_contiguous() const { return tandem::is_contiguous(sizes, strides); }
};

void copy_elements(const Array& from, void* to);  // row by row

struct LoadOptions {
  std::string target;    // "": the best that this machine runs and the file has; "interpreter"; or one by name
  bool verified = true;  // compare everything with its checksum
};

class Model {
 public:
  // A model that is part of the program.
  static std::shared_ptr<Model> embedded(const td_embedded& parts);
  // Throws Error{serialization} for a file that is damaged or of another version, Error{value} where there is none, and
  // Error{backend} for a target that the file does not have or this machine does not run.
  static std::shared_ptr<Model> load(const std::string& path, const LoadOptions& options = {});

  const std::string& target() const { return target_; }      // whose code runs, or "interpreter"
  const std::string& manifest() const { return manifest_; }  // JSON
  size_t method_count() const { return methods_.size(); }
  const Method& method(size_t number) const { return methods_[number]->method; }
  int find(std::string_view name) const;       // -1: there is none
  std::string signature(size_t method) const;  // "forward(x: float32[N, 64]) -> float32[N, 10]"
  size_t argument_count(size_t method) const { return methods_[method]->arguments.size(); }
  const std::string& argument_name(size_t method, size_t argument) const { return method_input(method, argument).name; }
  TensorType argument_type(size_t method, size_t argument) const;
  TensorType output_type(size_t method, size_t output) const;

  // Thread-safe; methods that write to tensors of the model run alone. `results` get one array per output. Throws Error
  // that says which argument is not as it should be.
  void run(size_t method, std::span<const Array> arguments, std::span<Array> results);

  struct State {
    std::string name;
    Array array;
  };
  const std::vector<State>& state() const { return state_; }
  const Array* find_state(std::string_view name) const;  // null: there is none
  // Writes the file again with the tensors as they are now. Throws Error{value} for an embedded model.
  void save(const std::string& path) const;

 private:
  struct Loaded {
    Method method;
    Signature signature;
    std::vector<size_t> arguments;    // the inputs that are
    std::vector<const Array*> state;  // per input; null for arguments
    std::vector<bool> written;        // which inputs it writes to
    bool writes_state = false;
  };
  Model() = default;
  const MethodInput& method_input(size_t method, size_t argument) const {
    return methods_[method]->method.inputs[methods_[method]->arguments[argument]];
  }
  void add_kernel(const Kernel& kernel, std::shared_ptr<const CompiledKernel> code);
  void read_state(std::string_view weights, char* data);
  void add_method(Method method);
  void gather(const Loaded& loaded, std::span<const Array> arguments, std::vector<Array>& inputs,
              int64_t* symbols) const;

  std::shared_ptr<MappedFile> file_;
  std::string manifest_, target_;
  std::vector<std::string> order_;  // of the entries
  std::vector<State> state_;
  std::vector<std::shared_ptr<const CompiledKernel>> kernels_;
  std::vector<size_t> kernel_buffers_, kernel_values_;  // how many each kernel takes
  std::vector<std::unique_ptr<const Loaded>> methods_;
  mutable std::shared_mutex running_;
};

}  // namespace tandem::deploy
