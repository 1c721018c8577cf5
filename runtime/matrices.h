// Batches of row-major matrices for routines that LAPACK computes, which sees each matrix as its transpose. Matrices of a
// batch are shared among threads; one matrix is one thread's, so that the bits do not depend on their number.
#pragma once
#include <algorithm>
#include <atomic>
#include <complex>
#include <string>
#include <utility>
#include <vector>

#include "ir/error.h"
#include "runtime/lapack.h"
#include "runtime/parallel.h"
#include "runtime/routine.h"

namespace tandem::linalg {

using lapack::is_complex;
using lapack::Real;

inline constexpr double kNanosecondsPerStep = 0.3;  // of n^3, roughly

template <class T>
const T* input(const RoutineArgs& c, size_t i) {
  return static_cast<const T*>(c.inputs[i].data);
}
template <class T>
T* output(const RoutineArgs& c) {
  return static_cast<T*>(c.out.data);
}

// The matrices of the first input.
struct Matrices {
  int64_t count = 1, rows, columns;
  std::span<const int64_t> batch;
  explicit Matrices(const RoutineArgs& c) {
    const auto shape = c.inputs[0].shape;
    rows = shape[shape.size() - 2];
    columns = shape[shape.size() - 1];
    batch = shape.first(shape.size() - 2);
    for (const int64_t extent : batch) count *= extent;
  }
  int64_t size() const { return rows * columns; }
  int64_t least() const { return std::min(rows, columns); }
};

// "" for one matrix alone, else " number [1, 2] of the batch".
inline std::string place_in(std::span<const int64_t> batch, int64_t index) {
  if (batch.empty()) return "";
  std::vector<int64_t> at(batch.size());
  for (size_t k = batch.size(); k-- > 0; index /= batch[k]) at[k] = index % batch[k];
  return fmt::format(" at [{}] of the batch", fmt::join(at, ", "));
}

// Calls work(i) for every matrix; the first one for which it returns false is reported by `fail(place)`.
template <class Work, class Fail>
void for_each_matrix(const Matrices& m, double steps, Work&& work, Fail&& fail) {
  const lapack::Serial serial;
  std::atomic<int64_t> failed{m.count};
  parallel_for(m.count, 1, 500 + steps * kNanosecondsPerStep, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      if (work(i)) continue;
      int64_t first = failed.load();
      while (i < first && !failed.compare_exchange_weak(first, i)) {}
      return;
    }
  });
  if (failed.load() < m.count) fail(place_in(m.batch, failed.load()));
}

inline double cubic(int64_t a, int64_t b, int64_t c) {
  return static_cast<double>(a) * static_cast<double>(b) * static_cast<double>(c);
}

// The library's own report: whether the algorithm succeeded.
inline bool succeeded(int64_t written, const char* function) {
  const int64_t info = lapack::integer(written);
  // Arguments it calls illegal are NaNs (gesdd) or our mistake.
  check_internal(info >= -4, "{} calls argument {} illegal", function, -info);
  return info == 0;
}

template <class T>
int64_t optimal(const T& answer) {
  return std::max<int64_t>(1, static_cast<int64_t>(std::real(answer)));
}

// out[j, i] = in[i, j]
template <class T>
void transpose(const T* in, T* out, int64_t rows, int64_t columns) {
  constexpr int64_t kTile = 16;
  for (int64_t i0 = 0; i0 < rows; i0 += kTile)
    for (int64_t j0 = 0; j0 < columns; j0 += kTile)
      for (int64_t i = i0; i < std::min(i0 + kTile, rows); ++i)
        for (int64_t j = j0; j < std::min(j0 + kTile, columns); ++j) out[j * rows + i] = in[i * columns + j];
}

inline int64_t at_least_one(int64_t n) { return std::max<int64_t>(n, 1); }

using RunRoutine = void (*)(const RoutineArgs&);

template <RunRoutine f32, RunRoutine f64, RunRoutine c64, RunRoutine c128>
void by_dtype(const RoutineArgs& c) {
  switch (c.inputs[0].dtype) {
    case DType::f32: return f32(c);
    case DType::f64: return f64(c);
    case DType::c64: return c64(c);
    case DType::c128: return c128(c);
    default: throw InternalError("linear algebra has float32, float64, complex64 and complex128 only");
  }
}

using C64 = std::complex<float>;
using C128 = std::complex<double>;

}  // namespace tandem::linalg
