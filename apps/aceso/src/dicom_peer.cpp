#include "dicom_peer.hpp"

#include <array>
#include <cstdio>
#include <fstream>

#include "aceso/crypto/tls.hpp"
#include "aceso/dicom/write.hpp"
#include "dicom_listener.hpp"

namespace aceso::app {

void add_peer(CLI::App* command, PeerArguments& a) {
  command->add_option("PEER", a.peer, "AE@host:port, such as PACS@192.0.2.10:104 (IPv4)")->required();
  command->add_option("--aet", a.calling_ae, "Our AE title")->capture_default_str();
  command->add_option("--timeout", a.timeout_s, "Seconds that the peer may be silent within a message")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  command->add_flag("--tls", a.tls, "TLS 1.2 or later");
  command->add_option("--tls-ca", a.ca,
                      "PEM of the authorities that sign the peer's certificate (default: the system's)");
  command->add_option("--tls-certificate", a.certificate, "PEM of our certificate chain, when the peer asks for one");
  command->add_option("--tls-key", a.key, "PEM of its private key");
}

Result<std::unique_ptr<dimse::Client>> connect(const Context& context, const PeerArguments& a) {
  dimse::ClientOptions options{.calling_ae = a.calling_ae,
                               .message = std::chrono::seconds{a.timeout_s},
                               .modules = dimse_module_folder(context.program),
                               .stop = context.interrupted()};
  ACESO_TRY(options.node, parse_node(a.peer));
  if (options.node.port == 0) return Error{Code::invalid, "a peer needs a port: " + a.peer};
  options.node.tls = options.node.tls || a.tls;
  if (options.node.tls) {
    ACESO_TRY(options.tls,
              crypto::TlsContext::client(
                  {.ca = a.ca, .certificate_chain = a.certificate, .private_key = a.key, .allow_tls12 = true}));
  }
  return dimse::Client::create(std::move(options));
}

class FolderSink::Writer final : public contracts::ObjectWriter {
 public:
  Writer(FolderSink& sink, const std::filesystem::path& path, contracts::AnnouncedObject object)
      : sink_{sink}, path_{path}, out_{path, std::ios::binary | std::ios::trunc}, object_{std::move(object)} {}
  ~Writer() override {
    std::error_code ignored;
    if (!kept_) std::filesystem::remove(path_, ignored);
  }
  Status write(std::span<const std::byte> piece) override {
    out_.write(reinterpret_cast<const char*>(piece.data()), static_cast<std::streamsize>(piece.size()));
    if (!out_) return Error{Code::exhausted, "a file could not be written"};
    return {};
  }
  Result<contracts::StoredObject> commit() override {
    out_.close();
    if (!out_) return Error{Code::exhausted, "a file could not be written"};
    kept_ = true;
    sink_.files_.push_back(path_);
    return contracts::StoredObject{.sop_instance_uid = object_.sop_instance_uid,
                                   .sop_class_uid = object_.sop_class_uid,
                                   .transfer_syntax_uid = object_.transfer_syntax_uid};
  }

 private:
  FolderSink& sink_;
  std::filesystem::path path_;
  std::ofstream out_;
  contracts::AnnouncedObject object_;
  bool kept_ = false;
};

Result<std::unique_ptr<contracts::ObjectWriter>> FolderSink::begin_file(const contracts::ObjectPeer&) {
  return Error{Code::unsupported, "only data sets come by association"};
}

Result<std::unique_ptr<contracts::ObjectWriter>> FolderSink::begin_data_set(const contracts::ObjectPeer& peer,
                                                                            const contracts::AnnouncedObject& object) {
  ACESO_TRY(const auto head, dicom::part10_head({.sop_class = object.sop_class_uid,
                                                 .sop_instance = object.sop_instance_uid,
                                                 .transfer_syntax = object.transfer_syntax_uid,
                                                 .source_ae = peer.called_ae}));
  std::filesystem::path path;
  std::error_code ec;
  do {
    std::array<char, 32> name{};
    std::snprintf(name.data(), name.size(), "%06zu.dcm", ++number_);
    path = folder_ / name.data();
  } while (std::filesystem::exists(path, ec));
  auto writer = std::make_unique<Writer>(*this, path, object);
  ACESO_TRY_OK(writer->write(head));
  return std::unique_ptr<contracts::ObjectWriter>{std::move(writer)};
}

}  // namespace aceso::app
