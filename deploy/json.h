// JSON that may be damaged.
#pragma once
#include <nlohmann/json.hpp>
#include <string_view>

#include "ir/error.h"

namespace tandem::deploy {

using Json = nlohmann::json;

// Throws Error{serialization} for what is no JSON, nested deeply, or has a name twice.
inline Json parse_json(std::string_view text, std::string_view what) {
  constexpr int kDeepest = 100;
  std::vector<std::vector<std::string>> names;
  bool doubled = false;
  const auto look = [&](int depth, Json::parse_event_t event, Json& value) {
    if (depth > kDeepest)
      throw_error(ErrorKind::serialization, "load: got an archive that is damaged: {} is nested too deeply", what);
    if (event == Json::parse_event_t::object_start) names.emplace_back();
    if (event == Json::parse_event_t::object_end) names.pop_back();
    if (event == Json::parse_event_t::key) {
      auto& known = names.back();
      doubled = doubled || std::find(known.begin(), known.end(), value.get_ref<const std::string&>()) != known.end();
      known.push_back(value.get<std::string>());
    }
    return true;
  };
  Json found = Json::parse(text, look, /*allow_exceptions=*/false);
  if (found.is_discarded() || doubled)
    throw_error(ErrorKind::serialization, "load: got an archive that is damaged: {} is no JSON", what);
  return found;
}

}  // namespace tandem::deploy
