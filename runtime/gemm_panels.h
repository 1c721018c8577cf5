// Products of float32 by panels (gemm_panels.cpp), step by step: the right-hand matrix is packed, and then some rows of
// the left-hand one at a time meet it, on the thread that calls. `args` have no batch.
#pragma once
#include "runtime/gemm.h"
#include "runtime/panel_tile.h"

namespace tandem {

int64_t panel_elements(const MatmulArgs& args);  // of the packed matrix; 0: it serves as it lies, `packed` is null
void pack_panels(const MatmulArgs& args, const PanelTiles& tiles, float* to);

int64_t rows_at_once(const MatmulArgs& args);                     // that stay in the caches, arranged
int64_t arranged_elements(int64_t rows, const MatmulArgs& args);  // of memory for so many of them
void multiply_panels(const MatmulArgs& args, const PanelTiles& tiles, const float* packed, float* arranged);

// Panels [panel, panel + panels) of the result, whose right-hand matrix is packed in passing. With `more`, products are
// added to what is there. `memory`: of so many elements, for `rows` of the result and a depth of k.
void add_panels(const MatmulArgs& args, const PanelTiles& tiles, int64_t panel, int64_t panels, bool more,
                float* memory);
int64_t passing_elements(int64_t rows, int64_t k);

}  // namespace tandem
