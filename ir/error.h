// Errors a user can cause, and where in the user's code they come from.
#pragma once
#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace tandem {

// A line of the user's program; `file` is empty when unknown.
struct SourceLoc {
  std::string file;
  int line = 0;
  bool known() const { return !file.empty(); }
  bool operator==(const SourceLoc&) const = default;
};

// Mirrors the Python exception classes one to one (python/bindings/errors.cpp).
enum class ErrorKind {
  error,
  shape,
  dtype,
  index,
  overflow,
  value,
  type,
  capture,
  compile,
  serialization,
  backend,
  memory,
  nonfinite,
  linalg,
  autograd,
};

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind(kind) {}
  ErrorKind kind;
};

// throw_error(ErrorKind::shape, "matmul: got {} and {}; need ...; try ...", a, b)
template <class... Args>
[[noreturn]] void throw_error(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(kind, fmt::format(format, std::forward<Args>(args)...));
}

// A broken invariant of Tandem itself, never the user's fault.
class InternalError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

template <class... Args>
void check_internal(bool ok, fmt::format_string<Args...> format, Args&&... args) {
  if (!ok) [[unlikely]]
    throw InternalError("internal error (please report it): " + fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace tandem
