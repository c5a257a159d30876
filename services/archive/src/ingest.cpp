#include "ingest.hpp"

#include <algorithm>
#include <utility>

#include "aceso/dicom/tags.hpp"
#include "aceso/dicom/uid.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;
constexpr std::size_t kSlice = std::size_t{64} << 10;
constexpr std::size_t kMaxHead = std::size_t{1} << 20;  // the UID stands far before this in any order of tags
constexpr std::string_view kMediaDirectory = "1.2.840.10008.1.3.10";

// Of the bytes that came, only the end is missing: to the sender that is malformed input, not damage on our side.
Error as_input_error(Error why) {
  if (why.code() != Code::data_loss) return why;
  return Error{Code::invalid, why.message()};
}

}  // namespace

contracts::StoredObject describe(const Instance& instance) {
  return {.study_uid = instance.key->study_uid,
          .series_uid = instance.key->series_uid,
          .sop_instance_uid = instance.sop_instance_uid,
          .sop_class_uid = std::string{instance.sop_class_uid},
          .transfer_syntax_uid = std::string{instance.transfer_syntax_uid},
          .bytes = instance.file_bytes};
}

Error Ingest::refuse(Error why) {
  if (!failed_) {
    failed_ = why;
    writer_.reset();
    same_.reset();
    head_ = {};
    if (hooks_.refused) hooks_.refused(why);
  }
  return why;
}

Ingest::Identity Ingest::identity_of(const dicom::Object& object) {
  const auto uid = [&](dicom::Tag tag) {
    auto text = object.dataset.text_or(tag);
    return dicom::is_tolerable_uid(text) ? text : std::string{};
  };
  return {uid(tags::kStudyInstanceUID), uid(tags::kSOPClassUID), uid(tags::kSOPInstanceUID)};
}

Status Ingest::announce(const contracts::AnnouncedObject& announced, std::span<const std::byte> head) {
  announced_ = announced;
  return write(head);
}

Status Ingest::write(std::span<const std::byte> piece) {
  if (failed_) return *failed_;
  while (!piece.empty()) {
    const auto slice = piece.first(std::min(piece.size(), kSlice));
    piece = piece.subspan(slice.size());
    if (Status taken = take(slice); !taken) return refuse(std::move(taken).error());
  }
  return {};
}

Status Ingest::take(std::span<const std::byte> slice) {
  bytes_ += slice.size();
  if (bytes_ > max_bytes_) return Error{Code::too_large, "the object is larger than archive.max_object"};
  if (Status fed = reader_.feed(slice); !fed) return as_input_error(std::move(fed).error());
  if (identified_) return same_ ? compare(slice) : writer_->write(slice);
  head_.insert(head_.end(), slice.begin(), slice.end());
  return identify();
}

// Once the UID is known: is it taken?
Status Ingest::identify() {
  const auto& so_far = reader_.so_far();
  const auto uid = so_far.dataset.text(tags::kSOPInstanceUID);
  if (uid) return begin_as(*uid, so_far.dataset_offset);
  if (head_.size() <= kMaxHead) return {};
  // Of a deflated data set nothing is known before its end: it is written and compared then.
  if (so_far.syntax != nullptr && so_far.syntax->deflated) return begin_writing();
  return Error{Code::invalid, "SOP Instance UID is missing"};
}

Status Ingest::begin_as(std::string_view uid, std::uint64_t data_set_offset) {
  same_ = store_.index().find(uid);
  if (!same_) return begin_writing();
  identified_ = true;
  const auto from = static_cast<std::size_t>(std::min<std::uint64_t>(data_set_offset, head_.size()));
  const auto head = std::exchange(head_, {});
  return compare(std::span{head}.subspan(from));
}

Status Ingest::begin_writing() {
  identified_ = true;
  ACESO_TRY(writer_, store_.begin());
  const auto head = std::exchange(head_, {});
  return writer_->write(head);
}

Status Ingest::compare(std::span<const std::byte> piece) {
  const std::uint64_t kept = same_->file_bytes - same_->data_set_offset;
  const Error other{Code::exists, "other bytes are kept under this SOP Instance UID"};
  if (piece.size() > kept - compared_) return other;
  std::vector<std::byte> stored(piece.size());
  ACESO_TRY_OK(store_.read(*same_, same_->data_set_offset + compared_, stored));
  if (!std::ranges::equal(stored, piece)) return other;
  compared_ += piece.size();
  return {};
}

Result<Entry> Ingest::finish() {
  auto object = reader_.finish();
  if (!object) return as_input_error(std::move(object).error());
  parsed_ = identity_of(*object);
  if (object->sop_class() == kMediaDirectory)
    return Error{Code::unsupported, "a media directory (DICOMDIR) is no object to keep"};
  ACESO_TRY(Entry entry, make_entry(*object, bytes_));
  if (announced_ &&
      (entry.sop_class_uid != announced_->sop_class_uid || entry.sop_instance_uid != announced_->sop_instance_uid))
    return Error{Code::conflict, "the data set's SOP class or instance is not the announced one"};
  entry.calling_ae = calling_ae_;
  entry.received_us =
      std::chrono::duration_cast<std::chrono::microseconds>(clock_.utc_now().time_since_epoch()).count();
  return entry;
}

Result<Stored> Ingest::conclude(const Entry& entry) {
  if (!identified_) ACESO_TRY_OK(begin_as(entry.sop_instance_uid, entry.data_set_offset));
  if (hooks_.before) ACESO_TRY_OK(hooks_.before(entry));
  if (!same_) return store_.commit(*writer_, entry);
  if (compared_ != same_->file_bytes - same_->data_set_offset)
    return Error{Code::exists, "other bytes are kept under this SOP Instance UID"};
  if (store_.index().find(same_->sop_instance_uid) != same_)
    return Error{Code::unavailable, "the object was deleted while it was compared: send it again"};
  return Stored{.instance = same_, .duplicate = true};
}

Result<contracts::StoredObject> Ingest::commit() {
  if (failed_) return *failed_;
  auto entry = finish();
  if (!entry) return refuse(std::move(entry).error());
  auto stored = conclude(*entry);
  if (!stored) return refuse(std::move(stored).error());
  failed_ = Error{Code::precondition, "the object was committed already"};
  writer_.reset();
  if (hooks_.after) hooks_.after(*stored, *entry);
  auto out = describe(*stored->instance);
  out.duplicate = stored->duplicate;
  out.on_disk = store_.syncs_each();
  return out;
}

}  // namespace aceso::archive
