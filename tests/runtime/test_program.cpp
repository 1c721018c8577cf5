#include "runtime/profile.h"
#include "runtime/program.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <thread>

using namespace tandem;

namespace {

// A kernel written in C++: body(begin, end, ptrs, vals, scratch, status).
class Native final : public CompiledKernel {
 public:
  using Body = std::function<void(int64_t, int64_t, void* const*, const int64_t*, void*, int64_t*)>;
  explicit Native(Body body) : body_(std::move(body)) {}
  void run(int64_t begin, int64_t end, void* const* ptrs, const int64_t* vals, void* scratch,
           int64_t* status) const override {
    body_(begin, end, ptrs, vals, scratch, status);
  }

 private:
  Body body_;
};

std::shared_ptr<KernelCode> kernel(std::string name, Native::Body body) {
  auto code = std::make_shared<KernelCode>();
  code->code = std::make_shared<Native>(std::move(body));
  code->name = std::move(name);
  code->sources = {{"", 0}, {"model.py", 12}};
  return code;
}

template <class F>
std::shared_ptr<KernelCode> unary(std::string name, F f) {  // out[i] = f(in[i]), double
  return kernel(std::move(name), [f](int64_t begin, int64_t end, void* const* ptrs, const int64_t*, void*, int64_t*) {
    const auto* in = static_cast<const double*>(ptrs[0]);
    auto* out = static_cast<double*>(ptrs[1]);
    for (int64_t i = begin; i < end; ++i) out[i] = f(in[i]);
  });
}

// Writes programs: sizes are made on demand, slots by dtype and extents.
struct Writer {
  Program program;
  std::map<int64_t, DimRef> constants;

  explicit Writer(std::string name) { program.name = std::move(name); }
  DimRef dim(int64_t value) {
    const auto [entry, made] = constants.try_emplace(value, static_cast<DimRef>(program.dims.size()));
    if (made) program.dims.emplace_back(value);
    return entry->second;
  }
  DimRef symbol(int id) {
    program.dims.push_back(Dim::symbol(id));
    return static_cast<DimRef>(program.dims.size() - 1);
  }
  int slot(DType dtype, std::vector<DimRef> shape) {
    program.slots.push_back({dtype, std::move(shape)});
    return static_cast<int>(program.slots.size() - 1);
  }
  int input(DType dtype, std::vector<DimRef> shape) {
    ++program.input_count;
    return slot(dtype, std::move(shape));
  }
  int add(std::shared_ptr<KernelCode> code) {
    program.kernels.push_back(std::move(code));
    return static_cast<int>(program.kernels.size() - 1);
  }
  Launch launch(int code, const std::vector<int>& slots, DimRef range, double cost = 1) {
    Launch op{.kernel = code, .args = {}, .vals = {}, .range = range, .grain = 1, .cost = cost};
    for (const int slot : slots) op.args.push_back({slot, dim(0)});
    return op;
  }
  View row(int slot, DimRef extent) { return {slot, dim(0), {extent}, {dim(1)}}; }
};

template <class T>
Buffer buffer(const std::vector<T>& values) {
  StorageRef storage = allocate(values.size() * sizeof(T));
  std::copy(values.begin(), values.end(), static_cast<T*>(storage->data));
  void* data = storage->data;
  return {std::move(storage), data};
}

template <class T>
std::vector<T> values(const Buffer& buffer, size_t count) {
  const auto* data = static_cast<const T*>(buffer.data);
  return {data, data + count};
}

using Doubles = std::vector<double>;

// out = (x + 1) * 2 in two kernels, the second of which may reuse the first's buffer.
Program two_step(bool reuse) {
  Writer w("two_step");
  const DimRef n = w.symbol(0);
  const int x = w.input(DType::f64, {n}), y = w.slot(DType::f64, {n}), z = w.slot(DType::f64, {n});
  const int increment = w.add(unary("increment", [](double v) { return v + 1; }));
  const int twice = w.add(unary("twice", [](double v) { return v * 2; }));
  w.program.body.push_back({Allocate{y, n}});
  w.program.body.push_back({w.launch(increment, {x, y}, n)});
  w.program.body.push_back({Allocate{z, n, reuse ? y : -1}});
  w.program.body.push_back({w.launch(twice, {y, z}, n)});
  w.program.body.push_back({Release{y}});
  w.program.outputs.push_back(w.row(z, n));
  return std::move(w.program);
}

}  // namespace

