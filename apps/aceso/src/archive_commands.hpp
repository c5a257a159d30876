// Subcommands of `aceso archive` that have files of their own, and what they share.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "context.hpp"

namespace aceso::app {

void add_archive_analyses(CLI::App& group, Context& context);  // analyses, analyse
void add_archive_worklist(CLI::App& group, Context& context);  // worklist, steps
void add_archive_priors(CLI::App& group, Context& context);    // priors
void add_archive_pull(CLI::App& group, Context& context);      // pull

// Value of an attribute of a DICOM JSON object as text; several separated by ", ".
std::string value_of(const Json& object, const char* tag);
// The answer of a QIDO-RS query.
Result<std::vector<Json>> qido(Api& api, const std::string& target);

inline constexpr std::size_t kImportBatch = 64;  // files of one request
struct ImportTotals {
  std::size_t stored = 0, duplicates = 0;
  std::uint64_t bytes = 0;
  Json refused = Json::array();
};
// Stores files[first] and at most kImportBatch - 1 more; the node reads them.
Status import_batch(Api& api, const std::vector<std::filesystem::path>& files, std::size_t first, ImportTotals& totals);

}  // namespace aceso::app
