// STOW-RS: objects come in, part by part, none held in memory (PS3.18 10.5); deletion; capabilities (PS3.18 8.9).
#include <nlohmann/json.hpp>
#include <optional>

#include "aceso/dicom/dictionary.hpp"
#include "aceso/dicom/json.hpp"
#include "aceso/dicom/tags.hpp"
#include "aceso/net/multipart.hpp"
#include "ingest.hpp"
#include "media_type.hpp"
#include "web.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;

// PS3.18 table I.2-2 and PS3.4 table B.2-1.
std::int64_t failure_reason(Code code) noexcept {
  switch (code) {
    case Code::exhausted:
    case Code::unavailable:
    case Code::too_large:
      return 0xA700;  // out of resources
    case Code::conflict:
      return 0xA900;  // data set does not match
    case Code::exists:
      return 0x0111;  // duplicate SOP instance
    case Code::unsupported:
      return 0x0122;  // SOP class not supported
    case Code::denied:
      return 0x0124;  // not authorised
    case Code::invalid:
      return 0xC000;  // cannot understand
    default:
      return 0x0110;  // processing failure
  }
}

// What became of the objects of one request.
class Outcome {
 public:
  explicit Outcome(std::string root) : root_{std::move(root)} {}

  void stored(const contracts::StoredObject& object) {
    dicom::Dataset item;
    item.set_text(tags::kReferencedSOPClassUID, object.sop_class_uid);
    item.set_text(tags::kReferencedSOPInstanceUID, object.sop_instance_uid);
    item.set_text(tags::kRetrieveURL, study_path(root_, object.study_uid) + "/series/" + object.series_uid +
                                          "/instances/" + object.sop_instance_uid);
    stored_.push_back(std::move(item));
    if (study_.empty()) study_ = object.study_uid;
    one_study_ = one_study_ && study_ == object.study_uid;
  }
  void failed(const Error& why, const std::string& sop_class, const std::string& sop_instance) {
    dicom::Dataset item;
    if (!sop_class.empty()) item.set_text(tags::kReferencedSOPClassUID, sop_class);
    if (!sop_instance.empty()) item.set_text(tags::kReferencedSOPInstanceUID, sop_instance);
    item.set_integer(tags::kFailureReason, failure_reason(why.code()));
    item.set_text(tags::kErrorComment, dicom::Vr::lo, why.message().substr(0, 64));
    failed_.push_back(std::move(item));
  }
  bool empty() const noexcept { return stored_.empty() && failed_.empty(); }

  net::Response response() {
    net::Response out;
    out.status = failed_.empty() ? 200 : stored_.empty() ? 409 : 202;
    dicom::Dataset data;
    data.set_charset(dicom::CharacterSet::utf8());
    if (one_study_ && !study_.empty()) data.set_text(tags::kRetrieveURL, study_path(root_, study_));
    if (!failed_.empty()) data.set_items(tags::kFailedSOPSequence, std::move(failed_));
    if (!stored_.empty()) data.set_items(tags::kReferencedSOPSequence, std::move(stored_));
    out.headers.set("Content-Type", kDicomJson);
    out.body = dicom::to_json(data);
    return out;
  }

 private:
  std::string root_;
  std::vector<dicom::Dataset> stored_, failed_;
  std::string study_;
  bool one_study_ = true;
};

// One part, or one body, on its way into the archive.
class Arrival {
 public:
  Arrival(Archive& archive, contracts::ObjectPeer peer, std::string study, Outcome& outcome)
      : archive_{archive}, peer_{std::move(peer)}, study_{std::move(study)}, outcome_{outcome} {}

  Status begin() {
    why_.reset();
    ACESO_TRY(writer_, archive_.begin_file(peer_));
    return {};
  }
  void refuse(Error why) { why_ = std::move(why); }
  void write(std::span<const std::byte> piece) {
    if (why_) return;
    if (Status done = writer_->write(piece); !done) why_ = std::move(done).error();
  }
  void end() {
    const auto* ingest = static_cast<const Ingest*>(writer_.get());
    if (!why_ && !study_.empty() && ingest->identity().study_uid != study_)
      why_ = Error{Code::conflict, "the object belongs to another study than the address"};
    if (!why_) {
      auto stored = writer_->commit();
      if (stored) {
        outcome_.stored(*stored);
        writer_.reset();
        return;
      }
      why_ = std::move(stored).error();
    }
    const auto identity = ingest->identity();
    outcome_.failed(*why_, identity.sop_class_uid, identity.sop_instance_uid);
    writer_.reset();
  }

 private:
  Archive& archive_;
  contracts::ObjectPeer peer_;
  std::string study_;
  Outcome& outcome_;
  std::unique_ptr<contracts::ObjectWriter> writer_;
  std::optional<Error> why_;
};

bool is_dicom(std::string_view content_type) {
  const auto range = parse_accept(content_type).front();
  return range.type == kDicom || range.type == kOctets;
}

