// What the archive writes behind each object's bytes: everything the index needs, so that it can be rebuilt without
// parsing (docs/formats/archive.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/dicom/parse.hpp"
#include "aceso/store/log.hpp"
#include "attributes.hpp"

namespace aceso::archive {

struct Entry {
  std::string study_uid = {};
  std::string series_uid = {};
  std::string sop_instance_uid = {};
  std::string sop_class_uid = {};
  std::string transfer_syntax_uid = {};
  std::uint64_t file_bytes = 0;       // the part 10 file: the record without this
  std::uint64_t data_set_offset = 0;  // in the file
  std::int64_t received_us = 0;       // since 1970 UTC
  std::string calling_ae = {};
  Attributes patient = {};
  Attributes study = {};
  Attributes series = {};
  Attributes image = {};
  std::string frames = {};  // dicom::FrameTable::to_bytes; empty: not known without the pixels' bytes
};

// These records are no longer there; those who read them may finish.
struct Removal {
  std::int64_t removed_us = 0;
  std::vector<store::LogPosition> records = {};
};

// From a parsed head. Errors: invalid (a UID is missing or none).
Result<Entry> make_entry(const dicom::Object& object, std::uint64_t file_bytes);

// The bytes behind an object's bytes: entry, its length, magic.
std::string object_trailer(const Entry& entry);
std::string removal_trailer(const Removal& removal);  // a record of its own

struct Trailer {
  std::optional<Entry> entry = {};
  std::optional<Removal> removal = {};
};
Result<Trailer> parse_trailer(std::string_view body);  // without length and magic. invalid

inline constexpr std::size_t kTrailerEnd = 16;  // length (8 bytes, little endian) and magic
// Length of the body that stands before these 16 bytes; nullopt when they end no record of the archive.
std::optional<std::uint64_t> trailer_length(std::string_view last_16_bytes) noexcept;
// The body, read from the end of a record. invalid when there is none.
Result<std::string> read_trailer(const store::SegmentedLog& log, const store::RecordRef& record);

}  // namespace aceso::archive
