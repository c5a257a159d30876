#include "aceso/learn/label_table.hpp"

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

Result<LabelTable> parse_label_table(std::string_view text, std::span<const std::string_view> key_columns) {
  ACESO_TRY(const auto rows, parse_csv(text));
  if (rows.size() < 2) return Error{Code::invalid, "the table of labels has no rows"};
  std::map<std::string, std::size_t, std::less<>> column;
  for (std::size_t i = 0; i < rows[0].size(); ++i) column[rows[0][i]] = i;
  LabelTable table;
  for (const std::string_view name : key_columns) {
    if (table.key_column.empty() && column.contains(name)) table.key_column = name;
  }
  if (table.key_column.empty() || !column.contains("label"))
    return Error{Code::invalid,
                 "the table of labels needs the columns " + joined(key_columns) + " and label in its first line"};
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
    table.rows.push_back(std::move(row));
  }
  return table;
}

Result<LabelTable> read_label_table(const std::filesystem::path& file, std::span<const std::string_view> key_columns) {
  auto text = read_text_file(file, kMaxCsv);
  if (!text) return Error{text.error().code(), "the table of labels cannot be read"};
  return parse_label_table(*text, key_columns);
}

}  // namespace aceso::learn
