// Part of the `target` of a function that is to be compiled for whole vectors of 512 bits. clang does not know it, and
// takes them anyway.
#pragma once

#if defined(__clang__)
#define TANDEM_WIDEST ""
#else
#define TANDEM_WIDEST ",prefer-vector-width=512"
#endif
