#include "codegen/cuda/prelude.h"

#include <array>
#include <cctype>
#include <iterator>

namespace tandem::cuda {

namespace {

constexpr std::string_view kTypes = R"(typedef signed char i8;
typedef unsigned char u8;
typedef short i16;
typedef unsigned short u16;
typedef int i32;
typedef unsigned u32;
typedef long long i64;
typedef unsigned long long u64;
typedef u16 f16;
typedef u16 bf16;
typedef float f32;
typedef double f64;
)";

struct Piece {
  std::string_view name;  // whoever mentions it needs it
  std::string_view text;
};

// A piece uses earlier ones only.
constexpr Piece kPieces[] = {
    // The remainder of dividing by `extent`; `rest` becomes the quotient. Long division is slow, and seldom needed.
    {"take", R"(__device__ __forceinline__ i64 take(i64& rest, i64 extent) {
  if (((u64)(rest | extent) >> 32) == 0) {
    const u32 before = (u32)rest, by = (u32)extent, quotient = before / by;
    rest = quotient;
    return before - quotient * by;
  }
  const i64 before = rest;
  rest /= extent;
  return before - rest * extent;
}
)"},
    {"smaller", R"(__device__ __forceinline__ i64 smaller(i64 a, i64 b) { return a < b ? a : b; }
)"},
    // Of the least power of two that is not below the extent, but not above 2^most.
    {"bits_for", R"(__device__ __forceinline__ int bits_for(i64 extent, int most) {
  const int bits = extent > 1 ? 64 - __clzll(extent - 1) : 0;
  return bits < most ? bits : most;
}
)"},
    {"aligned",
     R"(__device__ __forceinline__ bool aligned(const void* p, u64 bytes) { return ((u64)p & (bytes - 1)) == 0; }
)"},
    // N neighbours, moved by one instruction.
    {"Pack", R"(template <int bytes> struct Word;
template <> struct Word<1> { typedef u8 type; };
template <> struct Word<2> { typedef u16 type; };
template <> struct Word<4> { typedef u32 type; };
template <> struct Word<8> { typedef uint2 type; };
template <> struct Word<16> { typedef uint4 type; };
template <class T, int N> union Pack {
  typename Word<sizeof(T) * N>::type word;
  T at[N];
};
template <int N, class T> __device__ __forceinline__ Pack<T, N> load_pack(const T* p) {
  Pack<T, N> out;
  out.word = *(const typename Word<sizeof(T) * N>::type*)p;
  return out;
}
template <class T, int N> __device__ __forceinline__ void store_pack(T* p, Pack<T, N> pack) {
  *(typename Word<sizeof(T) * N>::type*)p = pack.word;
}
)"},
    {"gathered", R"(__device__ __noinline__ void report(i64 value, i64 access, i64* status) {
  if (status != nullptr && atomicCAS((u64*)status, 0ull, (u64)access) == 0) status[1] = value;
}
__device__ __forceinline__ i64 gathered(i64 value, i64 extent, i64 access, i64* status) {
  if ((u64)value < (u64)extent) return value;
  report(value, access, status);
  return 0;
}
)"},
    {"gathered_in_loops", R"(__device__ __forceinline__ i64 gathered_in_loops(i64 value, i64 extent, i64 access,
                                                         i64* status, bool& failed) {
  failed = failed || (u64)value >= (u64)extent;
  return gathered(value, extent, access, status);
}
)"},
    {"half_to_float", R"(__device__ __forceinline__ f32 half_to_float(f16 h) {
#ifdef __CUDA_ARCH__
  f32 out;
  asm("cvt.f32.f16 %0, %1;" : "=f"(out) : "h"(h));
  return out;
#else
  const u32 sign = (u32)(h & 0x8000) << 16, size = h & 0x7fff;
  if (size >= 0x7c00) return __int_as_float((i32)(sign | 0x7f800000 | size << 13 | (size > 0x7c00 ? 0x400000 : 0)));
  if (size < 0x400) return __int_as_float((i32)(sign | (u32)__float_as_int((f32)size * 5.96046448e-08f)));
  return __int_as_float((i32)(sign | ((size << 13) + 0x38000000)));
#endif
}
)"},
    {"float_to_half", R"(__device__ __forceinline__ f16 float_to_half(f32 x) {
#ifdef __CUDA_ARCH__
  f16 out;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(out) : "f"(x));
  return out;
#else
  const u32 bits = (u32)__float_as_int(x), sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
  if (size > 0x7f800000) return (f16)(sign | 0x7e00 | (size >> 13 & 0x3ff));
  if (size >= 0x47800000) return (f16)(sign | 0x7c00);
  if (size < 0x38800000) return (f16)(sign | (u32)(__float_as_int(__int_as_float((i32)size) + 0.5f) - 0x3f000000));
  return (f16)(sign | (size - 0x38000000 + 0xfff + (size >> 13 & 1)) >> 13);
