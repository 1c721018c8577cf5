// A saved model in memory: its methods and its tensors. No Python, no compiler.
#pragma once
#include <atomic>
#include <memory>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "deploy/api/tandem.h"
#include "deploy/array.h"
#include "deploy/method.h"
#include "deploy/target.h"
#include "deploy/zip.h"

namespace tandem {
class Pack;
}

namespace tandem::deploy {

struct LoadOptions {
  std::string target;    // deploy/target.h
  bool verified = true;  // compare everything with its checksum
};

class Model {
 public:
  // A model that is part of the program.
  static std::shared_ptr<Model> embedded(const td_embedded& parts);
  // Throws Error{serialization} for a file that is damaged or of another version, Error{value} where there is none, and
  // Error{backend} for a target that the file does not have or this machine does not run.
  static std::shared_ptr<Model> load(const std::string& path, const LoadOptions& options = {});

  const std::string& target() const { return target_.name; }  // whose code runs, or "interpreter"
  Device device() const { return target_.device; }            // where it runs, and its tensors and results are
  const std::string& manifest() const { return manifest_; }   // JSON
  size_t method_count() const { return methods_.size(); }
  const Method& method(size_t number) const { return methods_[number]->method; }
  int find(std::string_view name) const;       // -1: there is none
  std::string signature(size_t method) const;  // "forward(x: float32[N, 64]) -> float32[N, 10]"
  size_t argument_count(size_t method) const { return methods_[method]->arguments.size(); }
  const std::string& argument_name(size_t method, size_t argument) const { return method_input(method, argument).name; }
  TensorType argument_type(size_t method, size_t argument) const;
  TensorType output_type(size_t method, size_t output) const;

  // Thread-safe; methods that write to tensors of the model run alone. `results` get one array per output. Arguments that
  // are C's, or have no axes, are copied to the device; all others must be there. Throws Error that says which argument
  // is not as it should be.
  void run(size_t method, std::span<const Array> arguments, std::span<Array> results);

  struct State {
    std::string name;
    Array array;  // on the device
    Array host;   // in the file's memory: of a model on the CPU the same
  };
  const std::vector<State>& state() const { return state_; }
  // The tensor on the host, which others may write to from now on: of a model on a GPU, a copy that keeps being one for
  // as long as somebody holds it. Null: there is none.
  const Array* lend_state(std::string_view name);
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
  const Array* find_state(std::string_view name) const;
  void add_kernel(const Kernel& kernel, std::shared_ptr<const CompiledKernel> code);
  void add_copy_kernels(const Pack& objects, int64_t version);
  void take_lent_state();
  void give_lent_state() const;
  void read_state(std::string_view weights, char* data);
  void add_method(Method method);
  void gather(const Loaded& loaded, std::span<const Array> arguments, std::vector<Array>& inputs,
              int64_t* symbols) const;

  std::shared_ptr<MappedFile> file_;
  std::string manifest_;
  Target target_;
  std::vector<std::string> order_;  // of the entries
  std::vector<State> state_;
  std::vector<std::shared_ptr<const CompiledKernel>> kernels_;
  std::vector<size_t> kernel_buffers_, kernel_values_;  // how many each kernel takes
  std::vector<std::unique_ptr<const Loaded>> methods_;
  mutable std::shared_mutex running_;
  std::atomic<bool> lent_{false};  // of a model on a GPU: copies of tensors on the host
};

}  // namespace tandem::deploy
