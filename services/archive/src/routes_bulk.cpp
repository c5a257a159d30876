// Bulk data: values that metadata name by URI, whole or by range (PS3.18 10.4.1.1.5).
#include <algorithm>
#include <charconv>
#include <optional>

#include "aceso/dicom/tags.hpp"
#include "frame_source.hpp"
#include "media_type.hpp"
#include "web.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;
constexpr std::uint64_t kMaxWhole = std::uint64_t{512} << 20;  // of values that must be turned round or inflated

// "00540016/1/00181072": tags and numbers of items from 1.
const dicom::Element* find_value(const dicom::Dataset& root, std::string_view path) {
  const dicom::Dataset* data = &root;
  for (int depth = 0; depth < 32; ++depth) {
    const auto slash = std::min(path.find('/'), path.size());
    const auto tag = dicom::parse_tag(path.substr(0, slash));
    const auto* element = tag ? data->find(*tag) : nullptr;
    if (element == nullptr || slash == path.size()) return element;
    path.remove_prefix(slash + 1);
    const auto end = std::min(path.find('/'), path.size());
    std::size_t item = 0;
    std::from_chars(path.data(), path.data() + end, item);
    if (end == path.size() || item == 0 || item > element->items().size()) return nullptr;
    data = &element->items()[item - 1];
    path.remove_prefix(end + 1);
  }
  return nullptr;
}

struct Range {
  std::uint64_t first = 0;
  std::uint64_t length = 0;
};
// One range of bytes; others count as absent (RFC 9110 14.2). Unsatisfiable: length 0.
std::optional<Range> parse_range(std::string_view text, std::uint64_t size) {
  if (!text.starts_with("bytes=") || text.find(',') != std::string_view::npos) return std::nullopt;
  text.remove_prefix(6);
  const auto dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto number = [](std::string_view digits, std::uint64_t& out) {
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
    return ec == std::errc{} && end == digits.data() + digits.size();
  };
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  const auto from = text.substr(0, dash);
  const auto to = text.substr(dash + 1);
  if (from.empty()) {
    if (!number(to, last)) return std::nullopt;
    return Range{size - std::min(last, size), std::min(last, size)};
  }
  if (!number(from, first)) return std::nullopt;
  last = size == 0 ? 0 : size - 1;
  if (!to.empty() && !number(to, last)) return std::nullopt;
  if (!to.empty() && last < first) return std::nullopt;
  if (first >= size) return Range{first, 0};
  return Range{first, std::min(last, size - 1) - first + 1};
}

class SpanSource final : public net::BodySource {
 public:
  SpanSource(std::shared_ptr<const Bytes> bytes, std::uint64_t from, std::uint64_t length)
      : bytes_{std::move(bytes)}, at_{from}, left_{length}, length_{length} {}
  Result<std::size_t> read(std::span<std::byte> out) override {
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), left_));
    std::copy_n(bytes_->begin() + static_cast<std::ptrdiff_t>(at_), n, out.begin());
    at_ += n;
    left_ -= n;
    return n;
  }
  std::optional<std::uint64_t> length() const override { return length_; }

 private:
  std::shared_ptr<const Bytes> bytes_;
  std::uint64_t at_, left_, length_;
};

// A value of an object: where it lies in the kept bytes, or the value itself where those would mean something else.
struct Value {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::shared_ptr<const Bytes> bytes;  // shared with the body that sends it
};

// Frames that lie one behind the other as they are meant: the pixel data element itself.
std::optional<Value> plain_pixels(const Instance& instance) {
  const auto* syntax = dicom::find_transfer_syntax(instance.transfer_syntax_uid);
  if (syntax == nullptr || syntax->encapsulated || syntax->big_endian || syntax->deflated) return std::nullopt;
  const auto table = dicom::FrameTable::from_bytes(std::as_bytes(std::span{instance.frames}));
  if (!table || table->count() == 0 || table->bit_offset(table->count() - 1) != 0) return std::nullopt;
  const auto first = table->ranges(0).front();
  const auto last = table->ranges(table->count() - 1).back();
  return Value{first.offset, last.offset + last.length - first.offset, {}};
}

