#include "runtime/symbols_gdb.h"

#include <utility>

namespace tandem {

struct GdbEntry {
  GdbEntry* next;
  GdbEntry* previous;
  const char* object;
  uint64_t bytes;
};

}  // namespace tandem

// "JIT Compilation Interface" in the manual of gdb: it stops at the function to hear of changes. Both names are
// exported, since a stripped module has no others, and protected, so that another compiler in the process has its own.
extern "C" {  // NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): gdb chose them

struct GdbDescriptor {
  uint32_t version;
  uint32_t action;
  tandem::GdbEntry* relevant;
  tandem::GdbEntry* first;
};

__attribute__((visibility("protected"), used)) GdbDescriptor __jit_debug_descriptor = {1, 0, nullptr, nullptr};

__attribute__((visibility("protected"), noinline, used)) void __jit_debug_register_code() {
  asm volatile("" ::: "memory");
}
}  // NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

namespace tandem {

namespace {

constexpr uint32_t kNothing = 0, kRegister = 1, kUnregister = 2;

void announce(GdbEntry* entry, uint32_t action) {
  __jit_debug_descriptor.relevant = entry;
  __jit_debug_descriptor.action = action;
  __jit_debug_register_code();
  __jit_debug_descriptor.action = kNothing;
  __jit_debug_descriptor.relevant = nullptr;
}

}  // namespace

GdbSymbols::GdbSymbols(const NamedCode& code) : object_(symbol_object(code)), entry_(new GdbEntry{}) {
  GdbEntry*& first = __jit_debug_descriptor.first;
  *entry_ = {first, nullptr, object_.data(), object_.size()};
  if (first != nullptr) first->previous = entry_.get();
  first = entry_.get();
  announce(entry_.get(), kRegister);
}

GdbSymbols::~GdbSymbols() {
  (entry_->previous != nullptr ? entry_->previous->next : __jit_debug_descriptor.first) = entry_->next;
  if (entry_->next != nullptr) entry_->next->previous = entry_->previous;
  announce(entry_.get(), kUnregister);
}

}  // namespace tandem
