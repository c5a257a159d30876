#include "mark_words.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "aceso/base/text.hpp"

namespace aceso::archive {
namespace {

constexpr std::size_t kMaxFinding = 64;  // characters
constexpr std::size_t kMaxWords = 4000;  // bytes of a comment
constexpr std::size_t kMaxRunPairs = 200'000;

Result<std::string> read_text(const Json& value, const char* field, std::size_t most_characters) {
  if (!value.is_string()) return Error{Code::invalid, std::string{field} + ": a text"};
  auto text = value.get<std::string>();
  const auto unsafe = [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n'; };
  if (!is_valid_utf8(text) || code_points(text) > most_characters || std::ranges::any_of(text, unsafe))
    return Error{Code::invalid, std::string{field} + ": at most " + std::to_string(most_characters) + " characters"};
  const auto first = text.find_first_not_of(" \n");
  if (first == std::string::npos) return std::string{};
  return text.substr(first, text.find_last_not_of(" \n") - first + 1);
}

Result<std::array<double, 4>> read_box(const Json& json, std::int64_t rows, std::int64_t columns) {
  const Error wrong{Code::invalid, "box: left, top, right, bottom in pixels of the image, a pixel apart or more"};
  std::array<double, 4> box{};
  if (!json.is_array() || json.size() != box.size()) return wrong;
  for (std::size_t i = 0; i < box.size(); ++i) {
    if (!json.at(i).is_number()) return wrong;
    box.at(i) = json.at(i).get<double>();
  }
  const auto& [left, top, right, bottom] = box;
  const bool good = left >= 0 && top >= 0 && right - left >= 1 && bottom - top >= 1 &&
                    right <= static_cast<double>(columns) && bottom <= static_cast<double>(rows);
  if (!good) return wrong;
  return box;
}

std::optional<std::int64_t> whole(const Json& value, std::int64_t most) {
  if (!value.is_number_integer()) return std::nullopt;
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(most)) return std::nullopt;
  const auto number = value.get<std::int64_t>();
  return number < 0 || number > most ? std::nullopt : std::optional{number};
}

Result<std::vector<std::int64_t>> read_runs(const Json& json, std::int64_t rows, std::int64_t columns) {
  const Error wrong{Code::invalid,
                    "runs: pairs of start and length of pixels, row by row, that ascend, do not touch and lie in the "
                    "image; at most 200000 pairs"};
  if (!json.is_array() || json.empty() || json.size() % 2 != 0 || json.size() > 2 * kMaxRunPairs) return wrong;
  const std::int64_t pixels = rows * columns;
  std::vector<std::int64_t> runs;
  runs.reserve(json.size());
  std::int64_t end = -1;  // the pixel behind the run before
  for (std::size_t i = 0; i < json.size(); i += 2) {
    const auto start = whole(json.at(i), pixels);
    const auto length = whole(json.at(i + 1), pixels);
    if (!start || !length || *length < 1 || *start <= end || *start + *length > pixels) return wrong;
    end = *start + *length;
    runs.push_back(*start);
    runs.push_back(*length);
  }
  return runs;
}

}  // namespace

Status read_mark_words(const Json& body, std::int64_t rows, std::int64_t columns, MarkWords& words) {
  if (!body.is_object()) return Error{Code::invalid, "a mark is an object"};
  MarkWords next = words;
  if (const auto finding = body.find("finding"); finding != body.end()) {
    ACESO_TRY(next.finding, read_text(*finding, "finding", kMaxFinding));
    if (next.finding.find('\n') != std::string::npos) return Error{Code::invalid, "finding: one line"};
  }
  if (next.finding.empty()) return Error{Code::invalid, "finding: what it is, in 1 to 64 characters"};
  if (const auto comment = body.find("comment"); comment != body.end()) {
    ACESO_TRY(next.comment, read_text(*comment, "comment", kMaxWords));
  }
  const auto box = body.find("box");
  const auto runs = body.find("runs");
  const bool has_box = box != body.end() && !box->is_null();
  const bool has_runs = runs != body.end() && !runs->is_null();
  if (has_box && has_runs) return Error{Code::invalid, "box and runs exclude each other"};
  if (box != body.end() || runs != body.end()) {
    next.box.reset();
    next.runs.clear();
  }
  if (has_box) {
    ACESO_TRY(next.box, read_box(*box, rows, columns));
  }
  if (has_runs) {
    ACESO_TRY(next.runs, read_runs(*runs, rows, columns));
  }
  words = std::move(next);
  return {};
}

}  // namespace aceso::archive
