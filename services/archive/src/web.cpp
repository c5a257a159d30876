#include "web.hpp"

#include <algorithm>
#include <any>
#include <array>

#include "aceso/crypto/hash.hpp"
#include "aceso/dicom/tags.hpp"
#include "aceso/dicom/uid.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;
constexpr std::size_t kPiece = std::size_t{64} << 10;
constexpr std::string_view kBoundary = "aceso-7d1f4b6e29c84a05";

bool is_host(std::string_view host) noexcept {
  return !host.empty() && host.size() <= 255 && std::ranges::all_of(host, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view{".-:[]_"}.find(c) != std::string_view::npos;
  });
}

class StoredSource final : public net::BodySource {
 public:
  StoredSource(const ObjectStore& store, InstancePtr instance, std::uint64_t from, std::uint64_t length)
      : store_{store}, instance_{std::move(instance)}, at_{from}, left_{length}, length_{length} {}
  Result<std::size_t> read(std::span<std::byte> out) override {
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), left_));
    if (n == 0) return std::size_t{0};
    ACESO_TRY_OK(store_.read(*instance_, at_, out.first(n)));
    at_ += n;
    left_ -= n;
    return n;
  }
  std::optional<std::uint64_t> length() const override { return length_; }

 private:
  const ObjectStore& store_;
  InstancePtr instance_;
  std::uint64_t at_;
  std::uint64_t left_;
  std::uint64_t length_;
};

class BytesSource final : public net::BodySource {
 public:
  explicit BytesSource(std::shared_ptr<const std::vector<std::byte>> bytes) : bytes_{std::move(bytes)} {}
  Result<std::size_t> read(std::span<std::byte> out) override {
    const std::size_t n = std::min(out.size(), bytes_->size() - at_);
    std::copy_n(bytes_->begin() + static_cast<std::ptrdiff_t>(at_), n, out.begin());
    at_ += n;
    return n;
  }
  std::optional<std::uint64_t> length() const override { return bytes_->size(); }

 private:
  std::shared_ptr<const std::vector<std::byte>> bytes_;
  std::size_t at_ = 0;
};

class MultipartSource final : public net::BodySource {
 public:
  explicit MultipartSource(std::vector<BodyPart> parts) : parts_{std::move(parts)} {}

  Result<std::size_t> read(std::span<std::byte> out) override {
    while (true) {
      if (at_ < text_.size()) {
        const std::size_t n = std::min(out.size(), text_.size() - at_);
        std::copy_n(std::as_bytes(std::span{text_}).begin() + static_cast<std::ptrdiff_t>(at_), n, out.begin());
        at_ += n;
        return n;
      }
      if (body_) {
        ACESO_TRY(const std::size_t n, body_->read(out));
        if (n > 0) return n;
        body_.reset();
      }
      if (ended_) return std::size_t{0};
      ACESO_TRY_OK(next());
    }
  }

 private:
  Status next() {
    at_ = 0;
    const std::string delimiter = (part_ == 0 ? "--" : "\r\n--") + std::string{kBoundary};
    if (part_ == parts_.size()) {
      text_ = delimiter + "--\r\n";
      ended_ = true;
      return {};
    }
    const BodyPart& part = parts_[part_++];
    text_ = delimiter + "\r\nContent-Type: " + part.content_type + "\r\n";
    if (!part.location.empty()) text_ += "Content-Location: " + part.location + "\r\n";
    ACESO_TRY(body_, part.open());
    if (const auto length = body_->length()) text_ += "Content-Length: " + std::to_string(*length) + "\r\n";
    text_ += "\r\n";
    return {};
  }

  std::vector<BodyPart> parts_;
  std::size_t part_ = 0;
  std::string text_;
  std::size_t at_ = 0;
  std::shared_ptr<net::BodySource> body_;
  bool ended_ = false;
};

Result<dicom::Object> parse_pieces(const ObjectStore& store, const Instance& instance, dicom::ParseOptions options) {
  dicom::StreamReader reader{std::move(options)};
  std::vector<std::byte> piece;
  for (std::uint64_t at = 0; at < instance.file_bytes && !reader.so_far().stopped;) {
    piece.resize(static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, instance.file_bytes - at)));
    ACESO_TRY_OK(store.read(instance, at, piece));
    ACESO_TRY_OK(reader.feed(piece));
    at += piece.size();
  }
  return reader.finish();
}

}  // namespace

contracts::ObjectPeer peer_of(const net::Request& request) {
  contracts::ObjectPeer peer;
  if (const auto* who = std::any_cast<contracts::Principal>(&request.principal)) peer.principal = *who;
  peer.source_address = request.local_socket ? "local" : request.remote_address;
  peer.request_id = request.request_id;
  return peer;
}

