// A dataset for other programs.
#pragma once

#include <filesystem>
#include <stop_token>
#include <string_view>

#include "aceso/base/progress.hpp"
#include "aceso/base/result.hpp"
#include "aceso/learn/dataset.hpp"

namespace aceso::learn {

// npz: one archive with {train,val,test}_{images,labels,group,masks,boxes,box_labels}, groups as numbers; samples of
// one size only, those in no split are left out. folder: a file a sample (PNG for 8- and 16-bit images, NIfTI for
// volumes, .npy for all else), masks beside them, labels.csv and dataset.json; import reads both again.
enum class ExportFormat : std::uint8_t { npz, folder };
Result<ExportFormat> parse_export_format(std::string_view name);

// File names are numbers, never the samples' own. `target` must not be there; nothing is left when it fails. Errors:
// exists, invalid (npz of samples that differ in size, or of more than 2 GiB), exhausted, cancelled.
Status export_dataset(const Dataset& dataset, const std::filesystem::path& target, ExportFormat format,
                      ProgressSink& progress, const std::stop_token& stop);

}  // namespace aceso::learn
