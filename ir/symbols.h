// Numbers that stand for the symbols of a finished graph. What capture knew about them (their values, its guards) is
// not part of a Graph; passes and the verifier that infer types again need values under which the graph's own
// decisions come out as they are written.
#pragma once
#include "ir/builder.h"

namespace tandem {

inline constexpr int kMaxSymbols = 4096;

// Largest symbol id anywhere in the graph (regions included) plus one.
int symbol_count(const Graph& graph);

// Each symbol stands for its own prime, so that sizes are equal only when they are symbolically equal; except where a
// node can only mean that two sizes are the same (adding f32[N] to f32[M]): then one takes the value of the other. The
// primes are large, except where a node needs a size to be small (the first N of 64 rows).
ShapeEnv assumed_env(const Graph& graph);

// Whether two shapes are equal, symbolically or by the values of `env`.
bool same_shape(const Shape& a, const Shape& b, const ShapeEnv& env);

}  // namespace tandem
