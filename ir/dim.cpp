#include "ir/dim.h"

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <unordered_map>

namespace tandem {

enum class AtomKind : uint8_t { symbol, floor_div, min, max };

struct Atom {
  AtomKind kind;
  int symbol = 0;
  Dim a, b;
};

// Sum of coefficient * product of atoms. Monomials are sorted lists of atom ids, the empty one is the constant term.
struct DimExpr {
  using Monomial = std::vector<int>;
  using Terms = std::map<Monomial, int64_t>;
  Terms terms;
  std::vector<std::pair<int64_t, std::vector<const Atom*>>> flat;  // the same, for evaluation without a lock

  static Dim make(Terms terms);
  static Terms terms_of(Dim dim) {
    if (dim.expr_) return dim.expr_->terms;
    Terms terms;
    if (dim.value_ != 0) terms[{}] = dim.value_;
    return terms;
  }
  static const DimExpr* of(Dim dim) { return dim.expr_; }
};

namespace {

struct Table {
  std::mutex mutex;
  std::deque<Atom> atoms;
  std::map<std::tuple<AtomKind, int, const DimExpr*, int64_t, const DimExpr*, int64_t>, int> atom_ids;
  std::map<DimExpr::Terms, std::unique_ptr<DimExpr>> expressions;
};

Table& table() {
  static Table* instance = new Table;  // lives as long as the process: Dims in static storage refer to it
  return *instance;
}

int64_t checked(bool overflow, int64_t value) {
  if (overflow) throw Error(ErrorKind::shape, "size: got a number of elements beyond 64 bits; need a smaller shape");
  return value;
}
int64_t add_checked(int64_t a, int64_t b) {
  int64_t out = 0;
  const bool overflow = __builtin_add_overflow(a, b, &out);
  return checked(overflow, out);
}
int64_t mul_checked(int64_t a, int64_t b) {
  int64_t out = 0;
  const bool overflow = __builtin_mul_overflow(a, b, &out);
  return checked(overflow, out);
}

int64_t floor_div_values(int64_t a, int64_t b) {
  if (b == 0) throw Error(ErrorKind::shape, "size: got a division by zero in a size expression");
  if (b == -1) return mul_checked(a, -1);  // the one quotient that may not fit
  const int64_t q = a / b;
  return (a % b != 0 && (a < 0) != (b < 0)) ? q - 1 : q;
}

Dim atom_dim(AtomKind kind, int symbol, Dim a, Dim b) {
  Table& t = table();
  int id = 0;
  {
    std::lock_guard lock(t.mutex);
    auto key = std::make_tuple(kind, symbol, DimExpr::of(a), a.is_constant() ? a.constant() : 0, DimExpr::of(b),
                               b.is_constant() ? b.constant() : 0);
    auto [it, inserted] = t.atom_ids.try_emplace(key, static_cast<int>(t.atoms.size()));
    if (inserted) t.atoms.push_back({kind, symbol, a, b});
    id = it->second;
  }
  return DimExpr::make({{{id}, 1}});
}

const Atom& atom(int id) {
  Table& t = table();
  std::lock_guard lock(t.mutex);
  return t.atoms[static_cast<size_t>(id)];
}

}  // namespace

Dim DimExpr::make(Terms terms) {
  std::erase_if(terms, [](const auto& term) { return term.second == 0; });
  if (terms.empty()) return Dim(0);
  if (terms.size() == 1 && terms.begin()->first.empty()) return Dim(terms.begin()->second);
  Table& t = table();
  std::lock_guard lock(t.mutex);
  auto& slot = t.expressions[terms];
  if (!slot) {
    slot = std::make_unique<DimExpr>();
    for (const auto& [monomial, coefficient] : terms) {
      std::vector<const Atom*> factors;
      for (int id : monomial) factors.push_back(&t.atoms[static_cast<size_t>(id)]);
      slot->flat.emplace_back(coefficient, std::move(factors));
    }
    slot->terms = std::move(terms);
  }
  return {Dim::FromExpr{}, slot.get()};
}

Dim Dim::symbol(int id) { return atom_dim(AtomKind::symbol, id, 0, 0); }

int64_t Dim::constant() const {
  check_internal(is_constant(), "the number of a symbolic size was asked for");
  return value_;
}

int64_t Dim::evaluate_expr(const int64_t* symbols) const {
  int64_t sum = 0;
  for (const auto& [coefficient, factors] : expr_->flat) {
    int64_t product = coefficient;
    for (const Atom* part : factors) {
      int64_t value = 0;
      switch (part->kind) {
        case AtomKind::symbol: value = symbols[part->symbol]; break;
        case AtomKind::floor_div: value = floor_div_values(part->a.evaluate(symbols), part->b.evaluate(symbols)); break;
        case AtomKind::min: value = std::min(part->a.evaluate(symbols), part->b.evaluate(symbols)); break;
        case AtomKind::max: value = std::max(part->a.evaluate(symbols), part->b.evaluate(symbols)); break;
      }
      product = mul_checked(product, value);
    }
    sum = add_checked(sum, product);
  }
  return sum;
}

int Dim::symbol_count() const {
  if (!expr_) return 0;
  int count = 0;
  for (const auto& [monomial, coefficient] : expr_->terms)
    for (int id : monomial) {
      const Atom& part = atom(id);
      count = std::max(count, part.kind == AtomKind::symbol ? part.symbol + 1
                                                            : std::max(part.a.symbol_count(), part.b.symbol_count()));
    }
  return count;
}

Dim operator+(Dim a, Dim b) {
  if (a.is_constant() && b.is_constant()) return add_checked(a.constant(), b.constant());
  auto terms = DimExpr::terms_of(a);
  for (const auto& [monomial, coefficient] : DimExpr::terms_of(b))
    terms[monomial] = add_checked(terms[monomial], coefficient);
  return DimExpr::make(std::move(terms));
}

Dim operator-(Dim a, Dim b) { return a + b * Dim(-1); }

Dim operator*(Dim a, Dim b) {
  if (a.is_constant() && b.is_constant()) return mul_checked(a.constant(), b.constant());
  DimExpr::Terms terms;
  for (const auto& [left, x] : DimExpr::terms_of(a))
    for (const auto& [right, y] : DimExpr::terms_of(b)) {
      DimExpr::Monomial product = left;
      product.insert(product.end(), right.begin(), right.end());
      std::sort(product.begin(), product.end());
      terms[product] = add_checked(terms[product], mul_checked(x, y));
    }
  return DimExpr::make(std::move(terms));
}

Dim floor_div(Dim a, Dim b) {
  if (a.is_constant() && b.is_constant()) return floor_div_values(a.constant(), b.constant());
  if (b.is(1)) return a;
  if (a == b) return 1;
  // Exact: every term of `a` divisible by the single term of `b`.
  const auto divisor = DimExpr::terms_of(b);
  if (divisor.size() == 1) {
    const auto& [monomial, coefficient] = *divisor.begin();
    DimExpr::Terms quotient;
    bool exact = true;
    for (const auto& [m, c] : DimExpr::terms_of(a)) {
      exact = exact && coefficient != -1 && c % coefficient == 0 &&
              std::includes(m.begin(), m.end(), monomial.begin(), monomial.end());
      if (!exact) break;
      DimExpr::Monomial rest;
      std::set_difference(m.begin(), m.end(), monomial.begin(), monomial.end(), std::back_inserter(rest));
      quotient[rest] = c / coefficient;
    }
    if (exact) return DimExpr::make(std::move(quotient));
  }
  return atom_dim(AtomKind::floor_div, 0, a, b);
}

Dim dim_min(Dim a, Dim b) {
  const Dim difference = a - b;
  if (difference.is_constant()) return difference.constant() <= 0 ? a : b;
  return atom_dim(AtomKind::min, 0, a, b);
}

Dim dim_max(Dim a, Dim b) {
  const Dim difference = a - b;
  if (difference.is_constant()) return difference.constant() >= 0 ? a : b;
  return atom_dim(AtomKind::max, 0, a, b);
}

Dim element_count(const Shape& shape) {
  // A zero anywhere makes the count zero, even where the other sizes would overflow.
  for (const Dim& d : shape)
    if (d.is(0)) return 0;
  Dim count = 1;
  for (const Dim& d : shape) count = count * d;
  return count;
}

Shape contiguous_strides(const Shape& shape) {
  Shape strides(shape.size());
  Dim stride = 1;
  for (size_t k = shape.size(); k-- > 0;) {
    strides[k] = stride;
    if (!shape[k].is(0)) stride = stride * shape[k];
  }
  return strides;
}

std::string symbol_name(int id) {
  constexpr std::string_view letters = "NMKPQRST";
  if (id < static_cast<int>(letters.size())) return std::string(1, letters[static_cast<size_t>(id)]);
  return fmt::format("S{}", id);
}

namespace {

std::string atom_text(const Atom& part) {
  switch (part.kind) {
    case AtomKind::symbol: return symbol_name(part.symbol);
    case AtomKind::floor_div: return fmt::format("div({}, {})", to_text(part.a), to_text(part.b));
    case AtomKind::min: return fmt::format("min({}, {})", to_text(part.a), to_text(part.b));
    case AtomKind::max: return fmt::format("max({}, {})", to_text(part.a), to_text(part.b));
  }
  return {};
}

}  // namespace

std::string to_text(Dim dim) {
  if (dim.is_constant()) return fmt::format("{}", dim.constant());
  std::vector<std::string> parts;
  for (const auto& [monomial, coefficient] : DimExpr::terms_of(dim)) {
    std::vector<std::string> factors;
    for (int id : monomial) factors.push_back(atom_text(atom(id)));
    std::sort(factors.begin(), factors.end());
    std::string text;
    if (coefficient != 1 || factors.empty()) text = fmt::format("{}", coefficient);
    for (const auto& factor : factors) text += (text.empty() ? "" : "*") + factor;
    parts.push_back(text);
  }
  std::sort(parts.begin(), parts.end(), [](const auto& a, const auto& b) {
    const bool na =
        std::isdigit(static_cast<unsigned char>(a.back())) && a.find('*') == std::string::npos && a[0] != 'S';
    const bool nb =
        std::isdigit(static_cast<unsigned char>(b.back())) && b.find('*') == std::string::npos && b[0] != 'S';
    return na != nb ? nb : a < b;  // numbers last
  });
  std::string text = parts[0];
  for (size_t i = 1; i < parts.size(); ++i) text += (parts[i][0] == '-' ? "" : "+") + parts[i];
  return text;
}

std::string to_text(const Shape& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + to_text(shape[i]);
  return text + "]";
}

namespace {

class DimParser {
 public:
  explicit DimParser(std::string_view text) : text_(text) {}
  Dim all() {
    Dim dim = sum();
    if (at_ != text_.size()) fail();
    return dim;
  }

