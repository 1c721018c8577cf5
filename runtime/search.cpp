// Routines that look for values: in a sorted vector, or for what is not zero; and counts by place.
#include <algorithm>
#include <bit>
#include <cstring>
#include <mutex>
#include <type_traits>
#include <vector>

#include "runtime/elements.h"
#include "runtime/parallel.h"
#include "runtime/routine.h"
#include "runtime/sort_keys.h"

namespace tandem {

namespace {

int64_t count_of(const RoutineArray& x) {
  int64_t count = 1;
  for (const int64_t size : x.shape) count *= size;
  return count;
}

// A complex number's place in the order of `sort`: without a NaN first, then by its real part, then by the other.
template <class K>
struct ComplexKey {
  uint8_t nans = 0;
  typename K::Key re{}, im{};
  static ComplexKey of(const typename K::Key* parts) {
    ComplexKey key{0, K::to(parts[0]), K::to(parts[1])};
    key.nans = static_cast<uint8_t>(2 * (key.re == K::kNaN) + (key.im == K::kNaN));
    return key;
  }
  auto operator<=>(const ComplexKey&) const = default;
};

// How many of the `length` elements of a sorted vector lie before `key`, or, from the right, not after it.
template <class KeyAt, class Key>
int64_t place_of(const KeyAt& key_at, int64_t length, const Key& key, bool right) {
  // Halves what is left without a branch: `base` is the number of elements known to come before.
  int64_t base = 0;
  for (int64_t left = length; left > 0;) {
    const int64_t half = (left + 1) / 2;
    const auto there = key_at(base + half - 1);
    const bool before = right ? there <= key : there < key;
    base += before ? half : 0;
    left -= half;
  }
  return base;
}

// inputs: a sorted vector, values of its dtype; params: right
void run_searchsorted(const RoutineArgs& args) {
  const RoutineArray &table = args.inputs[0], &values = args.inputs[1];
  const int64_t length = table.shape[0];
  const bool right = args.params[0] != 0;
  auto* out = static_cast<int64_t*>(args.out.data);
  with_keys_of<false, true>(real_type(table.dtype), [&]<class K>(K) {
    const auto* sorted = static_cast<const typename K::Key*>(table.data);
    const auto* wanted = static_cast<const typename K::Key*>(values.data);
    parallel_for(count_of(values), 1, 40, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        if (is_complex(table.dtype)) {
          const auto key_at = [sorted](int64_t k) { return ComplexKey<K>::of(sorted + 2 * k); };
          out[i] = place_of(key_at, length, ComplexKey<K>::of(wanted + 2 * i), right);
        } else {
          out[i] = place_of([sorted](int64_t k) { return K::to(sorted[k]); }, length, K::to(wanted[i]), right);
        }
    });
  });
}

// Places in row-major order; there are as many as `out` has elements, which the caller has counted.
void run_nonzero(const RoutineArgs& args) {
  const RoutineArray& x = args.inputs[0];
  const int64_t count = count_of(x), found = count_of(args.out);
  const auto* truth = static_cast<const uint8_t*>(x.data);
  auto* out = static_cast<int64_t*>(args.out.data);
  constexpr int64_t kPiece = 1 << 16;
  const int64_t pieces = (count + kPiece - 1) / kPiece;
  std::vector<int64_t> starts(static_cast<size_t>(pieces) + 1, 0);
  const auto each = [&](const auto& body) {
    parallel_for(pieces, 1, static_cast<double>(kPiece), [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) body(static_cast<size_t>(p), p * kPiece, std::min(count, (p + 1) * kPiece));
    });
  };
  each([&](size_t p, int64_t begin, int64_t end) {
    starts[p + 1] = std::count_if(truth + begin, truth + end, [](uint8_t t) { return t != 0; });
  });
  for (size_t p = 0; p + 1 < starts.size(); ++p) starts[p + 1] += starts[p];
  if (starts.back() != found)
    throw_error(ErrorKind::value, "nonzero: got {} elements that are not zero; need {}", starts.back(), found);
  each([&](size_t p, int64_t begin, int64_t end) {
    int64_t* to = out + starts[p];
    const int64_t* const last = out + starts[p + 1];  // the next place is another thread's
    for (int64_t i = begin; i < end && to < last; ++i) {
      *to = i;
      to += truth[i] != 0;
    }
  });
}

// Of which value each element under a mask is, where there are as many values as elements.
void run_places_under_mask(const RoutineArgs& args) {
  const RoutineArray& mask = args.inputs[0];
  const int64_t count = count_of(mask), length = args.params[1];
  const auto* truth = static_cast<const uint8_t*>(mask.data);
  auto* out = static_cast<int64_t*>(args.out.data);
  const int64_t last = std::max<int64_t>(length - 1, 0);
  int64_t found = 0;
  for (int64_t i = 0; i < count; ++i) {
    out[i] = std::min(found, last);
    found += truth[i] != 0 ? 1 : 0;
  }
  if (found != length)
    throw_error(ErrorKind::shape, "assignment: got {} values for {} elements of a mask; need as many, or one", length,
                found);
}

// Adds one to the counter that each index names; others than 0 to length - 1 are left out.
void run_bincount(const RoutineArgs& args) {
  const RoutineArray& x = args.inputs[0];
  const int64_t count = count_of(x), length = args.out.shape[0];
  const auto* places = static_cast<const int64_t*>(x.data);
  auto* out = static_cast<int64_t*>(args.out.data);
  std::fill_n(out, length, 0);
  for (int64_t i = 0; i < count; ++i)
    if (static_cast<uint64_t>(places[i]) < static_cast<uint64_t>(length)) ++out[places[i]];
}

