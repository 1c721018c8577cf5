// td.autocast: products in 16 bits, and in 32 bits what would lose most by it.
#pragma once
#include <optional>
#include <span>
#include <utility>

#include "frontend/tensor.h"

namespace tandem {

// The dtype that products are carried out in on this thread; none where nothing is converted.
class Autocast {
 public:
  static std::optional<DType> current() { return wanted; }
  static std::optional<DType> set(std::optional<DType> dtype) { return std::exchange(wanted, dtype); }
  explicit Autocast(std::optional<DType> dtype) : before_(set(dtype)) {}
  ~Autocast() { wanted = before_; }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  std::optional<DType> before_;
  static thread_local std::optional<DType> wanted;
};

// The inputs as the operation is to have them under `low`; empty: as they are. Float64 and integers are left alone.
// Test: tests/training/test_autocast.py.
std::vector<TensorRef> autocast_inputs(const OpDef& op, std::span<const TensorRef> inputs, DType low);

// The rows that are carried out in 16 bits, or in 32.
std::span<const std::string_view> autocast_names(bool low);

}  // namespace tandem
