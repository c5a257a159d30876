// What commands that call other DICOM nodes share: the peer's options, a client, and a folder for what comes.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "aceso/dimse/client.hpp"
#include "context.hpp"

namespace aceso::app {

struct PeerArguments {
  std::string peer, calling_ae = "ACESO";
  std::filesystem::path ca, certificate, key;
  bool tls = false;
  int timeout_s = 60;
};

void add_peer(CLI::App* command, PeerArguments& a);
Result<std::unique_ptr<dimse::Client>> connect(const Context& context, const PeerArguments& a);

// Objects as numbered part 10 files in a folder that is there: nothing a peer says becomes a file name.
class FolderSink final : public contracts::ObjectSink {
 public:
  explicit FolderSink(std::filesystem::path folder) : folder_{std::move(folder)} {}
  Result<std::unique_ptr<contracts::ObjectWriter>> begin_file(const contracts::ObjectPeer& peer) override;
  Result<std::unique_ptr<contracts::ObjectWriter>> begin_data_set(const contracts::ObjectPeer& peer,
                                                                  const contracts::AnnouncedObject& object) override;
  const std::vector<std::filesystem::path>& files() const noexcept { return files_; }  // that are whole

 private:
  class Writer;
  std::filesystem::path folder_;
  std::size_t number_ = 0;
  std::vector<std::filesystem::path> files_;
};

}  // namespace aceso::app
