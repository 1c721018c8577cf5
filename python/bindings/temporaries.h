// Intermediate results of Python's expressions, whose memory the next operator may have.
#pragma once
#include "python/bindings/bindings.h"

namespace tandem {

// Whether it is a large tensor of which only one reference is known: quick, and true of hardly anything else.
bool may_be_temporary(py::handle value);

// Whether the interpreter is carrying out an operator of an expression now, after which it drops its references. C code that
// calls operators may have the only reference, too, and still need the elements (NumPy's arrays of objects), so this looks
// at who called. To be asked within a slot of the type, about operands that may be temporary.
bool called_by_interpreter();

}  // namespace tandem