 private:
  char peek() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  [[noreturn]] void fail() {
    throw_error(ErrorKind::value, "size: got '{}'; need sums and products of numbers and symbols", text_);
  }
  Dim sum() {
    Dim dim = product();
    for (char c = peek(); c == '+' || c == '-'; c = peek()) {
      if (c == '+') ++at_;  // a minus sign belongs to the factor that follows
      dim = dim + product();
    }
    return dim;
  }
  Dim product() {
    Dim dim = factor();
    while (peek() == '*') {
      ++at_;
      dim = dim * factor();
    }
    return dim;
  }
  int64_t number() {
    int64_t value = 0;
    if (!std::isdigit(static_cast<unsigned char>(peek()))) fail();
    while (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])))
      value = add_checked(mul_checked(value, 10), text_[at_++] - '0');
    return value;
  }
  Dim factor() {
    const char c = peek();
    if (c == '-') {
      ++at_;
      return factor() * Dim(-1);
    }
    if (std::isdigit(static_cast<unsigned char>(c))) return number();
    for (std::string_view name : {"div(", "min(", "max("}) {
      if (text_.substr(at_, 4) != name) continue;
      at_ += 4;
      const Dim a = sum();
      if (peek() != ',') fail();
      ++at_;
      const Dim b = sum();
      if (peek() != ')') fail();
      ++at_;
      return name == "div(" ? floor_div(a, b) : name == "min(" ? dim_min(a, b) : dim_max(a, b);
    }
    constexpr std::string_view letters = "NMKPQRST";
    const size_t place = letters.find(c);
    if (c == '\0' || place == std::string_view::npos) fail();
    ++at_;
    if (c == 'S' && at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])))
      return Dim::symbol(static_cast<int>(std::min<int64_t>(number(), 1 << 20)));
    return Dim::symbol(static_cast<int>(place));
  }

  std::string_view text_;
  size_t at_ = 0;
};

