#include "local_archive_routes.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <any>
#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "aceso/contracts/access.hpp"
#include "text_of.hpp"

namespace aceso::app {
namespace {

constexpr std::size_t kMaxBatch = 1000;  // files of one request
constexpr std::size_t kImporters = 4;    // files on their way at once: they share the disk's syncs
constexpr std::size_t kPiece = std::size_t{256} << 10;

Result<contracts::ObjectPeer> peer_of(const net::Request& request) {
  if (!request.local_socket) return Error{Code::denied, "only the operator at this machine may name local files"};
  const auto* principal = std::any_cast<contracts::Principal>(&request.principal);
  if (principal == nullptr) return Error{Code::unauthenticated, "not signed in"};
  contracts::ObjectPeer peer;
  peer.principal = *principal;
  peer.source_address = "local";
  peer.request_id = request.request_id;
  return peer;
}

class File {
 public:
  explicit File(const std::filesystem::path& path) : fd_{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY)} {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  bool good() const noexcept { return fd_ >= 0; }
  Result<std::size_t> read(std::span<std::byte> out) const {
    ssize_t n = 0;
    do {
      n = ::read(fd_, out.data(), out.size());
    } while (n < 0 && errno == EINTR);
    if (n < 0) return Error{Code::unavailable, "the file cannot be read"};
    return static_cast<std::size_t>(n);
  }

 private:
  int fd_;
};

Result<contracts::StoredObject> import_file(archive::Archive& archive, const contracts::ObjectPeer& peer,
                                            const std::filesystem::path& path) {
  std::error_code ec;
  if (!std::filesystem::is_regular_file(path, ec)) return Error{Code::not_found, "not a file"};
  const File file{path};
  if (!file.good()) return Error{Code::denied, "the file cannot be opened"};
  ACESO_TRY(auto writer, archive.begin_file(peer));
  std::vector<std::byte> piece(kPiece);
  for (;;) {
    ACESO_TRY(const std::size_t n, file.read(piece));
    if (n == 0) return writer->commit();
    ACESO_TRY_OK(writer->write(std::span{piece}.first(n)));
  }
}

Json outcome_of(const std::string& path, const Result<contracts::StoredObject>& done) {
  if (done) return Json{{"path", path}, {"outcome", done->duplicate ? "duplicate" : "stored"}, {"bytes", done->bytes}};
  return Json{{"path", path},
              {"outcome", "refused"},
              {"code", std::string{to_string(done.error().code())}},
              {"message", done.error().message()}};
}

Result<net::Response> import_files(archive::Archive& archive, net::Request& request) {
  ACESO_TRY(const auto peer, peer_of(request));
  ACESO_TRY(const Json body, request.json(std::size_t{16} << 20));
  const auto paths = body.is_object() ? body.find("paths") : body.end();
  if (!body.is_object() || paths == body.end() || !paths->is_array() || paths->size() > kMaxBatch)
    return Error{Code::invalid, "paths must be a list of at most 1000 files"};
  std::vector<std::string> files;
  for (const auto& path : *paths) {
    if (!path.is_string()) return Error{Code::invalid, "paths must be a list of at most 1000 files"};
    files.push_back(path.get<std::string>());
  }
  std::vector<Json> results(files.size());
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < files.size(); i = next++)
      results[i] = outcome_of(files[i], import_file(archive, peer, files[i]));
  };
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < std::min(kImporters, files.size()); ++t) threads.emplace_back(work);
  }
  return net::Response::json(Json{{"results", results}});
}

Status export_object(const archive::Archive& archive, const contracts::ObjectPeer& peer, const std::string& uid,
                     const std::filesystem::path& path) {
  ACESO_TRY(const auto object, archive.open(peer, uid));
  std::ofstream out{path, std::ios::binary};
  std::vector<std::byte> piece(kPiece);
  const std::uint64_t size = object->object().bytes;
  for (std::uint64_t at = 0; at < size && out.good();) {
    const auto part = std::span{piece}.first(static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, size - at)));
    ACESO_TRY_OK(object->read(at, part));
    out.write(reinterpret_cast<const char*>(part.data()), static_cast<std::streamsize>(part.size()));
    at += part.size();
  }
  out.close();
  if (!out.good()) return Error{Code::exhausted, "cannot write to the folder: is the disk full?"};
  return {};
}

std::string number(std::size_t n, std::size_t digits) {
  auto text = std::to_string(n);
  return std::string(text.size() < digits ? digits - text.size() : 0, '0') + text;
}

// One study into one new folder: SERIES/NUMBER.dcm by counting, since UIDs may hold anything.
Result<net::Response> export_study(const archive::Archive& archive, net::Request& request) {
  ACESO_TRY(const auto peer, peer_of(request));
  ACESO_TRY(const Json body, request.json());
  if (!body.is_object()) return Error{Code::invalid, "the body must be an object"};
  const std::filesystem::path folder = text_of(body, "folder");
  const std::string study = text_of(body, "study");
  if (!folder.is_absolute() || study.empty()) return Error{Code::invalid, "folder (absolute) and study are needed"};
  ACESO_TRY(const auto objects, archive.expand(peer, contracts::QueryLevel::study, Phi<std::string>{study}));
  if (objects.empty()) return Error{Code::not_found, "there is no such study"};
  std::error_code ec;
  std::filesystem::create_directories(folder.parent_path(), ec);
  if (!std::filesystem::create_directory(folder, ec))
    return Error{ec ? Code::denied : Code::exists, "the study's folder cannot be made, or is there already"};
  Json files = Json::array();
  std::string series;
  std::size_t series_number = 0;
  std::size_t in_series = 0;
  std::uint64_t bytes = 0;
  for (const auto& object : objects) {
    if (object.series_uid != series || series_number == 0) {
      series = object.series_uid;
      in_series = 0;
      std::filesystem::create_directory(folder / number(++series_number, 3), ec);
    }
    const auto name = std::filesystem::path{number(series_number, 3)} / (number(++in_series, 6) + ".dcm");
    ACESO_TRY_OK(export_object(archive, peer, object.sop_instance_uid, folder / name));
    files.push_back(Json{{"path", name.string()},
                         {"series", object.series_uid},
                         {"instance", object.sop_instance_uid},
                         {"transfer_syntax", object.transfer_syntax_uid}});
    bytes += object.bytes;
  }
  return net::Response::json(Json{{"folder", folder.string()}, {"study", study}, {"bytes", bytes}, {"files", files}});
}

}  // namespace

void register_local_archive_routes(net::Router& router, archive::Archive& archive) {
  router.add(
      net::Method::post, "/api/v1/local/archive/import",
      {.summary = "Store DICOM files of this machine",
       .tag = "local",
       .scope = "archive:write",
       .request_type = "application/json",
       .request_schema =
           R"({"type":"object","required":["paths"],"properties":{"paths":{"type":"array","maxItems":1000,"items":{"type":"string"}}}})",
       .max_body = std::size_t{16} << 20},
      [&archive](net::Request& request) { return import_files(archive, request); });
  router.add(
      net::Method::post, "/api/v1/local/archive/export",
      {.summary = "Write the objects of a study to a new folder of this machine",
       .tag = "local",
       .scope = "archive:read",
       .request_type = "application/json",
       .request_schema =
           R"({"type":"object","required":["folder","study"],"properties":{"folder":{"type":"string"},"study":{"type":"string"}}})"},
      [&archive](net::Request& request) { return export_study(archive, request); });
}

}  // namespace aceso::app
