// What is left out of a profile, and what the records stand for. Durations are made up, so that all of it is exact.
#include "runtime/profile_steps.h"

#include <catch2/catch.hpp>
#include <functional>
#include <numeric>

using namespace tandem;

namespace {

struct Sampled {
  uint64_t records = 0, events = 0, left = 0;  // `left`: after the last record
  double time = 0, of_first = 0;               // as estimated: of all, and of every other event
};

Sampled sample(Sampler& sampler, int events, uint64_t cost, const std::function<uint64_t(int)>& duration) {
  Sampled out;
  for (int i = 0; i < events; ++i) {
    const uint32_t count = sampler.due();
    if (count == 0) continue;
    const uint64_t ticks = duration(i);
    const uint32_t stands_for = sampler.take(count, ticks, cost) ? count : 1;
    ++out.records;
    out.events += stands_for;
    out.time += static_cast<double>(ticks) * stands_for;
    if (i % 2 == 0) out.of_first += static_cast<double>(ticks) * stands_for;
  }
  out.left = sampler.settle();
  return out;
}

bool is_near(double value, double expected, double tolerance) {
  return std::abs(value - expected) <= tolerance * expected;
}

OriginRef named(const char* name) { return std::make_shared<const StepOrigin>(StepOrigin{name, {}}); }
OriginRef ask_name(const void* about) { return named(static_cast<const char*>(about)); }

std::vector<ProfileEvent> events_of(const Profile& profile) {
  std::vector<ProfileEvent> out;
  for (const ThreadEvents& thread : profile.threads)
    for (size_t i = thread.first; i < thread.last; ++i)
      out.push_back(thread.chunks[i / kEventsPerChunk]->events[i % kEventsPerChunk]);
  return out;
}

}  // namespace

TEST_CASE("the first events are always recorded, and long ones") {
  Sampler sampler(100, 0.25f);
  const Sampled first = sample(sampler, 100, 30, [](int) { return 50; });
  CHECK(first.records == 100);
  CHECK(first.events == 100);
  CHECK(first.left == 0);
  Sampler long_ones(0, 0.25f);
  CHECK(sample(long_ones, 10'000, 30, [](int) { return 30'000; }).records == 10'000);
}

TEST_CASE("recording costs an eighth of a percent of what short events take, and every event counts") {
  for (const uint64_t ticks : {10, 45, 600, 3000}) {
    CAPTURE(ticks);
    Sampler sampler(4, 0.25f);
    constexpr int kCount = 5'000'000;
    const Sampled got = sample(sampler, kCount, 30, [&](int) { return ticks; });
    CHECK(got.events + got.left == kCount);
    CHECK(got.left < 2000);
    const double period = std::min(1000.0, std::max(1.0, 30.0 * 800 / static_cast<double>(ticks)));
    // The period grows with the records until there are four times as many.
    CHECK(is_near(static_cast<double>(got.records), kCount / period + 2 * period, 0.1));
    CHECK(is_near(got.time, static_cast<double>(kCount * ticks), 0.01));
  }
}

