#include "tag_changes.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "aceso/base/clock.hpp"
#include "aceso/base/text.hpp"
#include "aceso/crypto/hash.hpp"
#include "aceso/dicom/datetime.hpp"
#include "aceso/dicom/dictionary.hpp"
#include "aceso/dicom/parse.hpp"
#include "aceso/dicom/tags.hpp"
#include "aceso/dicom/uid.hpp"
#include "aceso/dicom/write.hpp"
#include "attributes.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;
using dicom::Tag;
using dicom::Vr;

constexpr std::size_t kMaxChanges = 200;
constexpr std::size_t kMaxValueBytes = 1024;
constexpr std::uint64_t kMaxHeader = std::uint64_t{256} << 20;
constexpr std::size_t kReadPiece = std::size_t{64} << 10;
constexpr Tag kFirstPixel{0x7FE0, 0x0001};
constexpr Tag kMacParameters{0x4FFE, 0x0001};
constexpr Tag kSignatures{0xFFFA, 0xFFFA};
constexpr Tag kOriginals{0x0400, 0x0561};
constexpr Tag kModifiedAttributes{0x0400, 0x0550};
constexpr Tag kModificationTime{0x0400, 0x0562};
constexpr Tag kModifyingSystem{0x0400, 0x0563};
constexpr Tag kSourceOfPrevious{0x0400, 0x0564};
constexpr Tag kReason{0x0400, 0x0565};

// What says which object it is and how its bytes are read.
bool holds_together(Tag tag) {
  constexpr std::array kFixed{tags::kSpecificCharacterSet, tags::kSOPClassUID,       tags::kSOPInstanceUID,
                              tags::kStudyInstanceUID,     tags::kSeriesInstanceUID, tags::kModality};
  return std::ranges::find(kFixed, tag) != kFixed.end() || tag.group == 0x0002 || tag.group == 0x0028 ||
         tag.group >= 0x5000 || tag.is_group_length();
}

// Patient, study, visit and request: what an archive may coerce without making another instance (PS3.4 B.4.1.3).
bool is_coercion(Tag tag) {
  const auto level = level_of(tag);
  return tag.group == 0x0010 || tag.group == 0x0032 || tag.group == 0x0038 || tag == tags::kRequestAttributesSequence ||
         (level && (*level == QueryLevel::patient || *level == QueryLevel::study));
}

Error about(Tag tag, std::string_view what) {
  const auto word = dicom::keyword(tag);
  return {Code::invalid, (word.empty() ? dicom::to_string(tag) : std::string{word}) + " " + std::string{what}};
}

Result<Tag> attribute_named(const std::string& name) {
  const auto tag = dicom::parse_tag(name);
  if (!tag) return Error{Code::invalid, "there is no attribute " + escape_controls(name, 64)};
  if (holds_together(*tag)) return about(*tag, "holds the object together and is not changed by rules");
  return *tag;
}

Status check_value(Tag tag, Vr vr, std::string_view text) {
  const auto wrong = about(tag, "cannot have this value");
  if (text.size() > kMaxValueBytes || !is_valid_utf8(text)) return wrong;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\r') return wrong;
  }
  if (text.empty()) return {};
  const bool single = text.find('\\') == std::string_view::npos;
  if (vr == Vr::da && (!single || !dicom::parse_date(text))) return wrong;
  if (vr == Vr::tm && (!single || !dicom::parse_time(text))) return wrong;
  if (vr == Vr::dt && (!single || !dicom::parse_datetime(text))) return wrong;
  if (vr == Vr::as && (!single || !dicom::parse_age(text))) return wrong;
  if (vr == Vr::ui && (!single || !dicom::is_valid_uid(text))) return wrong;
  if (vr == Vr::cs && !std::ranges::all_of(text, [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ' ' || c == '_' || c == '\\';
      }))
    return wrong;
  return {};
}

Result<std::vector<TagChanges::Value>> values_of(const Json& json, const char* key) {
  std::vector<TagChanges::Value> out;
  const auto found = json.find(key);
  if (found == json.end()) return out;
  if (!found->is_object() || found->size() > kMaxChanges)
    return Error{Code::invalid, std::string{key} + " is a map of attributes and values"};
  for (const auto& [name, value] : found->items()) {
    ACESO_TRY(const Tag tag, attribute_named(name));
    const auto* known = dicom::find_attribute(tag);
    if (known == nullptr) return about(tag, "is not in the dictionary: it can only be removed");
    if (!dicom::is_text(known->vr)) return about(tag, "is no text: it can only be removed");
    if (!value.is_string() && !value.is_number_integer()) return about(tag, "needs a text as its value");
    TagChanges::Value one{tag, value.is_string() ? value.get<std::string>() : value.dump()};
    ACESO_TRY_OK(check_value(tag, known->vr, one.text));
    out.push_back(std::move(one));
  }
  return out;
}

