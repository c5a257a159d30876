#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "aceso/learn/network.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace aceso::learn;
  const auto json =
      aceso::parse_json({reinterpret_cast<const char*>(data), size}, {.bytes = std::size_t{1} << 20, .depth = 32});
  if (!json.ok()) return 0;
  const auto network = parse_network(*json);
  if (!network.ok()) return 0;
  if (!parse_network(to_json(*network)).ok()) __builtin_trap();
  const auto shapes =
      infer_shapes(*network, {{"image", {-1, 3, 64, 64}}, {"signal", {-1, 2, 300}}, {"features", {-1, 30}}});
  if (shapes.ok() && shapes->outputs.size() != network->layers.size()) __builtin_trap();
  return 0;
}
