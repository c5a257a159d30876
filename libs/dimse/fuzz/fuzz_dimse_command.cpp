// A peer's message as it comes off the wire: byte 0 says what the rest is. Command sets that are taken must say the
// same when they are written and read again; identifiers must never do more than be refused.
#include <cstddef>
#include <cstdint>
#include <span>

#include "aceso/dicom/parse.hpp"
#include "command.hpp"
#include "identifier.hpp"

namespace {

using namespace aceso::dimse;

void command_set(std::span<const std::byte> bytes) {
  const auto command = decode(bytes);
  if (!command.ok()) return;
  const auto encoded = encode(*command);
  const auto again = decode(encoded);
  if (!again.ok() || encode(*again) != encoded) __builtin_trap();
}

void identifier(std::span<const std::byte> bytes, bool patient_root, bool explicit_vr) {
  const auto parsed = aceso::dicom::parse_dataset(bytes, explicit_vr ? "1.2.840.10008.1.2.1" : "1.2.840.10008.1.2");
  if (!parsed.ok()) return;
  (void)wanted_of(parsed->dataset, patient_root);
  const auto query = query_of(parsed->dataset, patient_root);
  if (!query.ok()) return;
  aceso::contracts::ObjectRow row;
  for (const auto& key : query->keys) row.push_back({.tag = key.tag, .value = key.value});
  (void)answer_of(parsed->dataset, *query, row, "ACESO");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto rest = std::as_bytes(std::span{data, size}).subspan(1);
  if ((data[0] & 1U) == 0) {
    command_set(rest);
  } else {
    identifier(rest, (data[0] & 2U) != 0, (data[0] & 4U) != 0);
  }
  return 0;
}
