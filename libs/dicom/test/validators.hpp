// Validators of other hands: dciodvfy (dicom3tools) and dsrdump (DCMTK).
#pragma once

#include <unistd.h>

#include <algorithm>
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

// Of what dciodvfy says.
inline std::string error_lines(const std::string& said) {
  std::string out;
  for (std::size_t at = 0; at < said.size();) {
    const auto end = std::min(said.find('\n', at), said.size());
    if (const auto line = said.substr(at, end - at); line.starts_with("Error")) out += line + "\n";
    at = end + 1;
  }
  return out;
}

// Debian's libpixelmed-java, PixelMed's validator of SR templates, with any Java at all. Its style sheets hold more
// XPath operators than newer versions of Java let through.
inline bool has_pixelmed() {
  return has_validator("java") && std::filesystem::exists("/usr/share/java/pixelmed.jar");
}
inline std::string said_by_pixelmed(std::span<const std::byte> bytes) {
  return said_by(
      "java -Djdk.xml.xpathExprGrpLimit=0 -Djdk.xml.xpathExprOpLimit=0 -Djdk.xml.xpathTotalOpLimit=0 "
      "-Djava.awt.headless=true -cp '/usr/share/java/*' com.pixelmed.validate.DicomSRValidator",
      bytes);
}

// Debian's python3-pydicom and python3-numpy.
inline bool has_pydicom() {
  return std::filesystem::exists("/usr/lib/python3/dist-packages/pydicom") &&
         std::filesystem::exists("/usr/lib/python3/dist-packages/numpy");
}

// What `script` prints, with the data set as `d`.
inline std::string said_by_pydicom(std::span<const std::byte> bytes, const std::string& script) {
  const auto folder = TempDir::create("aceso-pydicom");
  if (!folder) return "no temporary folder";
  const auto program = folder->path() / "read.py";
  const std::string text = "import sys, pydicom\nd = pydicom.dcmread(sys.argv[1])\n" + script;
  if (!write_file_atomic(program, std::as_bytes(std::span{text}))) return "the script cannot be written";
  return said_by("python3 '" + program.string() + "'", bytes);
}

}  // namespace aceso::dicom::testing
