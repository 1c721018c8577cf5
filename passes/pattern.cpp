#include "passes/pattern.h"

#include <cctype>
#include <cstdlib>

namespace tandem {

namespace {

class PatternParser {
 public:
  explicit PatternParser(std::string_view text) : text_(text) {}
  Pattern all() {
    Pattern pattern = term();
    check_internal(at_ == text_.size(), "pattern '{}' goes on after its end", text_);
    return pattern;
  }

 private:
  bool accept(char c) {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  Pattern term() {
    accept(' ');
    const size_t start = at_;
    while (at_ < text_.size() && text_.find_first_of("(), ", at_) != at_) ++at_;
    const std::string word(text_.substr(start, at_ - start));
    check_internal(!word.empty(), "pattern '{}' lacks a term", text_);
    if (word == "true" || word == "false") return {Pattern::Kind::truth, 0, word == "true" ? 1.0 : 0.0, nullptr, {}};
    if (word[0] == '-' || std::isdigit(static_cast<unsigned char>(word[0])) != 0)
      return {Pattern::Kind::number, 0, std::strtod(word.c_str(), nullptr), nullptr, {}};
    if (!accept('(')) {
      const size_t letter = std::string_view("xyzc").find(word);
      check_internal(letter != std::string_view::npos, "pattern '{}' has the unknown variable {}", text_, word);
      return {Pattern::Kind::variable, static_cast<int>(letter), 0, nullptr, {}};
    }
    Pattern call{Pattern::Kind::call, 0, 0, &op(word), {}};
    do {
      call.args.push_back(term());
    } while (accept(','));
    check_internal(accept(')'), "pattern '{}' lacks a bracket", text_);
    return call;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Pattern parse_pattern(std::string_view text) { return PatternParser(text).all(); }

std::vector<Pattern> commuted(const Pattern& pattern) {
  // Every combination of the arguments' own variants, then the two orders of each.
  std::vector<Pattern> variants = {pattern};
  for (size_t k = 0; k < pattern.args.size(); ++k) {
    std::vector<Pattern> next;
    for (const Pattern& variant : variants)
      for (Pattern& arg : commuted(pattern.args[k])) {
        next.push_back(variant);
        next.back().args[k] = std::move(arg);
      }
    variants = std::move(next);
  }
  if (pattern.kind != Pattern::Kind::call || !pattern.op->has(Trait::commutative) || pattern.args.size() != 2)
    return variants;
  const size_t count = variants.size();
  for (size_t k = 0; k < count; ++k) {
    variants.push_back(variants[k]);
    std::swap(variants.back().args[0], variants.back().args[1]);
  }
  return variants;
}

}  // namespace tandem
