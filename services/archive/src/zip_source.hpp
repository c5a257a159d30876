// A ZIP file (PKWARE APPNOTE 6.3, ZIP64 where needed) of stored objects, uncompressed, made while it is sent: its
// length is known before, memory does not grow with it. Each object is read twice, first for its CRC-32.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "aceso/net/http.hpp"
#include "object_store.hpp"

namespace aceso::archive {

struct ZipEntry {
  std::string name;  // ASCII, '/' between folders
  InstancePtr instance;
};
// store outlives it. A reader may stop at any time.
std::shared_ptr<net::BodySource> zip_source(const ObjectStore& store, std::vector<ZipEntry> entries);

}  // namespace aceso::archive
