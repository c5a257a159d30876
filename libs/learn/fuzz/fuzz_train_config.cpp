// Training configurations in YAML: what is accepted is accepted as JSON too, and says the same.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "aceso/learn/trainer.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto config = aceso::learn::parse_train_config({reinterpret_cast<const char*>(data), size}, "train.yaml");
  if (!config.ok()) return 0;
  const aceso::Json json = to_json(*config);
  const auto again = aceso::learn::parse_train_config_json(json);
  if (!again.ok() || to_json(*again) != json) __builtin_trap();
  return 0;
}