// The same with weights, which are added in the order of the indices.
void run_weighted_bincount(const RoutineArgs& args) {
  const RoutineArray& x = args.inputs[0];
  const int64_t count = count_of(x), length = args.out.shape[0];
  const auto* places = static_cast<const int64_t*>(x.data);
  const auto* weights = static_cast<const double*>(args.inputs[1].data);
  auto* out = static_cast<double*>(args.out.data);
  std::fill_n(out, length, 0.0);
  for (int64_t i = 0; i < count; ++i)
    if (static_cast<uint64_t>(places[i]) < static_cast<uint64_t>(length)) out[places[i]] += weights[i];
}

// A bin that a value may lie in: the one, if bins are equally wide.
template <class Float>
class Guess {
 public:
  Guess() = default;  // the first one
  Guess(const Float* edges, int64_t bins)
      : first_(edges[0]), per_unit_(static_cast<Float>(bins) / (edges[bins] - edges[0])), bins_(bins) {}
  int64_t operator()(Float value) const {
    const Float place = (value - first_) * per_unit_;
    return place >= 0 && place < static_cast<Float>(bins_) ? static_cast<int64_t>(place) : 0;
  }

 private:
  Float first_ = 0, per_unit_ = 0;
  int64_t bins_ = 0;
};

// Calls use(bin_of), where bin_of(i) is the number of the bin that value i lies in; -1, or as many as there are bins: none.
template <class Use>
void with_bins(const RoutineArray& edges, const RoutineArray& values, Use&& use) {
  const int64_t bins = edges.shape[0] - 1;
  with_keys_of<false, true>(edges.dtype, [&]<class K>(K) {
    using U = typename K::Key;
    using Float = std::conditional_t<sizeof(U) == 8, double, float>;
    constexpr bool kGuesses = K::kind == KeyKind::floating && sizeof(U) == sizeof(Float);
    const auto* sorted = static_cast<const U*>(edges.data);
    const auto key_at = [sorted](int64_t k) { return K::to(sorted[k]); };
    Guess<Float> guess;
    if constexpr (kGuesses) guess = {static_cast<const Float*>(edges.data), bins};
    const auto bin_of = [&](U bits) {
      const U key = K::to(bits);
      int64_t near = 0;
      if constexpr (kGuesses) near = guess(std::bit_cast<Float>(bits));
      if (key >= key_at(near) && key < key_at(near + 1)) return near;
      if (key == key_at(bins)) return key == K::kNaN && K::kind == KeyKind::floating ? bins : bins - 1;
      return place_of(key_at, bins + 1, key, true) - 1;
    };
    if (values.dtype == edges.dtype) {
      const auto* wanted = static_cast<const U*>(values.data);
      return use([&](int64_t i) { return bin_of(wanted[i]); });
    }
    if constexpr (std::is_same_v<U, uint64_t>)
      with_element(values.dtype == DType::boolean ? DType::u8 : values.dtype, [&]<class E>(E) {
        const auto* wanted = static_cast<const E*>(values.data);
        use([&](int64_t i) {
          return bin_of(std::bit_cast<uint64_t>(static_cast<double>(Element<E>::load(wanted[i]))));
        });
      });
  });
}

constexpr double kBinNanoseconds = 20;

// inputs: edges, values
void run_counts_in_bins(const RoutineArgs& args) {
  const int64_t bins = args.out.shape[0];
  auto* out = static_cast<int64_t*>(args.out.data);
  std::fill_n(out, bins, 0);
  std::mutex mutex;
  with_bins(args.inputs[0], args.inputs[1], [&](const auto& bin_of) {
    parallel_for(count_of(args.inputs[1]), int64_t{1} << 14, kBinNanoseconds, [&](int64_t begin, int64_t end) {
      std::vector<int64_t> counts(static_cast<size_t>(bins), 0);
      for (int64_t i = begin; i < end; ++i)
        if (const int64_t bin = bin_of(i); bin >= 0 && bin < bins) ++counts[static_cast<size_t>(bin)];
      const std::lock_guard lock(mutex);
      for (int64_t b = 0; b < bins; ++b) out[b] += counts[static_cast<size_t>(b)];
    });
  });
}

// inputs: edges, values, weights, which are added in the order of the values
void run_weights_in_bins(const RoutineArgs& args) {
  constexpr int64_t kBlock = 1 << 14;
  const int64_t bins = args.out.shape[0], count = count_of(args.inputs[1]);
  const auto* weights = static_cast<const double*>(args.inputs[2].data);
  auto* out = static_cast<double*>(args.out.data);
  std::fill_n(out, bins, 0.0);
  std::vector<int64_t> found(static_cast<size_t>(std::min(count, kBlock)));
  with_bins(args.inputs[0], args.inputs[1], [&](const auto& bin_of) {
    for (int64_t first = 0; first < count; first += kBlock) {
      const int64_t size = std::min(kBlock, count - first);
      parallel_for(size, 1, kBinNanoseconds, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) found[static_cast<size_t>(i)] = bin_of(first + i);
      });
      for (int64_t i = 0; i < size; ++i)
        if (const int64_t bin = found[static_cast<size_t>(i)]; bin >= 0 && bin < bins) out[bin] += weights[first + i];
    }
  });
}

constexpr Routine kRoutines[] = {{"places_in_sorted", run_searchsorted},       {"places_of_nonzero", run_nonzero},
                                 {"places_under_mask", run_places_under_mask}, {"counts_of_places", run_bincount},
                                 {"weights_of_places", run_weighted_bincount}, {"counts_in_bins", run_counts_in_bins},
                                 {"weights_in_bins", run_weights_in_bins}};

}  // namespace

std::span<const Routine> search_routines() { return kRoutines; }

}  // namespace tandem
