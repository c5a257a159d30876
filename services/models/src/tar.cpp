#include "tar.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>

namespace aceso::models {
namespace {

constexpr std::uint64_t kBlock = 512;

std::string header(const std::string& name, std::uint64_t size) {
  std::string block(kBlock, '\0');
  const auto put = [&](std::size_t at, const std::string& text) {
    std::copy(text.begin(), text.end(), block.begin() + static_cast<std::ptrdiff_t>(at));
  };
  std::array<char, 16> digits{};
  std::snprintf(digits.data(), digits.size(), "%011llo", static_cast<unsigned long long>(size));
  put(0, name);
  put(100, "0000644");
  put(108, "0000000");
  put(116, "0000000");
  put(124, digits.data());
  put(136, "00000000000");
  put(148, "        ");  // the checksum counts its own field as spaces
  put(156, "0");
  put(257, "ustar");
  put(263, "00");
  unsigned sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  std::snprintf(digits.data(), digits.size(), "%06o", sum);
  put(148, std::string{digits.data()} + '\0' + ' ');
  return block;
}

}  // namespace

TarSource::TarSource(std::filesystem::path root, std::string prefix, const std::vector<std::filesystem::path>& files)
    : root_{std::move(root)} {
  std::error_code ec;
  for (const std::filesystem::path& file : files) {
    Entry entry{file, prefix + "/" + file.generic_string(), std::filesystem::file_size(root_ / file, ec)};
    if (ec || entry.name.size() > 99) continue;
    length_ += kBlock + (entry.size + kBlock - 1) / kBlock * kBlock;
    entries_.push_back(std::move(entry));
  }
}

Status TarSource::next_piece() {
  if (open_) {  // the file before is sent: fill its last block
    const std::uint64_t over = entries_[at_].size % kBlock;
    open_ = false;
    ++at_;
    in_.close();
    if (over != 0) {
      pending_.assign(kBlock - over, '\0');
      return {};
    }
  }
  if (at_ == entries_.size()) {
    if (!ended_) pending_.assign(2 * kBlock, '\0');
    ended_ = true;
    return {};
  }
  in_.open(root_ / entries_[at_].file, std::ios::binary);
  if (!in_) return Error{Code::internal, "a file of the bundle cannot be read"};
  open_ = true;
  left_ = entries_[at_].size;
  pending_ = header(entries_[at_].name, left_);
  return {};
}

Result<std::size_t> TarSource::read(std::span<std::byte> out) {
  for (;;) {
    if (!pending_.empty()) {
      const std::size_t n = std::min(out.size(), pending_.size());
      std::memcpy(out.data(), pending_.data(), n);
      pending_.erase(0, n);
      return n;
    }
    if (open_ && left_ > 0) {
      const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), left_));
      in_.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(n));
      if (in_.gcount() != static_cast<std::streamsize>(n))
        return Error{Code::internal, "a file of the bundle is shorter than it was"};
      left_ -= n;
      return n;
    }
    if (ended_) return std::size_t{0};
    ACESO_TRY_OK(next_piece());
  }
}

}  // namespace aceso::models
