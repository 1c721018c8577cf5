// Writing LLVM IR as text: fresh names, the block being written, counted loops with carried values.
#pragma once
#include <fmt/format.h>

#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tandem::llvm {

using Value = std::string;  // "%v12", or a literal such as "0" or "splat (i32 7)"

inline bool is_literal(const Value& value) { return value.empty() || value[0] != '%'; }

class Text {
 public:
  Text() { out_.reserve(16384); }

  // One instruction with a result; returns its name.
  template <class... Args>
  Value def(fmt::format_string<Args...> format, Args&&... args) {
    Value name = fresh("v");
    out_ += "  ";
    out_ += name;
    out_ += " = ";
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
    out_ += '\n';
    return name;
  }
  template <class... Args>
  void op(fmt::format_string<Args...> format, Args&&... args) {
    out_ += "  ";
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
    out_ += '\n';
  }
  Value fresh(std::string_view stem) { return fmt::format("%{}{}", stem, next_++); }

  void begin_block(const Value& label) {
    out_.append(label, 1);
    out_ += ":\n";
    block_ = label;
  }
  void jump(const Value& label) { op("br label {}", label); }
  void branch(const Value& condition, const Value& yes, const Value& no) {
    op("br i1 {}, label {}, label {}", condition, yes, no);
  }
  const Value& block() const { return block_; }

  size_t mark() const { return out_.size(); }
  void insert(size_t at, std::string_view text) { out_.insert(at, text); }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
  int next_ = 0;
  Value block_ = "%entry";
};

struct Carried {
  std::string type;
  Value value;  // initial value when the loop begins; the current one inside and after it
};

// A loop tested before each round. Between the constructor and `enter` the caller writes the condition; after `enter`
// the body; `close` gives the next values. Carried values keep their names inside the loop and after it.
//
//   Loop loop(t, {{"i64", lo}});
//   loop.enter(t.def("icmp slt i64 {}, {}", loop[0], hi));
//   ...
//   loop.close({next});
class Loop {
 public:
  Loop(Text& text, std::vector<Carried> carried) : t_(text), carried_(std::move(carried)) {
    head_ = t_.fresh("head");
    exit_ = t_.fresh("exit");
    const Value before = t_.block();
    t_.jump(head_);
    t_.begin_block(head_);
    phis_at_ = t_.mark();
    for (Carried& c : carried_) {
      Value phi = t_.fresh("p");
      phis_.push_back(fmt::format("  {} = phi {} [ {}, {} ]", phi, c.type, c.value, before));
      c.value = std::move(phi);
    }
  }
  const Value& operator[](size_t k) const { return carried_[k].value; }
  void enter(const Value& condition) {
    const Value body = t_.fresh("body");
    t_.branch(condition, body, exit_);
    t_.begin_block(body);
  }
  void close(const std::vector<Value>& next) {
    std::string phis;
    for (size_t k = 0; k < carried_.size(); ++k)
      fmt::format_to(std::back_inserter(phis), "{}, [ {}, {} ]\n", phis_[k], next[k], t_.block());
    t_.jump(head_);
    t_.insert(phis_at_, phis);
    t_.begin_block(exit_);
  }
  // The carried values from `first` on, in order.
  std::vector<Value> values(size_t first) const {
    std::vector<Value> list;
    for (size_t k = first; k < carried_.size(); ++k) list.push_back(carried_[k].value);
    return list;
  }

 private:
  Text& t_;
  std::vector<Carried> carried_;
  std::vector<std::string> phis_;
  Value head_, exit_;
  size_t phis_at_ = 0;
};

// `if (condition) { ... }` without an else; nothing is carried out of it.
class If {
 public:
  If(Text& text, const Value& condition) : t_(text), end_(text.fresh("end")) {
    const Value then = t_.fresh("then");
    t_.branch(condition, then, end_);
    t_.begin_block(then);
  }
  void close() {
    t_.jump(end_);
    t_.begin_block(end_);
  }

 private:
  Text& t_;
  Value end_;
};

}  // namespace tandem::llvm
