// Eigenvalues and eigenvectors of row-major matrices by LAPACK.
#include <cmath>

#include "runtime/matrices.h"

namespace tandem {

namespace linalg {

namespace {

// ---- eigh: all eigenvalues, then all eigenvectors (as columns) ------------------------------------------------------

template <class T>
void decompose_symmetric(const RoutineArgs& c, bool vectors) {
  const Matrices m(c);
  const int64_t n = m.rows;
  if (m.count * n == 0) return;
  const auto& f = lapack::functions<T>();
  T* const columns = vectors ? output<T>(c) + m.count * n : nullptr;
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
        if (!vectors) {
          std::copy(w.begin(), w.end(), output<Real<T>>(c) + i * n);
        } else {
          std::copy(w.begin(), w.end(), output<T>(c) + i * n);
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

// ---- eig: all eigenvalues, then all eigenvectors (as columns), complex -----------------------------------------------

template <class T>
class Eigen {
 public:
  Eigen(const RoutineArgs& c, bool vectors) : c_(c), m_(c), n_(m_.rows), job_(vectors ? "V" : "N") {
    columns_ = vectors ? output<Number>(c) + m_.count * n_ : nullptr;
  }

  void run() {
    if (m_.count * n_ == 0) return;
    for_each_matrix(
        m_, 25 * cubic(n_, n_, n_), [&](int64_t i) { return decompose(i); },
        [](const std::string& place) {
          throw_error(ErrorKind::linalg,
                      "eig: got a matrix{} for which the algorithm did not converge; need finite elements; try "
                      "td.isfinite",
                      place);
        });
  }

 private:
  using Number = std::complex<Real<T>>;

  bool decompose(int64_t i) {
    const auto n = static_cast<size_t>(n_);
    const T* const from = input<T>(c_, 0) + i * n_ * n_;
    // The library does not end with numbers that are not finite.
    if (!std::all_of(from, from + n_ * n_,
                     [](const T& x) { return std::isfinite(std::real(x)) && std::isfinite(std::imag(x)); }))
      return false;
    std::vector<T> a(n * n), vr(columns_ ? n * n : 1), w(n), wi(is_complex<T> ? 0 : n);
    transpose(from, a.data(), n_, n_);
    const int64_t stride = columns_ ? n_ : 1, one = 1;
    std::vector<Real<T>> reals(is_complex<T> ? 2 * n : 0);
    int64_t info = 0, lwork = -1;
    T unused{}, answer{};
    const auto call = [&](T* work) {
      const auto& geev = lapack::functions<T>().geev;
      if constexpr (is_complex<T>)
        geev("N", job_, &n_, a.data(), &n_, w.data(), &unused, &one, vr.data(), &stride, work, &lwork, reals.data(),
             &info, 1, 1);
      else
        geev("N", job_, &n_, a.data(), &n_, w.data(), wi.data(), &unused, &one, vr.data(), &stride, work, &lwork, &info,
             1, 1);
    };
    call(&answer);
    lwork = optimal(answer);
    std::vector<T> work(static_cast<size_t>(lwork));
    call(work.data());
    Number* const values = output<Number>(c_) + i * n_;
    for (size_t k = 0; k < n; ++k)
      if constexpr (is_complex<T>)
        values[k] = w[k];
      else
        values[k] = {w[k], wi[k]};
    if (columns_) store(values, vr.data(), columns_ + i * n_ * n_);
    return succeeded(info, "geev");
  }

  // Real matrices have conjugate pairs of eigenvectors, of which the library gives the parts of the first.
  void store(const Number* values, const T* vr, Number* out) const {
    for (int64_t k = 0; k < n_; ++k)
      for (int64_t r = 0; r < n_; ++r) {
        if constexpr (is_complex<T>) {
          out[r * n_ + k] = vr[k * n_ + r];
        } else {
          const T direction = values[k].imag();
          const int64_t first = direction < 0 ? k - 1 : k;
          const T im = direction == 0 ? T(0) : vr[(first + 1) * n_ + r];
          out[r * n_ + k] = {vr[first * n_ + r], direction < 0 ? -im : im};
        }
      }
  }

  const RoutineArgs& c_;
  Matrices m_;
  int64_t n_;
  const char* job_;
  Number* columns_;
};

template <class T>
void eig(const RoutineArgs& c) {
  Eigen<T>(c, true).run();
}
template <class T>
void eigvals(const RoutineArgs& c) {
  Eigen<T>(c, false).run();
}

constexpr Routine kRoutines[] = {
    {"eigh", by_dtype<eigh<float>, eigh<double>, eigh<C64>, eigh<C128>>},
    {"eigvalsh", by_dtype<eigvalsh<float>, eigvalsh<double>, eigvalsh<C64>, eigvalsh<C128>>},
    {"eig", by_dtype<eig<float>, eig<double>, eig<C64>, eig<C128>>},
    {"eigvals", by_dtype<eigvals<float>, eigvals<double>, eigvals<C64>, eigvals<C128>>},
};

}  // namespace

}  // namespace linalg

std::span<const Routine> eigen_routines() { return linalg::kRoutines; }

}  // namespace tandem
