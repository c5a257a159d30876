// DICOM objects as they come in and go out: services/archive keeps them, libs/dimse and other services hand them over,
// look for them and fetch them. Terms follow PS3.4 (C-STORE, C-FIND) and PS3.3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/phi.hpp"
#include "aceso/base/result.hpp"
#include "aceso/contracts/access.hpp"

namespace aceso::contracts {

// Who sends or asks. An AE title is a claim, not an identity: rights come from `principal` alone.
struct ObjectPeer {
  Principal principal = {};
  std::string calling_ae = {};      // without surrounding spaces, at most 16 characters; "" outside of DIMSE
  std::string called_ae = {};       //
  std::string source_address = {};  // "192.0.2.7", "local"
  std::string request_id = {};      // for the audit trail
};

// One kept object. Its UIDs count as identifying: never in a log, an error message or a metric.
struct StoredObject {
  std::string study_uid = {};
  std::string series_uid = {};
  std::string sop_instance_uid = {};
  std::string sop_class_uid = {};
  std::string transfer_syntax_uid = {};
  std::uint64_t bytes = 0;  // of the part 10 file
  bool duplicate = false;   // the same bytes were here already: nothing was written
  bool on_disk = false;     // survives a power failure (storage commitment may be given)
};

// What a C-STORE-RQ or a presentation context says of a data set before it comes.
struct AnnouncedObject {
  std::string sop_class_uid = {};
  std::string sop_instance_uid = {};
  std::string transfer_syntax_uid = {};
};

// One object on its way in, piece by piece, for objects larger than memory. Destroyed before commit(): nothing is kept.
// One thread at a time; must not outlive its sink.
class ObjectWriter {
 public:
  ObjectWriter() = default;
  ObjectWriter(const ObjectWriter&) = delete;
  ObjectWriter& operator=(const ObjectWriter&) = delete;
  virtual ~ObjectWriter() = default;
  virtual Status write(std::span<const std::byte> piece) = 0;
  // Errors of either: invalid (no DICOM, truncated, an identifying attribute missing or malformed), conflict (the data
  // set's SOP class or instance is not the announced one), exists (other bytes are kept under this SOP instance UID),
  // too_large, exhausted (disk full), unavailable, denied. unsupported: this SOP class is not taken.
  virtual Result<StoredObject> commit() = 0;
};

// Thread-safe.
class ObjectSink {
 public:
  ObjectSink() = default;
  ObjectSink(const ObjectSink&) = delete;
  ObjectSink& operator=(const ObjectSink&) = delete;
  virtual ~ObjectSink() = default;
  // A part 10 file, preamble and file meta information first. Kept byte for byte. Errors: denied.
  virtual Result<std::unique_ptr<ObjectWriter>> begin_file(const ObjectPeer& peer) = 0;
  // A data set as it comes in a C-STORE, in the announced transfer syntax; the sink puts preamble and file meta
  // information before it and keeps the data set byte for byte. Errors: denied, invalid (a malformed UID).
  virtual Result<std::unique_ptr<ObjectWriter>> begin_data_set(const ObjectPeer& peer,
                                                               const AnnouncedObject& announced) = 0;
};

enum class QueryLevel : std::uint8_t { patient, study, series, image };
constexpr std::string_view to_string(QueryLevel level) noexcept {
  switch (level) {
    case QueryLevel::patient:
      return "PATIENT";
    case QueryLevel::study:
      return "STUDY";
    case QueryLevel::series:
      return "SERIES";
    case QueryLevel::image:
      return "IMAGE";
  }
  return "";
}

// A key of a query (PS3.4 C.2.2.2): single value, list of UIDs, wildcard, range; empty matches all and asks for the
// value. UTF-8; several values are separated by backslashes.
struct QueryKey {
  std::uint32_t tag = 0;  // 0x00100020 is Patient ID
  Phi<std::string> value = {};
};
struct ObjectQuery {
  QueryLevel level = QueryLevel::study;
  std::vector<QueryKey> keys = {};  // of any level at or above `level`; a key that is not indexed is not matched
  bool fuzzy_names = false;         // PS3.18 8.3.4.2
  std::size_t offset = 0;
  std::size_t limit = 1000;  // matches; 1 to 100,000
};
// One attribute of an answer. UTF-8; several values are separated by backslashes; "" when it is known to be empty.
struct ObjectAttribute {
  std::uint32_t tag = 0;
  Phi<std::string> value = {};
};
using ObjectRow = std::vector<ObjectAttribute>;  // by ascending tag
struct ObjectRows {
  std::vector<ObjectRow> rows = {};
  bool more = false;                          // the limit cut the answer
  std::vector<std::uint32_t> unmatched = {};  // keys with a value that the index cannot match (C-FIND FF01)
};

// The bytes of one kept object. Thread-safe; stays readable after the object is deleted until it is destroyed.
class ObjectBytes {
 public:
  ObjectBytes() = default;
  ObjectBytes(const ObjectBytes&) = delete;
  ObjectBytes& operator=(const ObjectBytes&) = delete;
  virtual ~ObjectBytes() = default;
  virtual const StoredObject& object() const = 0;
  virtual std::uint64_t data_set_offset() const = 0;  // where the part 10 file's data set begins
  // [from, from + out.size()) of the part 10 file. Errors: invalid (range), data_loss, cancelled (reclaimed).
  virtual Status read(std::uint64_t from, std::span<std::byte> out) const = 0;
};

// Thread-safe; never waits for what is being stored. Errors of all: denied. A caller without the right learns nothing
// about what exists.
class ObjectSource {
 public:
  ObjectSource() = default;
  ObjectSource(const ObjectSource&) = delete;
  ObjectSource& operator=(const ObjectSource&) = delete;
  virtual ~ObjectSource() = default;
  // Rows hold what was asked for and the unique keys down to the level, in a stable order. invalid: a malformed key.
  virtual Result<ObjectRows> find(const ObjectPeer& peer, const ObjectQuery& query) const = 0;
  // The objects of a study, series or instance (for C-MOVE, C-GET and storage commitment); of a patient, `uid` is the
  // Patient ID. Empty when nothing is known by it.
  virtual Result<std::vector<StoredObject>> expand(const ObjectPeer& peer, QueryLevel level,
                                                   const Phi<std::string>& uid) const = 0;
  virtual Result<std::unique_ptr<ObjectBytes>> open(const ObjectPeer& peer,
                                                    std::string_view sop_instance_uid) const = 0;  // not_found
  virtual Status sync() = 0;  // whatever was stored so far is on disk on return: before storage commitment is given
};

}  // namespace aceso::contracts