Status read_removals(const Json& json, TagChanges& out) {
  const auto found = json.find("remove");
  if (found == json.end()) return {};
  if (!found->is_array() || found->size() > kMaxChanges) return Error{Code::invalid, "remove is a list of attributes"};
  for (const auto& one : *found) {
    if (!one.is_string()) return Error{Code::invalid, "remove is a list of attributes"};
    if (one == "private") {
      out.remove_private = true;
      continue;
    }
    ACESO_TRY(const Tag tag, attribute_named(one.get<std::string>()));
    out.remove.push_back(tag);
  }
  return {};
}

bool all_coercions(const TagChanges& changes) {
  const auto by_value = [](const TagChanges::Value& one) { return is_coercion(one.tag); };
  return !changes.remove_private && std::ranges::all_of(changes.set, by_value) &&
         std::ranges::all_of(changes.replace, by_value) && std::ranges::all_of(changes.remove, is_coercion);
}

// UIDs of classes, syntaxes, codes and devices name no instance of anything.
bool names_no_instance(Tag tag) {
  constexpr std::array kKinds{
      tags::kSOPClassUID,  tags::kReferencedSOPClassUID, tags::kTransferSyntaxUID, tags::kAvailableTransferSyntaxUID,
      Tag{0x0002, 0x0012},  // Implementation Class UID
      Tag{0x0004, 0x1510},  // Referenced SOP Class UID in File
      Tag{0x0008, 0x001A},  // Related General SOP Class UID
      Tag{0x0008, 0x001B},  // Original Specialized SOP Class UID
      Tag{0x0008, 0x0014},  // Instance Creator UID
      Tag{0x0008, 0x010C},  // Coding Scheme UID
      Tag{0x0008, 0x0117},  // Context UID
      Tag{0x0008, 0x0118},  // Mapping Resource UID
      Tag{0x0018, 0x1002},  // Device UID
      Tag{0x0040, 0xDB0D}   // Template Extension Creator UID
  };
  return std::ranges::find(kKinds, tag) != kKinds.end();
}

bool is_renamed(Tag tag, NewUids what) {
  constexpr std::array kInstances{tags::kSOPInstanceUID, tags::kReferencedSOPInstanceUID, tags::kSeriesInstanceUID};
  if (what == NewUids::instances) return std::ranges::find(kInstances, tag) != kInstances.end();
  return what == NewUids::all && !names_no_instance(tag);
}

void rename_uids(dicom::Dataset& data, const UidRenamer& uids) {
  std::vector<std::pair<Tag, std::string>> renamed;
  for (const auto& element : data.elements()) {
    if (element.is_sequence()) {
      for (auto& item : data.find(element.tag())->items()) rename_uids(item, uids);
      continue;
    }
    if (element.vr() != Vr::ui || !is_renamed(element.tag(), uids.what())) continue;
    std::string joined;
    for (const auto& one : element.texts(data.charset())) joined += (joined.empty() ? "" : "\\") + uids(one);
    renamed.emplace_back(element.tag(), std::move(joined));
  }
  for (const auto& [tag, value] : renamed) data.set_text(tag, Vr::ui, value);
}

// True when something went.
bool remove_at_any_depth(dicom::Dataset& data, const TagChanges& changes, dicom::Dataset* originals) {
  std::vector<Tag> gone;
  bool changed = false;
  for (const auto& element : data.elements()) {
    const Tag tag = element.tag();
    if ((changes.remove_private && tag.is_private()) ||
        std::ranges::find(changes.remove, tag) != changes.remove.end()) {
      gone.push_back(tag);
    } else if (element.is_sequence()) {
      for (auto& item : data.find(tag)->items()) changed = remove_at_any_depth(item, changes, nullptr) || changed;
    }
  }
  for (const Tag tag : gone) {
    if (originals != nullptr) originals->set(*data.find(tag));
    data.erase(tag);
  }
  return changed || !gone.empty();
}

