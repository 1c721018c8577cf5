// The dtypes that a Kernel body computes with: complex numbers are pairs of them (tests/ops/test_complex.py).
#pragma once
#include <span>

#include "ir/dtype.h"

namespace tandem {

inline constexpr int kRealDTypeCount = kDTypeCount - 2;
inline constexpr std::span<const DTypeInfo> kRealDTypes{kDTypes.data(), kRealDTypeCount};
static_assert(!is_complex(kRealDTypes.back().dtype) && is_complex(kDTypes[kRealDTypeCount].dtype));

}  // namespace tandem
