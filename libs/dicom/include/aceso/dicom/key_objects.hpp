// Notes that point out images: Key Object Selection documents (PS3.3 A.35.4, PS3.16 TID 2010).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/dicom/derived.hpp"

namespace aceso::dicom {

inline constexpr std::string_view kKeyObjectSelection = "1.2.840.10008.5.1.4.1.1.88.59";

struct KeyImage {
  ReferencedObject image;
  std::optional<ReferencedObject> presentation = {};  // the presentation state it should be seen with
};

struct KeyObjects {
  CodedEntry title{"113000", "DCM", "Of Interest"};  // PS3.16 CID 7010
  std::string description = {};                      // Key Object Description
  std::string device_uid = {};                       // of the observer: this node
  std::string device_name = {};
  std::vector<KeyImage> images = {};
};

// `source`: any image of the study. Errors: invalid (no image, no description, a UID that is none).
Result<Dataset> make_key_objects(const Dataset& source, const DerivedObject& object, const KeyObjects& keys);

}  // namespace aceso::dicom
