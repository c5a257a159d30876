// What the DICOMweb handlers share: who asks, which object, bodies that are read while they are sent.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/dicom/parse.hpp"
#include "impl.hpp"

namespace aceso::archive {

inline constexpr std::string_view kRoot = "/dicom-web";
inline constexpr std::string_view kDicomJson = "application/dicom+json";
inline constexpr std::string_view kDicom = "application/dicom";
inline constexpr std::string_view kOctets = "application/octet-stream";

contracts::ObjectPeer peer_of(const net::Request& request);
// "http://host:port/dicom-web" as the client sees it; "/dicom-web" when it named no usable host.
std::string root_url(const net::Request& request);
std::string study_path(std::string_view root, std::string_view study);
std::string instance_path(std::string_view root, const Instance& instance);

// The objects a path names by {study}, {series}, {instance}; the access is on record. Errors: not_found.
Result<std::vector<InstancePtr>> objects_of(const Archive::Impl& impl, const net::Request& request);
Result<InstancePtr> object_of(const Archive::Impl& impl, const net::Request& request);

// Everything before the pixel data; longer values than `keep` bytes are located, not read. Errors: data_loss, invalid.
Result<dicom::Object> read_head(const ObjectStore& store, const Instance& instance,
                                std::uint64_t keep = std::uint64_t{64} << 10);
// Where top-level pixel data or any located value lies is in the whole object. Bounded as read_head.
Result<dicom::Object> read_outline(const ObjectStore& store, const Instance& instance);

// Strong entity tag of objects that never change: of their places in the log.
std::string etag_of(const std::vector<InstancePtr>& instances, std::string_view form);
bool is_current(const net::Request& request, std::string_view etag);
net::Response not_modified(std::string_view etag);
net::Response not_acceptable(const net::Request& request);

// [from, from + length) of an object.
std::shared_ptr<net::BodySource> stored_source(const ObjectStore& store, InstancePtr instance, std::uint64_t from,
                                               std::uint64_t length);
std::shared_ptr<net::BodySource> bytes_source(std::shared_ptr<const std::vector<std::byte>> bytes);

// A multipart/related body whose parts are opened one after another while it is sent.
struct BodyPart {
  std::string content_type;
  std::string location;  // Content-Location, "" for none
  std::function<Result<std::shared_ptr<net::BodySource>>()> open;
};
net::Response multipart_response(std::string_view root_type, std::vector<BodyPart> parts);

// One frame from 0 as a picture. Errors as FrameSource::decoded.
struct PictureOptions;
Result<Bytes> draw_picture(const Instance& instance, const FrameSource& frames, const ImageInfo& image,
                           std::uint32_t frame, const PictureOptions& options);

void register_query_routes(net::Router& router, Archive::Impl& impl);
void register_study_routes(net::Router& router, Archive::Impl& impl);
void register_store_routes(net::Router& router, Archive& archive, Archive::Impl& impl);
void register_retrieve_routes(net::Router& router, Archive::Impl& impl);
void register_metadata_routes(net::Router& router, Archive::Impl& impl);
void register_frame_routes(net::Router& router, Archive::Impl& impl);
void register_rendered_routes(net::Router& router, Archive::Impl& impl);
void register_bulk_routes(net::Router& router, Archive::Impl& impl);

}  // namespace aceso::archive
