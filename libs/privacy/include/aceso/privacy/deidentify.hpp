// De-identification of DICOM objects: PS3.15 Annex E, the Basic Application Level Confidentiality Profile and its
// options.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/crypto/crypto.hpp"

namespace aceso::privacy {

// Pixel columns and rows from 0.
struct Rectangle {
  std::uint32_t x = 0;
  std::uint32_t y = 0;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  bool operator==(const Rectangle&) const = default;
};

// Where a device burns text into its pictures. All of `match` must hold: keyword of an attribute, its text.
struct PixelRule {
  std::string name;
  std::map<std::string, std::string> match;
  std::vector<Rectangle> blank;  // made black
  std::vector<Rectangle> keep;   // when not empty, everything outside is made black
};
// {"rules": [{"name": "...", "match": {"Modality": "US"}, "blank": [[x, y, width, height]], "keep": []}]}. Errors:
// invalid.
Result<std::vector<PixelRule>> parse_pixel_rules(std::string_view json);

struct SafePrivate {  // one private attribute known to hold no identity
  std::uint16_t group = 0;
  std::string creator;
  std::uint8_t element = 0;
};

// Which pictures are searched for burned-in text: none, those that may hold some (secondary captures, ultrasound, ...),
// or all of them.
enum class TextDetection : std::uint8_t { none, suspicious, all };

struct DeidOptions {                            // the codes of CID 7050
  bool retain_uids = false;                     // 113110
  bool retain_device = false;                   // 113109
  bool retain_institution = false;              // 113112
  bool retain_patient_characteristics = false;  // 113108
  bool retain_full_dates = false;               // 113106
  bool retain_modified_dates = false;           // 113107
  bool retain_safe_private = false;             // 113111: what safe_private lists
  bool clean_descriptors = false;               // 113105
  bool clean_structured_content = false;        // 113104
  bool clean_graphics = false;                  // 113103
  bool clean_pixel_data = false;                // 113101: by pixel_rules, the regions of ultrasound images, detect_text
  std::vector<SafePrivate> safe_private;
  std::vector<PixelRule> pixel_rules;
  TextDetection detect_text = TextDetection::none;  // with clean_pixel_data; found text is made black
  bool accept_pixels = false;   // pass images that may hold burned-in text: somebody has looked at them
  bool keep_documents = false;  // pass encapsulated documents as they are
};
// "retain-uids", "clean-descriptors", ...: the names above with dashes. Errors: invalid for others.
Status set_option(DeidOptions& options, std::string_view name);
std::vector<std::string> option_names();

struct ManifestEntry {
  std::string path;    // "00100010", "0040A730/2/0040A123"
  std::string action;  // removed, emptied, dummy, uid, kept, cleaned, shifted, blanked, added
  std::string rule;    // what asked for it: "E.1-1 basic Z/D", "private", "identifier found", ...
};

struct Deidentified {
  std::vector<std::byte> bytes;  // part 10
  std::string study;             // the new UIDs
  std::string series;
  std::string sop_instance;
  std::string sop_class;
  std::string transfer_syntax;
  std::vector<ManifestEntry> manifest;  // no values
  std::vector<std::string> warnings;
};

struct DeidControl {
  std::stop_token stop;                                                 // looked at between frames and levels
  std::function<void(std::size_t frame, std::size_t frames)> progress;  // before each frame that is searched for text
};

// One object in, one out. The key makes UIDs, pseudonyms and shifts of dates consistent over objects and calls, and
// nobody without it can repeat or undo them. Compound actions take what satisfies the attribute in every IOD: a dummy
// value for those that name D, else an empty one. Thread-safe.
class Deidentifier {
 public:
  Deidentifier(DeidOptions options, const crypto::SecretKey& key);

  // Errors: those of dicom::parse; precondition (the picture may hold burned-in text, or holds some that cannot be
  // removed, or the object is an encapsulated document: options decide); unsupported (directories, pixels that must be
  // looked at or rewritten and cannot be decoded); cancelled.
  Result<Deidentified> run(std::span<const std::byte> part10, const DeidControl& control = {}) const;

 private:
  DeidOptions options_;
  crypto::SecretKey key_;
};

// One line of JSON: {"sop_instance", "options", "actions": [{"path", "action", "rule"}], "warnings"}.
std::string manifest_json(const Deidentified& object);

}  // namespace aceso::privacy
