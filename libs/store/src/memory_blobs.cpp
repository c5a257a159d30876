// Blobs in memory, for tests.
#include <algorithm>
#include <map>
#include <mutex>

#include "aceso/store/blobs.hpp"

namespace aceso::store {
namespace {

class MemoryBlobs final : public BlobStore {
 public:
  Result<BlobInfo> put(std::span<const std::byte> bytes) override {
    BlobInfo info{crypto::to_hex(crypto::sha256(bytes)), bytes.size()};
    const std::lock_guard lock{mutex_};
    blobs_.try_emplace(info.sha256, bytes.begin(), bytes.end());
    return info;
  }

  Result<std::unique_ptr<Writer>> begin() override { return std::unique_ptr<Writer>{std::make_unique<Held>(*this)}; }

  Result<BlobInfo> info(const std::string& sha256) const override {
    const std::lock_guard lock{mutex_};
    const auto found = blobs_.find(sha256);
    if (found == blobs_.end()) return Error{Code::not_found, "no such blob"};
    return BlobInfo{sha256, found->second.size()};
  }

  Status read_range(const std::string& sha256, std::uint64_t from, std::span<std::byte> out) const override {
    const std::lock_guard lock{mutex_};
    const auto found = blobs_.find(sha256);
    if (found == blobs_.end()) return Error{Code::not_found, "no such blob"};
    const std::span<const std::byte> bytes{found->second};
    if (from > bytes.size() || out.size() > bytes.size() - from) {
      return Error{Code::invalid, "the range lies outside the blob"};
    }
    const auto range = bytes.subspan(from, out.size());
    std::copy(range.begin(), range.end(), out.begin());
    return {};
  }

  Status remove(const std::string& sha256) override {
    const std::lock_guard lock{mutex_};
    if (blobs_.erase(sha256) == 0) return Error{Code::not_found, "no such blob"};
    return {};
  }

 private:
  class Held final : public Writer {
   public:
    explicit Held(MemoryBlobs& blobs) : blobs_{blobs} {}
    Status write(std::span<const std::byte> piece) override {
      if (committed_) return Error{Code::precondition, "the blob was committed already"};
      bytes_.insert(bytes_.end(), piece.begin(), piece.end());
      return {};
    }
    Result<BlobInfo> commit() override {
      if (committed_) return Error{Code::precondition, "the blob was committed already"};
      committed_ = true;
      return blobs_.put(bytes_);
    }

   private:
    MemoryBlobs& blobs_;
    std::vector<std::byte> bytes_;
    bool committed_ = false;
  };

  mutable std::mutex mutex_;
  std::map<std::string, std::vector<std::byte>> blobs_;
};

}  // namespace

std::unique_ptr<BlobStore> make_memory_blobs() {
  return std::make_unique<MemoryBlobs>();
}

}  // namespace aceso::store
