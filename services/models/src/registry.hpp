// The model registry: versions and stages in the catalogue, bundles as folders named by their id.
#pragma once

#include <cstdint>
#include <filesystem>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aceso/learn/bundle.hpp"
#include "context.hpp"

namespace aceso::models {

struct ModelVersion {
  std::string name;
  int version = 0;
  std::string bundle;  // its id
  std::string stage;   // candidate, shadow, live, retired, recalled
  bool evaluated = false;
  std::optional<double> auroc;
  std::string dataset;
  std::int64_t created = 0;
  std::string created_by;
};

// Of the requests that name no version: for a version beside the live one.
struct Share {
  int version = 0;
  bool canary = false;  // it answers; else it is a shadow
  double percent = 0;
  std::int64_t since = 0;
  std::string by;
};
Json to_json(const Share& share);
// Whether an input belongs to the share: always the same for the same input and name. `input_sha256` in hex.
bool falls_to_share(std::string_view name, std::string_view input_sha256, double percent);

// Thread-safe. Invariants: at most one live version a name; a row's bundle folder was complete and verified when the
// row was written.
class Registry {
 public:
  Registry(const Context& context, const crypto::SigningKey& key) : context_{context}, key_{key} {}

  Status reconcile();  // removes bundle folders without a row, tells of rows without a folder

  // Signs the bundle with the node's key and makes it the next candidate version of `name`. Called again for the same
  // job it answers the version it made.
  Result<ModelVersion> add(const Actor& actor, std::string_view name, const learn::Bundle& bundle,
                           std::string_view report_html, std::string_view job_id);
  std::optional<ModelVersion> of_job(std::string_view job_id) const;
  // A folder from elsewhere, signed by the node or a trusted key; copied as it is. exists when this name has it
  // already.
  Result<ModelVersion> import(const Actor& actor, const std::filesystem::path& folder, std::string_view name);
  Status export_to(const Actor& actor, std::string_view name, int version, const std::filesystem::path& target) const;
  // The files of a bundle folder that belong to it, relative.
  std::vector<std::filesystem::path> files(const ModelVersion& version) const;
  std::filesystem::path folder(std::string_view bundle) const { return context_.folder / "bundles" / bundle; }

  // version 0: the live one; precondition when the name has none. not_found.
  Result<ModelVersion> find(std::string_view name, int version) const;
  Result<Json> list() const;
  Result<Json> show(std::string_view name, int version) const;
  Result<std::string> report_html(std::string_view name, int version) const;
  Result<Json> promote(const Actor& actor, std::string_view name, int version, std::string_view stage);
  // The version that the live one replaced, or the last that was live; recalled ones are passed over. precondition.
  Result<int> former_live(std::string_view name) const;
  Result<Json> set_share(const Actor& actor, std::string_view name, int version, std::string_view mode, double percent);
  Result<std::optional<Share>> share_of(std::string_view name) const;

  // Verified against hashes and trusted keys. With weights: read from disk each time; without: kept for a few.
  Result<learn::Bundle> read(std::string_view bundle) const;
  Result<std::shared_ptr<const learn::Bundle>> info(
      std::string_view bundle) const;  // weights are empty; shared with the requests that read it

 private:
  Result<learn::Bundle> read_trusted(const std::filesystem::path& folder, std::string* signer) const;
  Result<std::map<std::string, Share>> all_shares() const;
  Result<ModelVersion> insert(const Actor& actor, std::string_view name, const learn::Bundle& bundle,
                              std::string_view job_id);

  const Context& context_;
  const crypto::SigningKey& key_;
  mutable std::mutex mutex_;  // guards infos_
  mutable std::list<std::pair<std::string, std::shared_ptr<const learn::Bundle>>> infos_;
};

// Retired or recalled: it answers nobody.
bool out_of_use(std::string_view stage) noexcept;
Json to_json(const ModelVersion& version);
// The AUROC of an evaluation as learn::evaluate() gives it (metrics.auroc.value), or of one from elsewhere (auroc).
std::optional<double> auroc_of(const Json& evaluation);

}  // namespace aceso::models
