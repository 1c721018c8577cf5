// Numbers, texts and lists as bytes, and back. One description of a struct serves both directions:
//
//   template <class Wire> void describe(Wire& wire, Point& p) { wire(p.x, p.y); }
//
// Integers take as many bytes as they need (zigzag, seven bits a byte). A Reader trusts nothing: whatever is cut short,
// too long or out of range is an Error{serialization}.
#pragma once
#include <concepts>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "ir/dim.h"
#include "ir/error.h"

namespace tandem::deploy {

// Both know the version of the format, for what is not there in all of them.
class Writer {
 public:
  static constexpr bool kReads = false;
  explicit Writer(int64_t version) : version_(version) {}
  int64_t version() const { return version_; }

  template <class... T>
  void operator()(T&... values) {
    (field(*this, values), ...);
  }
  void integer(int64_t& value) {
    auto rest = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
    for (; rest >= 0x80; rest >>= 7) bytes_ += static_cast<char>(rest | 0x80);
    bytes_ += static_cast<char>(rest);
  }
  void raw(void* data, size_t size) { bytes_.append(static_cast<const char*>(data), size); }
  void text(std::string& value) {
    auto size = static_cast<int64_t>(value.size());
    integer(size);
    bytes_ += value;
  }
  int64_t count(size_t size) {
    auto value = static_cast<int64_t>(size);
    integer(value);
    return value;
  }
  std::string take() { return std::move(bytes_); }

  struct Nested {};
  Nested nested() { return {}; }

 private:
  int64_t version_;
  std::string bytes_;
};

class Reader {
 public:
  static constexpr bool kReads = true;
  static constexpr int kDeepest = 64;  // blocks inside of blocks

  Reader(std::string_view bytes, int64_t version) : bytes_(bytes), version_(version) {}
  int64_t version() const { return version_; }

  template <class... T>
  void operator()(T&... values) {
    (field(*this, values), ...);
  }
  void integer(int64_t& value) {
    uint64_t zigzag = 0;
    for (int shift = 0;; shift += 7) {
      if (bytes_.empty() || shift > 63) fail("a number is cut short");
      const auto byte = static_cast<unsigned char>(bytes_.front());
      bytes_.remove_prefix(1);
      zigzag |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) break;
    }
    value = static_cast<int64_t>(zigzag >> 1) ^ -static_cast<int64_t>(zigzag & 1);
  }
  void raw(void* data, size_t size) {
    if (bytes_.size() < size) fail("it ends too early");
    std::memcpy(data, bytes_.data(), size);
    bytes_.remove_prefix(size);
  }
  void text(std::string& value) {
    const int64_t size = count(0);
    value.assign(bytes_.substr(0, static_cast<size_t>(size)));
    bytes_.remove_prefix(static_cast<size_t>(size));
  }
  // Everything that is counted takes at least one byte, so no list can be longer than what is left.
  int64_t count(size_t) {
    int64_t size = 0;
    integer(size);
    if (size < 0 || static_cast<uint64_t>(size) > bytes_.size()) fail("a length is wrong");
    return size;
  }
  void finish() const {
    if (!bytes_.empty()) fail("something follows its end");
  }
  [[noreturn]] static void fail(std::string_view what) {
    throw_error(ErrorKind::serialization, "load: got an archive that is damaged: {}", what);
  }

  // While one is alive, what is read is one level deeper.
  class Nested {
   public:
    explicit Nested(int& depth) : depth_(depth) {
      if (++depth_ > kDeepest) fail("its blocks are nested too deeply");
    }
    ~Nested() { --depth_; }
    Nested(const Nested&) = delete;
    Nested& operator=(const Nested&) = delete;

   private:
    int& depth_;
  };
  Nested nested() { return Nested(depth_); }

 private:
  std::string_view bytes_;
  int64_t version_;
  int depth_ = 0;
};

// ---- fields of the usual types; structs have a `describe` of their own ----------------------------------------------

template <class Wire, class T>
  requires std::integral<T>
void field(Wire& wire, T& value) {
  auto number = static_cast<int64_t>(value);
  wire.integer(number);
  if constexpr (Wire::kReads) {
    value = static_cast<T>(number);
    if (static_cast<int64_t>(value) != number) Reader::fail("a number is out of range");
  }
}

// `last` is the greatest of the enumerators.
template <class Wire, class T>
  requires std::is_enum_v<T>
void choice(Wire& wire, T& value, T last) {
  auto number = static_cast<int64_t>(value);
  wire.integer(number);
  if constexpr (Wire::kReads) {
    if (number < 0 || number > static_cast<int64_t>(last)) Reader::fail("a kind is unknown");
    value = static_cast<T>(number);
  }
}

template <class Wire>
void field(Wire& wire, double& value) {
  wire.raw(&value, sizeof value);
}

template <class Wire>
void field(Wire& wire, std::string& value) {
  wire.text(value);
}

template <class Wire>
void field(Wire& wire, Dim& dim) {
  constexpr size_t kLongest = 4096;  // of a text: bounds the depth of its parser
  bool constant = dim.is_constant();
  field(wire, constant);
  if (constant) {
    int64_t value = Wire::kReads ? 0 : dim.constant();
    wire.integer(value);
    dim = value;
    return;
  }
  std::string text = Wire::kReads ? std::string() : to_text(dim);
  wire.text(text);
  if constexpr (Wire::kReads) {
    if (text.size() > kLongest) Reader::fail("a size is too long");
    try {
      dim = parse_dim(text);
    } catch (const Error&) {
      Reader::fail("a size cannot be read");
    }
  }
}

template <class Wire, class A, class B>
void field(Wire& wire, std::pair<A, B>& value) {
  wire(value.first, value.second);
}

template <class Wire, class T>
void field(Wire& wire, std::vector<T>& values) {
  const int64_t size = wire.count(values.size());
  if constexpr (Wire::kReads) {
    values.clear();
    for (int64_t k = 0; k < size; ++k) {
      T value{};
      wire(value);
      values.push_back(std::move(value));
    }
  } else {
    for (T& value : values) wire(value);
  }
}

template <class Wire, class T>
void field(Wire& wire, std::optional<T>& value) {
  bool there = value.has_value();
  wire(there);
  if constexpr (Wire::kReads)
    if (there) value.emplace();
  if (there) wire(*value);
}

template <class Wire, class T>
void field(Wire& wire, std::shared_ptr<const T>& value) {
  bool there = value != nullptr;
  wire(there);
  if (!there) return;
  T copy = Wire::kReads ? T{} : *value;
  wire(copy);
  if constexpr (Wire::kReads) value = std::make_shared<const T>(std::move(copy));
}

template <class Wire, class T>
  requires requires(Wire& wire, T& value) { describe(wire, value); }
void field(Wire& wire, T& value) {
  describe(wire, value);
}

// ---- whole objects ---------------------------------------------------------------------------------------------------

template <class T>
std::string to_bytes(const T& value, int64_t version) {
  Writer writer(version);
  T copy = value;  // descriptions are for both directions, so they take what may change
  writer(copy);
  return writer.take();
}

template <class T>
T from_bytes(std::string_view bytes, int64_t version) {
  Reader reader(bytes, version);
  T value{};
  reader(value);
  reader.finish();
  return value;
}

}  // namespace tandem::deploy
