#include "memory_archive.hpp"

#include "aceso/dicom/dictionary.hpp"

#include <cstring>

namespace aceso::dimse::testing {

using contracts::ObjectBytes;
using contracts::ObjectPeer;
using contracts::ObjectQuery;
using contracts::ObjectRow;
using contracts::ObjectRows;
using contracts::ObjectWriter;
using contracts::QueryLevel;
using contracts::StoredObject;

class MemoryArchive::Writer final : public ObjectWriter {
 public:
  Writer(MemoryArchive& archive, std::string calling_ae, std::optional<contracts::AnnouncedObject> announced,
         std::vector<std::byte> head)
      : archive_{archive},
        calling_ae_{std::move(calling_ae)},
        announced_{std::move(announced)},
        bytes_{std::move(head)} {}
  Status write(std::span<const std::byte> piece) override {
    {
      const std::lock_guard lock{archive_.mutex_};
      archive_.largest_piece_ = std::max(archive_.largest_piece_, piece.size());
    }
    bytes_.insert(bytes_.end(), piece.begin(), piece.end());
    return {};
  }
  Result<StoredObject> commit() override {
    dicom::ParseOptions options;
    options.keep = 1024;
    options.skip_pixel_data = true;
    auto parsed = dicom::parse(bytes_, options);
    if (!parsed) return Error{Code::invalid, "no DICOM object"};
    if (announced_ &&
        (parsed->sop_class() != announced_->sop_class_uid || parsed->sop_instance() != announced_->sop_instance_uid)) {
      return Error{Code::conflict, "the data set is not the announced one"};
    }
    auto kept = std::make_shared<Kept>();
    const auto& data = parsed->dataset;
    kept->object = {.study_uid = data.text_or(dicom::tags::kStudyInstanceUID),
                    .series_uid = data.text_or(dicom::tags::kSeriesInstanceUID),
                    .sop_instance_uid = parsed->sop_instance(),
                    .sop_class_uid = parsed->sop_class(),
                    .transfer_syntax_uid = parsed->syntax_uid,
                    .bytes = bytes_.size(),
                    .on_disk = true};
    if (kept->object.sop_instance_uid.empty()) return Error{Code::invalid, "no SOP instance UID"};
    kept->data_set_offset = parsed->dataset_offset;
    for (const auto& element : data.elements()) {  // the parsed data set views bytes that move away
      if (!dicom::is_text(element.vr()) || element.is_sequence()) continue;
      if (const auto text = data.text(element.tag())) kept->header.set_text(element.tag(), element.vr(), *text);
    }
    kept->calling_ae = calling_ae_;
    kept->bytes = std::move(bytes_);
    const std::lock_guard lock{archive_.mutex_};
    if (archive_.refuse_) return Error{*archive_.refuse_, "refused by the test"};
    auto& place = archive_.objects_[kept->object.sop_instance_uid];
    if (place && place->bytes != kept->bytes) return Error{Code::exists, "other bytes are kept under this UID"};
    if (place) kept->object.duplicate = true;
    place = kept;
    return kept->object;
  }

 private:
  MemoryArchive& archive_;
  std::string calling_ae_;
  std::optional<contracts::AnnouncedObject> announced_;
  std::vector<std::byte> bytes_;
};

class MemoryArchive::Bytes final : public ObjectBytes {
 public:
  explicit Bytes(std::shared_ptr<const Kept> kept) : kept_{std::move(kept)} {}
  const StoredObject& object() const override { return kept_->object; }
  std::uint64_t data_set_offset() const override { return kept_->data_set_offset; }
  Status read(std::uint64_t from, std::span<std::byte> out) const override {
    if (from + out.size() > kept_->bytes.size()) return Error{Code::invalid, "past the end"};
    std::memcpy(out.data(), kept_->bytes.data() + from, out.size());
    return {};
  }

