#include "entry.hpp"

#include <algorithm>
#include <utility>

#include "aceso/dicom/frames.hpp"
#include "aceso/dicom/tags.hpp"
#include "aceso/dicom/uid.hpp"
#include "codec.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;
constexpr std::string_view kMagic = "ACESOARC";
constexpr std::uint64_t kVersion = 1;
constexpr std::uint64_t kObject = 1;
constexpr std::uint64_t kRemoval = 2;
constexpr std::uint64_t kMaxTrailer = std::uint64_t{64} << 20;

Result<std::string> uid_of(const dicom::Dataset& dataset, dicom::Tag tag, std::string_view name) {
  auto uid = dataset.text_or(tag);
  if (uid.empty()) return Error{Code::invalid, std::string{name} + " is missing"};
  if (!dicom::is_tolerable_uid(uid)) return Error{Code::invalid, std::string{name} + " is no UID"};
  return uid;
}

std::string with_end(std::string body) {
  const std::uint64_t length = body.size();
  for (unsigned i = 0; i < 8; ++i) body.push_back(static_cast<char>(length >> 8U * i));
  body += kMagic;
  return body;
}

}  // namespace

Result<Entry> make_entry(const dicom::Object& object, std::uint64_t file_bytes) {
  Entry entry;
  const auto& data = object.dataset;
  ACESO_TRY(entry.sop_class_uid, uid_of(data, tags::kSOPClassUID, "SOP Class UID"));
  ACESO_TRY(entry.sop_instance_uid, uid_of(data, tags::kSOPInstanceUID, "SOP Instance UID"));
  ACESO_TRY(entry.study_uid, uid_of(data, tags::kStudyInstanceUID, "Study Instance UID"));
  ACESO_TRY(entry.series_uid, uid_of(data, tags::kSeriesInstanceUID, "Series Instance UID"));
  entry.transfer_syntax_uid = object.syntax_uid.empty() ? std::string{object.syntax->uid} : object.syntax_uid;
  if (object.odd.wrong_syntax) entry.transfer_syntax_uid = object.syntax->uid;
  entry.file_bytes = file_bytes;
  entry.data_set_offset = object.dataset_offset;
  entry.patient = Attributes::pick(data, QueryLevel::patient);
  entry.study = Attributes::pick(data, QueryLevel::study);
  entry.series = Attributes::pick(data, QueryLevel::series);
  entry.image = Attributes::pick(data, QueryLevel::image);
  if (!object.syntax->deflated) {  // their offsets count in inflated bytes
    if (const auto table = dicom::FrameTable::build(object); table.ok()) {
      const auto bytes = table->to_bytes();
      entry.frames = as_view(bytes);
    }
  }
  return entry;
}

std::string object_trailer(const Entry& entry) {
  std::string out;
  put_varint(out, kVersion);
  put_varint(out, kObject);
  for (const auto* text : {&entry.study_uid, &entry.series_uid, &entry.sop_instance_uid, &entry.sop_class_uid,
                           &entry.transfer_syntax_uid, &entry.calling_ae})
    put_string(out, *text);
  put_varint(out, entry.file_bytes);
  put_varint(out, entry.data_set_offset);
  put_varint(out, static_cast<std::uint64_t>(std::max<std::int64_t>(entry.received_us, 0)));
  for (const auto* level : {&entry.patient, &entry.study, &entry.series, &entry.image}) put_string(out, level->bytes());
  put_string(out, entry.frames);
  return with_end(std::move(out));
}

std::string removal_trailer(const Removal& removal) {
  std::string out;
  put_varint(out, kVersion);
  put_varint(out, kRemoval);
  put_varint(out, static_cast<std::uint64_t>(std::max<std::int64_t>(removal.removed_us, 0)));
  put_varint(out, removal.records.size());
  for (const auto& at : removal.records) {
    put_varint(out, at.segment);
    put_varint(out, at.offset);
  }
  return with_end(std::move(out));
}

Result<Trailer> parse_trailer(std::string_view body) {
  const Error damaged{Code::invalid, "the record's trailer is malformed"};
  CodecReader in{body};
  if (in.varint() != kVersion) return damaged;
  const auto kind = in.varint();
  Trailer out;
  if (kind == kRemoval) {
    Removal removal;
    removal.removed_us = static_cast<std::int64_t>(in.varint());
    const auto count = in.varint();
    if (count > body.size()) return damaged;
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto segment = in.varint();
      removal.records.push_back({static_cast<std::uint32_t>(segment), in.varint()});
    }
    if (!in.good() || !in.done()) return damaged;
    out.removal = std::move(removal);
    return out;
  }
  if (kind != kObject) return damaged;
  Entry entry;
  for (auto* text : {&entry.study_uid, &entry.series_uid, &entry.sop_instance_uid, &entry.sop_class_uid,
                     &entry.transfer_syntax_uid, &entry.calling_ae})
    *text = in.string();
  entry.file_bytes = in.varint();
  entry.data_set_offset = in.varint();
  entry.received_us = static_cast<std::int64_t>(in.varint());
  for (auto* level : {&entry.patient, &entry.study, &entry.series, &entry.image})
    *level = Attributes::from_bytes(in.string());
  entry.frames = in.string();
  if (!in.good() || !in.done()) return damaged;
  out.entry = std::move(entry);
  return out;
}

std::optional<std::uint64_t> trailer_length(std::string_view end) noexcept {
  if (end.size() != kTrailerEnd || end.substr(8) != kMagic) return std::nullopt;
  std::uint64_t length = 0;
  for (unsigned i = 0; i < 8; ++i) length |= std::uint64_t{static_cast<unsigned char>(end[i])} << 8U * i;
  return length;
}

Result<std::string> read_trailer(const store::SegmentedLog& log, const store::RecordRef& record) {
  const auto read = [&](std::uint64_t from, std::size_t length) -> Result<std::string> {
    std::string out(length, '\0');
    ACESO_TRY_OK(log.read_range(record, from, std::as_writable_bytes(std::span{out})));
    return out;
  };
  const Error none{Code::invalid, "a record without the archive's trailer"};
  if (record.length < kTrailerEnd) return none;
  const auto guess = static_cast<std::size_t>(std::min<std::uint64_t>(record.length, 4096));
  ACESO_TRY(const std::string tail, read(record.length - guess, guess));
  const auto length = trailer_length(std::string_view{tail}.substr(tail.size() - kTrailerEnd));
  if (!length || *length > record.length - kTrailerEnd || *length > kMaxTrailer) return none;
  const auto size = static_cast<std::size_t>(*length);
  if (size + kTrailerEnd <= tail.size()) return tail.substr(tail.size() - kTrailerEnd - size, size);
  return read(record.length - kTrailerEnd - size, size);
}

}  // namespace aceso::archive
