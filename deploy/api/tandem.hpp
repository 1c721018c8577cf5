// The C++17 face of tandem.h: objects that own, errors as exceptions.
//
//   tandem::Model model("model.tdm");
//   std::vector<float> x(3 * 64);
//   tandem::Array y = model("forward", tandem::view(x.data(), {3, 64}));
//   const float* elements = y.data<float>();
#ifndef TANDEM_HPP
#define TANDEM_HPP

#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "tandem.h"

namespace tandem {

class Error : public std::runtime_error {
 public:
  explicit Error(td_error* error) : std::runtime_error(td_error_message(error)), kind(td_error_kind_of(error)) {
    td_error_free(error);
  }
  td_error_kind kind;
};

inline void check(td_error* error) {
  if (error != nullptr) throw Error(error);
}

// The dtype of elements of a C++ type.
template <class T>
constexpr td_dtype dtype_of() {
  if constexpr (std::is_same_v<T, bool>)
    return TD_BOOL;
  else if constexpr (std::is_same_v<T, std::int8_t>)
    return TD_INT8;
  else if constexpr (std::is_same_v<T, std::uint8_t>)
    return TD_UINT8;
  else if constexpr (std::is_same_v<T, std::int16_t>)
    return TD_INT16;
  else if constexpr (std::is_same_v<T, std::uint16_t>)
    return TD_UINT16;
  else if constexpr (std::is_same_v<T, std::int32_t>)
    return TD_INT32;
  else if constexpr (std::is_same_v<T, std::uint32_t>)
    return TD_UINT32;
  else if constexpr (std::is_same_v<T, std::int64_t>)
    return TD_INT64;
  else if constexpr (std::is_same_v<T, std::uint64_t>)
    return TD_UINT64;
  else if constexpr (std::is_same_v<T, float>)
    return TD_FLOAT32;
  else if constexpr (std::is_same_v<T, double>)
    return TD_FLOAT64;
  else
    static_assert(sizeof(T) == 0, "no dtype of Tandem has elements of this type");
}

// A tensor: the caller's memory (see `view`), or a result, which it keeps alive.
class Array {
 public:
  Array() : array_{} {}
  explicit Array(const td_array& adopted) : array_(adopted) {}
  Array(Array&& other) noexcept : array_(std::exchange(other.array_, td_array{})) {}
  Array& operator=(Array&& other) noexcept {
    std::swap(array_, other.array_);
    return *this;
  }
  ~Array() { td_array_release(&array_); }

  td_dtype dtype() const { return array_.dtype; }
  std::vector<std::int64_t> shape() const { return {array_.shape, array_.shape + array_.rank}; }
  std::vector<std::int64_t> strides() const { return {array_.strides, array_.strides + array_.rank}; }
  std::int64_t size() const {
    std::int64_t count = 1;
    for (std::int32_t k = 0; k < array_.rank; ++k) count *= array_.shape[k];
    return count;
  }
  // The element at index 0; throws std::invalid_argument for another type than its own.
  template <class T>
  T* data() const {
    if (dtype_of<T>() != array_.dtype) throw std::invalid_argument("tandem::Array::data: another dtype");
    return static_cast<T*>(array_.data);
  }
  template <class T>
  T item() const {
    if (size() != 1) throw std::invalid_argument("tandem::Array::item: not one element");
    return *data<T>();
  }
  const td_array& get() const { return array_; }

 private:
  td_array array_;
};

// Elements of the caller, row by row, which must outlive it.
template <class T>
Array view(T* data, const std::vector<std::int64_t>& shape) {
  return Array(td_array_of(const_cast<std::remove_const_t<T>*>(data), dtype_of<std::remove_const_t<T>>(),
                           static_cast<std::int32_t>(shape.size()), shape.data()));
}

class Model {
 public:
  explicit Model(const std::string& path, const td_load_options& options = {}) {
    check(td_model_load(path.c_str(), &options, &model_));
  }
  Model(Model&& other) noexcept : model_(std::exchange(other.model_, nullptr)) {}
  Model& operator=(Model&& other) noexcept {
    std::swap(model_, other.model_);
    return *this;
  }
  ~Model() { td_model_free(model_); }

  std::string target() const { return td_model_target(model_); }
  std::vector<std::string> methods() const {
    std::vector<std::string> names;
    for (std::size_t k = 0; k < td_model_method_count(model_); ++k)
      names.emplace_back(td_method_name(model_, static_cast<int>(k)));
    return names;
  }
  std::string signature(const std::string& method) const { return td_method_signature(model_, number(method)); }

  template <class... Arrays>
  std::vector<Array> run(const std::string& method, const Arrays&... arguments) {
    const std::vector<td_array> given{arguments.get()...};
    const int which = number(method);
    std::vector<td_array> made(td_method_result_count(model_, which));
    check(td_model_run(model_, which, given.data(), given.size(), made.data(), made.size()));
    std::vector<Array> results;
    for (const td_array& array : made) results.emplace_back(array);
    return results;
  }
  // The first result.
  template <class... Arrays>
  Array operator()(const std::string& method, const Arrays&... arguments) {
    std::vector<Array> results = run(method, arguments...);
    if (results.empty()) throw std::invalid_argument("tandem::Model: the method '" + method + "' has no result");
    return std::move(results.front());
  }

  std::vector<std::string> state_names() const {
    std::vector<std::string> names;
    for (std::size_t k = 0; k < td_model_state_count(model_); ++k) names.emplace_back(td_model_state_name(model_, k));
    return names;
  }
  Array state(const std::string& name) {
    td_array array{};
    check(td_model_state(model_, name.c_str(), &array));
    return Array(array);
  }
  void save(const std::string& path) const { check(td_model_save(model_, path.c_str())); }
  td_model* get() const { return model_; }

 private:
  int number(const std::string& method) const {
    const int found = td_model_find(model_, method.c_str());
    if (found < 0) throw std::invalid_argument("tandem::Model: there is no method '" + method + "'");
    return found;
  }
  td_model* model_ = nullptr;
};

}  // namespace tandem
#endif
