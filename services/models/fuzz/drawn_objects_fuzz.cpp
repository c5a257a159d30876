// What readers draw, as it comes from outside: the first byte chooses boxes or outlines.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "../src/labelling_shapes.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace aceso::models;
  if (size == 0) return 0;
  const auto json = aceso::parse_json(std::string_view{reinterpret_cast<const char*>(data) + 1, size - 1});
  if (!json) return 0;
  const DrawnLimits limits{.classes = {"a", "b"}, .width = 40, .height = 30, .outlines = data[0] % 2 == 1};
  const auto objects = parse_objects(*json, limits);
  if (!objects) return 0;
  const auto again = parse_objects(objects_json(*objects, limits.classes), limits);
  if (!again || again->size() != objects->size()) std::abort();
  if (mask_of(*objects, limits.width, limits.height).data.size() != 1200) std::abort();
  if (!agree_on(*objects, *again, limits.outlines, 2)) std::abort();
  for (const auto& object : *objects) {
    if (!(area_of(object) >= 1)) std::abort();
  }
  return 0;
}
