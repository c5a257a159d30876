// Validators of other hands: dciodvfy (dicom3tools) and dsrdump (DCMTK).
#pragma once

#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "aceso/base/file.hpp"

namespace aceso::dicom::testing {

inline bool has_validator(const std::string& name) {
  return ::access(("/usr/bin/" + name).c_str(), X_OK) == 0;
}

// What the program says of a file that holds `bytes`, on either stream.
inline std::string said_by(const std::string& program, std::span<const std::byte> bytes) {
  const auto folder = TempDir::create("aceso-validate");
  if (!folder) return "Error - no temporary folder";
  const auto file = folder->path() / "object.dcm";
  if (!write_file_atomic(file, bytes)) return "Error - the file cannot be written";
  const std::string command = "/usr/bin/" + program + " '" + file.string() + "' 2>&1";
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe{popen(command.c_str(), "r"), pclose};
  std::string out;
  std::array<char, 4096> part{};
  for (std::size_t n = 0; pipe && (n = std::fread(part.data(), 1, part.size(), pipe.get())) > 0;)
    out.append(part.data(), n);
  return out;
}

}  // namespace aceso::dicom::testing
