// Who a patient is, asked by every service of services/patients.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "aceso/base/id.hpp"
#include "aceso/base/phi.hpp"
#include "aceso/base/result.hpp"

namespace aceso::contracts {

using InternalPatientId = Id<struct InternalPatientTag>;  // UUIDv7, no meaning outside

struct PatientId {
  std::string issuer;      // assigning authority, "" is the hospital's default
  Phi<std::string> value;  // the identifier itself
};

// What every index asks of an identifier: issuer up to 256 bytes, value 1 to 256 bytes, no control characters. invalid
// otherwise.
inline Status check_patient_id(const PatientId& id) {
  constexpr std::size_t kMost = 256;
  const auto clean = [](const std::string& text) {
    for (const char c : text) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
    }
    return text.size() <= kMost;
  };
  const auto& value = id.value.reveal(Reveal::to_algorithm);
  if (value.empty() || !clean(value) || !clean(id.issuer)) {
    return Error{Code::invalid, "a patient identifier has 1 to 256 bytes and no control characters"};
  }
  return {};
}

struct PatientEvent {
  enum class Kind : std::uint8_t { created, linked, merged, unmerged } kind;
  InternalPatientId subject;
  InternalPatientId other;  // merged into, or split from
  std::int64_t sequence = 0;
};

// Thread-safe. resolve() follows merges: it always answers the surviving record.
class PatientIndex {
 public:
  virtual ~PatientIndex() = default;
  virtual Result<InternalPatientId> resolve_or_create(const PatientId& id) = 0;
  virtual Result<InternalPatientId> resolve(const PatientId& id) const = 0;  // not_found
  virtual Result<InternalPatientId> survivor(const InternalPatientId& id) const = 0;
  virtual Status link(const InternalPatientId& patient,
                      const PatientId& another) = 0;  // exists when it names someone else
  // Errors: invalid into itself, conflict when `from` is merged already or `into` stands for it (a cycle).
  virtual Status merge(const InternalPatientId& from, const InternalPatientId& into) = 0;
  virtual Status unmerge(const InternalPatientId& from) = 0;  // as before merge(); conflict when it is not merged
  virtual Result<std::vector<PatientEvent>> events_after(std::int64_t sequence, std::size_t limit) const = 0;
};

}  // namespace aceso::contracts
