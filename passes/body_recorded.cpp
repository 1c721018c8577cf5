// Loops that record what they compute: all rounds in one kernel.
#include <algorithm>
#include <map>

#include "passes/body_region.h"
#include "passes/part_updates.h"
#include "passes/recorded.h"

namespace tandem {

namespace {

Complex chosen(const Scalar& condition, const Complex& a, const Complex& b) {
  return a.has_imaginary() ? select(condition, a, b) : Complex(select(condition, a.re, b.re));
}

}  // namespace

// What is carried are scans over the rounds, which number the first axis: nothing of it is stored but what a round writes.
class BodyBuilder::Recording {
 public:
  Recording(BodyBuilder& body, int n)
      : b_(body),
        node_(body.c_.graph.nodes[static_cast<size_t>(n)]),
        recorded_(*recorded_of(body.c_.graph, node_)),
        shape_(body.g_.axes.begin() + 1, body.g_.axes.end()),
        map_(recorded_map(shape_)),
        writes_(shape_ == recorded_.shape),
        first_result_(node_.outputs.size()) {
    for (const ValueId value : node_.outputs)
      wanted_.push_back(std::ranges::find(b_.g_.outputs, value) != b_.g_.outputs.end());
    auto found = recorded_rounds(b_.c_.graph, node_, recorded_, wanted_, shape_);
    check_internal(found.has_value(), "a loop that records is none that runs in a kernel");
    found_ = std::move(*found);
  }

  void rounds() {
    const Scalar round = b_.linear(number_of({0, {Dim(1)}}));
    first_ = round == round.constant(0);
    for (const ParamRead& read : found_.reads.params)
      params_.emplace_back(read, b_.evaluate(node_.inputs[read.param], read.map));
    params_.emplace_back(ParamRead{recorded_.counter, {}}, round);
    for (size_t k = 0; k < node_.outputs.size(); ++k)
      if (found_.needed[k] && k != recorded_.counter) begin_state(k);
    if (writes_) read_before();
    std::vector<Complex> written;
    for (size_t k = 0; k < recorded_.writes.size() && writes_; ++k) written.push_back(write(k));
    for (const size_t k : states_) carry(b_.evaluate_in(step_, body_.results[k], at(k)));
    for (const auto& [write, ago] : aged_) carry(ago == 0 ? written[write] : earlier_.at(write)[ago - 1]);
    b_.nest_.is_scan = b_.nest_.is_recorded = true;
  }

  void ends() {
    const Scalar any = b_.builder_.constant_bits(DType::i64, 0) < b_.run_time_value(b_.g_.axes[0]);
    for (const size_t k : states_) {
      if (!wanted_[k]) continue;
      const DType dtype = b_.c_.graph.type(node_.outputs[k]).dtype;
      const Complex end = chosen(any, result(first_result_[k], dtype), b_.evaluate(node_.inputs[k], at(k)));
      b_.write(b_.address(b_.c_.place(node_.outputs[k]), dtype, at(k)), end);
    }
  }

 private:
  IndexMap at(size_t k) const { return map_of(b_.c_.graph, node_.outputs[k], map_); }

  // A function of the number of rounds as one of the axes.
  Linear number_of(const Linear& of) const {
    Linear out{of.offset, std::vector<Dim>(b_.g_.axes.size(), Dim(0))};
    out.coefficients[0] = of.coefficients[0];
    return out;
  }

  Complex result(int number, DType dtype) const {
    const auto part = [&](int which) {
      return b_.builder_.emit(ScalarOp::result, real_type(dtype), -1, -1, -1, number + which);
    };
    if (!is_complex(dtype)) return part(0);
    const Scalar re = part(0);
    return {re, part(1)};
  }

  // A value that is carried, from `init` on.
  Complex begin(const Complex& init, DType dtype) {
    const Complex now = chosen(first_, init, result(b_.results_, dtype));
    b_.results_ += is_complex(dtype) ? 2 : 1;
    return now;
  }
  void carry(const Complex& next) {
    for (const Scalar& part : {next.re, next.im})
      if (part.id >= 0) b_.stage_.scans.push_back({part.id, 0, part.dtype});
  }

