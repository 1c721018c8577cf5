// The interpreter and all LLVM targets agree bit for bit.
#include <catch2/catch.hpp>

#include "cases.h"

namespace tandem::test {

TEST_CASE("unary, binary and ternary primitives") { primitives(check_agreement); }
TEST_CASE("casts and bitcasts between all dtypes") { casts(check_agreement); }
TEST_CASE("16-bit floats: all patterns widen alike, and all boundaries narrow alike") { narrowing(check_agreement); }
TEST_CASE("constants of every dtype, NaN payloads included") { constants(check_agreement); }
TEST_CASE("division by constants") { constant_divisors(check_agreement); }
TEST_CASE("maps at all sizes and alignments, streaming or not") { maps(check_agreement); }
TEST_CASE("an output may be an input's memory") { shared_memory(check_agreement); }
TEST_CASE("maps that read along one axis and write along another") { transposes(check_agreement); }
TEST_CASE("softmax by rows and by columns") { softmaxes(check_agreement); }
TEST_CASE("all reductions at all sizes") { reductions(check_agreement); }
TEST_CASE("many blocks are combined pairwise") { many_blocks(check_agreement); }
TEST_CASE("ties and NaNs of argmax and argmin") { first_extremes(check_agreement); }
TEST_CASE("rare selects") { rare_selects(check_agreement); }
TEST_CASE("functions with ways of their own for special arguments") { special_arguments(check_agreement); }
TEST_CASE("loops within a body") { rounds(check_agreement); }
TEST_CASE("sums of chosen rows") { chosen_rows(check_agreement); }
TEST_CASE("random kernels") { random_kernels(check_agreement); }

}  // namespace tandem::test
