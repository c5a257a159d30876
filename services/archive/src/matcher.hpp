// One key of a query against values of the index (PS3.4 C.2.2.2).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/dicom/datetime.hpp"
#include "attributes.hpp"

namespace aceso::archive {

class Matcher {
 public:
  // `path`: at least one tag. The VR is the dictionary's. Errors: invalid (a malformed date, time, UID or number; never
  // the value in the message).
  static Result<Matcher> create(std::vector<dicom::Tag> path, std::string_view value, bool fuzzy_names);

  const std::vector<dicom::Tag>& path() const noexcept { return path_; }
  bool universal() const noexcept { return kind_ == Kind::universal; }
  bool matches(const Attributes& attributes) const;
  // Of a text with several values it is enough that one matches.
  bool matches_value(std::string_view values) const;
  // The one value that can match, where there is only one: what an index by value is asked for.
  std::optional<std::string_view> exact() const noexcept;
  const std::vector<std::string>& list() const noexcept { return list_; }  // of UIDs and modalities

 private:
  enum class Kind : std::uint8_t { universal, single, list, wildcard, date, time, number, person, fuzzy };
  bool matches_one(std::string_view value) const;
  bool matches_at(const Attributes& attributes, std::size_t depth) const;
  Status compile(std::string_view value, bool fuzzy_names);

  std::vector<dicom::Tag> path_;
  Kind kind_ = Kind::universal;
  std::string text_;
  std::vector<std::string> list_;
  dicom::DateRange dates_;
  dicom::TimeRange times_;
  double number_ = 0;
};

// '*' and '?', one character each (UTF-8). Time at most the product of the lengths.
bool wildcard_match(std::string_view pattern, std::string_view text) noexcept;
// Each word of `query` begins a word of `name`, without case, in any order (PS3.18 8.3.4.2 leaves the algorithm open).
bool fuzzy_name_match(std::string_view query, std::string_view name);

}  // namespace aceso::archive