  void begin_state(size_t k) {
    states_.push_back(k);
    first_result_[k] = b_.results_;
    const Complex init = b_.evaluate(node_.inputs[k], at(k));
    params_.emplace_back(ParamRead{k, at(k)}, begin(init, b_.c_.graph.type(node_.outputs[k]).dtype));
  }

  // Of the array that is written to, place `number` of the axis.
  NestAccess place(const Recorded::Write& write, const Linear& number) const {
    const Place whole = b_.c_.place(node_.outputs[write.array]);
    IndexMap map = map_;
    map.insert(map.begin() + static_cast<ptrdiff_t>(write.axis), number_of(number));
    const auto layout = layout_in(body_, step_.producers, write.part, write.version, whole.layout);
    return b_.address({whole.slot, *layout}, body_.type(write.value).dtype, map);
  }

  // What is read of arrays that this round has not written.
  void read_before() {
    using enum Recorded::Read::Of;
    for (const Recorded::Read& read : recorded_.reads) {
      if (read.of == this_round) continue;
      const Recorded::Write& write = recorded_.writes[read.write];
      const Complex x = read.of == old ? b_.load(place(write, write.at), body_.type(read.value).dtype)
                                       : written_ago(read.write, static_cast<size_t>(read.ago));
      step_.known.emplace(read.value, std::pair(map_of(body_, read.value, map_), x));
    }
  }

  // What write `k` wrote so many rounds ago: each round hands on what it has of the ones before.
  Complex written_ago(size_t k, size_t ago) {
    const Recorded::Write& write = recorded_.writes[k];
    std::vector<Complex>& known = earlier_[k];
    while (known.size() < ago) {
      const Dim before = Dim(static_cast<int64_t>(known.size()) + 1) * write.at.coefficients[0];
      const Dim first = write.at.offset - before, size = body_.type(write.part).shape[write.axis];
      const bool from_end = first.is_constant() && first.constant() < 0;
      const DType dtype = body_.type(write.value).dtype;
      aged_.emplace_back(k, known.size());
      known.push_back(begin(b_.load(place(write, {from_end ? size + first : first, {Dim(0)}}), dtype), dtype));
    }
    return known[ago - 1];
  }

  Complex write(size_t k) {
    const Recorded::Write& write = recorded_.writes[k];
    const IndexMap map = map_of(body_, write.value, map_);
    const Complex value = b_.evaluate_in(step_, write.value, map);
    b_.write(place(write, write.at), value);
    for (const Recorded::Read& read : recorded_.reads)
      if (read.of == Recorded::Read::Of::this_round && read.write == k)
        step_.known.emplace(read.value, std::pair(map, value));
    return value;
  }

  BodyBuilder& b_;
  const Node& node_;
  const Recorded recorded_;
  const Shape shape_;
  const IndexMap map_;
  const bool writes_;  // this kernel, of the arrays' shape
  const Graph& body_ = *node_.regions[1];
  std::vector<bool> wanted_;
  Rounds found_;
  Scalar first_;  // whether the round is the first
  std::vector<std::pair<ParamRead, Complex>> params_;
  Region step_{body_, node_, nullptr, params_};
  std::vector<size_t> states_;  // carried values, in the order of their results
  std::vector<int> first_result_;
  std::map<size_t, std::vector<Complex>> earlier_;  // by write: what it wrote one round ago, two, and so on
  std::vector<std::pair<size_t, size_t>> aged_;     // the same in the order of results: of which write, rounds ago - 1
};

void BodyBuilder::record(int n) {
  Recording recording(*this, n);
  begin_stage(true);
  recording.rounds();
  end_stage();
  begin_stage(false);
  recording.ends();
  end_stage();
}

}  // namespace tandem