Status put_value(dicom::Dataset& data, const TagChanges::Value& value, dicom::Dataset& originals, bool& changed) {
  const auto* known = dicom::find_attribute(value.tag);
  if (dicom::uses_charset(known->vr) && !data.charset().from_utf8(value.text))
    return Error{Code::unsupported, "a new value cannot be written in the object's character set"};
  const auto* before = data.find(value.tag);
  if (before != nullptr) {
    originals.set(*before);
  } else {
    originals.set_empty(value.tag);
  }
  data.set_text(value.tag, known->vr, value.text);
  changed = true;
  return {};
}

std::string dicom_time(std::int64_t us) {
  const std::string text = format_utc(UtcTime{std::chrono::microseconds{us}});  // 2026-03-01T09:30:00.000000Z
  std::string out;
  for (const char c : text.substr(0, 19)) {
    if (c >= '0' && c <= '9') out += c;
  }
  return out + text.substr(19, 7) + "+0000";
}

void list_originals(dicom::Dataset& data, dicom::Dataset originals, std::int64_t at_us) {
  dicom::Dataset item;
  item.set_items(kModifiedAttributes, {std::move(originals)});
  item.set_text(kModificationTime, Vr::dt, dicom_time(at_us));
  item.set_text(kModifyingSystem, Vr::lo, "Aceso");
  item.set_empty(kSourceOfPrevious);
  item.set_text(kReason, Vr::cs, "COERCE");
  std::vector<dicom::Dataset> items{data.items(kOriginals).begin(), data.items(kOriginals).end()};
  items.push_back(std::move(item));
  data.set_items(kOriginals, std::move(items));
}

class ChangedObject final : public contracts::ObjectBytes {
 public:
  ChangedObject(std::unique_ptr<contracts::ObjectBytes> kept, contracts::StoredObject object,
                std::vector<std::byte> front, std::uint64_t tail, std::uint64_t data_set)
      : kept_{std::move(kept)}, object_{std::move(object)}, front_{std::move(front)}, tail_{tail}, data_set_{data_set} {
    object_.bytes = front_.size() + (kept_->object().bytes - tail_);
  }
  const contracts::StoredObject& object() const override { return object_; }
  std::uint64_t data_set_offset() const override { return data_set_; }
  Status read(std::uint64_t from, std::span<std::byte> out) const override {
    if (from > object_.bytes || out.size() > object_.bytes - from)
      return Error{Code::invalid, "the range lies outside the object"};
    if (from < front_.size()) {
      const auto n = std::min(out.size(), static_cast<std::size_t>(front_.size() - from));
      std::copy_n(front_.begin() + static_cast<std::ptrdiff_t>(from), n, out.begin());
      from += n;
      out = out.subspan(n);
    }
    return out.empty() ? Status{} : kept_->read(tail_ + (from - front_.size()), out);
  }

 private:
  std::unique_ptr<contracts::ObjectBytes> kept_;
  contracts::StoredObject object_;
  std::vector<std::byte> front_;
  std::uint64_t tail_;  // where the unchanged rest begins in what is kept
  std::uint64_t data_set_;
};

Result<dicom::Object> parse_head(const contracts::ObjectBytes& bytes) {
  dicom::ParseOptions options;
  options.keep = kMaxHeader;
  options.header = kMaxHeader;
  options.inflated = kMaxHeader;
  options.stop_at = kFirstPixel;
  dicom::StreamReader reader{std::move(options)};
  std::vector<std::byte> piece;
  const std::uint64_t size = bytes.object().bytes;
  for (std::uint64_t at = 0; at < size && !reader.so_far().stopped;) {
    piece.resize(static_cast<std::size_t>(std::min<std::uint64_t>(kReadPiece, size - at)));
    ACESO_TRY_OK(bytes.read(at, piece));
    ACESO_TRY_OK(reader.feed(piece));
    at += piece.size();
  }
  return reader.finish();
}

bool is_rewritten(std::string_view syntax_uid) {
  const auto* syntax = dicom::find_transfer_syntax(syntax_uid);
  return syntax != nullptr && (syntax->big_endian || syntax->deflated);
}

}  // namespace

