// What is derived from the key: UIDs, a patient's pseudonym, a patient's shift of dates.
#pragma once

#include <string>
#include <string_view>

#include "aceso/crypto/crypto.hpp"
#include "aceso/dicom/dataset.hpp"

namespace aceso::privacy {

class Scope {
 public:
  Scope(const crypto::SecretKey& key, const dicom::Dataset& dataset);

  // Well-known UIDs (1.2.840.10008...) stay: they name classes and codes, not objects.
  std::string map_uid(std::string_view uid) const;
  const std::string& pseudonym() const noexcept { return pseudonym_; }  // "P" and 15 hex digits
  // A DA, DT or TM value by the patient's shift of whole days, 1 to 3650 into the past; "" when it is no date. Times of
  // day stay.
  std::string shift(dicom::Vr vr, std::string_view value) const;

 private:
  const crypto::SecretKey* key_;
  std::string pseudonym_;
  int shift_days_ = 0;
};

}  // namespace aceso::privacy
