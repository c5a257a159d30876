// Blobs by SHA-256 of their plain bytes: written once, shared by equal content. Implemented by segment files, memory
// (tests) and later S3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/crypto/hash.hpp"
#include "aceso/store/log.hpp"

namespace aceso::store {

struct BlobInfo {
  std::string sha256;  // hex
  std::uint64_t length = 0;
};

// Thread-safe. put() is idempotent: the same bytes give the same id and are stored once.
class BlobStore {
 public:
  BlobStore() = default;
  BlobStore(const BlobStore&) = delete;
  BlobStore& operator=(const BlobStore&) = delete;
  virtual ~BlobStore() = default;

  virtual Result<BlobInfo> put(std::span<const std::byte> bytes) = 0;
  class Writer {
   public:
    virtual ~Writer() = default;
    virtual Status write(std::span<const std::byte> piece) = 0;
    virtual Result<BlobInfo> commit() = 0;
  };
  virtual Result<std::unique_ptr<Writer>> begin() = 0;
  virtual Result<BlobInfo> info(const std::string& sha256) const = 0;  // not_found
  virtual Status read_range(const std::string& sha256, std::uint64_t from, std::span<std::byte> out) const = 0;
  Result<std::vector<std::byte>> read(const std::string& sha256, std::uint64_t limit) const;  // too_large
  virtual Status remove(const std::string& sha256) = 0;  // forgets the index entry; space is reclaimed by compaction
};

// Blobs on a SegmentedLog with its index in a catalogue beside it (index.sqlite, rebuilt from the log when it is
// missing).
Result<std::unique_ptr<BlobStore>> open_segment_blobs(const std::filesystem::path& folder,
                                                      SegmentedLog::Options options, const Clock& clock,
                                                      const Logger& logger);
std::unique_ptr<BlobStore> make_memory_blobs();

}  // namespace aceso::store
