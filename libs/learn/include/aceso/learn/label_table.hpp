// A table of labels beside a folder of samples: CSV (RFC 4180), the names of the columns in its first line.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/learn/dataset.hpp"

namespace aceso::learn {

struct LabelRow {
  std::size_t line = 0;  // of the table, the names of the columns being line 1
  std::string key;       // what stands in the key column
  std::string label;     // "": none is known
  std::string patient;
  Split split = Split::unassigned;
  std::vector<double> targets = {};  // of several labels or of a number, as Sample has them
};

// What to read of a table beside keys, patient and split.
struct LabelColumns {
  Task task = Task::classes;       // classes: the column label
  std::vector<std::string> names;  // of several labels: their columns; empty: all that are left. Of a number: its
                                   // column; empty: "value"
};

struct LabelTable {
  std::string key_column;
  std::vector<std::string> names;  // of the columns with several labels or the number
  std::vector<LabelRow> rows;      // at least one
};

// The columns label (or those of `columns`) and the first of `key_columns` that is there are needed, patient and split
// (train, val or test) are read, others passed over. Cells of several labels: 1, 0, true, false; empty, -1 or nan: not
// known. Errors name the line and the column, never what stands in it: invalid, not_found, too_large.
Result<LabelTable> read_label_table(const std::filesystem::path& file, std::span<const std::string_view> key_columns,
                                    const LabelColumns& columns = {});
Result<LabelTable> parse_label_table(std::string_view text, std::span<const std::string_view> key_columns,
                                     const LabelColumns& columns = {});

// train or training, val, valid or validation, test or testing.
std::optional<Split> split_named(std::string_view name);

// `wanted`, or the names in order when it is empty. invalid: more than 10000.
Result<std::vector<std::string>> class_names(const std::vector<std::string>& wanted,
                                             std::span<const std::string> found);

}  // namespace aceso::learn
