#include "runtime/sixteen.h"

#include <bit>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace tandem {

namespace {

void widen_bfloats(const uint16_t* from, int64_t count, float* to) {
  for (int64_t i = 0; i < count; ++i) to[i] = std::bit_cast<float>(static_cast<uint32_t>(from[i]) << 16);
}

// To nearest, ties to even, without branches, so that vectors do it.
void narrow_to_bfloats(const float* from, int64_t count, uint16_t* to) {
  for (int64_t i = 0; i < count; ++i) {
    const auto bits = std::bit_cast<uint32_t>(from[i]);
    const uint32_t rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16, quiet = bits >> 16 | 0x40;
    to[i] = static_cast<uint16_t>((bits & 0x7FFFFFFF) > 0x7F800000 ? quiet : rounded);
  }
}

#if defined(__x86_64__)

__attribute__((target("avx2,f16c"))) int64_t widen_halves(const uint16_t* from, int64_t count, float* to) {
  int64_t i = 0;
  for (; i + 8 <= count; i += 8)
    _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i))));
  return i;
}

__attribute__((target("avx2,f16c"))) int64_t narrow_to_halves(const float* from, int64_t count, uint16_t* to) {
  int64_t i = 0;
  for (; i + 8 <= count; i += 8)
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i),
                     _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT));
  return i;
}

bool has_f16c() {
  static const bool has = __builtin_cpu_supports("f16c") && __builtin_cpu_supports("avx2");
  return has;
}

#else

int64_t widen_halves(const uint16_t*, int64_t, float*) { return 0; }
int64_t narrow_to_halves(const float*, int64_t, uint16_t*) { return 0; }
bool has_f16c() { return false; }

#endif

}  // namespace

void widen(DType dtype, const void* from, int64_t count, float* to) {
  const auto* bits = static_cast<const uint16_t*>(from);
  if (dtype == DType::bf16) return widen_bfloats(bits, count, to);
  for (int64_t i = has_f16c() ? widen_halves(bits, count, to) : 0; i < count; ++i) to[i] = half_to_float(bits[i]);
}

void narrow(DType dtype, const float* from, int64_t count, void* to) {
  auto* bits = static_cast<uint16_t*>(to);
  if (dtype == DType::bf16) return narrow_to_bfloats(from, count, bits);
  for (int64_t i = has_f16c() ? narrow_to_halves(from, count, bits) : 0; i < count; ++i)
    bits[i] = float_to_half(from[i]);
}

}  // namespace tandem
