// Config::parse: any text gives a configuration within its ranges, or an error in printable characters.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "aceso/base/assert.hpp"
#include "aceso/base/config.hpp"
#include "aceso/base/json.hpp"
#include "aceso/base/text.hpp"

namespace {

aceso::ConfigSchema make_schema() {
  using aceso::ConfigType;
  aceso::ConfigSchema schema;
  schema.add({"home", ConfigType::text, "", "Folder."})
      .add({"net.port", ConfigType::integer, "8080", "Port.", 1, 65535})
      .add({"net.addresses", ConfigType::list, "127.0.0.1", "Addresses.", 1, 8})
      .add({"net.idle", ConfigType::duration, "30s", "Idle.", 1000, 86'400'000})
      .add({"net.tls.enabled", ConfigType::boolean, "false", "TLS."})
      .add({"store.segment", ConfigType::size, "64MiB", "Segment.", 4096, {}})
      .add({"store.fill", ConfigType::number, "0.5", "Share.", 0, 1})
      .add({"routing.rules", ConfigType::document, "[]", "Rules."});
  return schema;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const aceso::ConfigSchema kSchema = make_schema();
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto config =
      aceso::Config::parse(kSchema, text, "aceso.yaml", [](const std::string&) { return std::nullopt; });
  if (!config) {
    for (const char c : config.error().message()) {
      ACESO_ASSERT(c == '\n' || static_cast<unsigned char>(c) >= 0x20, "a control character in an error");
    }
    ACESO_ASSERT(aceso::is_valid_utf8(config.error().message()), "malformed UTF-8 in an error");
    return 0;
  }
  const auto port = config->integer("net.port");
  ACESO_ASSERT(port >= 1 && port <= 65535, "a value out of range");
  ACESO_ASSERT(!config->list("net.addresses").empty(), "a list that is too short");
  ACESO_ASSERT(config->duration_ms("net.idle") >= 1000, "a value out of range");
  ACESO_ASSERT(config->size_bytes("store.segment") >= 4096, "a value out of range");
  ACESO_ASSERT(aceso::parse_json(config->document("routing.rules")).ok(), "a document that is no JSON");
  ACESO_ASSERT(config->number("store.fill") >= 0 && config->number("store.fill") <= 1, "a value out of range");
  return 0;
}
