// Writes compiled functions, and the tensors they work on, to the file of a model (deploy/model.h).
#pragma once
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "deploy/method.h"
#include "frontend/executable.h"

namespace tandem {

// What people call the inputs and outputs of a method.
struct MethodNames {
  std::string name, doc;
  std::vector<std::pair<std::string, bool>> inputs;  // whether it is a tensor of the model; no name: it is not used
  std::vector<std::string> outputs;                  // of the first ones; what follows them is left out
};

class ArchiveWriter {
 public:
  // Kernels that methods have in common are kept once.
  void add(const Executable& executable, const MethodNames& names);
  // `manifest`: a JSON object, which gets what models need besides. `parts`: further files by name.
  // Throws Error{value} for targets there are none of.
  void write(const std::string& path, std::string_view manifest, std::string_view weights,
             const std::vector<std::string>& targets, const std::vector<std::pair<std::string, std::string>>& parts);

  // The only method, its kernels and tensors as one relocatable object with the symbol NAME_model (td_embedded).
  std::string object(const std::string& name, std::string_view weights_file, size_t weights_size,
                     std::string_view target) const;
  const std::vector<deploy::Method>& methods() const { return methods_; }

 private:
  int number_of(const Kernel& kernel);
  std::vector<std::pair<CacheKey, std::string>> objects_for(const std::string& target) const;

  std::vector<Kernel> kernels_;
  std::unordered_map<std::string, int> numbers_;  // by text
  std::vector<deploy::Method> methods_;
  std::vector<std::string> graphs_;
};

}  // namespace tandem