bool compare(int64_t a, Relation relation, int64_t b) {
  switch (relation) {
    case Relation::eq: return a == b;
    case Relation::ne: return a != b;
    case Relation::lt: return a < b;
    case Relation::le: return a <= b;
  }
  return false;
}

}  // namespace

Dim parse_dim(std::string_view text) { return DimParser(text).all(); }

bool ShapeGuard::holds(const int64_t* symbols) const {
  return compare(left.evaluate(symbols), relation, right.evaluate(symbols));
}

std::string to_text(const ShapeGuard& guard) {
  constexpr std::string_view signs[] = {"==", "!=", "<", "<="};
  return fmt::format("{} {} {}", to_text(guard.left), signs[static_cast<size_t>(guard.relation)], to_text(guard.right));
}

Dim ShapeEnv::add_symbol(int64_t hint) {
  hints_.push_back(hint);
  return Dim::symbol(static_cast<int>(hints_.size()) - 1);
}

bool ShapeEnv::decide(Dim a, Relation relation, Dim b) {
  const Dim difference = a - b;
  if (difference.is_constant()) return compare(difference.constant(), relation, 0);
  const bool outcome = compare(hint(a), relation, hint(b));
  ShapeGuard guard{a, relation, b};
  if (!outcome) {
    switch (relation) {
      case Relation::eq: guard = {a, Relation::ne, b}; break;
      case Relation::ne: guard = {a, Relation::eq, b}; break;
      case Relation::lt: guard = {b, Relation::le, a}; break;
      case Relation::le: guard = {b, Relation::lt, a}; break;
    }
  }
  if (std::find(guards_.begin(), guards_.end(), guard) == guards_.end()) guards_.push_back(guard);
  return outcome;
}

int64_t ShapeEnv::specialize(Dim dim) {
  if (dim.is_constant()) return dim.constant();
  const int64_t value = hint(dim);
  decide(dim, Relation::eq, value);
  return value;
}

}  // namespace tandem
