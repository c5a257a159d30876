#include "aceso/learn/label_table.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include "aceso/base/file.hpp"
#include "csv.hpp"

namespace aceso::learn {
namespace {

constexpr std::uint64_t kMaxCsv = std::uint64_t{256} << 20;
constexpr std::size_t kMaxClasses = 10'000;

std::string joined(std::span<const std::string_view> names) {
  std::string out;
  for (const std::string_view name : names) out += (out.empty() ? "" : " or ") + std::string{name};
  return out;
}

std::string lowered(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

// 1, 0 or NaN; nothing for anything else.
std::optional<double> label_cell(const std::string& cell) {
  const std::string text = lowered(cell);
  if (text == "1" || text == "1.0" || text == "true") return 1;
  if (text == "0" || text == "0.0" || text == "false") return 0;
  if (text.empty() || text == "-1" || text == "-1.0" || text == "nan") return std::nan("");
  return std::nullopt;
}

// A finite number, NaN for an empty cell.
std::optional<double> number_cell(const std::string& cell) {
  if (cell.empty() || lowered(cell) == "nan") return std::nan("");
  double value = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (error != std::errc{} || end != cell.data() + cell.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

using Columns = std::map<std::string, std::size_t, std::less<>>;

// The columns that hold several labels or the number, in the order of the table or of the names asked for.
Result<std::vector<std::string>> target_columns(const LabelColumns& wanted, const std::vector<std::string>& head,
                                                std::span<const std::string_view> keys, const Columns& there) {
  std::vector<std::string> names = wanted.names;
  if (names.empty() && wanted.task == Task::regression) names.emplace_back("value");
  if (names.empty()) {
    for (const std::string& name : head) {
      const bool taken =
          name == "patient" || name == "split" || std::find(keys.begin(), keys.end(), name) != keys.end();
      if (!taken) names.push_back(name);
    }
  }
  for (const std::string& name : names) {
    if (!there.contains(name)) return Error{Code::invalid, "the table of labels has no column \"" + name + "\""};
  }
  if (wanted.task == Task::multi_label && (names.size() < 2 || names.size() > 1000))
    return Error{Code::invalid,
                 "several labels need 2 to 1000 columns, the table of labels has " + std::to_string(names.size())};
  if (wanted.task == Task::regression && names.size() != 1)
    return Error{Code::invalid, "numbers stand in one column of the table of labels"};
  return names;
}

}  // namespace

std::optional<Split> split_named(std::string_view name) {
  if (name == "train" || name == "training") return Split::train;
  if (name == "val" || name == "valid" || name == "validation") return Split::validation;
  if (name == "test" || name == "testing") return Split::test;
  return std::nullopt;
}

Result<std::vector<std::string>> class_names(const std::vector<std::string>& wanted,
                                             std::span<const std::string> found) {
  const std::set<std::string> names{found.begin(), found.end()};
  if (std::max(wanted.size(), names.size()) > kMaxClasses)
    return Error{Code::invalid, "more than 10000 different labels: these are no classes"};
  return wanted.empty() ? std::vector<std::string>{names.begin(), names.end()} : wanted;
}

Result<LabelTable> parse_label_table(std::string_view text, std::span<const std::string_view> key_columns,
                                     const LabelColumns& columns) {
  ACESO_TRY(const auto rows, parse_csv(text));
  if (rows.size() < 2) return Error{Code::invalid, "the table of labels has no rows"};
  Columns column;
  for (std::size_t i = 0; i < rows[0].size(); ++i) column[rows[0][i]] = i;
  LabelTable table;
  for (const std::string_view name : key_columns) {
    if (table.key_column.empty() && column.contains(name)) table.key_column = name;
  }
  const bool classes = columns.task == Task::classes;
  if (table.key_column.empty() || (classes && !column.contains("label")))
    return Error{Code::invalid, "the table of labels needs the columns " + joined(key_columns) + " and " +
                                    (classes ? "label" : "its labels") + " in its first line"};
  if (!classes) {
    ACESO_TRY(table.names, target_columns(columns, rows[0], key_columns, column));
  }
  for (std::size_t r = 1; r < rows.size(); ++r) {
    const std::string where = "table of labels, line " + std::to_string(r + 1) + ": ";
    if (rows[r].size() != rows[0].size())
      return Error{Code::invalid, where + std::to_string(rows[r].size()) + " fields, the first line has " +
                                      std::to_string(rows[0].size())};
    const auto cell = [&](std::string_view name) {
      const auto found = column.find(name);
      return found == column.end() ? std::string{} : rows[r][found->second];
    };
    LabelRow row{r + 1, cell(table.key_column), cell("label"), cell("patient"), Split::unassigned};
    if (const std::string split = cell("split"); !split.empty()) {
      const auto known = split_named(split);
      if (!known) return Error{Code::invalid, where + "split must be train, val or test"};
      row.split = *known;
    }
    for (const std::string& name : table.names) {
      const auto value = columns.task == Task::regression ? number_cell(cell(name)) : label_cell(cell(name));
      if (!value)
        return Error{Code::invalid,
                     where + "column \"" + name + "\" must be " +
                         (columns.task == Task::regression ? "a number, or empty"
                                                           : "1 or 0; empty or -1 where it is not known")};
      row.targets.push_back(*value);
    }
    if (columns.task == Task::regression && !row.targets.empty() && std::isnan(row.targets.front()))
      row.targets.clear();
    table.rows.push_back(std::move(row));
  }
  return table;
}

Result<LabelTable> read_label_table(const std::filesystem::path& file, std::span<const std::string_view> key_columns,
                                    const LabelColumns& columns) {
  auto text = read_text_file(file, kMaxCsv);
  if (!text) return Error{text.error().code(), "the table of labels cannot be read"};
  return parse_label_table(*text, key_columns, columns);
}

}  // namespace aceso::learn
