#include "aceso/dicom/parse.hpp"

#include "aceso/dicom/tags.hpp"
#include "driver.hpp"

namespace aceso::dicom {
namespace {

Result<Object> parse_whole(std::span<const std::byte> bytes, std::string_view syntax, const ParseOptions& options) {
  Driver driver{options, syntax, false, bytes.size()};
  std::size_t used = 0;
  ACESO_TRY_OK(driver.run(bytes, true, used));
  if (!driver.finished()) return Error{Code::data_loss, "the data end too early"};
  return driver.take();
}

}  // namespace

std::string Object::sop_class() const {
  auto uid = dataset.text(tags::kSOPClassUID);
  return uid ? *std::move(uid) : meta.text_or(tags::kMediaStorageSOPClassUID);
}

std::string Object::sop_instance() const {
  auto uid = dataset.text(tags::kSOPInstanceUID);
  return uid ? *std::move(uid) : meta.text_or(tags::kMediaStorageSOPInstanceUID);
}

Result<Object> parse(std::span<const std::byte> bytes, const ParseOptions& options) {
  return parse_whole(bytes, {}, options);
}

Result<Object> parse_dataset(std::span<const std::byte> bytes, std::string_view syntax_uid,
                             const ParseOptions& options) {
  if (syntax_uid.empty()) return Error{Code::invalid, "no transfer syntax"};
  return parse_whole(bytes, syntax_uid, options);
}

struct StreamReader::Impl {
  Impl(ParseOptions options, std::string_view syntax) : driver{std::move(options), syntax, true, std::nullopt} {}
  Driver driver;
  std::vector<std::byte> carry;
  std::uint64_t consumed = 0;
  std::optional<Error> failed;

  Status take(std::span<const std::byte> piece, bool last) {
    if (failed) return *failed;
    std::span<const std::byte> window = piece;
    const bool from_carry = !carry.empty();
    if (from_carry) {
      carry.insert(carry.end(), piece.begin(), piece.end());
      window = carry;
    }
    std::size_t used = 0;
    if (auto status = driver.run(window, last, used); !status) {
      failed = status.error();
      return status;
    }
    if (driver.finished()) {
      carry.clear();
    } else if (from_carry) {
      carry.erase(carry.begin(), carry.begin() + static_cast<std::ptrdiff_t>(used));
    } else {
      carry.assign(window.begin() + static_cast<std::ptrdiff_t>(used), window.end());
    }
    return {};
  }
};

namespace {

ParseOptions for_stream(ParseOptions options) {
  if (options.keep == ParseOptions{}.keep) options.keep = std::uint64_t{64} << 10;
  options.skip_pixel_data = true;
  return options;
}

}  // namespace

StreamReader::StreamReader(ParseOptions options, std::string_view syntax_uid)
    : impl_{std::make_unique<Impl>(for_stream(std::move(options)), syntax_uid)} {}
StreamReader::StreamReader(StreamReader&&) noexcept = default;
StreamReader& StreamReader::operator=(StreamReader&&) noexcept = default;
StreamReader::~StreamReader() = default;

Status StreamReader::feed(std::span<const std::byte> piece) {
  impl_->consumed += piece.size();
  return impl_->take(piece, false);
}

Result<Object> StreamReader::finish() {
  ACESO_TRY_OK(impl_->take({}, true));
  if (!impl_->driver.finished()) return Error{Code::data_loss, "the data end too early"};
  return impl_->driver.take();
}

bool StreamReader::in_pixel_data() const noexcept {
  return impl_->driver.in_pixel_data();
}
const Object& StreamReader::so_far() const noexcept {
  return impl_->driver.so_far();
}
std::uint64_t StreamReader::consumed() const noexcept {
  return impl_->consumed;
}

}  // namespace aceso::dicom
