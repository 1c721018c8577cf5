// What the mathematical functions are measured against: the same functions in a higher precision, by other ways than
// those of ir/math_*.cpp, and how far a result may be from them. One entry for each row of the op table that takes one
// floating-point number to another; the test walks the table and fails where an entry is missing.
#pragma once
#include <string_view>

namespace tandem::testing {

struct Reference {
  double (*single)(double);             // exact to far below a unit in the last place of float
  long double (*wide)(long double);     // the same for double
  double limit_f32 = 1, limit_f64 = 1;  // in units in the last place
  double range = 4;                     // where the function is neither trivial nor constant, for denser f64 samples
  // A result at a negative argument that is smaller than this is measured in units of the last place of this number:
  // between two poles terms cancel to a zero. 0: every result by its own last place.
  double floor_f32 = 0, floor_f64 = 0;
};

// Null where there is none.
const Reference* reference_of(std::string_view name);

}  // namespace tandem::testing
