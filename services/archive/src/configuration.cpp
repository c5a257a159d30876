#include "aceso/archive/archive.hpp"

namespace aceso::archive {

void declare_config(ConfigSchema& schema) {
  schema
      .add({.name = "archive.durability",
            .type = ConfigType::text,
            .default_value = "each",
            .help = "each: an object is acknowledged when it is on disk; window: at once, it is on disk within "
                    "archive.window.",
            .choices = {"each", "window"}})
      .add({.name = "archive.window",
            .type = ConfigType::duration,
            .default_value = "20ms",
            .help = "With archive.durability window: what was acknowledged so long before a power failure may be lost.",
            .min = 1,
            .max = 60'000})
      .add({.name = "archive.encrypt",
            .type = ConfigType::boolean,
            .default_value = "true",
            .help = "Keep objects and index encrypted at rest."})
      .add({.name = "archive.max_object",
            .type = ConfigType::size,
            .default_value = "8GiB",
            .help = "Largest object that is taken.",
            .min = 65536.0})
      .add({.name = "archive.max_upload",
            .type = ConfigType::size,
            .default_value = "32GiB",
            .help = "Largest STOW-RS request.",
            .min = 65536.0})
      .add({.name = "archive.frame_cache",
            .type = ConfigType::size,
            .default_value = "128MiB",
            .help = "Memory for frames that were decoded or rendered.",
            .min = 1048576.0})
      .add({.name = "archive.metadata_cache",
            .type = ConfigType::size,
            .default_value = "128MiB",
            .help = "Memory for compressed metadata of series.",
            .min = 1048576.0})
      .add({.name = "archive.audit_window",
            .type = ConfigType::duration,
            .default_value = "10m",
            .help = "What one user does again with the same study within this time is one audit record.",
            .min = 0,
            .max = 86'400'000});
}

Options options_from(const Config& config) {
  Options options;
  options.each = config.text("archive.durability") == "each";
  options.window_ms = config.duration_ms("archive.window");
  options.max_object = config.size_bytes("archive.max_object");
  options.max_upload = config.size_bytes("archive.max_upload");
  options.frame_cache = config.size_bytes("archive.frame_cache");
  options.metadata_cache = config.size_bytes("archive.metadata_cache");
  options.audit_window_ms = config.duration_ms("archive.audit_window");
  return options;
}

}  // namespace aceso::archive