TEST_CASE("steps run in order, for any size, with and without reuse") {
  for (const bool reuse : {false, true}) {
    const Program program = two_step(reuse);
    verify(program);
    for (const int64_t n : {0, 1, 5, 100000}) {
      Doubles x(static_cast<size_t>(n)), expected(x.size());
      std::iota(x.begin(), x.end(), 0.0);
      for (size_t i = 0; i < x.size(); ++i) expected[i] = (x[i] + 1) * 2;
      const Buffer inputs[] = {buffer(x)};
      const ProgramStats before = program_stats();
      const std::vector<Buffer> outputs = run(program, inputs, &n);
      const ProgramStats used = program_stats() - before;
      REQUIRE(values<double>(outputs[0], x.size()) == expected);
      CHECK(values<double>(inputs[0], x.size()) == x);
      CHECK(used.runs == 1);
      CHECK(used.launches == 2);
      CHECK(used.allocations == (reuse ? 1 : 2));
      CHECK(used.reuses == (reuse ? 1 : 0));
      CHECK(used.allocated_bytes == n * 8 * (reuse ? 1 : 2));
    }
  }
}

TEST_CASE("memory of a run is given back, also after an error") {
  const int64_t before = memory_stats().in_use;
  {
    const Program program = two_step(false);
    const int64_t n = 1000;
    const Buffer inputs[] = {buffer(Doubles(1000))};
    const std::vector<Buffer> outputs = run(program, inputs, &n);
    CHECK(outputs[0].storage.unique());
    const int64_t impossible = int64_t{1} << 60;
    CHECK_THROWS_AS(run(program, inputs, &impossible), Error);
    const int64_t overflow = INT64_MAX;
    CHECK_THROWS_AS(run(program, inputs, &overflow), Error);
    const int64_t negative = -1;
    CHECK_THROWS_AS(run(program, inputs, &negative), Error);
    CHECK(inputs[0].storage.unique());
  }
  CHECK(memory_stats().in_use == before);
}

TEST_CASE("a buffer somebody else refers to is not taken over") {
  Writer w("shared");
  const DimRef n = w.dim(4);
  const int x = w.input(DType::f64, {n}), y = w.slot(DType::f64, {n}), z = w.slot(DType::f64, {n}),
            kept = w.slot(DType::f64, {n});
  const int increment = w.add(unary("increment", [](double v) { return v + 1; }));
  w.program.body = {{Allocate{y, n}},     {w.launch(increment, {x, y}, n)},    {Bind{kept, y}},
                    {Allocate{z, n, y}},  {w.launch(increment, {kept, z}, n)}, {Bind{y, x}},
                    {Allocate{y, n, -1}}, {w.launch(increment, {z, y}, n)}};
  w.program.outputs = {w.row(kept, n), w.row(z, n), w.row(y, n), w.row(x, n)};
  verify(w.program);
  const Buffer inputs[] = {buffer(Doubles{1, 2, 3, 4})};
  const std::vector<Buffer> outputs = run(w.program, inputs, nullptr);
  CHECK(values<double>(outputs[0], 4) == Doubles{2, 3, 4, 5});
  CHECK(values<double>(outputs[1], 4) == Doubles{3, 4, 5, 6});
  CHECK(values<double>(outputs[2], 4) == Doubles{4, 5, 6, 7});
  CHECK(outputs[3].storage.get() == inputs[0].storage.get());
  CHECK(outputs[3].data == inputs[0].data);
}

TEST_CASE("only the taken branch runs") {
  Writer w("branch");
  const DimRef n = w.dim(3);
  const int x = w.input(DType::f64, {n}), p = w.input(DType::boolean, {}), y = w.slot(DType::f64, {n});
  const auto negate = unary("negate", [](double v) { return -v; });
  const auto twice = unary("twice", [](double v) { return v * 2; });
  const int first = w.add(negate), second = w.add(twice);
  w.program.body = {
      {Branch{p, {{Allocate{y, n}}, {w.launch(first, {x, y}, n)}}, {{Allocate{y, n}}, {w.launch(second, {x, y}, n)}}}}};
  w.program.outputs = {w.row(y, n)};
  verify(w.program);
  for (const bool taken : {true, false}) {
    const int64_t negated = negate->launches, doubled = twice->launches;
    const Buffer inputs[] = {buffer(Doubles{1, 2, 3}), buffer(std::vector<char>{taken})};
    const auto outputs = run(w.program, inputs, nullptr);
    CHECK(values<double>(outputs[0], 3) == (taken ? Doubles{-1, -2, -3} : Doubles{2, 4, 6}));
    CHECK(negate->launches - negated == (taken ? 1 : 0));
    CHECK(twice->launches - doubled == (taken ? 0 : 1));
  }
}

