// manifest.json of a dataset folder (docs/formats/dataset.md) and the dataset's identity.
#pragma once

#include <string>
#include <string_view>

#include "aceso/learn/dataset.hpp"

namespace aceso::learn {

constexpr std::uint64_t kPackAlignment = 64;
constexpr std::uint64_t kPackHeader = 4096;
constexpr std::string_view kPackMagic = "ACESOPK1";
constexpr std::size_t kMaxManifestBytes = std::size_t{1} << 30;
constexpr std::size_t kMaxSamples = 5'000'000;
constexpr std::size_t kMaxBoxes = 10'000;  // of one sample
constexpr std::int64_t kMaxFolds = 100;

bool is_kind(std::string_view kind) noexcept;  // image, volume, signal, table

// SHA-256 over kind, number type, classes and each sample's id, hash, split, label and group, in order.
std::string dataset_hash(const Manifest& manifest);
// SHA-256 over number type, shape and bytes of one sample.
std::string sample_hash(DType dtype, const Shape& shape, std::span<const std::byte> bytes);
Json to_json(const Manifest& manifest);
// Every field checked: labels and splits in range, offsets aligned and inside the pack (`pack_bytes`), no two samples
// of one id, the hash right.
Result<Manifest> parse_manifest(std::string_view text, std::uint64_t pack_bytes);

}  // namespace aceso::learn
