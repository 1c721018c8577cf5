// Linear algebra on row-major matrices, any number of them, by LAPACK, which sees each as its transpose. Matrices of a
// batch are shared among threads; one matrix is one thread's, so that the bits do not depend on their number.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "ir/error.h"
#include "runtime/lapack.h"
#include "runtime/parallel.h"
#include "runtime/routine.h"

namespace tandem {

namespace {

using lapack::is_complex;
using lapack::Real;

constexpr double kNanosecondsPerStep = 0.3;  // of n^3, roughly

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
std::string place_in(std::span<const int64_t> batch, int64_t index) {
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

double cubic(int64_t a, int64_t b, int64_t c) {
  return static_cast<double>(a) * static_cast<double>(b) * static_cast<double>(c);
}

// The library's own report: whether the algorithm succeeded.
bool succeeded(int64_t written, const char* function) {
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

int64_t at_least_one(int64_t n) { return std::max<int64_t>(n, 1); }

// ---- cholesky: the triangle of the result, and what is read of the input --------------------------------------------

template <class T>
void cholesky(const RoutineArgs& c) {
  const Matrices m(c);
  const int64_t n = m.rows;
  if (m.count * n == 0) return;
  const auto& f = lapack::functions<T>();
  const bool upper = c.params[0] != 0;
  for_each_matrix(
      m, cubic(n, n, n) / 3,
      [&](int64_t i) {
        T* a = output<T>(c) + i * n * n;
        std::copy_n(input<T>(c, 0) + i * n * n, n * n, a);
        int64_t info = 0;
        f.potrf(upper ? "L" : "U", &n, a, &n, &info, 1);
        for (int64_t r = 0; r < n; ++r) std::fill(a + r * n + (upper ? 0 : r + 1), a + r * n + (upper ? r : n), T(0));
        return succeeded(info, "potrf");
      },
      [](const std::string& place) {
        throw_error(ErrorKind::linalg,
                    "cholesky: got a matrix{} that is not positive definite; need a symmetric one with positive "
                    "eigenvalues; try td.linalg.eigh",
                    place);
      });
}

// ---- by LU decomposition -------------------------------------------------------------------------------------------

// Row-major A is the library's A^T; its pivots permute the columns of A. False when A is singular.
template <class T>
bool decompose(T* a, int64_t n, std::vector<int64_t>& pivots) {
  pivots.resize(static_cast<size_t>(n));
  int64_t info = 0;
  lapack::functions<T>().getrf(&n, &n, a, &n, pivots.data(), &info);
  return succeeded(info, "getrf");
}

[[noreturn]] void throw_singular(std::string_view what, const std::string& place, std::string_view instead) {
  throw_error(ErrorKind::linalg, "{}: got a singular matrix{}; need one with an inverse; try {}", what, place, instead);
}

template <class T>
void solve(const RoutineArgs& c) {
  const Matrices m(c);
  const int64_t n = m.rows, k = c.inputs[1].shape.back();
  if (m.count * n == 0) return;
  const auto& f = lapack::functions<T>();
  for_each_matrix(
      m, cubic(n, n, n + k),
      [&](int64_t i) {
        std::vector<int64_t> pivots;
        std::vector<T> a(input<T>(c, 0) + i * n * n, input<T>(c, 0) + (i + 1) * n * n);
        if (!decompose(a.data(), n, pivots)) return false;
        if (k == 0) return true;
        std::vector<T> b(static_cast<size_t>(n * k));
        transpose(input<T>(c, 1) + i * n * k, b.data(), n, k);
        int64_t info = 0;
        f.getrs("T", &n, &k, a.data(), &n, pivots.data(), b.data(), &n, &info, 1);
        transpose(b.data(), output<T>(c) + i * n * k, k, n);
        return succeeded(info, "getrs");
      },
      [](const std::string& place) { throw_singular("solve", place, "td.linalg.lstsq"); });
}

template <class T>
void inverse(const RoutineArgs& c) {
  const Matrices m(c);
  const int64_t n = m.rows;
  if (m.count * n == 0) return;
  const auto& f = lapack::functions<T>();
  for_each_matrix(
      m, 2 * cubic(n, n, n),
      [&](int64_t i) {
        T* a = output<T>(c) + i * n * n;
        std::copy_n(input<T>(c, 0) + i * n * n, n * n, a);
        std::vector<int64_t> pivots;
        if (!decompose(a, n, pivots)) return false;
        int64_t info = 0, lwork = -1;
        T answer{};
        f.getri(&n, a, &n, pivots.data(), &answer, &lwork, &info);
        lwork = optimal(answer);
        std::vector<T> work(static_cast<size_t>(lwork));
        f.getri(&n, a, &n, pivots.data(), work.data(), &lwork, &info);
        return succeeded(info, "getri");
      },
      [](const std::string& place) { throw_singular("inv", place, "td.linalg.pinv"); });
}

// Calls use(i, number of row exchanges, diagonal of U); a singular matrix has a zero there.
template <class T, class Use>
void with_diagonal(const RoutineArgs& c, Use&& use) {
  const Matrices m(c);
  const int64_t n = m.rows;
  for_each_matrix(
      m, cubic(n, n, n),
      [&](int64_t i) {
        std::vector<int64_t> pivots;
        std::vector<T> a(input<T>(c, 0) + i * n * n, input<T>(c, 0) + (i + 1) * n * n), diagonal;
        if (n > 0) decompose(a.data(), n, pivots);
        bool odd = false;
        for (int64_t r = 0; r < n; ++r) {
          odd ^= lapack::integer_at(pivots.data(), r) != r + 1;
          diagonal.push_back(a[static_cast<size_t>(r * n + r)]);
        }
        use(i, odd, diagonal);
        return true;
      },
      [](const std::string&) {});
}

template <class T>
void det(const RoutineArgs& c) {
  with_diagonal<T>(c, [&](int64_t i, bool odd, const std::vector<T>& diagonal) {
    T product = odd ? T(-1) : T(1);
    for (const T& u : diagonal) product *= u;
    output<T>(c)[i] = product;
  });
}

// All signs, then all logarithms.
template <class T>
void slogdet(const RoutineArgs& c) {
  const int64_t count = Matrices(c).count;
  with_diagonal<T>(c, [&](int64_t i, bool odd, const std::vector<T>& diagonal) {
    T sign = odd ? T(-1) : T(1);
    Real<T> logarithm = 0;
    for (const T& u : diagonal) {
      const Real<T> size = std::abs(u);
      sign *= size == 0 ? T(0) : u / size;
      logarithm += std::log(size);
    }
    output<T>(c)[i] = sign;
    output<T>(c)[count + i] = logarithm;
  });
}

// ---- qr: all Q, then all R ------------------------------------------------------------------------------------------

template <class T>
void qr(const RoutineArgs& c) {
  const Matrices m(c);
  const bool complete = c.params[0] != 0;
  const int64_t rows = m.rows, columns = m.columns, least = m.least(), inner = complete ? rows : least;
  const auto& f = lapack::functions<T>();
  T* const all_r = output<T>(c) + m.count * rows * inner;
  for_each_matrix(
      m, 4 * cubic(rows, columns, least),
      [&](int64_t i) {
        T *q = output<T>(c) + i * rows * inner, *r = all_r + i * inner * columns;
        // Columns of the larger of A and Q.
        std::vector<T> a(static_cast<size_t>(rows * std::max(columns, inner))), tau(static_cast<size_t>(least) + 1);
        transpose(input<T>(c, 0) + i * rows * columns, a.data(), rows, columns);
        int64_t info = 0, lwork = -1;
        const int64_t stride = at_least_one(rows);
        T answers[2] = {};
        f.geqrf(&rows, &columns, a.data(), &stride, tau.data(), &answers[0], &lwork, &info);
        f.orgqr(&rows, &inner, &least, a.data(), &stride, tau.data(), &answers[1], &lwork, &info);
        lwork = std::max(optimal(answers[0]), optimal(answers[1]));
        std::vector<T> work(static_cast<size_t>(lwork));
        f.geqrf(&rows, &columns, a.data(), &stride, tau.data(), work.data(), &lwork, &info);
        for (int64_t y = 0; y < inner; ++y)
          for (int64_t x = 0; x < columns; ++x)
            r[y * columns + x] = y <= x ? a[static_cast<size_t>(x * rows + y)] : T(0);
        f.orgqr(&rows, &inner, &least, a.data(), &stride, tau.data(), work.data(), &lwork, &info);
        transpose(a.data(), q, inner, rows);
        return succeeded(info, "orgqr");
      },
      [](const std::string&) {});
}

// ---- svd: all U, then all singular values, then all V^H -------------------------------------------------------------

enum class Vectors : uint8_t { none, reduced, full };

// With A^T = U' S V'^H, which is what the library computes: V^H is U' read by rows, and U is V'^H.
template <class T>
void decompose_singular(const RoutineArgs& c, Vectors vectors) {
  const Matrices m(c);
  const int64_t rows = m.rows, columns = m.columns, least = m.least();
  const bool full = vectors == Vectors::full;
  const int64_t u_inner = full ? rows : least, v_inner = full ? columns : least;
  const bool wanted = vectors != Vectors::none;
  const int64_t u_size = wanted ? rows * u_inner : 0, v_size = wanted ? v_inner * columns : 0;
  T* const all_u = output<T>(c);
  T* const all_s = all_u + m.count * u_size;
  T* const all_v = all_s + m.count * least;
  if (least == 0) {  // what is left of it are identities
    for (int64_t i = 0; i < m.count; ++i) {
      for (int64_t k = 0; k < u_size; ++k) all_u[i * u_size + k] = k % (rows + 1) == 0 ? T(1) : T(0);
      for (int64_t k = 0; k < v_size; ++k) all_v[i * v_size + k] = k % (columns + 1) == 0 ? T(1) : T(0);
    }
    return;
  }
  const auto& f = lapack::functions<T>();
  const char* job = !wanted ? "N" : full ? "A" : "S";
  for_each_matrix(
      m, 20 * cubic(rows, columns, least),
      [&](int64_t i) {
        std::vector<T> a(input<T>(c, 0) + i * m.size(), input<T>(c, 0) + (i + 1) * m.size());
        std::vector<Real<T>> s(static_cast<size_t>(least));
        std::vector<int64_t> integers(static_cast<size_t>(8 * least));
        std::vector<Real<T>> reals;
        if constexpr (is_complex<T>)
          reals.resize(
              static_cast<size_t>(least * std::max(5 * least + 7, 2 * std::max(rows, columns) + 2 * least + 1)));
        T *u = all_v + i * v_size, *v = all_u + i * u_size;
        const int64_t v_stride = wanted ? u_inner : 1;
        int64_t info = 0, lwork = -1;
        const auto run = [&](T* work) {
          if constexpr (is_complex<T>)
            f.gesdd(job, &columns, &rows, a.data(), &columns, s.data(), u, &columns, v, &v_stride, work, &lwork,
                    reals.data(), integers.data(), &info, 1);
          else
            f.gesdd(job, &columns, &rows, a.data(), &columns, s.data(), u, &columns, v, &v_stride, work, &lwork,
                    integers.data(), &info, 1);
        };
        T answer{};
        run(&answer);
        lwork = optimal(answer);
        std::vector<T> work(static_cast<size_t>(lwork));
        run(work.data());
        std::copy(s.begin(), s.end(), all_s + i * least);
        return succeeded(info, "gesdd");
      },
      [](const std::string& place) {
        throw_error(ErrorKind::linalg,
                    "svd: got a matrix{} for which the algorithm did not converge; need finite elements; try "
                    "td.isfinite",
                    place);
      });
}

template <class T>
void svd(const RoutineArgs& c) {
  decompose_singular<T>(c, c.params[0] != 0 ? Vectors::full : Vectors::reduced);
}
template <class T>
void svdvals(const RoutineArgs& c) {
  decompose_singular<T>(c, Vectors::none);
}

// ---- eigh: all eigenvalues, then all eigenvectors (as columns) ------------------------------------------------------

template <class T>
void decompose_symmetric(const RoutineArgs& c, bool vectors) {
  const Matrices m(c);
  const int64_t n = m.rows;
  if (m.count * n == 0) return;
  const auto& f = lapack::functions<T>();
  T* const values = output<T>(c);
  T* const columns = values + m.count * n;
  for_each_matrix(
      m, 9 * cubic(n, n, n),
      [&](int64_t i) {
        std::vector<T> a(input<T>(c, 0) + i * n * n, input<T>(c, 0) + (i + 1) * n * n);
        std::vector<Real<T>> w(static_cast<size_t>(n)), reals;
        std::vector<int64_t> integers;
        int64_t info = 0, lwork = -1, lrwork = -1, liwork = -1;
        const auto run = [&](T* work, Real<T>* rwork, int64_t* iwork) {
          if constexpr (is_complex<T>)
            f.syevd(vectors ? "V" : "N", "U", &n, a.data(), &n, w.data(), work, &lwork, rwork, &lrwork, iwork, &liwork,
                    &info, 1, 1);
          else
            f.syevd(vectors ? "V" : "N", "U", &n, a.data(), &n, w.data(), work, &lwork, iwork, &liwork, &info, 1, 1);
        };
        T answer{};
        Real<T> real_answer{};
        int64_t integer_answer = 0;
        run(&answer, &real_answer, &integer_answer);
        lwork = optimal(answer);
        lrwork = optimal(real_answer);
        liwork = std::max<int64_t>(1, lapack::integer(integer_answer));
        std::vector<T> work(static_cast<size_t>(lwork));
        if constexpr (is_complex<T>) reals.resize(static_cast<size_t>(lrwork));
        integers.resize(static_cast<size_t>(liwork));
        run(work.data(), reals.data(), integers.data());
        std::copy(w.begin(), w.end(), values + i * n);
        if (vectors) {
          transpose(a.data(), columns + i * n * n, n, n);
          // The library saw the conjugate of a Hermitian matrix.
          if constexpr (is_complex<T>)
            std::transform(columns + i * n * n, columns + (i + 1) * n * n, columns + i * n * n,
                           [](const T& z) { return std::conj(z); });
        }
        return succeeded(info, "syevd");
      },
      [](const std::string& place) {
        throw_error(ErrorKind::linalg,
                    "eigh: got a matrix{} for which the algorithm did not converge; need finite elements; try "
                    "td.isfinite",
                    place);
      });
}

template <class T>
void eigh(const RoutineArgs& c) {
  decompose_symmetric<T>(c, true);
}
template <class T>
void eigvalsh(const RoutineArgs& c) {
  decompose_symmetric<T>(c, false);
}

using Run = void (*)(const RoutineArgs&);

template <Run single, Run full>
void by_dtype(const RoutineArgs& c) {
  switch (c.inputs[0].dtype) {
    case DType::f32: return single(c);
    case DType::f64: return full(c);
    default: throw InternalError("linear algebra has float32 and float64 only");
  }
}

constexpr Routine kRoutines[] = {
    {"cholesky", by_dtype<cholesky<float>, cholesky<double>>},
    {"solve", by_dtype<solve<float>, solve<double>>},
    {"inv", by_dtype<inverse<float>, inverse<double>>},
    {"det", by_dtype<det<float>, det<double>>},
    {"slogdet", by_dtype<slogdet<float>, slogdet<double>>},
    {"qr", by_dtype<qr<float>, qr<double>>},
    {"svd", by_dtype<svd<float>, svd<double>>},
    {"svdvals", by_dtype<svdvals<float>, svdvals<double>>},
    {"eigh", by_dtype<eigh<float>, eigh<double>>},
    {"eigvalsh", by_dtype<eigvalsh<float>, eigvalsh<double>>},
};

}  // namespace

std::span<const Routine> linalg_routines() { return kRoutines; }

}  // namespace tandem