Result<Value> locate(const ObjectStore& store, const Instance& instance, std::string_view path) {
  const Error none{Code::not_found, "there is no such value"};
  if (dicom::parse_tag(path) == tags::kPixelData) {
    if (const auto pixels = plain_pixels(instance)) return *pixels;
  }
  ACESO_TRY(auto outline, read_head(store, instance));
  const auto* element = find_value(outline.dataset, path);
  if (element == nullptr) {  // behind the pixels, then
    ACESO_TRY(outline, read_outline(store, instance));
    element = find_value(outline.dataset, path);
  }
  if (element == nullptr || element->is_sequence() || element->is_encapsulated()) return none;
  const auto word = dicom::word_size(element->vr());
  const bool turned = outline.syntax->big_endian && word > 1;
  if (!outline.syntax->deflated && !turned) return Value{element->offset(), element->length(), {}};
  if (element->length() > kMaxWhole) return Error{Code::too_large, "the value is larger than 512 MiB"};
  ACESO_TRY(const Bytes whole, store.read_all(instance, kMaxWhole));
  ACESO_TRY(const auto object, dicom::parse(whole));
  element = find_value(object.dataset, path);
  if (element == nullptr) return none;
  Bytes value{element->bytes().begin(), element->bytes().end()};
  if (turned) {
    for (std::size_t i = 0; i + word <= value.size(); i += word)
      std::ranges::reverse(std::span{value}.subspan(i, word));
  }
  return Value{0, value.size(), std::make_shared<const Bytes>(std::move(value))};
}

std::shared_ptr<net::BodySource> source_of(const ObjectStore& store, const InstancePtr& instance, const Value& value,
                                           std::uint64_t from, std::uint64_t length) {
  if (value.bytes) return std::make_shared<SpanSource>(value.bytes, from, length);
  return stored_source(store, instance, value.offset + from, length);
}

// Pixel data in fragments: each frame is a part (PS3.18 8.7.3.3.2).
Result<net::Response> frames_of(Archive::Impl& impl, const net::Request& request, const InstancePtr& instance) {
  ACESO_TRY(const auto image, impl.frames->image(instance));
  const std::string type =
      std::string{image->syntax->media_type} + "; transfer-syntax=" + std::string{image->syntax->uid};
  std::vector<BodyPart> parts;
  for (std::uint32_t i = 0; i < image->table.count(); ++i) {
    parts.push_back({type, instance_path(root_url(request), *instance) + "/frames/" + std::to_string(i + 1),
                     [&impl, instance, image, i]() -> Result<std::shared_ptr<net::BodySource>> {
                       ACESO_TRY(Bytes bytes, impl.frames->stored(*instance, *image, i));
                       return bytes_source(std::make_shared<const Bytes>(std::move(bytes)));
                     }});
  }
  return multipart_response(image->syntax->media_type, std::move(parts));
}

Result<net::Response> bulk(Archive::Impl& impl, const net::Request& request) {
  ACESO_TRY(const InstancePtr instance, object_of(impl, request));
  const auto path = request.param("path");
  auto value = locate(*impl.store, *instance, path);
  if (!value && value.error().code() == Code::not_found && dicom::parse_tag(path) == tags::kPixelData)
    return frames_of(impl, request, instance);
  if (!value) return std::move(value).error();
  const auto ranges = accepted(request);
  const auto wanted = std::ranges::find_if(ranges, [](const MediaRange& range) { return fits(range, kOctets); });
  if (wanted == ranges.end()) return not_acceptable(request);
  const std::string etag = etag_of({instance}, "bulk/" + std::string{path});
  if (is_current(request, etag)) return not_modified(etag);
  net::Response response;
  if (wanted->multipart) {
    response = multipart_response(
        kOctets, {{std::string{kOctets}, "", [&impl, instance, v = *value] {
                     return Result<std::shared_ptr<net::BodySource>>{source_of(*impl.store, instance, v, 0, v.length)};
                   }}});
  } else {
    std::uint64_t from = 0;
    std::uint64_t length = value->length;
    const auto range = parse_range(request.headers.get("Range"), value->length);
    const std::string size = std::to_string(value->length);
    if (range && range->length == 0) {
      response =
          net::Response::problem(Error{Code::invalid, "the range lies outside of the value"}, request.request_id);
      response.status = 416;
      response.headers.set("Content-Range", "bytes */" + size);
      return response;
    }
    if (range) {
      from = range->first;
      length = range->length;
      response.status = 206;
      response.headers.set("Content-Range",
                           "bytes " + std::to_string(from) + "-" + std::to_string(from + length - 1) + "/" + size);
    }
    response.headers.set("Content-Type", kOctets);
    response.headers.set("Accept-Ranges", "bytes");
    response.body = source_of(*impl.store, instance, *value, from, length);
    impl.metrics.bytes_sent += length;
  }
  response.headers.set("ETag", etag);
  response.headers.set("Cache-Control", "no-store");
  return response;
}

}  // namespace

void register_bulk_routes(net::Router& router, Archive::Impl& impl) {
  router.add(net::Method::get, "/dicom-web/studies/{study}/series/{series}/instances/{instance}/bulkdata/{path...}",
             {.summary = "A value that metadata name by URI, whole or a range of it (WADO-RS)",
              .tag = "dicomweb",
              .scope = std::string{kRead},
              .response_type = std::string{kOctets}},
             [&impl](net::Request& request) { return bulk(impl, request); });
}

}  // namespace aceso::archive
