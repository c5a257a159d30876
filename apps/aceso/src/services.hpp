// The services of this node, wired: keys, patients, portal, models, and the gateway in front of them.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "aceso/base/clock.hpp"
#include "aceso/base/config.hpp"
#include "aceso/base/log.hpp"
#include "aceso/base/result.hpp"
#include "aceso/contracts/objects.hpp"
#include "aceso/contracts/worklist.hpp"
#include "aceso/net/http.hpp"
#include "home.hpp"

namespace aceso::app {

struct ServicesOptions {
  std::filesystem::path config_file;  // empty: aceso.yaml in the home folder, when there is one
  std::filesystem::path program;      // the aceso executable: started as `aceso worker`; engines lie beside it
  bool log_to_stderr = true;          // else only errors
  bool any_port = false;              // the node takes another port when net.port is taken
};

// The folder of the engines' shared modules.
std::filesystem::path engine_folder(const std::filesystem::path& program);

// Takes the home's lock for its life. Thread-safe after start().
class Services {
 public:
  // Errors: unavailable (the home is in use), invalid (configuration, with file, line and key), data_loss, denied.
  static Result<std::unique_ptr<Services>> open(const Home& home, const ServicesOptions& options, const Clock& clock);
  ~Services();  // stop()
  Services(const Services&) = delete;
  Services& operator=(const Services&) = delete;

  Status start();  // jobs run from here on
  void stop();     // running jobs go back into the queue

  net::Handler handler();  // authentication, authorisation, audit, routes
  std::size_t max_body(const net::Request& request) const;
  contracts::ObjectSink& object_sink();      // the archive
  contracts::ObjectSource& object_source();  //
  contracts::WorklistSource& worklist();
  contracts::ProcedureStepSink& procedure_steps();
  const Config& config() const;
  const Logger& logger() const;
  std::string setup_token() const;  // empty once an administrator exists

 private:
  struct Impl;
  explicit Services(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace aceso::app
