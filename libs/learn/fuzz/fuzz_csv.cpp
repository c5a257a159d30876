// Tables of labels: what is read, written with every field in quotes, reads the same.
#include <cstddef>
#include <cstdint>

#include "aceso/learn/label_table.hpp"
#include "csv.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto rows = aceso::learn::parse_csv({reinterpret_cast<const char*>(data), size});
  constexpr std::string_view kColumns[] = {"path", "sop_instance_uid"};
  (void)aceso::learn::parse_label_table({reinterpret_cast<const char*>(data), size}, kColumns);
  if (!rows.ok()) return 0;
  std::string text;
  for (const auto& row : *rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += i == 0 ? "\"" : ",\"";
      for (const char c : row[i]) text += c == '"' ? std::string{"\"\""} : std::string{c};
      text += '"';
    }
    text += "\r\n";
  }
  const auto again = aceso::learn::parse_csv(text);
  if (!again.ok() || *again != *rows) __builtin_trap();
  return 0;
}
