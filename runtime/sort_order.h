// The places of elements in the order of one or several keys, found where the result lies: words that hold a place, and
// above it as many bits of the keys as there is room for, are sorted. Where these bits are alike, the next ones follow.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/routine.h"

namespace tandem {

struct KeyRange {
  uint64_t least, most;
  uint64_t differing;  // the bits that are not the same in all keys
};

class Ordering {
 public:
  // `arrays`: keys of one size, the one that decides first; later ones decide where those before are equal, and the place
  // where all are. NaNs are last, also where `descending`. Complex numbers are in order by their real parts, equal ones by
  // their imaginary parts; those with a NaN come after all others: first where only the imaginary part is one, then where
  // only the real part is, then where both are. `length`: elements of a row.
  Ordering(std::span<const RoutineArray> arrays, bool descending, int64_t length);

  // Writes the order of `rows` rows, which begin at element `start` of every array and lie one behind the other, to `words`,
  // counted from the beginning of each row. `shared`: one row, by all threads.
  void write(std::span<const void* const> arrays, int64_t start, uint64_t* words, int64_t rows, bool shared) const;

 private:
  struct Part {  // of a key: bits [low, low + bits), which lie in a word from bit `shift` on
    size_t key;
    int low, bits, shift;
  };
  using Digit = std::vector<Part>;  // the bits that are sorted at a time
  enum class Mode : uint8_t { first, next, more };
  template <class Source>
  static void put_bits(const void* data, const Part& part, uint64_t least, uint64_t places, Mode mode, uint64_t* words,
                       int64_t begin, int64_t end);
  struct Key {
    size_t array;   // that it is of, or of a part of
    int low, high;  // the bits in which keys differ, [low, high), counted from the least of them
    uint64_t least;
    decltype(&put_bits<void>) put;
    KeyRange (*range)(const void* data, int64_t count);
  };
  template <class Source>
  void add_key(size_t array);
  struct Row {
    std::span<const void* const> arrays;
    int64_t start;
  };

  void cut_into_digits();
  void put(const Row& row, size_t digit, bool first, uint64_t* words, int64_t count, bool shared) const;
  void sort(size_t digit, uint64_t* words, int64_t count, bool shared) const;
  void finish(const Row& row, size_t digit, uint64_t* words, int64_t count) const;
  void finish_shared(const Row& row, size_t digit, uint64_t* words, int64_t count) const;

  int64_t length_;
  int place_bits_;
  uint64_t places_;             // the bits of a word that are its place
  std::vector<int64_t> sizes_;  // of an element of every array
  std::vector<Key> keys_;
  std::vector<Digit> digits_;
};

// params: axis, descending; the last input decides first
void run_lexsort(const RoutineArgs& args);

}  // namespace tandem
