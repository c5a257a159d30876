#include "zip_source.hpp"

#include <zlib.h>

#include <algorithm>
#include <utility>

namespace aceso::archive {
namespace {

constexpr std::uint64_t kZip32 = 0xFFFFFFFF;
constexpr std::size_t kManyEntries = 0xFFFF;
constexpr std::uint64_t kLocalHead = 30;
constexpr std::uint64_t kCentralHead = 46;
constexpr std::uint64_t kEnd = 22;
constexpr std::uint64_t kEnd64 = 56 + 20;   // with its locator
constexpr std::uint16_t kDosDate = 0x0021;  // 1980-01-01: when it was made tells nothing
constexpr std::size_t kCrcPiece = std::size_t{64} << 10;

void put(std::string& out, std::uint64_t value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> 8U * i));
}

std::uint32_t low(std::uint64_t value) noexcept {
  return static_cast<std::uint32_t>(std::min(value, kZip32));
}

class ZipSource final : public net::BodySource {
 public:
  ZipSource(const ObjectStore& store, std::vector<ZipEntry> entries) : store_{store} {
    for (auto& one : entries) entries_.push_back({std::move(one), 0, 0});
    for (const auto& one : entries_) length_ += kLocalHead + one.name().size() + local_extra(one) + one.size();
    std::uint64_t at = 0;
    std::uint64_t central = 0;
    for (auto& one : entries_) {
      one.offset = at;
      at += kLocalHead + one.name().size() + local_extra(one) + one.size();
      central += kCentralHead + one.name().size() + central_extra(one);
    }
    central_at_ = at;
    length_ += central + kEnd + (needs_64(at, central) ? kEnd64 : 0);
  }