 private:
  std::shared_ptr<const Kept> kept_;
};

Status MemoryArchive::add(std::vector<std::byte> file) {
  Writer writer{*this, {}, std::nullopt, std::move(file)};
  ACESO_TRY(const auto kept, writer.commit());
  (void)kept;
  return {};
}

Result<std::unique_ptr<ObjectWriter>> MemoryArchive::begin_file(const ObjectPeer& peer) {
  return std::unique_ptr<ObjectWriter>{
      new Writer{*this, peer.calling_ae, std::nullopt, {}}};  // NOLINT(modernize-make-unique): a private class
}

Result<std::unique_ptr<ObjectWriter>> MemoryArchive::begin_data_set(const ObjectPeer& peer,
                                                                    const contracts::AnnouncedObject& announced) {
  if (!peer.principal.has("store")) return Error{Code::denied, "this needs the scope store"};
  ACESO_TRY(auto head, dicom::part10_head({.sop_class = announced.sop_class_uid,
                                           .sop_instance = announced.sop_instance_uid,
                                           .transfer_syntax = announced.transfer_syntax_uid,
                                           .source_ae = peer.calling_ae}));
  return std::unique_ptr<ObjectWriter>{
      new Writer{*this, peer.calling_ae, announced, std::move(head)}};  // NOLINT(modernize-make-unique)
}

namespace {

std::string_view unique_tag_value(const StoredObject& object, QueryLevel level) {
  switch (level) {
    case QueryLevel::study:
      return object.study_uid;
    case QueryLevel::series:
      return object.series_uid;
    default:
      return object.sop_instance_uid;
  }
}

// '*' and '?' (PS3.4 C.2.2.2.4), lists of UIDs, ranges of dates, single values.
bool matches_wildcard(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*') {
    return matches_wildcard(pattern.substr(1), text) || (!text.empty() && matches_wildcard(pattern, text.substr(1)));
  }
  return !text.empty() && (pattern[0] == '?' || pattern[0] == text[0]) &&
         matches_wildcard(pattern.substr(1), text.substr(1));
}

bool matches(dicom::Tag tag, std::string_view key, std::string_view value) {
  if (key.empty()) return true;
  const auto* attribute = dicom::find_attribute(tag);
  const dicom::Vr vr = attribute == nullptr ? dicom::Vr::un : attribute->vr;
  if (vr == dicom::Vr::ui) {
    for (std::size_t at = 0; at <= key.size();) {
      const auto end = std::min(key.find('\\', at), key.size());
      if (key.substr(at, end - at) == value) return true;
      at = end + 1;
    }
    return false;
  }
  if (const auto dash = key.find('-'); vr == dicom::Vr::da && dash != std::string_view::npos) {
    return key.substr(0, dash) <= value && (dash + 1 == key.size() || value <= key.substr(dash + 1));
  }
  return matches_wildcard(key, value);
}

}  // namespace

Result<ObjectRows> MemoryArchive::find(const ObjectPeer& peer, const ObjectQuery& query) const {
  if (!peer.principal.has("read")) return Error{Code::denied, "this needs the scope read"};
  const std::lock_guard lock{mutex_};
  std::map<std::string, ObjectRow> found;
  for (const auto& [uid, kept] : objects_) {
    const auto value = [&](std::uint32_t tag) {
      return kept->header.text_or({static_cast<std::uint16_t>(tag >> 16), static_cast<std::uint16_t>(tag)});
    };
    const bool all = std::ranges::all_of(query.keys, [&](const contracts::QueryKey& key) {
      const dicom::Tag tag{static_cast<std::uint16_t>(key.tag >> 16), static_cast<std::uint16_t>(key.tag)};
      return matches(tag, key.value.reveal(Reveal::to_test), value(key.tag));
    });
    if (!all) continue;
    ObjectRow row;
    for (const auto& key : query.keys) row.push_back({key.tag, Phi<std::string>{value(key.tag)}});
    const std::string unique = query.level == QueryLevel::patient
                                   ? kept->header.text_or(dicom::tags::kPatientID)
                                   : std::string{unique_tag_value(kept->object, query.level)};
    found.emplace(unique, std::move(row));
  }
  ObjectRows rows;
  std::size_t index = 0;
  for (auto& [unique, row] : found) {
    if (index++ < query.offset) continue;
    if (rows.rows.size() == query.limit) {
      rows.more = true;
      break;
    }
    rows.rows.push_back(std::move(row));
  }
  return rows;
}

Result<std::vector<StoredObject>> MemoryArchive::expand(const ObjectPeer& peer, QueryLevel level,
                                                        const Phi<std::string>& uid) const {
  if (!peer.principal.has("read")) return Error{Code::denied, "this needs the scope read"};
  const std::lock_guard lock{mutex_};
  std::vector<StoredObject> out;
  for (const auto& [id, kept] : objects_) {
    const std::string unique = level == QueryLevel::patient ? kept->header.text_or(dicom::tags::kPatientID)
                                                            : std::string{unique_tag_value(kept->object, level)};
    if (unique == uid.reveal(Reveal::to_test)) out.push_back(kept->object);
  }
  return out;
}

Result<std::unique_ptr<ObjectBytes>> MemoryArchive::open(const ObjectPeer& peer,
                                                         std::string_view sop_instance_uid) const {
  if (!peer.principal.has("read")) return Error{Code::denied, "this needs the scope read"};
  const std::lock_guard lock{mutex_};
  const auto found = objects_.find(sop_instance_uid);
  if (found == objects_.end()) return Error{Code::not_found, "no such object"};
  return std::unique_ptr<ObjectBytes>{std::make_unique<Bytes>(found->second)};
}

}  // namespace aceso::dimse::testing
