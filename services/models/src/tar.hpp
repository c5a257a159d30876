// A bundle's files as one POSIX.1-1988 (ustar) archive, made while it is sent.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "aceso/net/http.hpp"

namespace aceso::models {

// Files (path below `root`, which becomes the name in the archive below `prefix`) in the given order; names of at most
// 99 bytes, mode 0644, time 0: equal files give equal bytes.
class TarSource final : public net::BodySource {
 public:
  TarSource(std::filesystem::path root, std::string prefix, const std::vector<std::filesystem::path>& files);
  Result<std::size_t> read(std::span<std::byte> out) override;
  std::optional<std::uint64_t> length() const override { return length_; }

 private:
  struct Entry {
    std::filesystem::path file;
    std::string name;
    std::uint64_t size = 0;
  };
  Status next_piece();
  std::filesystem::path root_;
  std::vector<Entry> entries_;
  std::uint64_t length_ = 1024;  // two empty blocks end an archive
  std::size_t at_ = 0;
  std::ifstream in_;
  std::uint64_t left_ = 0;  // of the current file
  std::string pending_;     // header, padding or end
  bool open_ = false, ended_ = false;
};

}  // namespace aceso::models
