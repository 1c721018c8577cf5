// Routines: functions of the runtime that compute the whole result of an operation at once (linear algebra, Fourier
// transforms, sorting, searching). A row with Structure::library is computed by the routine of its name.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include "ir/dtype.h"
#include "runtime/storage.h"

namespace tandem {

// Contiguous, row-major.
struct RoutineArray {
  DType dtype;
  std::span<const int64_t> shape;
  void* data;
  Storage* memory = nullptr;  // whose version changes whenever elements do; null where that is not known
};

struct RoutineArgs {
  std::span<const RoutineArray> inputs;
  RoutineArray out;                 // overlaps no input
  std::span<const int64_t> params;  // the attributes of the row in order; a list is preceded by its length
};

struct Routine {
  std::string_view name;
  void (*run)(const RoutineArgs& args);
};

const Routine* find_routine(std::string_view name);  // null when there is none

// Each in a file of its own.
std::span<const Routine> linalg_routines();
std::span<const Routine> eigen_routines();
std::span<const Routine> fourier_routines();
std::span<const Routine> convolution_routines();
std::span<const Routine> integer_routines();
std::span<const Routine> pooling_routines();
std::span<const Routine> resampling_routines();
std::span<const Routine> search_routines();
std::span<const Routine> sort_routines();

}  // namespace tandem
