// PatientIndex in memory, for tests of services that ask it. Proven by the same tests as services/patients.
#pragma once

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "aceso/base/clock.hpp"
#include "aceso/base/random.hpp"
#include "aceso/contracts/patients.hpp"

namespace aceso::contracts::testing {

class MemoryPatientIndex final : public PatientIndex {
 public:
  MemoryPatientIndex(const Clock& clock, RandomSource& random) : clock_{clock}, random_{random} {}

  Result<InternalPatientId> resolve_or_create(const PatientId& id) override {
    ACESO_TRY_OK(check_patient_id(id));
    const std::lock_guard lock{mutex_};
    if (const auto known = identifiers_.find(key_of(id)); known != identifiers_.end()) return top_of(known->second);
    const InternalPatientId made{Uuid::v7(clock_, random_).to_string()};
    patients_[made] = std::nullopt;
    identifiers_[key_of(id)] = made;
    tell(PatientEvent::Kind::created, made, {});
    return made;
  }

  Result<InternalPatientId> resolve(const PatientId& id) const override {
    ACESO_TRY_OK(check_patient_id(id));
    const std::lock_guard lock{mutex_};
    const auto known = identifiers_.find(key_of(id));
    if (known == identifiers_.end()) return Error{Code::not_found, "no patient has this identifier"};
    return top_of(known->second);
  }

  Result<InternalPatientId> survivor(const InternalPatientId& id) const override {
    const std::lock_guard lock{mutex_};
    if (!patients_.contains(id)) return no_such_patient();
    return top_of(id);
  }

  Status link(const InternalPatientId& patient, const PatientId& another) override {
    ACESO_TRY_OK(check_patient_id(another));
    const std::lock_guard lock{mutex_};
    if (!patients_.contains(patient)) return no_such_patient();
    if (const auto known = identifiers_.find(key_of(another)); known != identifiers_.end()) {
      if (top_of(known->second) == top_of(patient)) return {};
      return Error{Code::exists, "this identifier names another patient"};
    }
    identifiers_[key_of(another)] = patient;
    tell(PatientEvent::Kind::linked, patient, {});
    return {};
  }

  Status merge(const InternalPatientId& from, const InternalPatientId& into) override {
    const std::lock_guard lock{mutex_};
    if (!patients_.contains(from) || !patients_.contains(into)) return no_such_patient();
    if (from == into) return Error{Code::invalid, "a patient cannot be merged into itself"};
    if (patients_[from]) return Error{Code::conflict, "this patient is merged already"};
    if (top_of(into) == from) return Error{Code::conflict, "the patients are merged the other way round"};
    patients_[from] = into;
    tell(PatientEvent::Kind::merged, from, into);
    return {};
  }

  Status unmerge(const InternalPatientId& from) override {
    const std::lock_guard lock{mutex_};
    if (!patients_.contains(from)) return no_such_patient();
    const auto into = std::exchange(patients_[from], std::nullopt);
    if (!into) return Error{Code::conflict, "this patient is not merged"};
    tell(PatientEvent::Kind::unmerged, from, *into);
    return {};
  }

  Result<std::vector<PatientEvent>> events_after(std::int64_t sequence, std::size_t limit) const override {
    const std::lock_guard lock{mutex_};
    std::vector<PatientEvent> out;
    for (const auto& event : events_) {
      if (event.sequence > sequence && out.size() < limit) out.push_back(event);
    }
    return out;
  }

 private:
  using Key = std::pair<std::string, std::string>;
  static Key key_of(const PatientId& id) { return {id.issuer, id.value.reveal(Reveal::to_store)}; }
  static Error no_such_patient() { return Error{Code::not_found, "there is no such patient"}; }

  InternalPatientId top_of(InternalPatientId id) const {
    while (const auto& into = patients_.at(id)) id = InternalPatientId{*into};
    return id;
  }
  void tell(PatientEvent::Kind kind, const InternalPatientId& subject, const InternalPatientId& other) {
    events_.push_back({kind, subject, other, static_cast<std::int64_t>(events_.size()) + 1});
  }

  const Clock& clock_;
  RandomSource& random_;
  mutable std::mutex mutex_;
  std::map<Key, InternalPatientId> identifiers_;
  std::map<InternalPatientId, std::optional<InternalPatientId>> patients_;  // merged into
  std::vector<PatientEvent> events_;
};

}  // namespace aceso::contracts::testing
