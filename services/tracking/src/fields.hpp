// Fields of MLflow's requests: JSON as protobuf writes it (numbers may be texts), or the query of a URL. Unknown fields
// are left alone, as MLflow's own server does; clients send many.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/base/result.hpp"

namespace aceso::tracking {

inline constexpr std::size_t kMaxKey = 250, kMaxParam = 6000, kMaxTag = 8000, kMaxName = 500;

// Borrows the JSON. Errors: invalid, naming the field, never its content.
class Fields {
 public:
  static Result<Fields> of(const Json& json, std::string_view what);

  Result<std::string> text(const std::string& key, std::size_t max) const;  // required, not empty
  Result<std::string> text_or(const std::string& key, std::size_t max, std::string fallback) const;
  Result<std::int64_t> integer_or(const std::string& key, std::int64_t fallback, std::int64_t low,
                                  std::int64_t high) const;
  Result<double> number(const std::string& key) const;  // NaN and infinities as the texts that protobuf writes
  Result<std::vector<const Json*>> list(const std::string& key, std::size_t max) const;  // absent: empty
  Result<std::vector<std::string>> texts(const std::string& key, std::size_t max, std::size_t max_text) const;
  bool has(const std::string& key) const;

 private:
  Fields(const Json& json, std::string_view what) : json_{&json}, what_{what} {}
  const Json* find(const std::string& key) const;
  Error wrong(const std::string& key, std::string_view why) const;
  const Json* json_;
  std::string what_;
};

// Names of metrics, parameters and tags: 1 to 250 bytes without control characters. invalid names `what`.
Status check_key(std::string_view what, std::string_view key);

}  // namespace aceso::tracking
