/* The whole of LLVM as Tandem sees it: text in, object code or assembly out. These functions live in a module of their
   own, `tandem_llvm`, which is loaded when the first kernel really has to be compiled. */
#pragma once
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The modules in `texts` as one. Returns 0 and a block of memory in `out`, or 1 and a message in `error`; both are freed
   with tandem_llvm_free. Thread-safe. */
int tandem_llvm_compile(const char* const* texts, const size_t* lengths, size_t count, const char* triple,
                        const char* cpu, const char* features, int as_assembly, char** out, size_t* out_size,
                        char** error);
void tandem_llvm_free(char* memory);
const char* tandem_llvm_version(void); /* "22.1.8" */

#ifdef __cplusplus
}
#endif