namespace {

// while a < limit: a, b = b, a + b
Program fibonacci() {
  Writer w("fibonacci");
  const DimRef one = w.dim(1);
  const int a0 = w.input(DType::f64, {}), b0 = w.input(DType::f64, {}), limit = w.input(DType::f64, {});
  const int a = w.slot(DType::f64, {}), b = w.slot(DType::f64, {}), p = w.slot(DType::boolean, {}),
            sum = w.slot(DType::f64, {});
  const int less = w.add(kernel("less", [](int64_t, int64_t, void* const* ptrs, const int64_t*, void*, int64_t*) {
    *static_cast<bool*>(ptrs[2]) = *static_cast<double*>(ptrs[0]) < *static_cast<double*>(ptrs[1]);
  }));
  const int add = w.add(kernel("add", [](int64_t, int64_t, void* const* ptrs, const int64_t*, void*, int64_t*) {
    *static_cast<double*>(ptrs[2]) = *static_cast<double*>(ptrs[0]) + *static_cast<double*>(ptrs[1]);
  }));
  Loop loop{.condition = {{Allocate{p, one}}, {w.launch(less, {a, limit, p}, one)}},
            .predicate = p,
            .body = {{Allocate{sum, one}}, {w.launch(add, {a, b, sum}, one)}},
            .carried = {{a, b}, {b, sum}}};
  w.program.body = {{Bind{a, a0}}, {Bind{b, b0}}, {std::move(loop)}};
  w.program.outputs = {{a, w.dim(0), {}, {}}, {b, w.dim(0), {}, {}}};
  return std::move(w.program);
}

}  // namespace

TEST_CASE("loops carry all values at once, and may not run at all") {
  const Program program = fibonacci();
  verify(program);
  const int64_t before = memory_stats().in_use;
  {
    const Buffer inputs[] = {buffer(Doubles{0}), buffer(Doubles{1}), buffer(Doubles{100})};
    const auto outputs = run(program, inputs, nullptr);
    CHECK(values<double>(outputs[0], 1) == Doubles{144});
    CHECK(values<double>(outputs[1], 1) == Doubles{233});
    CHECK(values<double>(inputs[0], 1) == Doubles{0});
    const Buffer done[] = {buffer(Doubles{5}), buffer(Doubles{6}), buffer(Doubles{1})};
    const auto unchanged = run(program, done, nullptr);
    CHECK(unchanged[0].storage.get() == done[0].storage.get());
    CHECK(values<double>(unchanged[1], 1) == Doubles{6});
  }
  CHECK(memory_stats().in_use == before);
}

TEST_CASE("an endless loop can be left") {
  Writer w("endless");
  const int p = w.input(DType::boolean, {});
  w.program.body = {{Loop{{}, p, {}, {}}}};
  static int iterations = 0;
  iterations = 0;
  set_loop_hook([] {
    if (++iterations == 1000) throw Error(ErrorKind::error, "interrupted");
  });
  const Buffer inputs[] = {buffer(std::vector<char>{1})};
  CHECK_THROWS_WITH(run(w.program, inputs, nullptr), "interrupted");
  set_loop_hook(nullptr);
  CHECK(iterations == 1000);
}

