// LAPACK, found at run time: $TANDEM_LAPACK, else the system's OpenBLAS or LAPACK, else the OpenBLAS inside NumPy's
// wheel. Neither headers nor a library are needed to build.
//
// Integers are always passed as int64_t. To a library with 32-bit integers their lower halves are what it reads and
// writes, so results of integer type are read with `integer`.
#pragma once
#include <bit>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

namespace tandem::lapack {

static_assert(std::endian::native == std::endian::little);

template <class T>
struct RealOf {
  using type = T;
};
template <class T>
struct RealOf<std::complex<T>> {
  using type = T;
};
template <class T>
using Real = typename RealOf<T>::type;
template <class T>
inline constexpr bool is_complex = !std::is_same_v<T, Real<T>>;

using Int = const int64_t*;
using Out = int64_t*;

// Text arguments are followed, at the end, by their lengths (gfortran's convention).
template <class T>
struct Functions {
  void (*potrf)(const char* uplo, Int n, T* a, Int lda, Out info, size_t);
  void (*getrf)(Int m, Int n, T* a, Int lda, void* pivots, Out info);
  void (*getrs)(const char* trans, Int n, Int nrhs, const T* a, Int lda, const void* pivots, T* b, Int ldb, Out info,
                size_t);
  void (*getri)(Int n, T* a, Int lda, const void* pivots, T* work, Int lwork, Out info);
  void (*geqrf)(Int m, Int n, T* a, Int lda, T* tau, T* work, Int lwork, Out info);
  void (*orgqr)(Int m, Int n, Int k, T* a, Int lda, const T* tau, T* work, Int lwork, Out info);
  std::conditional_t<is_complex<T>,
                     void (*)(const char* jobz, Int m, Int n, T* a, Int lda, Real<T>* s, T* u, Int ldu, T* vt, Int ldvt,
                              T* work, Int lwork, Real<T>* rwork, void* iwork, Out info, size_t),
                     void (*)(const char* jobz, Int m, Int n, T* a, Int lda, T* s, T* u, Int ldu, T* vt, Int ldvt,
                              T* work, Int lwork, void* iwork, Out info, size_t)>
      gesdd;
  std::conditional_t<is_complex<T>,
                     void (*)(const char* jobz, const char* uplo, Int n, T* a, Int lda, Real<T>* w, T* work, Int lwork,
                              Real<T>* rwork, Int lrwork, void* iwork, Int liwork, Out info, size_t, size_t),
                     void (*)(const char* jobz, const char* uplo, Int n, T* a, Int lda, T* w, T* work, Int lwork,
                              void* iwork, Int liwork, Out info, size_t, size_t)>
      syevd;
  std::conditional_t<is_complex<T>,
                     void (*)(const char* jobvl, const char* jobvr, Int n, T* a, Int lda, T* w, T* vl, Int ldvl, T* vr,
                              Int ldvr, T* work, Int lwork, Real<T>* rwork, Out info, size_t, size_t),
                     void (*)(const char* jobvl, const char* jobvr, Int n, T* a, Int lda, T* wr, T* wi, T* vl, Int ldvl,
                              T* vr, Int ldvr, T* work, Int lwork, Out info, size_t, size_t)>
      geev;
};

// Throws Error{backend} that says what was looked for and what to install.
template <class T>
const Functions<T>& functions();

bool has_wide_integers();  // of 64 bits; after `functions`
inline int64_t integer(int64_t written) { return has_wide_integers() ? written : static_cast<int32_t>(written); }
// Element `index` of an array of the library's integers.
inline int64_t integer_at(const void* array, int64_t index) {
  return has_wide_integers() ? static_cast<const int64_t*>(array)[index] : static_cast<const int32_t*>(array)[index];
}

// While it lives, the library's calls stay on their own threads: results must not depend on the number of threads, and
// batches are shared among ours. Other users of the same library are not slowed down for longer.
class Serial {
 public:
  Serial();
  ~Serial();
  Serial(const Serial&) = delete;
  Serial& operator=(const Serial&) = delete;
};

std::string description();  // the file and the kind of its integers, or why there is none

// Names a library for want of another one (that of NumPy's wheel); may return "". Set by the Python bindings.
using Finder = std::string (*)();
void set_finder(Finder finder);

}  // namespace tandem::lapack
