// Which of the acceptable media types and transfer syntaxes a frame or an object is given in (PS3.18 8.7.3).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "aceso/dicom/uid.hpp"
#include "media_type.hpp"

namespace aceso::archive {

struct Representation {
  bool multipart = true;
  bool as_stored = true;
  std::string type;        // of the part or the body
  std::string syntax_uid;  // of what is sent
};

// Frames of an object stored in `stored`. nullopt: nothing acceptable can be made (406). A single body holds one frame.
std::optional<Representation> choose_frame(std::span<const MediaRange> accepted, const dicom::TransferSyntax& stored,
                                           std::size_t frames);
// Whole objects: application/dicom, as stored or in explicit little endian.
std::optional<Representation> choose_object(std::span<const MediaRange> accepted, const dicom::TransferSyntax& stored,
                                            std::string_view stored_uid, std::size_t objects);

}  // namespace aceso::archive
