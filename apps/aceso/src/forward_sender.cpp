#include "forward_sender.hpp"

#include <algorithm>

#include "aceso/archive/dicomweb_target.hpp"
#include "aceso/dimse/client.hpp"
#include "dicom_listener.hpp"

namespace aceso::app {

Result<std::unique_ptr<ForwardSender>> ForwardSender::create(const Config& config,
                                                             const std::filesystem::path& program) {
  std::unique_ptr<ForwardSender> sender{new ForwardSender};
  sender->ae_title_ = config.text("dimse.ae_title");
  sender->modules_ = dimse_module_folder(program);
  ACESO_TRY(sender->nodes_, dimse_nodes(config));
  ACESO_TRY(sender->tls_, dimse_client_tls(config, sender->nodes_));
  auto targets = archive::parse_dicomweb_targets(config.document("forward.dicomweb"));
  if (!targets) return Error{std::move(targets).error().add_context("forward.dicomweb")};
  for (const auto& target : *targets) {
    if (std::ranges::find(sender->nodes_, target.name, &dimse::Node::ae) != sender->nodes_.end())
      return Error{Code::invalid, "forward.dicomweb: " + target.name + " is also an AE title of dimse.peers"};
  }
  sender->web_ = archive::make_stow_sender(*std::move(targets));
  return sender;
}

Status ForwardSender::check(std::string_view destination) const {
  if (web_->check(destination).ok()) return {};
  const auto node = std::ranges::find(nodes_, destination, &dimse::Node::ae);
  if (node == nodes_.end())
    return Error{Code::invalid, "a destination is an AE title of dimse.peers or a name of forward.dicomweb"};
  if (node->port == 0) return Error{Code::invalid, "this node of dimse.peers has no port: it is never called"};
  return {};
}

Status ForwardSender::send(std::string_view destination, std::span<const contracts::StoredObject> objects,
                           const Open& open, const std::function<void(std::size_t index, bool taken)>& done,
                           const std::stop_token& stop) {
  if (web_->check(destination).ok()) return web_->send(destination, objects, open, done, stop);
  ACESO_TRY_OK(check(destination));
  dimse::ClientOptions options{.calling_ae = ae_title_, .tls = tls_, .modules = modules_, .stop = stop};
  options.node = *std::ranges::find(nodes_, destination, &dimse::Node::ae);
  ACESO_TRY(const auto client, dimse::Client::create(std::move(options)));
  return client->store(objects, open, [&](const dimse::Client::Stored& one) {
    done(one.index, one.status == dimse::kSuccess || dimse::is_warning(one.status));
  });
}

}  // namespace aceso::app
