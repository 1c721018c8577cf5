// Libraries found at run time. One place, so that every message about a missing one says which files were looked for
// and what the system answered.
#pragma once
#include <initializer_list>
#include <string>
#include <vector>

namespace tandem {

class Dylib {
 public:
  // The first of `names` that loads. $`variable`, if set, is a path that is used instead of all of them.
  Dylib(const char* variable, std::initializer_list<const char*> names);
  Dylib(const char* variable, const std::vector<std::string>& names);
  // Never unloaded: code and threads of the library may be in use until the process ends.
  Dylib(const Dylib&) = delete;
  Dylib& operator=(const Dylib&) = delete;

  explicit operator bool() const { return handle_ != nullptr; }
  const std::string& name() const { return name_; }
  const std::string& reason() const { return reason_; }  // why it did not load, or which function it lacks

  // Null when the library has no such function; `reason` then names it.
  void* find(const char* function);
  template <class F>
  bool bind(F*& function, const char* name) {
    function = reinterpret_cast<F*>(find(name));
    return function != nullptr;
  }

 private:
  void* handle_ = nullptr;
  std::string name_;
  std::string reason_;
};

// Where packages of Python are installed, in which libraries may lie; set by the bindings. Null: there is no Python.
extern std::vector<std::string> (*package_folders)();
// `names`, then each of `in_packages` ("nvidia/cublas/lib/libcublasLt.so.12") in the folders of packages that have it.
std::vector<std::string> library_candidates(std::initializer_list<const char*> names,
                                            std::initializer_list<const char*> in_packages);

}  // namespace tandem
