// What `print` in a saved function shows, without Python.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "runtime/program.h"

namespace tandem::deploy {

// Of the text of a SavedHost. `format` is that of Python's str.format: "loss {0:.3f} after {1}\n".
struct Printed {
  std::string format;
  bool to_errors = false;  // the standard error stream
};
// False for a text that is no print, or one that nothing is known of.
bool parse_printed(std::string_view text, Printed& printed);

// Numbers look as Python's; of tensors with axes every number does, 1000 at most.
std::string formatted(std::string_view format, std::span<const HostTensor> values);

// Who shows it; null for the standard streams of C.
using PrintHook = void (*)(const Printed& printed, std::span<const HostTensor> values);
void set_print_hook(PrintHook hook);
void show(const Printed& printed, std::span<const HostTensor> values);

}  // namespace tandem::deploy
