// The models.* keys of aceso.yaml.
#include <algorithm>

#include "aceso/crypto/hash.hpp"
#include "aceso/models/models.hpp"

namespace aceso::models {

void declare_config(ConfigSchema& schema) {
  schema
      .add({.name = "models.max_upload",
            .type = ConfigType::size,
            .default_value = "2GiB",
            .help = "Largest dataset archive that may be uploaded.",
            .min = 1024.0})
      .add({.name = "models.max_image",
            .type = ConfigType::size,
            .default_value = "32MiB",
            .help = "Largest image that may be sent for a prediction.",
            .min = 1024.0})
      .add({.name = "models.max_volume",
            .type = ConfigType::size,
            .default_value = "512MiB",
            .help = "Largest array (NPY), a volume for example, that may be sent for a prediction.",
            .min = 1024.0})
      .add({.name = "models.session_cache",
            .type = ConfigType::integer,
            .default_value = "4",
            .help = "Models kept loaded for predictions.",
            .min = 1.0,
            .max = 64.0})
      .add({.name = "models.max_running",
            .type = ConfigType::integer,
            .default_value = "2",
            .help = "Inferences that run at once.",
            .min = 1.0,
            .max = 256.0})
      .add({.name = "models.max_waiting",
            .type = ConfigType::integer,
            .default_value = "64",
            .help = "Requests that wait for an inference; more are refused (429). Bulk work may take three quarters.",
            .min = 1.0,
            .max = 1000.0})
      .add({.name = "models.max_queue",
            .type = ConfigType::integer,
            .default_value = "48",
            .help = "Requests that wait for one model; more are refused (429).",
            .min = 1.0,
            .max = 1000.0})
      .add({.name = "models.max_batch",
            .type = ConfigType::integer,
            .default_value = "16",
            .help = "Samples that share one inference, and that one KServe request may hold.",
            .min = 1.0,
            .max = 256.0})
      .add({.name = "models.queue_timeout",
            .type = ConfigType::duration,
            .default_value = "30s",
            .help = "How long a request waits for its inference; then it is refused (504)."})
      .add({.name = "models.memory",
            .type = ConfigType::size,
            .default_value = "4GiB",
            .help = "Memory that loaded models may take (estimated from their weights); the least recently used make "
                    "room.",
            .min = 1024.0 * 1024.0})
      .add({.name = "models.inference_threads",
            .type = ConfigType::integer,
            .default_value = "0",
            .help = "Threads of the serving engine; 0: its own choice.",
            .min = 0.0,
            .max = 1024.0})
      .add({.name = "models.batch_window",
            .type = ConfigType::duration,
            .default_value = "0ms",
            .help = "How long an idle model waits for more requests to share one inference; 0ms: it starts at once, "
                    "and what comes meanwhile shares the next."})
      .add({.name = "models.training_threads",
            .type = ConfigType::integer,
            .default_value = "0",
            .help = "Threads of the training engine; 0: its own choice.",
            .min = 0.0,
            .max = 1024.0})
      .add({.name = "models.worker_memory",
            .type = ConfigType::size,
            .default_value = "0",
            .help = "Address space that a training worker may use in bytes; 0: no limit."})
      .add({.name = "models.worker_silence",
            .type = ConfigType::duration,
            .default_value = "30m",
            .help = "A training worker without output for so long is ended."})
      .add({.name = "models.live_needs_acceptance",
            .type = ConfigType::boolean,
            .default_value = "true",
            .help =
                "A version goes live only after a clinician has accepted an evaluation of it on this hospital's own "
                "cases. Switch it off for development and demonstrations only."})
      .add({.name = "models.trusted_keys",
            .type = ConfigType::list,
            .default_value = "",
            .help = "Ed25519 public keys (hex) of other nodes whose model bundles may be registered here."});
}

Options options_from(const Config& config) {
  Options o;
  o.live_needs_acceptance = config.boolean("models.live_needs_acceptance");
  o.max_upload_bytes = config.size_bytes("models.max_upload");
  o.max_image_bytes = config.size_bytes("models.max_image");
  o.max_volume_bytes = config.size_bytes("models.max_volume");
  o.session_cache = static_cast<std::size_t>(config.integer("models.session_cache"));
  o.max_running = static_cast<std::size_t>(config.integer("models.max_running"));
  o.max_waiting = static_cast<std::size_t>(config.integer("models.max_waiting"));
  o.max_queue = static_cast<std::size_t>(config.integer("models.max_queue"));
  o.max_batch = static_cast<std::size_t>(config.integer("models.max_batch"));
  o.queue_timeout_us = config.duration_ms("models.queue_timeout") * 1000;
  o.model_memory_bytes = config.size_bytes("models.memory");
  o.inference_threads = static_cast<int>(config.integer("models.inference_threads"));
  o.batch_window_us = config.duration_ms("models.batch_window") * 1000;
  o.training_threads = static_cast<int>(config.integer("models.training_threads"));
  o.worker_silence_ms = config.duration_ms("models.worker_silence");
  for (const std::string& text : config.list("models.trusted_keys")) {
    const auto bytes = crypto::from_hex(text);
    crypto::PublicKey key{};
    if (!bytes || bytes->size() != key.size()) continue;  // a bundle signed with it is then refused, which says so
    std::copy(bytes->begin(), bytes->end(), key.begin());
    o.trusted_keys.push_back(key);
  }
  return o;
}

}  // namespace aceso::models
