// Who a patient is: identifiers of many issuers to one internal id, merges that can be undone, events to follow.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "aceso/base/clock.hpp"
#include "aceso/base/log.hpp"
#include "aceso/base/random.hpp"
#include "aceso/contracts/patients.hpp"
#include "aceso/store/catalogue.hpp"

namespace aceso::patients {

const std::vector<store::Migration>& patients_migrations();

// Thread-safe. Identifiers are stored and compared as they are; they reach no log and no error.
class PatientStore final : public contracts::PatientIndex {
 public:
  // Opens or creates home/patients/catalogue.sqlite. clock and random outlive the store.
  static Result<std::unique_ptr<PatientStore>> create(const std::filesystem::path& home, const Clock& clock,
                                                      RandomSource& random, const Logger& logger);
  // On a catalogue that was opened with patients_migrations().
  PatientStore(std::unique_ptr<store::Catalogue> catalogue, const Clock& clock, RandomSource& random);

  Result<contracts::InternalPatientId> resolve_or_create(const contracts::PatientId& id) override;
  Result<contracts::InternalPatientId> resolve(const contracts::PatientId& id) const override;
  Result<contracts::InternalPatientId> survivor(const contracts::InternalPatientId& id) const override;
  Status link(const contracts::InternalPatientId& patient, const contracts::PatientId& another) override;
  Status merge(const contracts::InternalPatientId& from, const contracts::InternalPatientId& into) override;
  Status unmerge(const contracts::InternalPatientId& from) override;
  Result<std::vector<contracts::PatientEvent>> events_after(std::int64_t sequence, std::size_t limit) const override;

 private:
  std::unique_ptr<store::Catalogue> catalogue_;
  const Clock& clock_;
  RandomSource& random_;
};

}  // namespace aceso::patients
