#include "matcher.hpp"

#include <algorithm>
#include <charconv>

#include "aceso/dicom/dictionary.hpp"
#include "aceso/dicom/tags.hpp"
#include "aceso/dicom/uid.hpp"
#include "list_fields.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;
using dicom::Tag;
using dicom::Vr;

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\0')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\0')) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> out;
  for (std::size_t start = 0;;) {
    const auto end = std::min(text.find_first_of(separators, start), text.size());
    out.push_back(text.substr(start, end - start));
    if (end == text.size()) return out;
    start = end + 1;
  }
}

// Without case and without delimiters that hold nothing.
std::string folded_name(std::string_view group) {
  while (!group.empty() && (group.back() == '^' || group.back() == ' ')) group.remove_suffix(1);
  return lower_ascii(group);
}

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> out;
  for (const auto word : split(text, " ^=,.-*?\\")) {
    if (!word.empty()) out.push_back(lower_ascii(word));
  }
  return out;
}

std::size_t character(std::string_view text, std::size_t at) noexcept {
  std::size_t n = 1;
  while (at + n < text.size() && (static_cast<unsigned char>(text[at + n]) & 0xC0U) == 0x80U) ++n;
  return n;
}

std::optional<double> number_of(std::string_view text) {
  text = trim(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_list(Tag tag, Vr vr) {
  return vr == Vr::ui || tag == tags::kModalitiesInStudy || tag == tags::kModality;
}

}  // namespace

bool wildcard_match(std::string_view pattern, std::string_view text) noexcept {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == '?') {
      ++p;
      t += character(text, t);
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = resume += character(text, resume);
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool fuzzy_name_match(std::string_view query, std::string_view name) {
  const auto have = words(name);
  return std::ranges::all_of(words(query), [&](const std::string& wanted) {
    return std::ranges::any_of(have, [&](const std::string& word) { return word.starts_with(wanted); });
  });
}

Result<Matcher> Matcher::create(std::vector<Tag> path, std::string_view value, bool fuzzy_names) {
  Matcher matcher;
  matcher.path_ = std::move(path);
  if (Status compiled = matcher.compile(trim(value), fuzzy_names); !compiled)
    return Error{std::move(compiled).error().add_context(dicom::to_string(matcher.path_.back()))};
  return matcher;
}

Status Matcher::compile(std::string_view value, bool fuzzy_names) {
  const Tag tag = path_.back();
  const auto* known = dicom::find_attribute(tag);
  const Vr vr = known != nullptr ? known->vr : Vr::lo;
  if (value.empty() || value == "\"\"" || value.find_first_not_of('*') == std::string_view::npos) return {};
  if (is_list(tag, vr)) {
    kind_ = Kind::list;
    for (const auto one : split(value, "\\,")) {
      if (vr == Vr::ui && !dicom::is_tolerable_uid(trim(one))) return Error{Code::invalid, "a value is no UID"};
      list_.emplace_back(trim(one));
    }
    return {};
  }
  text_ = value;
  const bool wild = value.find_first_of("*?") != std::string_view::npos;
  if (vr == Vr::da) {
    kind_ = Kind::date;
    ACESO_TRY(dates_, dicom::parse_date_range(value));
  } else if (vr == Vr::tm) {
    kind_ = Kind::time;
    ACESO_TRY(times_, dicom::parse_time_range(value));
  } else if (vr == Vr::pn) {
    kind_ = fuzzy_names ? Kind::fuzzy : Kind::person;
    if (!fuzzy_names) text_ = folded_name(value);
  } else if (vr == Vr::is || vr == Vr::ds || !dicom::is_text(vr)) {
    kind_ = Kind::number;
    const auto number = number_of(value);
    if (!number) return Error{Code::invalid, "a value is no number"};
    number_ = *number;
  } else {
    kind_ = wild ? Kind::wildcard : Kind::single;
  }
  return {};
}

std::optional<std::string_view> Matcher::exact() const noexcept {
  if (kind_ != Kind::single) return std::nullopt;
  return text_;
}

bool Matcher::matches_one(std::string_view value) const {
  value = trim(value);
  switch (kind_) {
    case Kind::universal:
      return true;
    case Kind::single:
      return value == text_;
    case Kind::list:
      return std::ranges::find(list_, value) != list_.end();
    case Kind::wildcard:
      return wildcard_match(text_, value);
    case Kind::date: {
      const auto date = dicom::parse_date(value);
      return date && (!dates_.from || *date >= *dates_.from) && (!dates_.to || *date <= *dates_.to);
    }
    case Kind::time: {
      const auto time = dicom::parse_time(value);
      return time && (!times_.from || time->since_midnight >= *times_.from) &&
             (!times_.to || time->since_midnight <= *times_.to);
    }
    case Kind::number:
      return number_of(value) == number_;
    case Kind::person: {
      if (wildcard_match(text_, folded_name(value))) return true;
      return std::ranges::any_of(split(value, "="),
                                 [&](std::string_view group) { return wildcard_match(text_, folded_name(group)); });
    }
    case Kind::fuzzy:
      return fuzzy_name_match(text_, value);
  }
  return false;
}

bool Matcher::matches_value(std::string_view values) const {
  if (kind_ == Kind::universal) return true;
  return std::ranges::any_of(split(values, "\\"), [&](std::string_view value) { return matches_one(value); });
}

bool Matcher::matches_at(const Attributes& attributes, std::size_t depth) const {
  if (depth + 1 == path_.size()) {
    const auto value = attributes.find(path_[depth]);
    return value && matches_value(*value);
  }
  return std::ranges::any_of(attributes.items(path_[depth]),
                             [&](const Attributes& item) { return matches_at(item, depth + 1); });
}

bool Matcher::matches(const Attributes& attributes) const {
  return kind_ == Kind::universal || matches_at(attributes, 0);
}

}  // namespace aceso::archive
