// SOP classes of services (PS3.6 Annex A); storage classes are libs/dicom's.
#pragma once

#include <string_view>

namespace aceso::dimse::sop {

inline constexpr std::string_view kApplicationContext = "1.2.840.10008.3.1.1.1";
inline constexpr std::string_view kVerification = "1.2.840.10008.1.1";
inline constexpr std::string_view kStoragePrefix = "1.2.840.10008.5.1.4.1.1.";
inline constexpr std::string_view kStandardPrefix = "1.2.840.10008.";
inline constexpr std::string_view kPatientRootFind = "1.2.840.10008.5.1.4.1.2.1.1";
inline constexpr std::string_view kPatientRootMove = "1.2.840.10008.5.1.4.1.2.1.2";
inline constexpr std::string_view kPatientRootGet = "1.2.840.10008.5.1.4.1.2.1.3";
inline constexpr std::string_view kStudyRootFind = "1.2.840.10008.5.1.4.1.2.2.1";
inline constexpr std::string_view kStudyRootMove = "1.2.840.10008.5.1.4.1.2.2.2";
inline constexpr std::string_view kStudyRootGet = "1.2.840.10008.5.1.4.1.2.2.3";
inline constexpr std::string_view kWorklistFind = "1.2.840.10008.5.1.4.31";
inline constexpr std::string_view kPerformedStep = "1.2.840.10008.3.1.2.3.3";
inline constexpr std::string_view kStorageCommitment = "1.2.840.10008.1.20.1";
inline constexpr std::string_view kStorageCommitmentInstance = "1.2.840.10008.1.20.1.1";

}  // namespace aceso::dimse::sop
