// The conformance files beside the project: the archive is read through xz and a small tar reader, nothing is unpacked
// to disk.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace aceso::dicom::testing {

inline std::filesystem::path shared_data() {
  const char* given = std::getenv("ACESO_SHARED_DATA");  // NOLINT(concurrency-mt-unsafe): nothing sets the environment
  return given == nullptr ? "" : given;
}

using Files = std::map<std::string, std::vector<std::byte>>;

// Regular files of a ustar or GNU archive; names without the first folder.
inline Files read_tar_xz(const std::filesystem::path& archive) {
  Files files;
  const std::string command = "xz -dc '" + archive.string() + "'";
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe{popen(command.c_str(), "r"), pclose};
  if (!pipe) return files;
  const auto read = [&](void* to, std::size_t n) { return std::fread(to, 1, n, pipe.get()) == n; };
  char header[512];
  std::string long_name;
  while (read(header, sizeof header) && header[0] != '\0') {
    const std::size_t size = std::strtoull(std::string{header + 124, 12}.c_str(), nullptr, 8);
    std::string name{header, strnlen(header, 100)};
    if (std::string_view{header + 257, 5} == "ustar" && header[345] != '\0')
      name.insert(0, std::string{header + 345, strnlen(header + 345, 155)} + "/");
    std::vector<std::byte> content(size);
    std::vector<std::byte> padding((512 - size % 512) % 512);
    if (!read(content.data(), size) || !read(padding.data(), padding.size())) return {};
    if (header[156] == 'L') {
      long_name.assign(reinterpret_cast<const char*>(content.data()), size);
      long_name.resize(strnlen(long_name.c_str(), size));
      continue;
    }
    if (!long_name.empty()) name = std::exchange(long_name, "");
    if (header[156] == '0' || header[156] == '\0') files.emplace(name.substr(name.find('/') + 1), std::move(content));
  }
  return files;
}

using Row = std::map<std::string, std::string>;

inline std::vector<Row> read_csv(const std::filesystem::path& file) {
  std::ifstream in{file};
  std::vector<Row> rows;
  std::vector<std::string> names;
  for (std::string line; std::getline(in, line);) {
    std::vector<std::string> cells{""};
    bool quoted = false;
    for (const char c : line) {
      if (c == '"') {
        quoted = !quoted;
      } else if (c == ',' && !quoted) {
        cells.emplace_back();
      } else if (c != '\r') {
        cells.back() += c;
      }
    }
    if (names.empty()) {
      names = cells;
      continue;
    }
    Row row;
    for (std::size_t i = 0; i < names.size() && i < cells.size(); ++i) row[names[i]] = cells[i];
    rows.push_back(std::move(row));
  }
  return rows;
}

struct Conformance {
  Files files;
  std::vector<Row> index;
};

// Loaded once a process; empty when the data are not there.
inline const Conformance& conformance() {
  static const Conformance data = [] {
    Conformance all;
    const auto folder = shared_data() / "dicom";
    if (!std::filesystem::exists(folder / "dicom_conformance.tar.xz")) return all;
    all.files = read_tar_xz(folder / "dicom_conformance.tar.xz");
    all.index = read_csv(folder / "index_conformance.csv");
    return all;
  }();
  return data;
}

}  // namespace aceso::dicom::testing