std::string root_url(const net::Request& request) {
  // A proxy in front may name the outside address; it is used in this answer alone.
  std::string_view host = request.headers.get("X-Forwarded-Host");
  if (!is_host(host)) host = request.headers.get("Host");
  if (!is_host(host) || request.local_socket) return std::string{kRoot};
  std::string_view scheme = request.headers.get("X-Forwarded-Proto");
  if (scheme != "https" && scheme != "http") scheme = request.secure ? "https" : "http";
  return std::string{scheme} + "://" + std::string{host} + std::string{kRoot};
}

std::string study_path(std::string_view root, std::string_view study) {
  return std::string{root} + "/studies/" + std::string{study};
}
std::string instance_path(std::string_view root, const Instance& instance) {
  return study_path(root, instance.key->study_uid) + "/series/" + instance.key->series_uid + "/instances/" +
         instance.sop_instance_uid;
}

Result<std::vector<InstancePtr>> objects_of(const Archive::Impl& impl, const net::Request& request) {
  const auto peer = peer_of(request);
  ACESO_TRY_OK(require(peer, kRead));
  const auto study = request.param("study");
  const auto series = request.param("series");
  const auto instance = request.param("instance");
  const auto& index = impl.store->index();
  std::vector<InstancePtr> found;
  if (instance.empty()) {
    found = index.instances_of(study, series);
  } else if (auto one = index.find(instance);
             one && one->key->study_uid == study && (series.empty() || one->key->series_uid == series)) {
    found.push_back(std::move(one));
  }
  if (found.empty()) return Error{Code::not_found, "there is nothing here"};
  ACESO_TRY_OK(impl.record_read(peer, study));
  return found;
}

Result<InstancePtr> object_of(const Archive::Impl& impl, const net::Request& request) {
  ACESO_TRY(auto found, objects_of(impl, request));
  return std::move(found.front());
}

Result<dicom::Object> read_head(const ObjectStore& store, const Instance& instance, std::uint64_t keep) {
  dicom::ParseOptions options;
  options.keep = keep;
  options.stop_at = dicom::Tag{0x7FE0, 0x0001};
  return parse_pieces(store, instance, std::move(options));
}

Result<dicom::Object> read_outline(const ObjectStore& store, const Instance& instance) {
  dicom::ParseOptions options;
  options.keep = kPiece;
  options.skip_pixel_data = true;
  return parse_pieces(store, instance, std::move(options));
}

std::string etag_of(const std::vector<InstancePtr>& instances, std::string_view form) {
  crypto::Sha256 hash;
  hash.update(crypto::as_bytes(form));
  for (const auto& instance : instances) {
    const std::array<std::uint64_t, 3> at{instance->record.at.segment, instance->record.at.offset,
                                          static_cast<std::uint64_t>(instance->received_us)};
    hash.update(std::as_bytes(std::span{at}));
  }
  const auto digest = hash.finish();
  return "\"" + crypto::to_hex(crypto::ByteView{digest}.first(12)) + "\"";
}

bool is_current(const net::Request& request, std::string_view etag) {
  const auto wanted = request.headers.get("If-None-Match");
  return !wanted.empty() && (wanted == "*" || wanted.find(etag) != std::string_view::npos);
}

net::Response not_modified(std::string_view etag) {
  net::Response response;
  response.status = 304;
  response.headers.set("ETag", etag);
  return response;
}

net::Response not_acceptable(const net::Request& request) {
  auto response = net::Response::problem(
      Error{Code::unsupported, "none of the accepted media types and transfer syntaxes can be given"},
      request.request_id);
  response.status = 406;
  if (auto* text = std::get_if<std::string>(&response.body)) {
    if (const auto at = text->find("\"status\":415"); at != std::string::npos) text->replace(at, 12, "\"status\":406");
  }
  return response;
}

std::shared_ptr<net::BodySource> stored_source(const ObjectStore& store, InstancePtr instance, std::uint64_t from,
                                               std::uint64_t length) {
  return std::make_shared<StoredSource>(store, std::move(instance), from, length);
}
std::shared_ptr<net::BodySource> bytes_source(std::shared_ptr<const std::vector<std::byte>> bytes) {
  return std::make_shared<BytesSource>(std::move(bytes));
}

net::Response multipart_response(std::string_view root_type, std::vector<BodyPart> parts) {
  net::Response response;
  response.headers.set(
      "Content-Type", "multipart/related; type=\"" + std::string{root_type} + "\"; boundary=" + std::string{kBoundary});
  response.body = std::static_pointer_cast<net::BodySource>(std::make_shared<MultipartSource>(std::move(parts)));
  return response;
}

}  // namespace aceso::archive