TEST_CASE("a failed bounds check names the value, the sizes and the user's line") {
  Writer w("gather");
  const DimRef n = w.symbol(0);
  const int x = w.input(DType::f64, {n}), y = w.slot(DType::f64, {n});
  const auto take =
      kernel("take", [](int64_t begin, int64_t end, void* const*, const int64_t*, void*, int64_t* status) {
        if (begin <= 700 && 700 < end) status[0] = 2, status[1] = -7;
      });
  take->access_messages = {"", fmt::format("take: got index {{}} for axis 0; need 0 <= index < {{d{}}}", n)};
  const int code = w.add(take);
  w.program.body = {{Allocate{y, n}}, {w.launch(code, {x, y}, n, 1000)}};
  const int64_t size = 1000, small = 10;
  const Buffer inputs[] = {buffer(Doubles(1000))};
  try {
    run(w.program, inputs, &size);
    FAIL("should have thrown");
  } catch (const Error& error) {
    CHECK(error.kind == ErrorKind::index);
    CHECK(std::string(error.what()) == "take: got index -7 for axis 0; need 0 <= index < 1000 (at model.py:12)");
  }
  CHECK_NOTHROW(run(w.program, inputs, &small));
  take->access_messages.clear();
  CHECK_THROWS_WITH(run(w.program, inputs, &size), Catch::Contains("take: got index -7"));
}

TEST_CASE("kernels get their values, offsets and scratch memory of their own") {
  Writer w("values");
  const DimRef n = w.dim(64), three = w.dim(3), scale = w.symbol(0), scratch = w.dim(4096);
  const int x = w.input(DType::f64, {n}), y = w.slot(DType::f64, {n});
  const int code = w.add(
      kernel("values", [](int64_t begin, int64_t end, void* const* ptrs, const int64_t* vals, void* scratch, int64_t*) {
        auto* mine = static_cast<double*>(scratch);
        REQUIRE(reinterpret_cast<uintptr_t>(scratch) % 64 == 0);
        for (int64_t i = begin; i < end; ++i) mine[i] = static_cast<const double*>(ptrs[0])[i];
        for (int64_t i = begin; i < end; ++i) static_cast<double*>(ptrs[1])[i] = mine[i] * static_cast<double>(vals[1]);
      }));
  Launch launch{.kernel = code,
                .args = {{x, three}, {y, w.dim(0)}},
                .vals = {n, scale},
                .range = w.dim(61),
                .grain = 8,
                .cost = 1e5,
                .scratch_bytes = scratch};
  w.program.body = {{Allocate{y, n}}, {launch}};
  w.program.outputs = {{y, w.dim(1), {w.dim(60)}, {w.dim(1)}}};
  verify(w.program);
  Doubles data(64);
  std::iota(data.begin(), data.end(), 0.0);
  const Buffer inputs[] = {buffer(data)};
  const int64_t factor = 10;
  const auto outputs = run(w.program, inputs, &factor);
  CHECK(values<double>(outputs[0], 3) == Doubles{40, 50, 60});
}

namespace {

// s = x @ y, p = s with another sign, z = p @ w and sums of s along rows: x turned @ p, and p turned @ x. `together`: as
// one step that keeps neither s nor p.
Program on_rows(bool together, int64_t rows) {
  Writer w("on_rows");
  const int64_t matrices = 3, k = 40, columns = 70, n = 24;
  const DimRef zero = w.dim(0);
  const auto tensor = [&](bool is_input, int64_t m, int64_t c) {
    const std::vector<DimRef> shape = {w.dim(matrices), w.dim(m), w.dim(c)};
    return is_input ? w.input(DType::f32, shape) : w.slot(DType::f32, shape);
  };
  const auto view = [&](int slot, int64_t m, int64_t c, bool turned = false) {
    const View plain{slot, zero, {w.dim(matrices), w.dim(m), w.dim(c)}, {w.dim(m * c), w.dim(c), w.dim(1)}};
    if (!turned) return plain;
    return View{slot,
                zero,
                {plain.shape[0], plain.shape[2], plain.shape[1]},
                {plain.strides[0], plain.strides[2], plain.strides[1]}};
  };
  const int x = tensor(true, rows, k), y = tensor(true, k, columns), v = tensor(true, columns, n);
  const int s = tensor(false, rows, columns), p = tensor(false, rows, columns), z = tensor(false, rows, n),
            t = tensor(false, k, columns), u = tensor(false, columns, k);
  const int negate =
      w.add(kernel("negate", [=](int64_t begin, int64_t end, void* const* ptrs, const int64_t*, void*, int64_t*) {
        for (int64_t i = begin * columns; i < end * columns; ++i)
          static_cast<float*>(ptrs[1])[i] = -static_cast<const float*>(ptrs[0])[i];
      }));
  Block steps;
  steps.push_back({Matmul{view(x, rows, k), view(y, k, columns), view(s, rows, columns)}});
  steps.push_back({w.launch(negate, {s, p}, w.dim(matrices * rows))});
  steps.push_back({Matmul{view(p, rows, columns), view(v, columns, n), view(z, rows, n)}});
  steps.push_back({Matmul{view(x, rows, k, true), view(p, rows, columns), view(t, k, columns)}});
  steps.push_back({Matmul{view(p, rows, columns, true), view(x, rows, k), view(u, columns, k)}});
  for (const auto& [slot, count] : {std::pair{z, rows * n}, {t, k * columns}, {u, columns * k}})
    w.program.body.push_back({Allocate{slot, w.dim(matrices * count)}});
  if (together) {
    w.program.body.push_back({Rows{{w.dim(matrices), w.dim(rows)}, {{s, 0}, {p, 0}}, std::move(steps)}});
  } else {
    for (const int slot : {s, p}) w.program.body.push_back({Allocate{slot, w.dim(matrices * rows * columns)}});
    for (Step& step : steps) w.program.body.push_back(std::move(step));
  }
  w.program.outputs = {view(z, rows, n), view(t, k, columns), view(u, columns, k)};
  verify(w.program);
  return std::move(w.program);
}

Rows& rows_of(Program& program) { return std::get<Rows>(program.body.back().op); }

}  // namespace

