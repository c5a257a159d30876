// Who a patient is, asked by every service of services/patients.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "aceso/base/id.hpp"
#include "aceso/base/phi.hpp"
#include "aceso/base/result.hpp"

namespace aceso::contracts {

using InternalPatientId = Id<struct InternalPatientTag>;     // UUIDv7, no meaning outside

struct PatientId {
  std::string issuer;                                        // assigning authority, "" is the hospital's default
  Phi<std::string> value;                                    // the identifier itself
};

struct PatientEvent {
  enum class Kind { created, linked, merged, unmerged } kind;
  InternalPatientId subject;
  InternalPatientId other;                                   // merged into, or split from
  std::int64_t sequence = 0;
};

// Thread-safe. resolve() follows merges: it always answers the surviving record.
class PatientIndex {
 public:
  virtual ~PatientIndex() = default;
  virtual Result<InternalPatientId> resolve_or_create(const PatientId& id) = 0;
  virtual Result<InternalPatientId> resolve(const PatientId& id) const = 0;               // not_found
  virtual Result<InternalPatientId> survivor(const InternalPatientId& id) const = 0;
  virtual Status link(const InternalPatientId& patient, const PatientId& another) = 0;    // exists when it names someone else
  virtual Status merge(const InternalPatientId& from, const InternalPatientId& into) = 0;
  virtual Status unmerge(const InternalPatientId& from) = 0;
  virtual Result<std::vector<PatientEvent>> events_after(std::int64_t sequence, std::size_t limit) const = 0;
};

}  // namespace aceso::contracts
