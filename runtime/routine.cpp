#include "runtime/routine.h"

namespace tandem {

const Routine* find_routine(std::string_view name) {
  for (const std::span<const Routine> family :
       {linalg_routines(), eigen_routines(), fourier_routines(), convolution_routines(), integer_routines(),
        pooling_routines(), resampling_routines(), search_routines(), sort_routines()})
    for (const Routine& routine : family)
      if (routine.name == name) return &routine;
  return nullptr;
}

}  // namespace tandem
