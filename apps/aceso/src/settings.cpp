#include "settings.hpp"

#include <cstdlib>
#include <optional>
#include <string>

#include "aceso/archive/analyses.hpp"
#include "aceso/archive/archive.hpp"
#include "aceso/archive/forwards.hpp"
#include "aceso/archive/orthanc.hpp"
#include "aceso/archive/priors.hpp"
#include "aceso/archive/webhooks.hpp"
#include "aceso/models/models.hpp"
#include "dicom_listener.hpp"

namespace aceso::app {

ConfigSchema make_schema() {
  ConfigSchema schema;
  schema
      .add({.name = "net.address",
            .type = ConfigType::text,
            .default_value = "127.0.0.1",
            .help = "Address of the web listener. Anything but loopback needs net.tls_certificate and net.tls_key."})
      .add({.name = "net.port",
            .type = ConfigType::integer,
            .default_value = "8420",
            .help = "Port of the web listener; 0 lets the kernel choose.",
            .min = 0,
            .max = 65535})
      .add({.name = "net.tls_certificate",
            .type = ConfigType::text,
            .default_value = "",
            .help = "PEM file with the certificate chain, leaf first; empty: plain HTTP on loopback only."})
      .add({.name = "net.tls_key",
            .type = ConfigType::text,
            .default_value = "",
            .help = "PEM file with the private key of net.tls_certificate."})
      .add({.name = "net.max_connections",
            .type = ConfigType::integer,
            .default_value = "12000",
            .help = "Open connections; beyond it new ones are closed at once.",
            .min = 1,
            .max = 1'000'000})
      .add({.name = "net.drain",
            .type = ConfigType::duration,
            .default_value = "3s",
            .help = "How long running requests may take to finish at shutdown."})
      .add({.name = "log.level",
            .type = ConfigType::text,
            .default_value = "info",
            .help = "Least level that is logged.",
            .choices = {"debug", "info", "warn", "error"}})
      .add({.name = "log.format",
            .type = ConfigType::text,
            .default_value = "text",
            .help = "One line an event, as text or JSON.",
            .choices = {"text", "json"}})
      .add({.name = "web.root",
            .type = ConfigType::text,
            .default_value = "",
            .help = "Folder of the built web application; empty: found beside the program."})
      .add({.name = "web.ohif",
            .type = ConfigType::text,
            .default_value = "",
            .help = "Folder of the OHIF viewer (./dev setup --with ohif); empty: beside the web application."})
      .add({.name = "portal.session_idle",
            .type = ConfigType::duration,
            .default_value = "30m",
            .help = "A session ends after so long without a request."})
      .add({.name = "portal.session_max",
            .type = ConfigType::duration,
            .default_value = "12h",
            .help = "A session ends after so long in any case."})
      .add({.name = "models.encrypt_inputs",
            .type = ConfigType::boolean,
            .default_value = "true",
            .help = "Keep the images of predictions encrypted at rest."});
  models::declare_config(schema);
  schema.add({.name = "tracking.max_artifact",
              .type = ConfigType::size,
              .default_value = "2GiB",
              .help = "Largest file that a client may keep with a run (the mlflow client's artifacts).",
              .min = 1024.0});
  archive::declare_config(schema);
  archive::declare_routing_config(schema);
  archive::declare_forwarding_config(schema);
  archive::declare_priors_config(schema);
  archive::declare_orthanc_config(schema);
  archive::declare_webhook_config(schema);
  declare_dimse_config(schema);
  return schema;
}

Result<Config> load_settings(const std::filesystem::path& home, const std::filesystem::path& file) {
  const auto environment = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): before any thread starts
    if (value == nullptr) return std::nullopt;
    return std::string{value};
  };
  ACESO_TRY(Config config,
            Config::load(make_schema(), file.empty() ? home / "aceso.yaml" : file, !file.empty(), environment));
  ACESO_TRY_OK(archive::check_routing_config(config));
  return config;
}

}  // namespace aceso::app