#endif
}
)"},
    {"bfloat_to_float",
     R"(__device__ __forceinline__ f32 bfloat_to_float(bf16 b) { return __int_as_float((i32)((u32)b << 16)); }
)"},
    {"float_to_bfloat", R"(__device__ __forceinline__ bf16 float_to_bfloat(f32 x) {
#ifdef __CUDA_ARCH__
  bf16 out;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(out) : "f"(x));
  return out;
#else
  const u32 bits = (u32)__float_as_int(x);
  if (x != x) return (bf16)(bits >> 16 | 0x40);
  return (bf16)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
#endif
}
)"},
    // Rounding the result once more, to at most 22 bits, equals rounding the double once.
    {"round_to_odd", R"(__device__ __forceinline__ f32 round_to_odd(f64 x) {
  const f32 nearest = (f32)x;
  const f64 back = (f64)nearest;
  const i32 bits = __float_as_int(nearest);
  if (x != x || back == x || (bits & 1) != 0) return nearest;
  return __int_as_float(fabs(back) > fabs(x) ? bits - 1 : bits + 1);
}
)"},
    // Bits that an f64 does not hold are folded into the lowest one that it does.
    {"sticky_u64", R"(__device__ __forceinline__ f64 sticky_u64(u64 x) {
  return (f64)(x >> 53 == 0 ? x : (x & ~0x7ffull) | ((x & 0x7ff) != 0 ? 0x800 : 0));
}
)"},
    {"sticky_i64",
     R"(__device__ __forceinline__ f64 sticky_i64(i64 x) { return x < 0 ? -sticky_u64(0 - (u64)x) : sticky_u64((u64)x); }
)"},
    {"saturate", R"(template <class I, class F> __device__ __forceinline__ I saturate(F x, F above, I least, I most) {
  if (x != x) return 0;
  return x >= above ? most : x <= (F)least ? least : (I)x;
}
)"},
    // INT_MIN / -1 is INT_MIN, x / 0 is 0.
    {"int_div", R"(template <class I, class U> __device__ __forceinline__ I int_div(I a, I b) {
  if (b == 0) return 0;
  return b == (I)-1 && (I)-1 < 0 ? (I)((U)0 - (U)a) : (I)(a / b);
}
)"},
    {"int_rem", R"(template <class I, class U> __device__ __forceinline__ I int_rem(I a, I b) {
  if (b == 0) return a;
  return b == (I)-1 && (I)-1 < 0 ? (I)0 : (I)(a % b);
}
)"},
    // Whether an earlier extreme x gives way to y: nothing beats a NaN.
    {"beats_max",
     R"(template <class T> __device__ __forceinline__ bool beats_max(T y, T x) { return x == x && (y != y || x < y); }
)"},
    {"beats_min",
     R"(template <class T> __device__ __forceinline__ bool beats_min(T y, T x) { return x == x && (y != y || y < x); }
)"},
    // The value of another thread among `width` neighbours.
    {"from_lane", R"(template <class T> __device__ __forceinline__ T from_lane(T x, int lane, int width) {
  return (T)__shfl_sync(~0u, (i32)x, lane, width);
}
#define FROM_LANE(T) \
  __device__ __forceinline__ T from_lane(T x, int lane, int width) { return __shfl_sync(~0u, x, lane, width); }
FROM_LANE(u32) FROM_LANE(i64) FROM_LANE(u64) FROM_LANE(f32) FROM_LANE(f64)
#undef FROM_LANE
)"},
    {"dynamic_shared_bytes", R"(__device__ __forceinline__ i64 dynamic_shared_bytes() {
#ifdef __CUDA_ARCH__
  u32 bytes;
  asm("mov.u32 %0, %%dynamic_smem_size;" : "=r"(bytes));
  return bytes;
#else
  return emulation::dynamic_bytes;
#endif
}
)"},
    {"sync_team", R"(__device__ __forceinline__ void sync_team(int threads) {
  if (threads <= 32) __syncwarp(); else __syncthreads();
}
)"},
};

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

bool mentions(std::string_view text, std::string_view name) {
  for (size_t at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
    const bool begins = at == 0 || !is_word(text[at - 1]);
    const size_t end = at + name.size();
    if (begins && (end == text.size() || !is_word(text[end]))) return true;
  }
  return false;
}

}  // namespace

std::string prelude() {
  std::string out(kTypes);
  for (const Piece& piece : kPieces) out += piece.text;
  return out;
}

std::string prelude_for(std::string_view text) {
  std::array<bool, std::size(kPieces)> wanted{};
  std::string all(text);
  for (size_t k = std::size(kPieces); k-- > 0;) {
    wanted[k] = mentions(all, kPieces[k].name);
    if (wanted[k]) all += kPieces[k].text;
  }
  std::string out(kTypes);
  for (size_t k = 0; k < std::size(kPieces); ++k)
    if (wanted[k]) out += kPieces[k].text;
  return out;
}

}  // namespace tandem::cuda
