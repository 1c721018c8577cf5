// What profiles count eager operations by.
#pragma once
#include "ir/op.h"
#include "runtime/profile.h"

namespace tandem {

EventSource& operation_source(const OpDef& op);

}  // namespace tandem