TEST_CASE("steps on rows give what they give one after the other") {
  for (const int64_t rows : {1, 2, 50, 333}) {  // of one row, products have other loops
    const auto made = [rows](int64_t count) {
      std::vector<float> values(static_cast<size_t>(count * 3));
      for (size_t i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<float>(i + 1) * 0.7f);
      return buffer(values);
    };
    const Buffer inputs[] = {made(rows * 40), made(40 * 70), made(70 * 24)};
    const auto wanted = run(on_rows(false, rows), inputs, nullptr);
    const ProgramStats before = program_stats();
    const auto got = run(on_rows(true, rows), inputs, nullptr);
    const ProgramStats stats = program_stats() - before;
    CHECK(stats.library_calls == 4);
    CHECK(stats.launches == 1);
    CHECK(stats.allocations == (rows == 1 ? 5 : 3));
    for (size_t i = 0; i < 3; ++i) {
      const auto count = static_cast<size_t>(3 * (i == 0 ? rows * 24 : 40 * 70));
      CHECK(values<float>(got[i], count) == values<float>(wanted[i], count));
    }
  }
}

TEST_CASE("matmul, copy and host steps") {
  Writer w("library");
  const DimRef zero = w.dim(0), one = w.dim(1), two = w.dim(2), three = w.dim(3), six = w.dim(6);
  const int x = w.input(DType::f32, {two, three}), ok = w.input(DType::boolean, {});
  const int t = w.slot(DType::f32, {three, two}), y = w.slot(DType::f32, {two, two}),
            z = w.slot(DType::f32, {two, two});
  int called = 0;
  w.program.host = {{"check", [&called](std::span<const HostTensor> args) {
                       ++called;
                       CHECK(args.size() == 2);
                       CHECK(args[1].shape == std::vector<int64_t>{2, 3});
                       CHECK(static_cast<const float*>(args[1].data)[5] == 6);
                       if (!*static_cast<const bool*>(args[0].data))
                         throw Error(ErrorKind::shape, "reshape: got 5 elements; need 6");
                     }}};
  w.program.body = {{HostCall{0, {{ok, zero, {}, {}}, {x, zero, {two, three}, {three, one}}}, {}}},
                    {Allocate{t, six}},
                    {Copy{{x, zero, {three, two}, {one, three}}, {t, zero, {three, two}, {two, one}}}},
                    {Allocate{y, w.dim(4)}},
                    {Matmul{{x, zero, {two, three}, {three, one}},
                            {t, zero, {three, two}, {two, one}},
                            {y, zero, {two, two}, {two, one}}}},
                    {Allocate{z, w.dim(4)}},  // the same through a strided view
                    {Matmul{{x, zero, {two, three}, {three, one}},
                            {x, zero, {three, two}, {one, three}},
                            {z, zero, {two, two}, {two, one}}}}};
  w.program.outputs = {{y, zero, {two, two}, {two, one}}, {z, zero, {two, two}, {two, one}}};
  verify(w.program);
  const std::vector<float> data{1, 2, 3, 4, 5, 6}, product{14, 32, 32, 77};
  const ProgramStats before = program_stats();
  const Buffer good[] = {buffer(data), buffer(std::vector<char>{1})};
  const auto outputs = run(w.program, good, nullptr);
  CHECK(values<float>(outputs[0], 4) == product);
  CHECK(values<float>(outputs[1], 4) == product);
  CHECK((program_stats() - before).library_calls == 2);
  CHECK((program_stats() - before).copies == 1);
  const Buffer bad[] = {buffer(data), buffer(std::vector<char>{0})};
  try {
    run(w.program, bad, nullptr);
    FAIL("should have thrown");
  } catch (const Error& error) {
    CHECK(error.kind == ErrorKind::shape);
    CHECK(std::string(error.what()) == "reshape: got 5 elements; need 6");
  }
}

