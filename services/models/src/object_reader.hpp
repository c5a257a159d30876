// Reads the fields of a JSON object from outside: types and ranges checked, unknown fields refused by name.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/base/result.hpp"

namespace aceso::models {

// Not thread-safe; borrows the JSON. Each read marks its field as known; done() refuses what is left. Errors: invalid,
// naming the field.
class ObjectReader {
 public:
  static Result<ObjectReader> of(const Json& json, std::string_view what);

  Result<std::string> text(const std::string& key, std::size_t max);                           // required, not empty
  Result<std::string> text_or(const std::string& key, std::size_t max, std::string fallback);  // null counts as absent
  Result<std::int64_t> integer_or(const std::string& key, std::int64_t fallback, std::int64_t min, std::int64_t max);
  Result<double> number_or(const std::string& key, double fallback, double min, double max);
  Result<bool> boolean_or(const std::string& key, bool fallback);
  Result<std::optional<bool>> maybe_boolean(const std::string& key);
  Result<std::vector<std::string>> texts_or(const std::string& key, std::size_t max_items,
                                            std::size_t max_text);  // absent: empty
  const Json* child(const std::string& key);                        // null when absent
  Status done() const;

 private:
  ObjectReader(const Json& json, std::string_view what) : json_{&json}, what_{what} {}
  const Json* find(const std::string& key);
  Error wrong(const std::string& key, std::string_view expected) const;
  const Json* json_;
  std::string what_;
  std::set<std::string> known_;
};

}  // namespace aceso::models
