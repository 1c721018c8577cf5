// Linear algebra on row-major matrices by LAPACK: what rests on factorisations, and singular values.
#include <cmath>

#include "runtime/matrices.h"

namespace tandem {

namespace linalg {

namespace {

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
  // Singular values are real; beside vectors, in the vector of one dtype, they have it.
  T* const all_u = wanted ? output<T>(c) : nullptr;
  T* const all_s = wanted ? all_u + m.count * u_size : nullptr;
  T* const all_v = wanted ? all_s + m.count * least : nullptr;
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
        T *u = wanted ? all_v + i * v_size : nullptr, *v = wanted ? all_u + i * u_size : nullptr;
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
        if (wanted)
          std::copy(s.begin(), s.end(), all_s + i * least);
        else
          std::copy(s.begin(), s.end(), output<Real<T>>(c) + i * least);
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

constexpr Routine kRoutines[] = {
    {"cholesky", by_dtype<cholesky<float>, cholesky<double>, cholesky<C64>, cholesky<C128>>},
    {"solve", by_dtype<solve<float>, solve<double>, solve<C64>, solve<C128>>},
    {"inv", by_dtype<inverse<float>, inverse<double>, inverse<C64>, inverse<C128>>},
    {"det", by_dtype<det<float>, det<double>, det<C64>, det<C128>>},
    {"slogdet", by_dtype<slogdet<float>, slogdet<double>, slogdet<C64>, slogdet<C128>>},
    {"qr", by_dtype<qr<float>, qr<double>, qr<C64>, qr<C128>>},
    {"svd", by_dtype<svd<float>, svd<double>, svd<C64>, svd<C128>>},
    {"svdvals", by_dtype<svdvals<float>, svdvals<double>, svdvals<C64>, svdvals<C128>>},
};

}  // namespace

}  // namespace linalg

std::span<const Routine> linalg_routines() { return linalg::kRoutines; }

}  // namespace tandem
