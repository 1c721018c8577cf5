// Order as unsigned integers: what sorting, searching and selecting compare instead of values.
#pragma once
#include <cstdint>
#include <limits>
#include <type_traits>

#include "ir/dtype.h"
#include "ir/error.h"

namespace tandem {

enum class KeyKind : uint8_t { plain, with_sign, floating };

// Bits of type U of a value -> a key of the same size, in the order of the values. All NaNs are one key, the largest,
// in either direction. With `Merge`, both zeros are one key, too; else the negative one is the smaller.
template <class U, KeyKind Kind, bool Descending, bool Merge, int Mantissa = 0>
struct Keys {
  using Key = U;
  static constexpr KeyKind kind = Kind;
  static constexpr U kSign = static_cast<U>(U{1} << (8 * sizeof(U) - 1));
  static constexpr U kInfinity = Kind == KeyKind::floating
                                     ? static_cast<U>(static_cast<U>(~kSign) >> Mantissa << Mantissa)
                                     : U{0};  // all exponent bits
  static constexpr U kNaN = std::numeric_limits<U>::max();

  static U to(U bits) {
    if constexpr (Kind == KeyKind::plain) {
      return Descending ? static_cast<U>(~bits) : bits;
    } else if constexpr (Kind == KeyKind::with_sign) {
      const U key = bits ^ kSign;
      return Descending ? static_cast<U>(~key) : key;
    } else {
      if constexpr (Merge) bits = bits == kSign ? U{0} : bits;
      U key = (bits & kSign) != 0 ? static_cast<U>(~bits) : static_cast<U>(bits | kSign);
      if constexpr (Descending) key = static_cast<U>(~key);
      return static_cast<U>(bits & ~kSign) > kInfinity ? kNaN : key;
    }
  }
  static U from(U key) {
    if constexpr (Kind == KeyKind::plain) {
      return Descending ? static_cast<U>(~key) : key;
    } else if constexpr (Kind == KeyKind::with_sign) {
      return static_cast<U>((Descending ? static_cast<U>(~key) : key) ^ kSign);
    } else {
      if (key == kNaN) return static_cast<U>(kInfinity | (U{1} << (Mantissa - 1)));
      if constexpr (Descending) key = static_cast<U>(~key);
      return (key & kSign) != 0 ? static_cast<U>(key ^ kSign) : static_cast<U>(~key);
    }
  }
};

// Calls use(Keys<...>{}) with the keys of a dtype.
template <bool Descending, bool Merge, class Use>
void with_keys_of(DType dtype, Use&& use) {
  const auto whole = [&]<class U>(U) {
    if (info(dtype).is_signed)
      use(Keys<U, KeyKind::with_sign, Descending, Merge>{});
    else
      use(Keys<U, KeyKind::plain, Descending, Merge>{});
  };
  switch (dtype) {
    case DType::f16: return use(Keys<uint16_t, KeyKind::floating, Descending, Merge, 10>{});
    case DType::bf16: return use(Keys<uint16_t, KeyKind::floating, Descending, Merge, 7>{});
    case DType::f32: return use(Keys<uint32_t, KeyKind::floating, Descending, Merge, 23>{});
    case DType::f64: return use(Keys<uint64_t, KeyKind::floating, Descending, Merge, 52>{});
    default: break;
  }
  switch (size_of(dtype)) {
    case 1: return whole(uint8_t{});
    case 2: return whole(uint16_t{});
    case 4: return whole(uint32_t{});
    default: return whole(uint64_t{});
  }
}

template <bool Merge, class Use>
void with_keys(DType dtype, bool descending, Use&& use) {
  if (descending)
    with_keys_of<true, Merge>(dtype, use);
  else
    with_keys_of<false, Merge>(dtype, use);
}

}  // namespace tandem