TEST_CASE("a profile has the launches of its time") {
  const int64_t n = 10;
  const Buffer inputs[] = {buffer(Doubles(10))};
  const auto names = [](const Profile& profile) {
    std::vector<std::string> out;
    for (const ThreadEvents& thread : profile.threads)
      for (size_t i = thread.first; i < thread.last; ++i) {
        const ProfileEvent& event = thread.chunks[i / kEventsPerChunk]->events[i % kEventsPerChunk];
        CHECK(event.start <= event.end);
        CHECK(event.start >= profile.start);
        CHECK(event.end <= profile.end);
        out.push_back(event.origin->name);
      }
    return out;
  };
  const uint64_t outer = start_profile(100, false);
  run(two_step(false), inputs, &n);
  const uint64_t inner = start_profile(100, false);
  run(two_step(false), inputs, &n);
  CHECK(names(stop_profile(inner)) == std::vector<std::string>{"increment", "twice"});
  CHECK(profiling());
  const Profile all = stop_profile(outer);
  CHECK_FALSE(profiling());
  run(two_step(false), inputs, &n);
  CHECK(names(all) == std::vector<std::string>{"increment", "twice", "increment", "twice"});
  CHECK(all.dropped == 0);
  const uint64_t small = start_profile(3, false);
  run(two_step(false), inputs, &n);
  run(two_step(false), inputs, &n);
  const Profile cut = stop_profile(small);
  CHECK(names(cut) == std::vector<std::string>{"increment", "twice", "increment"});
  CHECK(cut.dropped == 1);
}

TEST_CASE("threads record side by side, and come and go") {
  const int64_t n = 10;
  const uint64_t number = start_profile(100'000, false);
  const uint64_t start = profile_clock();
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      const Buffer inputs[] = {buffer(Doubles(10))};
      for (int i = 0; i < 1000; ++i) {
        run(two_step(false), inputs, &n);
        if (i % 100 == 0) stop_profile(start_profile(10, false));
      }
    });
  for (std::thread& thread : threads) thread.join();
  const Profile profile = stop_profile(number);
  CHECK(profile.start <= start);
  CHECK(profile.dropped == 0);
  size_t count = 0;
  for (const ThreadEvents& thread : profile.threads) count += thread.last - thread.first;
  CHECK(profile.threads.size() == 8);
  CHECK(count == 16'000);
  const Profile empty = stop_profile(start_profile(10, false));
  CHECK(empty.threads.empty());
}

TEST_CASE("the text of a program") {
  CHECK(to_text(two_step(false)) == R"(program @two_step(1 inputs) {
  d0 = N
  d1 = 0
  d2 = 1
  input s0: f64[d0]
  slot s1: f64[d0]
  slot s2: f64[d0]
  kernel k0: increment  # model.py:12
  kernel k1: twice  # model.py:12
  s1 = allocate d0
  launch k0(s0+d1, s1+d1) vals [] range d0 grain 1 cost 1
  s2 = allocate d0
  launch k1(s1+d1, s2+d1) vals [] range d0 grain 1 cost 1
  release s1
  return s2+d1[d0; d2]
}
)");
  CHECK_THAT(to_text(fibonacci()), Catch::Contains("  while {\n    s5 = allocate d0\n") &&
                                       Catch::Contains("\n  } s5 {\n") &&
                                       Catch::Contains("\n  } carry s3 <- s4, s4 <- s6\n"));
}

