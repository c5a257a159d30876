#include "scope.hpp"

#include "aceso/dicom/datetime.hpp"
#include "aceso/dicom/tags.hpp"
#include "aceso/dicom/uid.hpp"

namespace aceso::privacy {
namespace {

crypto::Digest keyed(const crypto::SecretKey& key, std::string_view purpose, std::string_view value) {
  std::string text{purpose};
  text += '\0';
  text += value;
  return crypto::hmac_sha256(key.bytes(), crypto::as_bytes(text));
}

// The identifier, else name and birth date, else the study.
std::string patient_of(const dicom::Dataset& data) {
  using namespace dicom;
  if (const auto id = data.text(tags::kPatientID)) return *id + '\0' + data.text_or(tags::kIssuerOfPatientID);
  if (const auto name = data.text(tags::kPatientName))
    return "name" + *name + '\0' + data.text_or(tags::kPatientBirthDate);
  return "study" + data.text_or(tags::kStudyInstanceUID);
}

}  // namespace

Scope::Scope(const crypto::SecretKey& key, const dicom::Dataset& dataset) : key_{&key} {
  const std::string patient = patient_of(dataset);
  pseudonym_ = "P" + crypto::to_hex(keyed(key, "patient", patient)).substr(0, 15);
  const auto digest = keyed(key, "dates", patient);
  const unsigned number = std::to_integer<unsigned>(digest[0]) << 16 | std::to_integer<unsigned>(digest[1]) << 8 |
                          std::to_integer<unsigned>(digest[2]);
  shift_days_ = 1 + static_cast<int>(number % 3650);
}

std::string Scope::map_uid(std::string_view uid) const {
  if (uid.empty() || uid.starts_with("1.2.840.10008.")) return std::string{uid};
  return dicom::uid_from_hash(keyed(*key_, "uid", uid));
}

std::string Scope::shift(dicom::Vr vr, std::string_view value) const {
  if (vr == dicom::Vr::tm) return std::string{value};
  const auto date = value.size() >= 8 ? dicom::parse_date(vr == dicom::Vr::dt ? value.substr(0, 8) : value)
                                      : Result<dicom::Date>{Error{Code::invalid, "no whole date"}};
  if (!date) return {};
  const dicom::Date shifted{std::chrono::sys_days{*date} - std::chrono::days{shift_days_}};
  std::string out = dicom::format_date(shifted);
  if (vr == dicom::Vr::dt) out += value.substr(8);
  return out;
}

}  // namespace aceso::privacy
