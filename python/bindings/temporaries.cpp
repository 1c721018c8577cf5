#include "python/bindings/temporaries.h"

#include <dlfcn.h>
#include <unwind.h>

#include <algorithm>
#include <array>
#include <utility>

namespace tandem {

namespace {

constexpr int64_t kFromBytes = 1 << 20;  // below, looking at the stack takes a tenth of the operation

// Who is on the stack: this module; a function by which the interpreter carries out an operator; another one of Python's.
enum class Caller : uint8_t { tandem, operation, python, interpreter, other };

const void* module_of(const void* address) {
  Dl_info found;
  return dladdr(address, &found) ? found.dli_fbase : nullptr;
}

Caller caller_at(void* address) {
  static const void* const interpreter = dlsym(RTLD_DEFAULT, "_PyEval_EvalFrameDefault");
  static const std::array operations{
      reinterpret_cast<const void*>(&PyNumber_Add),         reinterpret_cast<const void*>(&PyNumber_Subtract),
      reinterpret_cast<const void*>(&PyNumber_Multiply),    reinterpret_cast<const void*>(&PyNumber_TrueDivide),
      reinterpret_cast<const void*>(&PyNumber_FloorDivide), reinterpret_cast<const void*>(&PyNumber_Remainder),
      reinterpret_cast<const void*>(&PyNumber_Power),       reinterpret_cast<const void*>(&PyNumber_And),
      reinterpret_cast<const void*>(&PyNumber_Or),          reinterpret_cast<const void*>(&PyNumber_Xor),
      reinterpret_cast<const void*>(&PyNumber_Lshift),      reinterpret_cast<const void*>(&PyNumber_Rshift),
      reinterpret_cast<const void*>(&PyNumber_Negative),    reinterpret_cast<const void*>(&PyNumber_Invert)};
  static const void* const python = module_of(reinterpret_cast<const void*>(&PyNumber_Add));
  static const void* const tandem = module_of(reinterpret_cast<const void*>(&caller_at));
  const void* const function = _Unwind_FindEnclosingFunction(address);
  if (interpreter && function == interpreter) return Caller::interpreter;
  if (std::ranges::find(operations, function) != operations.end()) return Caller::operation;
  const void* const module = module_of(address);
  return module == tandem ? Caller::tandem : module == python ? Caller::python : Caller::other;
}

// The same few addresses come again and again. Guarded by the interpreter's lock.
Caller known_caller_at(void* address) {
  static std::array<std::pair<void*, Caller>, 64> known;
  auto& entry = known[(reinterpret_cast<uintptr_t>(address) >> 2) % known.size()];
  if (entry.first != address) entry = {address, caller_at(address)};
  return entry.second;
}

// This module's functions, at most one of Python's, the one that carries out an operator, and the interpreter. Functions
// that have jumped to the next one are not on the stack, and need nothing any more.
struct Walk {
  Caller last = Caller::tandem;
  bool from_interpreter = false;
};

_Unwind_Reason_Code step(_Unwind_Context* context, void* state) {
  auto& walk = *static_cast<Walk*>(state);
  // The address after a call may be that of the next function.
  const Caller caller = known_caller_at(reinterpret_cast<char*>(_Unwind_GetIP(context)) - 1);
  const Caller last = std::exchange(walk.last, caller);
  const bool before = last == Caller::tandem;
  switch (caller) {
    case Caller::tandem:
    case Caller::python: return before ? _URC_NO_REASON : _URC_NORMAL_STOP;
    case Caller::operation: return before || last == Caller::python ? _URC_NO_REASON : _URC_NORMAL_STOP;
    case Caller::interpreter: walk.from_interpreter = before || last == Caller::operation; return _URC_NORMAL_STOP;
    case Caller::other: break;
  }
  return _URC_NORMAL_STOP;
}

}  // namespace

bool may_be_temporary(py::handle value) {
#if defined(Py_GIL_DISABLED)
  return false;
#elif PY_VERSION_HEX >= 0x030E0000
  if (!PyUnstable_Object_IsUniqueReferencedTemporary(value.ptr())) return false;
#else
  if (Py_REFCNT(value.ptr()) != 1) return false;
#endif
  const TensorRef* const x = tensor_pointer(value);
  if (!x || x->use_count() != 1 || (*x)->recorded || element_count((*x)->sizes) * size_of((*x)->dtype) < kFromBytes)
    return false;
  const auto* const instance = reinterpret_cast<const py::detail::instance*>(value.ptr());
  return !instance->weakrefs && (*x)->storage.unique() && !(*x)->storage->lent && (*x)->is_contiguous();
}

bool called_by_interpreter() {
#if PY_VERSION_HEX >= 0x030E0000
  return true;  // it has said so of the operand
#else
  Walk walk;
  _Unwind_Backtrace(step, &walk);
  return walk.from_interpreter;
#endif
}

}  // namespace tandem