TEST_CASE("the verifier names what is broken") {
  const auto broken = [](const char* rule, const std::function<void(Program&)>& damage, const Program& good) {
    Program program = good;
    damage(program);
    CHECK_THROWS_WITH(verify(program), Catch::Contains(rule) && Catch::Contains("program @"));
  };
  const Program steps = two_step(false), loop = fibonacci();
  const auto launch = [](Program& p, size_t i) -> Launch& { return std::get<Launch>(p.body[i].op); };
  broken("defined before", [](Program& p) { p.body.erase(p.body.begin()); }, steps);
  broken("defined before", [](Program& p) { p.body.push_back({Release{2}}); }, steps);
  broken("defined before", [](Program& p) { p.body.push_back({Release{1}}); }, steps);
  broken("inputs are never", [](Program& p) { p.body.push_back({Release{0}}); }, steps);
  broken("inputs are never", [](Program& p) { p.body.push_back({Allocate{1, 0, 0}}); }, steps);
  broken("slots exist", [&](Program& p) { launch(p, 1).args[0].slot = 9; }, steps);
  broken("kernels exist", [&](Program& p) { launch(p, 1).kernel = 2; }, steps);
  for (const int function : {3, -1})
    broken("host functions exist", [&](Program& p) { p.body.push_back({HostCall{function, {}, {}}}); }, steps);
  broken("table of sizes", [&](Program& p) { launch(p, 1).range = 77; }, steps);
  broken("table of sizes", [&](Program& p) { launch(p, 1).vals.push_back(-1); }, steps);
  broken("grain", [&](Program& p) { launch(p, 1).grain = 0; }, steps);
  broken("one stride per axis", [](Program& p) { p.outputs[0].strides.clear(); }, steps);
  broken("predicates are bool", [](Program& p) { p.body.push_back({Branch{0, {}, {}}}); }, steps);
  broken(
      "defined before",  // on one way only
      [](Program& p) {
        p.slots.push_back({DType::boolean, {}});
        p.body.push_back({Allocate{3, 0}});
        p.body.push_back({Branch{3, {{Release{2}}}, {}}});
      },
      steps);
  const Program chain = on_rows(true, 50);
  const auto product = [](Program& p, size_t i) -> Matmul& { return std::get<Matmul>(rows_of(p).steps[i].op); };
  CHECK_THAT(to_text(chain), Catch::Contains("keeping s3 in m0, s4 in m0 {\n    matmul s3"));
  broken("nowhere else", [](Program& p) { p.body.insert(p.body.begin(), {Allocate{3, 0}}); }, chain);
  broken("defined before", [](Program& p) { p.outputs.push_back(p.outputs[0]), p.outputs[0].slot = 4; }, chain);
  broken("has the rows", [](Program& p) { p.slots[3].shape[1] = p.slots[3].shape[2]; }, chain);
  broken("buffers of rows are few", [](Program& p) { rows_of(p).between[0].memory = 2; }, chain);
  broken("rows of one size", [](Program& p) { p.slots[4].dtype = DType::f64; }, chain);
  broken("launches and products", [](Program& p) { rows_of(p).steps.push_back({Allocate{5, 0}}); }, chain);
  broken(
      "a product has the rows", [&](Program& p) { product(p, 0).a.shape[1] = product(p, 0).out.shape[1] = 1; }, chain);
  broken("row by row", [&](Program& p) { product(p, 2).a.offset = product(p, 2).a.shape[1]; }, chain);
  broken("along the rows", [&](Program& p) { product(p, 3).a.shape[2] = product(p, 3).a.shape[0]; }, chain);
  broken("a sum takes one of", [&](Program& p) { product(p, 4).b = product(p, 3).b; }, chain);
  broken("keeps its dtype", [](Program& p) { p.slots[6].dtype = DType::f32; }, loop);
  broken(
      "leaves defined", [](Program& p) { std::get<Loop>(p.body[2].op).body.push_back({Release{4}}); },
      [&] {
        Program p = loop;
        std::get<Loop>(p.body[2].op).carried.clear();
        return p;
      }());
}