Result<TagChanges> parse_tag_changes(const Json& json) {
  if (!json.is_object()) return Error{Code::invalid, "change is a map of set, replace, remove and uids"};
  static const std::array<std::string, 4> kKeys{"set", "replace", "remove", "uids"};
  for (const auto& [key, value] : json.items()) {
    if (std::ranges::find(kKeys, key) == kKeys.end())
      return Error{Code::invalid, "change: unknown key " + escape_controls(key, 64)};
  }
  TagChanges out;
  ACESO_TRY(out.set, values_of(json, "set"));
  ACESO_TRY(out.replace, values_of(json, "replace"));
  ACESO_TRY_OK(read_removals(json, out));
  const bool coercions = all_coercions(out);
  out.uids = coercions ? NewUids::none : NewUids::instances;
  if (const auto found = json.find("uids"); found != json.end()) {
    if (*found == "keep") {
      if (!coercions)
        return Error{Code::invalid,
                     "uids: keep goes with attributes of the patient, study and request alone: others make another "
                     "instance"};
      out.uids = NewUids::none;
    } else if (*found == "instances") {
      out.uids = NewUids::instances;
    } else if (*found == "all") {
      out.uids = NewUids::all;
    } else {
      return Error{Code::invalid, "uids is keep, instances or all"};
    }
  }
  out.originals = out.uids == NewUids::none;
  return out;
}

UidRenamer::UidRenamer(const crypto::SecretKey& key, std::string_view destination, NewUids what)
    : key_{key}, destination_{destination}, what_{what} {}

std::string UidRenamer::operator()(std::string_view uid) const {
  if (uid.empty() || uid.starts_with("1.2.840.10008.")) return std::string{uid};  // of the standard itself
  const std::string text = "uid\n" + destination_ + "\n" + std::string{uid};
  return dicom::uid_from_hash(crypto::hmac_sha256(key_.bytes(), crypto::as_bytes(text)));
}

contracts::StoredObject changed_name(const contracts::StoredObject& object, const UidRenamer& uids) {
  contracts::StoredObject out = object;
  if (uids.what() != NewUids::none) {
    out.sop_instance_uid = uids(object.sop_instance_uid);
    out.series_uid = uids(object.series_uid);
    if (uids.what() == NewUids::all) out.study_uid = uids(object.study_uid);
  }
  if (is_rewritten(object.transfer_syntax_uid)) out.transfer_syntax_uid = dicom::kExplicitLittle;
  return out;
}

Result<std::unique_ptr<contracts::ObjectBytes>> change_object(std::unique_ptr<contracts::ObjectBytes> object,
                                                              const TagChanges& changes, const UidRenamer& uids,
                                                              std::int64_t at_us) {
  contracts::StoredObject name = changed_name(object->object(), uids);
  const bool whole = is_rewritten(object->object().transfer_syntax_uid);
  std::vector<std::byte> bytes;
  if (whole) {
    if (object->object().bytes > kMaxHeader) return Error{Code::too_large, "the object is too large to be rewritten"};
    bytes.resize(static_cast<std::size_t>(object->object().bytes));
    ACESO_TRY_OK(object->read(0, bytes));
  }
  ACESO_TRY(dicom::Object parsed, whole ? dicom::parse(bytes) : parse_head(*object));
  dicom::Dataset& data = parsed.dataset;
  dicom::Dataset originals;
  originals.set_charset(data.charset());
  originals.erase(tags::kSpecificCharacterSet);
  bool changed = false;
  for (const auto& one : changes.set) ACESO_TRY_OK(put_value(data, one, originals, changed));
  for (const auto& one : changes.replace) {
    if (data.contains(one.tag)) ACESO_TRY_OK(put_value(data, one, originals, changed));
  }
  changed = remove_at_any_depth(data, changes, &originals) || changed;
  if (!changed && uids.what() == NewUids::none && !whole) return object;
  if (uids.what() != NewUids::none) {
    rename_uids(data, uids);
  } else if (changed && changes.originals) {
    list_originals(data, std::move(originals), at_us);
  }
  data.erase(kMacParameters);  // signatures of what it was are none of what it is
  data.erase(kSignatures);
  // A file that is encoded otherwise than it says is written as it says.
  const bool honest = parsed.syntax_uid == name.transfer_syntax_uid && !parsed.odd.wrong_syntax;
  const std::string syntax = whole    ? std::string{dicom::kExplicitLittle}
                             : honest ? name.transfer_syntax_uid
                                      : std::string{parsed.syntax->uid};
  name.transfer_syntax_uid = syntax;
  ACESO_TRY(auto front, dicom::write_part10(data, syntax));
  ACESO_TRY(const auto made, dicom::part10_head({.sop_class = name.sop_class_uid,
                                                 .sop_instance = name.sop_instance_uid,
                                                 .transfer_syntax = syntax,
                                                 .source_ae = {}}));
  const std::uint64_t tail = parsed.stopped ? parsed.end : object->object().bytes;
  return std::unique_ptr<contracts::ObjectBytes>{
      std::make_unique<ChangedObject>(std::move(object), std::move(name), std::move(front), tail, made.size())};
}

}  // namespace aceso::archive
