// Data sets to bytes: objects the node makes itself, DIMSE identifiers, and part 10 heads for data sets received by
// association. Received objects are kept as they came and never pass through here.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/dicom/dataset.hpp"

namespace aceso::dicom {

inline constexpr std::string_view kImplementationClass = "2.25.46560608044120813212509684129308534584";
inline constexpr std::string_view kImplementationVersion = "ACESO_1";

struct MetaFields {
  std::string sop_class;
  std::string sop_instance;
  std::string transfer_syntax;
  std::string source_ae;  // (0002,0016), left out when empty
};
// Preamble, "DICM" and group 0002: what goes in front of a data set received by association. Errors: invalid for UIDs
// that are none.
Result<std::vector<std::byte>> part10_head(const MetaFields& fields);

// Implicit or explicit little endian; encapsulated syntaxes (explicit) when pixel data are fragments. Sequences and
// items get defined lengths, group lengths are left out; a value past 65534 bytes of a short VR is written as UN (PS3.5
// 6.2.2). Errors: invalid (skipped values,
// sequences deeper than 32), unsupported (big endian, deflated).
Result<std::vector<std::byte>> write_dataset(const Dataset& dataset, std::string_view syntax_uid);
// SOP class and instance come from the data set.
Result<std::vector<std::byte>> write_part10(const Dataset& dataset, std::string_view syntax_uid,
                                            std::string_view source_ae = {});

}  // namespace aceso::dicom
