// One object on its way in: parsed for its head while it is written, compared instead of written when it is there
// already (PS3.4 B.2.3, PS3.18 10.5).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aceso/contracts/objects.hpp"
#include "aceso/dicom/parse.hpp"
#include "object_store.hpp"

namespace aceso::archive {

struct IngestHooks {
  // Before anything lasts: may refuse (audit).
  std::function<Status(const Entry& entry)> before;
  // After it was stored or found to be a duplicate, or refused.
  std::function<void(const Stored& stored, const Entry& entry)> after;
  std::function<void(const Error& why)> refused;
};

class Ingest final : public contracts::ObjectWriter {
 public:
  // store and clock outlive it. `announced` of a bare data set.
  Ingest(ObjectStore& store, const Clock& clock, std::uint64_t max_bytes, std::string calling_ae, IngestHooks hooks)
      : store_{store},
        clock_{clock},
        max_bytes_{max_bytes},
        calling_ae_{std::move(calling_ae)},
        hooks_{std::move(hooks)} {}

  // Before any write(): the head of a part 10 file made for a data set that comes without, and what it must be.
  Status announce(const contracts::AnnouncedObject& announced, std::span<const std::byte> head);
  Status write(std::span<const std::byte> piece) override;
  Result<contracts::StoredObject> commit() override;

  // As far as they have been read; "" before.
  struct Identity {
    std::string study_uid, sop_class_uid, sop_instance_uid;
  };
  Identity identity() const { return parsed_ ? *parsed_ : identity_of(reader_.so_far()); }

 private:
  static dicom::ParseOptions head_options() {
    dicom::ParseOptions options;
    options.keep = std::uint64_t{64} << 10;
    options.inflated = std::uint64_t{256} << 20;
    options.skip_pixel_data = true;
    return options;
  }
  static Identity identity_of(const dicom::Object& object);
  Status take(std::span<const std::byte> slice);
  Status identify();
  Status begin_as(std::string_view uid, std::uint64_t data_set_offset);
  Status begin_writing();
  Status compare(std::span<const std::byte> data_set_piece);
  Result<Entry> finish();
  Result<Stored> conclude(const Entry& entry);
  Error refuse(Error why);

  ObjectStore& store_;
  const Clock& clock_;
  const std::uint64_t max_bytes_;
  const std::string calling_ae_;
  const IngestHooks hooks_;
  std::optional<contracts::AnnouncedObject> announced_;
  dicom::StreamReader reader_{head_options()};
  std::uint64_t bytes_ = 0;
  std::vector<std::byte> head_;  // until the SOP instance UID is known
  bool identified_ = false;
  std::unique_ptr<store::SegmentedLog::Writer> writer_;
  InstancePtr same_;                // compared with, when the UID is taken
  std::uint64_t compared_ = 0;      // bytes of its data set
  std::optional<Identity> parsed_;  // once the reader has given its object away
  std::optional<Error> failed_;
};

contracts::StoredObject describe(const Instance& instance);

}  // namespace aceso::archive
