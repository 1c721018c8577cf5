#include "runtime/symbols.h"

#include <pthread.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "runtime/symbols_gdb.h"
#include "runtime/symbols_perf.h"

namespace tandem {

namespace {

struct Wanted {
  bool map = false, dump = false, gdb = false;
};

Wanted read_wanted() {
  Wanted wanted;
  const char* text = std::getenv("TANDEM_SYMBOLS");
  std::string_view rest = text != nullptr ? text : "";
  while (!rest.empty()) {
    const size_t end = rest.find(',');
    const std::string_view item = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    if (item == "perf")
      wanted.map = true;
    else if (item == "jitdump")
      wanted.dump = true;
    else if (item == "gdb")
      wanted.gdb = true;
    else if (!item.empty())
      throw_error(ErrorKind::value, "TANDEM_SYMBOLS: got '{}'; need a list of 'perf', 'jitdump', 'gdb'", item);
  }
  return wanted;
}

const Wanted& wanted() {
  static const Wanted chosen = read_wanted();
  return chosen;
}

struct Entry {
  NamedCode code;
  std::unique_ptr<GdbSymbols> gdb;
};

// Who is told, and of what. Held by fork, so that the child finds it whole.
struct Registry {
  std::mutex mutex;
  std::map<uint64_t, Entry> live;  // by address
  std::optional<PerfMap> map;
  std::optional<JitDump> dump;

  void open() {
    if (wanted().map) map.emplace();
    if (wanted().dump) dump.emplace();
  }
  void tell(const NamedCode& code) {
    if (map) map->add(code);
    if (dump) dump->add(code);
  }
};

void fork_prepare();
void fork_parent();
void fork_child();

Registry& registry() {
  // Never destroyed: kernels may outlive every static object.
  static Registry& instance = *[] {
    auto* made = new Registry;
    made->open();
    pthread_atfork(fork_prepare, fork_parent, fork_child);
    return made;
  }();
  return instance;
}

void fork_prepare() { registry().mutex.lock(); }
void fork_parent() { registry().mutex.unlock(); }
void fork_child() {
  Registry& all = registry();
  all.map.reset();
  all.dump.reset();
  all.open();  // the files bear the number of the process
  for (const auto& [address, entry] : all.live) all.tell(entry.code);
  all.mutex.unlock();
}

}  // namespace

bool symbols_wanted() { return wanted().map || wanted().dump || wanted().gdb; }

std::string symbol_name(std::string_view text) {
  std::string name;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                       c == '.' || static_cast<unsigned char>(c) >= 0x80;
    if (plain) name += c;
  }
  return name;
}

PublishedCode::PublishedCode(CodeSymbol symbol, std::string_view code, std::string_view frames)
    : address_(reinterpret_cast<uint64_t>(code.data())) {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  Entry& entry = all.live[address_];
  entry.code = {std::move(symbol), address_, code.size(), frames};
  all.tell(entry.code);
  if (wanted().gdb) entry.gdb = std::make_unique<GdbSymbols>(entry.code);
}

PublishedCode::~PublishedCode() {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  all.live.erase(address_);  // perf keeps what was: it looks at samples after the fact
}

}  // namespace tandem
