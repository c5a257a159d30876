#include "aceso/archive/analyses.hpp"
#include "routing_rules.hpp"

namespace aceso::archive {

void declare_routing_config(ConfigSchema& schema) {
  schema
      .add({.name = "routing.rules",
            .type = ConfigType::document,
            .default_value = "[]",
            .help =
                "Which series go to which model: {match: {modality, body_part, description, calling_ae}, model: "
                "name or name@version, output: [sr, sc, seg, map, key], window: [center, width], positive: [classes], "
                "urgency: high, medium or low, name}; a match is a text with * and ?, or a list of them. Maps of "
                "influence and key object notes are written for positive findings."})
      .add({.name = "routing.quiet",
            .type = ConfigType::duration,
            .default_value = "60s",
            .help = "A series is complete when nothing came for so long.",
            .min = 100,
            .max = 86'400'000})
      .add({.name = "routing.max_images",
            .type = ConfigType::integer,
            .default_value = "4",
            .help = "Images of one series that are sent to a model of single images; a series with more is not "
                    "analysed.",
            .min = 1,
            .max = 1000})
      .add({.name = "routing.attempts",
            .type = ConfigType::integer,
            .default_value = "5",
            .help = "How often an analysis is tried while model or archive are not available.",
            .min = 1,
            .max = 20});
}

Status check_routing_config(const Config& config) {
  const auto rules = parse_routing_rules(config.document("routing.rules"));
  if (rules) return {};
  return Error{Code::invalid, config.origin("routing.rules") + ": routing.rules: " + rules.error().message()};
}

RoutingOptions routing_options_from(const Config& config) {
  RoutingOptions options;
  options.rules = config.document("routing.rules");
  options.quiet = std::chrono::milliseconds{config.duration_ms("routing.quiet")};
  options.max_images = static_cast<std::size_t>(config.integer("routing.max_images"));
  options.attempts = static_cast<int>(config.integer("routing.attempts"));
  return options;
}

}  // namespace aceso::archive
