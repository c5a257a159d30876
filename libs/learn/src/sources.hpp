// The sources that are built in.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <vector>

#include "aceso/learn/sample_source.hpp"
#include "npz_file.hpp"

namespace aceso::learn {

// `arrays` and `rows` must outlive the source. An array without data takes them from its reader in `rows`.
Result<std::unique_ptr<SampleSource>> open_array_source(
    const NamedArrays& arrays, const ImportOptions& options,
    const std::map<std::string, std::unique_ptr<RowReader>, std::less<>>* rows = nullptr);
// Whether an array of this key holds the samples themselves, which are looked at one after the other.
bool holds_samples(std::string_view key);
Result<std::unique_ptr<SampleSource>> open_folder_source(const std::filesystem::path& folder,
                                                         const ImportOptions& options);

// Stratified by label, or by `strata` (one a sample) where they are given; groups kept whole: moves about `fraction` of
// the `from` samples of each label to `to`. Deterministic in the seed.
void assign_split(std::vector<Sample>& samples, Split from, Split to, double fraction, std::uint64_t seed,
                  std::span<const int> strata = {});

}  // namespace aceso::learn