TEST_CASE("events that take turns are not sampled in step with one of them") {
  Sampler sampler(4, 0.25f);
  const auto duration = [](int i) -> uint64_t { return i % 2 == 0 ? 40 : 120; };
  const Sampled got = sample(sampler, 1'000'000, 30, duration);
  CHECK(got.events + got.left == 1'000'000);
  CHECK(is_near(got.time, 500'000 * 160, 0.05));
  CHECK(is_near(got.of_first, 500'000 * 40, 0.05));
}

TEST_CASE("an event that took far longer than the others stands for itself") {
  Sampler sampler(4, 0.25f);
  bool was_slow = false;
  uint64_t events = 0;
  constexpr int kCount = 100'000;
  for (int i = 0; i < kCount; ++i) {
    const uint32_t count = sampler.due();
    if (count == 0) continue;
    if (i < kCount / 2 || was_slow) {
      CHECK(sampler.take(count, 50, 30));
      events += count;
      continue;
    }
    was_slow = true;
    CHECK_FALSE(sampler.take(count, 1'000'000, 30));
    const uint32_t next = sampler.due();  // those that were left out before it are told by the next one
    CHECK(next == count);
    CHECK(sampler.take(next, 50, 30));
    ++i;
    events += 1 + next;
  }
  CHECK(was_slow);
  CHECK(events + sampler.settle() == kCount);
}

TEST_CASE("events of several threads that overlap count once") {
  Sampler sampler(0, 0.25f);
  CHECK(sampler.due() == 1);
  CHECK(sampler.due() == 1);  // while the first is still running
  CHECK(sampler.take(1, 50, 1000));
  CHECK(sampler.take(1, 50, 1000));
  for (int i = 0; i < 1000; ++i)
    if (const uint32_t count = sampler.due()) sampler.take(count, 50, 1000);
  sampler.settle();
  uint32_t left_out = 0;
  while (sampler.due() == 0) ++left_out;
  CHECK(left_out > 0);
  sampler.take_alone(left_out + 1);
  CHECK(sampler.settle() == left_out);
}

TEST_CASE("events that become longer are soon recorded every time") {
  Sampler sampler(4, 0.25f);
  sample(sampler, 100'000, 30, [](int) { return 50; });
  const Sampled later = sample(sampler, 10'000, 30, [](int) { return 50'000; });
  CHECK(later.records > 9'000);
  CHECK(later.events + later.left == 10'000);
}

TEST_CASE("scopes count exactly, and what is inside goes with them") {
  const auto source = std::make_shared<EventSource>(EventKind::call);
  const uint64_t number = start_profile(1'000'000, false);
  const OriginRef inside = named("inside");
  constexpr int kCount = 20'000;
  for (int i = 0; i < kCount; ++i) {
    const ProfileScope scope(source.get(), ask_name, "outside");
    if (ProfileScope::is_recording()) const ProfileStep step(EventKind::copy, inside, false, nullptr, 1);
  }
  const Profile profile = stop_profile(number);
  uint64_t calls = 0, copies = 0, records = 0;
  for (const ProfileEvent& event : events_of(profile)) {
    if (event.kind == EventKind::copy) {
      CHECK(event.count == 1);  // in each scope like the one around it
      ++copies;
      continue;
    }
    calls += event.count;
    records += event.role == EventRole::example;
    CHECK(event.origin->name == "outside");
  }
  CHECK(calls == kCount);
  CHECK(copies >= records);
  CHECK(records >= EventSource::kAlwaysRecorded);
}

TEST_CASE("what is known to be long is recorded in scopes that are left out, and they are, too") {
  const auto source = std::make_shared<EventSource>(EventKind::call);
  const uint64_t number = start_profile(1'000'000, false);
  const OriginRef inside = named("inside");
  constexpr int kCount = 20'000, kEvery = 1000;
  for (int i = 0; i < kCount; ++i) {
    const ProfileScope scope(source.get(), ask_name, "outside");
    if (i % kEvery == kEvery - 1) const ProfileStep step(EventKind::library, inside, true, nullptr, 1);
  }
  const Profile profile = stop_profile(number);
  uint64_t calls = 0, found = 0;
  uint64_t last_start = 0;
  for (const ProfileEvent& event : events_of(profile)) {
    if (event.kind == EventKind::library) {
      ++found;
      last_start = event.start;
    } else {
      calls += event.count;
      if (std::exchange(last_start, 0) != 0) {
        CHECK(event.role == EventRole::single);
        CHECK(event.count == 1);
      }
    }
  }
  CHECK(found == kCount / kEvery);
  CHECK(calls == kCount);
}

TEST_CASE("a profile of every event leaves out nothing, also for profiles around it") {
  const auto source = std::make_shared<EventSource>(EventKind::operation);
  const auto run = [&](int count) {
    for (int i = 0; i < count; ++i) const ProfileScope scope(source.get(), ask_name, "outside");
  };
  const auto total = [](const Profile& profile) {
    uint64_t count = 0;
    for (const ProfileEvent& event : events_of(profile)) count += event.count;
    return count;
  };
  const uint64_t outer = start_profile(1'000'000, false);
  run(10'000);
  const uint64_t every = start_profile(1'000'000, true);
  run(5'000);
  const Profile inner = stop_profile(every);
  CHECK(total(inner) == 5'000);
  CHECK(events_of(inner).size() == 5'000);
  run(10'000);
  const Profile all = stop_profile(outer);
  CHECK(total(all) == 25'000);
}

TEST_CASE("steps in a loop are counted to the end of the loop") {
  const uint64_t number = start_profile(1'000'000, false);
  const OriginRef a = named("a"), b = named("b");
  constexpr int kCount = 20'000;
  for (int round = 0; round < 2; ++round) {
    auto samplers = LoopSamplers::take();
    const auto step = [&](const void* place, EventKind kind, const OriginRef& origin) {
      Sampler& sampler = samplers->of(place, kind, origin);
      if (const uint32_t count = sampler.due()) const ProfileStep recorded(kind, origin, false, &sampler, count);
    };
    const int steps[40] = {};  // more than a table has place for at first
    for (int i = 0; i < kCount; ++i) step(&a, EventKind::copy, a);
    for (const int& place : steps) step(&place, EventKind::put, b);
    for (int i = 0; i < kCount; ++i) step(&a, EventKind::copy, a);
    LoopSamplers::give_back(std::move(samplers));
  }
  uint64_t copies = 0, puts = 0, records = 0;
  for (const ProfileEvent& event : events_of(stop_profile(number))) {
    (event.kind == EventKind::copy ? copies : puts) += event.count;
    ++records;
  }
  CHECK(copies == 4 * kCount);
  CHECK(puts == 80);
  CHECK(records < 2 * kCount);
}
