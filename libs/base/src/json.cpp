#include "aceso/base/json.hpp"

#include <fmt/format.h>

#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <utility>
#include <vector>

namespace aceso {
namespace {

// Reads the text and keeps where the reader stands, which nlohmann's events do not tell.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, const char** furthest) : at_{at}, furthest_{furthest} {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    *furthest_ = ++at_;
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const CountingIterator& other) const { return at_ == other.at_; }

 private:
  const char* at_;
  const char** furthest_;
};

// Builds the document from parser events. Unlike the library's own builder it bounds depth, refuses a key given twice,
// and appends members in constant time (the library searches the members before for each one).
class Builder {
 public:
  Builder(Json& root, std::size_t max_depth) : root_{root}, max_depth_{max_depth} {}

  std::string_view fault() const { return fault_; }

  bool null() { return add(nullptr); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(Json::number_integer_t value) { return add(value); }
  bool number_unsigned(Json::number_unsigned_t value) { return add(value); }
  bool number_float(Json::number_float_t value, const std::string&) {
    return std::isfinite(value) ? add(value) : fail("a number is too large");
  }
  bool string(std::string& value) { return add(std::move(value)); }
  bool binary(Json::binary_t&) { return fail("binary values are not JSON"); }
  bool start_object(std::size_t) { return open(Json::object()); }
  bool start_array(std::size_t) { return open(Json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(std::string& name) {
    if (!open_.back().names.insert(name).second) return fail("a key is given twice in one object");
    key_ = std::move(name);
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const Json::exception& why) {
    return fail(why.id == 406 ? "a number is too large" : "not JSON");  // 406: out_of_range, number overflow
  }

 private:
  struct Open {
    Json* value;
    std::unordered_set<std::string> names;
  };

  bool fail(std::string_view why) {
    if (fault_.empty()) fault_ = why;
    return false;
  }
  Json* place(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Json& parent = *open_.back().value;
    if (parent.is_array()) {
      auto& elements = parent.get_ref<Json::array_t&>();
      elements.push_back(std::move(value));
      return &elements.back();
    }
    auto& members = parent.get_ref<Json::object_t&>();
    members.emplace_back(std::move(key_), std::move(value));
    return &members.back().second;
  }
  bool add(Json value) {
    place(std::move(value));
    return true;
  }
  bool open(Json value) {
    if (open_.size() >= max_depth_) return fail("nested too deeply");
    Json* placed = place(std::move(value));
    open_.push_back({placed, {}});
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  Json& root_;
  std::size_t max_depth_;
  std::vector<Open> open_;
  std::string key_;
  std::string_view fault_;
};

Error located(std::string_view text, std::size_t at, std::string_view why) {
  std::size_t line = 1;
  std::size_t column = 1;
  for (const char c : text.substr(0, at > 0 ? at - 1 : 0)) {
    line += c == '\n' ? 1 : 0;
    column = c == '\n' ? 1 : column + 1;
  }
  return {Code::invalid, fmt::format("line {}, column {}: {}", line, column, why)};
}

}  // namespace

Result<Json> parse_json(std::string_view text, JsonLimits limits) {
  if (text.size() > limits.bytes) {
    return Error{Code::too_large, fmt::format("JSON text is larger than {} bytes", limits.bytes)};
  }
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    return located(text, nul + 1, "not JSON");  // the parser would take it for the end of the text
  }
  Json root;
  Builder builder{root, limits.depth};
  const char* begin = text.data();
  const char* end = begin + text.size();
  const char* furthest = begin;
  bool read = false;
  try {
    read = Json::sax_parse(CountingIterator{begin, &furthest}, CountingIterator{end, &furthest}, &builder);
  } catch (const Json::exception&) {
    read = false;
  }
  if (!read)
    return located(text, static_cast<std::size_t>(furthest - begin),
                   builder.fault().empty() ? "not JSON" : builder.fault());
  return root;
}

std::string dump_json(const Json& value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace aceso
