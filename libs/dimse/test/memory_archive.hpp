// ObjectSink and ObjectSource in memory: what services/archive does for the network, without disk or index.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>

#include "aceso/contracts/objects.hpp"
#include "aceso/dicom/parse.hpp"
#include "aceso/dicom/tags.hpp"
#include "aceso/dicom/uid.hpp"
#include "aceso/dicom/write.hpp"

namespace aceso::dimse::testing {

class MemoryArchive final : public contracts::ObjectSink, public contracts::ObjectSource {
 public:
  struct Kept {
    contracts::StoredObject object;
    std::vector<std::byte> bytes;
    std::uint64_t data_set_offset = 0;
    dicom::Dataset header;
    std::string calling_ae;
  };

  // Stores a file as STOW-RS or an import would.
  Status add(std::vector<std::byte> file);
  std::vector<Kept> all() const {
    const std::lock_guard lock{mutex_};
    std::vector<Kept> out;
    for (const auto& [uid, kept] : objects_) out.push_back(*kept);
    return out;
  }
  std::size_t size() const {
    const std::lock_guard lock{mutex_};
    return objects_.size();
  }
  void refuse_with(std::optional<Code> code) {
    const std::lock_guard lock{mutex_};
    refuse_ = code;
  }
  int syncs() const {
    const std::lock_guard lock{mutex_};
    return syncs_;
  }
  std::size_t largest_piece() const {
    const std::lock_guard lock{mutex_};
    return largest_piece_;
  }

  Result<std::unique_ptr<contracts::ObjectWriter>> begin_file(const contracts::ObjectPeer& peer) override;
  Result<std::unique_ptr<contracts::ObjectWriter>> begin_data_set(const contracts::ObjectPeer& peer,
                                                                  const contracts::AnnouncedObject& announced) override;
  Result<contracts::ObjectRows> find(const contracts::ObjectPeer& peer,
                                     const contracts::ObjectQuery& query) const override;
  Result<std::vector<contracts::StoredObject>> expand(const contracts::ObjectPeer& peer, contracts::QueryLevel level,
                                                      const Phi<std::string>& uid) const override;
  Result<std::unique_ptr<contracts::ObjectBytes>> open(const contracts::ObjectPeer& peer,
                                                       std::string_view sop_instance_uid) const override;
  Status sync() override {
    const std::lock_guard lock{mutex_};
    ++syncs_;
    return {};
  }

 private:
  class Writer;
  class Bytes;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const Kept>, std::less<>> objects_;  // shared with open readers
  std::optional<Code> refuse_;
  int syncs_ = 0;
  std::size_t largest_piece_ = 0;
};

}  // namespace aceso::dimse::testing