  Result<std::size_t> read(std::span<std::byte> out) override {
    for (;;) {
      if (at_ < text_.size()) {
        const std::size_t n = std::min(out.size(), text_.size() - at_);
        std::copy_n(std::as_bytes(std::span{text_}).begin() + static_cast<std::ptrdiff_t>(at_), n, out.begin());
        at_ += n;
        return n;
      }
      if (in_object_) {
        const auto& instance = *entries_[next_ - 1].entry.instance;
        const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), instance.file_bytes - read_));
        if (n > 0) {
          ACESO_TRY_OK(store_.read(instance, read_, out.first(n)));
          read_ += n;
          return n;
        }
        in_object_ = false;
      }
      if (ended_) return std::size_t{0};
      ACESO_TRY_OK(advance());
    }
  }
  std::optional<std::uint64_t> length() const override { return length_; }

 private:
  struct Entry {
    ZipEntry entry;
    std::uint32_t crc;
    std::uint64_t offset;
    const std::string& name() const noexcept { return entry.name; }
    std::uint64_t size() const noexcept { return entry.instance->file_bytes; }
  };
  static std::uint64_t local_extra(const Entry& one) noexcept { return one.size() >= kZip32 ? 20 : 0; }
  static std::uint64_t central_extra(const Entry& one) noexcept {
    const std::uint64_t fields = (one.size() >= kZip32 ? 16U : 0U) + (one.offset >= kZip32 ? 8U : 0U);
    return fields > 0 ? fields + 4 : 0;
  }
  bool needs_64(std::uint64_t central_at, std::uint64_t central) const noexcept {
    return entries_.size() >= kManyEntries || central_at >= kZip32 || central >= kZip32;
  }

  Status advance() {
    at_ = 0;
    text_.clear();
    if (next_ == entries_.size()) {
      write_directory();
      ended_ = true;
      return {};
    }
    Entry& one = entries_[next_++];
    ACESO_TRY(one.crc, crc_of_object(*one.entry.instance));
    put(text_, 0x04034B50, 4);
    put_common(one);
    put(text_, low(one.size()), 4);
    put(text_, low(one.size()), 4);
    put(text_, one.name().size(), 2);
    put(text_, local_extra(one), 2);
    text_ += one.name();
    if (local_extra(one) > 0) {
      put(text_, 1, 2);
      put(text_, 16, 2);
      put(text_, one.size(), 8);
      put(text_, one.size(), 8);
    }
    in_object_ = true;
    read_ = 0;
    return {};
  }

  Result<std::uint32_t> crc_of_object(const Instance& instance) const {
    std::vector<std::byte> piece;
    uLong crc = crc32(0, Z_NULL, 0);
    for (std::uint64_t at = 0; at < instance.file_bytes; at += piece.size()) {
      piece.resize(static_cast<std::size_t>(std::min<std::uint64_t>(kCrcPiece, instance.file_bytes - at)));
      ACESO_TRY_OK(store_.read(instance, at, piece));
      crc = crc32(crc, reinterpret_cast<const Bytef*>(piece.data()), static_cast<uInt>(piece.size()));
    }
    return static_cast<std::uint32_t>(crc);
  }

  // Version needed to the CRC: the same in both heads.
  void put_common(const Entry& one) {
    put(text_, central_extra(one) > 0 || local_extra(one) > 0 ? 45 : 20, 2);
    put(text_, 0, 2);  // no flags
    put(text_, 0, 2);  // stored
    put(text_, 0, 2);  // midnight
    put(text_, kDosDate, 2);
    put(text_, one.crc, 4);
  }

  void write_directory() {
    for (const auto& one : entries_) {
      put(text_, 0x02014B50, 4);
      put(text_, 45, 2);
      put_common(one);
      put(text_, low(one.size()), 4);
      put(text_, low(one.size()), 4);
      put(text_, one.name().size(), 2);
      put(text_, central_extra(one), 2);
      put(text_, 0, 2);  // comment
      put(text_, 0, 2);  // disk
      put(text_, 0, 2);  // internal attributes
      put(text_, 0, 4);  // external attributes
      put(text_, low(one.offset), 4);
      text_ += one.name();
      if (central_extra(one) == 0) continue;
      put(text_, 1, 2);
      put(text_, central_extra(one) - 4, 2);
      if (one.size() >= kZip32) {
        put(text_, one.size(), 8);
        put(text_, one.size(), 8);
      }
      if (one.offset >= kZip32) put(text_, one.offset, 8);
    }
    write_end(text_.size());
  }

  void write_end(std::uint64_t central) {
    if (needs_64(central_at_, central)) {
      put(text_, 0x06064B50, 4);
      put(text_, 44, 8);
      put(text_, 45, 2);
      put(text_, 45, 2);
      put(text_, 0, 4);
      put(text_, 0, 4);
      put(text_, entries_.size(), 8);
      put(text_, entries_.size(), 8);
      put(text_, central, 8);
      put(text_, central_at_, 8);
      put(text_, 0x07064B50, 4);
      put(text_, 0, 4);
      put(text_, central_at_ + central, 8);
      put(text_, 1, 4);
    }
    const auto count = std::min(entries_.size(), kManyEntries);
    put(text_, 0x06054B50, 4);
    put(text_, 0, 2);
    put(text_, 0, 2);
    put(text_, count, 2);
    put(text_, count, 2);
    put(text_, low(central), 4);
    put(text_, low(central_at_), 4);
    put(text_, 0, 2);
  }

  const ObjectStore& store_;
  std::vector<Entry> entries_;
  std::uint64_t central_at_ = 0;
  std::uint64_t length_ = 0;
  std::size_t next_ = 0;
  std::string text_;
  std::size_t at_ = 0;
  bool in_object_ = false;
  std::uint64_t read_ = 0;  // of the object
  bool ended_ = false;
};

}  // namespace

std::shared_ptr<net::BodySource> zip_source(const ObjectStore& store, std::vector<ZipEntry> entries) {
  return std::make_shared<ZipSource>(store, std::move(entries));
}

}  // namespace aceso::archive
