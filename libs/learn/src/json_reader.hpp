// Reads the fields of a JSON object that came from outside: the first thing wrong is kept and finish() returns it, with
// the field's path. Unknown fields are errors. The object must outlive the reader.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/base/result.hpp"

namespace aceso::learn {

class JsonReader {
 public:
  enum Need : std::uint8_t { required, optional };

  // invalid when `json` is no object. `where` names it in errors: "network.layers[3]".
  static Result<JsonReader> object(const Json& json, std::string where);

  std::string text(std::string_view key, Need need = required);
  std::int64_t integer(std::string_view key);
  std::int64_t integer(std::string_view key, std::int64_t fallback);
  std::uint64_t unsigned_integer(std::string_view key, std::uint64_t fallback);
  double number(std::string_view key);  // finite
  double number(std::string_view key, double fallback);
  bool boolean(std::string_view key, bool fallback);
  std::vector<std::string> texts(std::string_view key, Need need = required);
  std::vector<std::int64_t> integers(std::string_view key, Need need = required);
  std::vector<double> numbers(std::string_view key, Need need = required);
  const Json& array(std::string_view key, Need need = required);  // an empty array when it is wrong or absent
  const Json& any(std::string_view key);                          // null when absent

  Status finish();

 private:
  JsonReader(const Json& json, std::string where) : json_{&json}, where_{std::move(where)} {}
  const Json* find(std::string_view key, Need need);
  void fail(std::string_view key, std::string_view why);

  const Json* json_;
  std::string where_;
  std::string problem_;
  std::set<std::string, std::less<>> seen_;
};

}  // namespace aceso::learn
