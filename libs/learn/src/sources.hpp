// The sources that are built in.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "aceso/learn/sample_source.hpp"

namespace aceso::learn {

// `arrays` must outlive the source.
Result<std::unique_ptr<SampleSource>> open_array_source(const NamedArrays& arrays, const ImportOptions& options);
Result<std::unique_ptr<SampleSource>> open_folder_source(const std::filesystem::path& folder,
                                                         const ImportOptions& options);

// Stratified by label, or by `strata` (one a sample) where they are given; groups kept whole: moves about `fraction` of
// the `from` samples of each label to `to`. Deterministic in the seed.
void assign_split(std::vector<Sample>& samples, Split from, Split to, double fraction, std::uint64_t seed,
                  std::span<const int> strata = {});

}  // namespace aceso::learn
