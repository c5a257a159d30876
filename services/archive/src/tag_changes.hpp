// Attributes that a forwarding rule changes on the way out. What the archive keeps stays as it came. An object that
// says something else about patient, study or request keeps its UIDs and lists what it said before (Original Attributes
// Sequence, PS3.3 C.12.1.1.9); any other change makes another instance, with UIDs derived of the first ones.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/base/result.hpp"
#include "aceso/contracts/objects.hpp"
#include "aceso/crypto/crypto.hpp"
#include "aceso/dicom/tag.hpp"

namespace aceso::archive {

enum class NewUids : std::uint8_t {
  none,
  instances,  // SOP instances and series, and references to them
  all,        // every UID that is no class, syntax or code: studies, frames of reference, tracking
};

struct TagChanges {
  struct Value {
    dicom::Tag tag;
    std::string text;  // UTF-8; several values are separated by backslashes
  };
  std::vector<Value> set;          // at the top level, whether it was there or not
  std::vector<Value> replace;      // only where it was there
  std::vector<dicom::Tag> remove;  // at any depth
  bool remove_private = false;     //
  NewUids uids = NewUids::none;
  bool originals = true;  // listed where the UIDs stay
  bool empty() const noexcept {
    return set.empty() && replace.empty() && remove.empty() && !remove_private && uids == NewUids::none;
  }
};

// {"set": {"PatientID": "X"}, "replace": {...}, "remove": ["PatientAddress", "private"], "uids": "keep" | "instances" |
// "all"}; without `uids` as the changes ask for. Errors: invalid, naming the attribute: not known, one that holds the
// object together (UIDs, pixels, character set), a value that its VR does not allow, uids: keep where that is wrong.
Result<TagChanges> parse_tag_changes(const Json& json);

// New UIDs: derived of the node's key, the destination and the old UID, so the same each time. Thread-safe.
class UidRenamer {
 public:
  UidRenamer(const crypto::SecretKey& key, std::string_view destination, NewUids what);
  std::string operator()(std::string_view uid) const;
  NewUids what() const noexcept { return what_; }

 private:
  crypto::SecretKey key_;
  std::string destination_;
  NewUids what_;
};

// What change_object() makes of it will be called this.
contracts::StoredObject changed_name(const contracts::StoredObject& object, const UidRenamer& uids);
// `at_us`: when the change counts as made (since 1970 UTC); the same each time gives the same bytes. Pixels are not
// held in memory, but for deflated and big endian objects (at most 256 MiB), which become explicit little endian.
// Errors: invalid, data_loss, too_large, unsupported (a value the object's character set cannot express, a transfer
// syntax that is not written).
Result<std::unique_ptr<contracts::ObjectBytes>> change_object(std::unique_ptr<contracts::ObjectBytes> object,
                                                              const TagChanges& changes, const UidRenamer& uids,
                                                              std::int64_t at_us);

}  // namespace aceso::archive
