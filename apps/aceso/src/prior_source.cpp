#include "prior_source.hpp"

#include <algorithm>

#include "dicom_listener.hpp"

namespace aceso::app {
namespace {

constexpr auto kRoot = dimse::InformationModel::study_root;

}  // namespace

Result<std::unique_ptr<DimsePriorSource>> DimsePriorSource::create(const Config& config,
                                                                   const std::filesystem::path& program) {
  std::unique_ptr<DimsePriorSource> out{new DimsePriorSource};
  out->ae_title_ = config.text("dimse.ae_title");
  out->listens_ = config.boolean("dimse.enabled");
  out->modules_ = dimse_module_folder(program);
  ACESO_TRY(out->nodes_, dimse_nodes(config));
  ACESO_TRY(out->tls_, dimse_client_tls(config, out->nodes_));
  return out;
}

Status DimsePriorSource::check(std::string_view source, bool move) const {
  const auto node = std::ranges::find(nodes_, source, &dimse::Node::ae);
  if (node == nodes_.end())
    return Error{Code::invalid, "from: " + std::string{source} + " is no AE title of dimse.peers"};
  if (node->port == 0)
    return Error{Code::invalid, "from: " + std::string{source} + " has no port in dimse.peers: it is never called"};
  if (move && !listens_) return Error{Code::invalid, "by: move needs this node's listener (dimse.enabled)"};
  return {};
}

Result<std::unique_ptr<dimse::Client>> DimsePriorSource::call(std::string_view source,
                                                              const std::stop_token& stop) const {
  ACESO_TRY_OK(check(source, false));
  dimse::ClientOptions options{.calling_ae = ae_title_, .tls = tls_, .modules = modules_, .stop = stop};
  options.node = *std::ranges::find(nodes_, source, &dimse::Node::ae);
  return dimse::Client::create(std::move(options));
}

Status DimsePriorSource::find(std::string_view source, const contracts::ObjectQuery& query,
                              const std::function<bool(const contracts::ObjectRow&)>& match,
                              const std::stop_token& stop) {
  ACESO_TRY(const auto client, call(source, stop));
  return client->find(kRoot, query, match);
}

Status DimsePriorSource::get(std::string_view source, const contracts::ObjectQuery& keys,
                             std::span<const std::string> sop_classes, contracts::ObjectSink& sink,
                             const contracts::ObjectPeer& as, const std::stop_token& stop) {
  ACESO_TRY(const auto client, call(source, stop));
  ACESO_TRY([[maybe_unused]] const auto counted, client->get(kRoot, keys, sop_classes, sink, as, {}));
  return {};
}

Status DimsePriorSource::move(std::string_view source, const contracts::ObjectQuery& keys,
                              const std::stop_token& stop) {
  ACESO_TRY(const auto client, call(source, stop));
  ACESO_TRY([[maybe_unused]] const auto counted, client->move(kRoot, keys, ae_title_, {}));
  return {};
}

}  // namespace aceso::app
