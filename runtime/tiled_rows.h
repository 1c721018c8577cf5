// Which rows the steps of a loop touch whose rounds are done several at a time.
#pragma once
#include <functional>
#include <optional>
#include <vector>

#include "runtime/program.h"
#include "runtime/time_tiling.h"

namespace tandem {

// A step of the body on rows [first, first + rows) of the arrays it makes.
struct TiledPart {
  size_t step;
  int64_t first, rows;
  bool by_rows;        // else all it does is in one row
  int64_t behind_new;  // how many rows away it reads of arrays that the same round makes
};

struct TiledRows {
  TimeTiles tiles;  // without the bytes of a row
  std::vector<std::vector<TiledPart>>
      stages;                // of a round; the parts of one are done one after the other for the same rows
  std::vector<size_t> once;  // copies of what stays, done before the first round
  std::vector<std::pair<int, int64_t>> elements;  // of a row, by slot of an old array
  int64_t row_elements(const TimeTiling::Array& array) const;
};

// Nothing: the steps do not go by rows. `dim`: the value of a size.
std::optional<TiledRows> rows_of(const Loop& loop, const std::function<int64_t(DimRef)>& dim);

}  // namespace tandem
