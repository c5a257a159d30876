// Whether two records under one patient ID speak of the same person. An ID alone proves nothing: hospitals give the
// same numbers, and numbers are given twice (IHE RAD TF-1, Patient Information Reconciliation).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "attributes.hpp"

namespace aceso::archive {

// What a worklist entry, an answer to a query or an object says. Fields are empty where nothing is said.
struct PatientClaim {
  std::string id, issuer, name, birth_date;
};
PatientClaim claim_of(const Attributes& patient);

enum class Agreement : std::uint8_t { agree, disagree, unknown };

// Person names (PS3.5 6.2.1), UTF-8. Where both have an ideographic group, that decides, else the alphabetic one, else
// the phonetic one. Case, accents (also as ae, oe, ue), spaces and hyphens do not count; a missing or abbreviated given
// name says nothing.
Agreement compare_names(std::string_view a, std::string_view b);

struct PatientComparison {
  bool same_id = false;
  std::vector<std::string_view> disagreeing = {};  // of "issuer", "name", "birth_date": what both say differently
  bool confirmed = false;                          // one of these, said by both, agrees
};
PatientComparison compare_patients(const PatientClaim& a, const PatientClaim& b);

}  // namespace aceso::archive