Status read_parts(net::Request& request, Arrival& arrival) {
  net::MultipartHandler handler;
  handler.begin = [&](const net::PartHead& head) -> Status {
    ACESO_TRY_OK(arrival.begin());
    if (!is_dicom(head.content_type)) arrival.refuse(Error{Code::unsupported, "a part is not application/dicom"});
    return {};
  };
  handler.data = [&](std::span<const std::byte> data) -> Status {
    arrival.write(data);
    return {};
  };
  handler.end = [&]() -> Status {
    arrival.end();
    return {};
  };
  return net::read_multipart(request, std::move(handler), {.parts = 100'000});
}

Status read_single(net::Request& request, Arrival& arrival) {
  ACESO_TRY_OK(arrival.begin());
  std::vector<std::byte> piece(std::size_t{64} << 10);
  for (;;) {
    ACESO_TRY(const std::size_t n, request.body->read(piece));
    if (n == 0) break;
    arrival.write(std::span{piece}.first(n));
  }
  arrival.end();
  return {};
}

Result<net::Response> store(Archive& archive, net::Request& request) {
  Outcome outcome{root_url(request)};
  Arrival arrival{archive, peer_of(request), std::string{request.param("study")}, outcome};
  const auto type = parse_accept(request.headers.get("Content-Type")).front();
  Status read;
  if (type.multipart) {
    if (!fits(type, kDicom)) return Error{Code::unsupported, "send multipart/related; type=\"application/dicom\""};
    read = read_parts(request, arrival);
  } else if (type.type == kDicom) {
    read = read_single(request, arrival);
  } else {
    return Error{Code::unsupported, "send multipart/related; type=\"application/dicom\", or one application/dicom"};
  }
  // What was stored before the body broke stays stored, and the answer says so.
  if (!read && outcome.empty()) return std::move(read).error();
  if (!read) outcome.failed(read.error(), "", "");
  if (outcome.empty()) return Error{Code::invalid, "the request holds no object"};
  return outcome.response();
}

Result<net::Response> remove(Archive& archive, const net::Request& request) {
  ACESO_TRY(const std::size_t removed, archive.remove(peer_of(request), request.param("study"), request.param("series"),
                                                      request.param("instance")));
  (void)removed;
  return net::Response::no_content();
}

// A short description (PS3.18 8.9.3); every route in full is in /api/v1/openapi.json.
constexpr std::string_view kWadl = R"(<?xml version="1.0" encoding="UTF-8"?>
<application xmlns="http://wadl.dev.java.net/2009/02">
 <doc title="Aceso DICOMweb"/>
 <resources base="/dicom-web">
  <resource path="studies"><method name="GET" id="SearchForStudies"/><method name="POST" id="StoreInstances"/>
   <resource path="{study}"><method name="GET" id="RetrieveStudy"/><method name="POST" id="StoreStudyInstances"/><method name="DELETE" id="DeleteStudy"/>
    <resource path="metadata"><method name="GET" id="RetrieveStudyMetadata"/></resource>
    <resource path="thumbnail"><method name="GET" id="RetrieveStudyThumbnail"/></resource>
    <resource path="instances"><method name="GET" id="SearchForStudyInstances"/></resource>
    <resource path="series"><method name="GET" id="SearchForStudySeries"/>
     <resource path="{series}"><method name="GET" id="RetrieveSeries"/><method name="DELETE" id="DeleteSeries"/>
      <resource path="metadata"><method name="GET" id="RetrieveSeriesMetadata"/></resource>
      <resource path="thumbnail"><method name="GET" id="RetrieveSeriesThumbnail"/></resource>
      <resource path="instances"><method name="GET" id="SearchForStudySeriesInstances"/>
       <resource path="{instance}"><method name="GET" id="RetrieveInstance"/><method name="DELETE" id="DeleteInstance"/>
        <resource path="metadata"><method name="GET" id="RetrieveInstanceMetadata"/></resource>
        <resource path="rendered"><method name="GET" id="RetrieveRenderedInstance"/></resource>
        <resource path="thumbnail"><method name="GET" id="RetrieveInstanceThumbnail"/></resource>
        <resource path="frames/{frames}"><method name="GET" id="RetrieveFrames"/></resource>
        <resource path="bulkdata/{path}"><method name="GET" id="RetrieveBulkData"/></resource>
       </resource></resource></resource></resource></resource></resource>
  <resource path="series"><method name="GET" id="SearchForSeries"/></resource>
  <resource path="instances"><method name="GET" id="SearchForInstances"/></resource>
 </resources>
</application>
)";

}  // namespace

void register_store_routes(net::Router& router, Archive& archive, Archive::Impl& impl) {
  const auto max_body = static_cast<std::size_t>(impl.options.max_upload);
  for (const char* pattern : {"/dicom-web/studies", "/dicom-web/studies/{study}"}) {
    router.add(net::Method::post, pattern,
               {.summary = "Store objects (STOW-RS)",
                .tag = "dicomweb",
                .scope = std::string{kWrite},
                .request_type = "multipart/related",
                .response_type = std::string{kDicomJson},
                .max_body = max_body},
               [&archive](net::Request& request) { return store(archive, request); });
  }
  for (const char* pattern : {"/dicom-web/studies/{study}", "/dicom-web/studies/{study}/series/{series}",
                              "/dicom-web/studies/{study}/series/{series}/instances/{instance}"}) {
    router.add(net::Method::del, pattern,
               {.summary = "Delete a study, a series or an instance",
                .tag = "dicomweb",
                .scope = std::string{kDelete},
                .response_type = ""},
               [&archive](net::Request& request) { return remove(archive, request); });
  }
  const auto capabilities = [](net::Request&) -> Result<net::Response> {
    return net::Response::text(std::string{kWadl}, "application/vnd.sun.wadl+xml");
  };
  for (const auto method : {net::Method::options, net::Method::get}) {
    router.add(method, "/dicom-web",
               {.summary = "Capabilities",
                .tag = "dicomweb",
                .scope = std::string{kRead},
                .response_type = "application/vnd.sun.wadl+xml"},
               capabilities);
  }
}

}  // namespace aceso::archive
