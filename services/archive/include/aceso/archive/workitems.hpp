// Work items (UPS-RS, PS3.18 chapter 11) at /dicom-web/workitems: tasks that others create, claim and finish, and the
// node's own analyses, which show as work items that the node performs.
#pragma once

#include <filesystem>
#include <memory>

#include "aceso/archive/analyses.hpp"
#include "aceso/archive/archive.hpp"
#include "aceso/base/clock.hpp"
#include "aceso/base/log.hpp"
#include "aceso/base/random.hpp"

namespace aceso::archive {

struct WorkitemDeps {
  const Clock& clock;  // all outlive the work items
  RandomSource& random;
  Logger logger;
  Archive& archive;
  Analyses& analyses;
  crypto::SecretKey key;  // seals what is kept
};

// Thread-safe. Scopes: archive:read to search and retrieve, archive:write for the rest.
class Workitems {
 public:
  static Result<std::unique_ptr<Workitems>> open(const std::filesystem::path& folder, WorkitemDeps deps);
  ~Workitems();
  Workitems(const Workitems&) = delete;
  Workitems& operator=(const Workitems&) = delete;

  void register_routes(net::Router& router);

  struct Impl;  // in src/

 private:
  explicit Workitems(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace aceso::archive
