#include "driver.hpp"

#include <algorithm>

#include "aceso/dicom/dictionary.hpp"
#include "aceso/dicom/tags.hpp"
#include "bytes.hpp"
#include "element.hpp"

namespace aceso::dicom {
namespace {

constexpr std::size_t kPreamble = 128;
constexpr std::string_view kMagic = "DICM";
constexpr std::size_t kChunk = std::size_t{64} << 10;

bool known_tag(Tag tag) noexcept {
  return tag.is_group_length() || find_attribute(tag) != nullptr;
}

// Of a first element. A bound of its own, since a stream does not know what remains and must choose like the whole.
constexpr std::uint32_t kPlausibleLength = 1U << 20;

// How the first element looks; nullopt when it looks like none.
std::optional<Encoding> guess(std::span<const std::byte> bytes) {
  if (bytes.size() < 8) return std::nullopt;
  const Tag little{load<std::uint16_t>(bytes, 0, false), load<std::uint16_t>(bytes, 2, false)};
  const Tag big{load<std::uint16_t>(bytes, 0, true), load<std::uint16_t>(bytes, 2, true)};
  const auto vr = parse_vr(as_text(bytes.subspan(4, 2)));
  if (vr && known_tag(little) && little.group < 0x0800) return Encoding{true, false};
  if (vr && known_tag(big) && big.group < 0x0800) return Encoding{true, true};
  const auto length = load<std::uint32_t>(bytes, 4, false);
  if (known_tag(little) && little.group < 0x0800 && (length <= kPlausibleLength || length == kUndefinedLength))
    return Encoding{false, false};
  return std::nullopt;
}

const TransferSyntax* syntax_of(Encoding encoding) noexcept {
  return find_transfer_syntax(encoding.big_endian    ? kExplicitBig
                              : encoding.explicit_vr ? kExplicitLittle
                                                     : kImplicitLittle);
}

}  // namespace

Driver::Driver(ParseOptions options, std::string_view syntax_uid, bool copy, std::optional<std::uint64_t> size)
    : options_{std::move(options)}, copy_{copy}, size_{size}, core_{options_, object_.odd, copy} {
  if (syntax_uid.empty()) return;
  object_.syntax_uid = std::string{trim_value(syntax_uid, true)};
  const TransferSyntax* known = find_transfer_syntax(object_.syntax_uid);
  object_.syntax = known != nullptr ? known : &unknown_syntax();
  phase_ = Phase::choose;
}

Driver::~Driver() {
  if (inflate_) inflateEnd(inflate_.get());
}

Status Driver::run(std::span<const std::byte> window, bool last, std::size_t& used) {
  used = 0;
  waiting_ = false;
  while (!waiting_ && phase_ != Phase::done) {
    const auto rest = window.subspan(used);
    std::size_t taken = 0;
    switch (phase_) {
      case Phase::start:
        ACESO_TRY_OK(start(rest, last, taken));
        break;
      case Phase::meta:
        ACESO_TRY_OK(run_meta(rest, last, taken));
        break;
      case Phase::choose:
        ACESO_TRY_OK(choose(rest, last));
        break;
      case Phase::dataset:
        ACESO_TRY_OK(run_dataset(rest, last, taken));
        break;
      case Phase::inflate:
        ACESO_TRY_OK(run_inflate(rest, last));
        taken = rest.size();
        break;
      case Phase::done:
        break;
    }
    used += taken;
    position_ += taken;
  }
  return {};
}

Status Driver::start(std::span<const std::byte> rest, bool last, std::size_t& used) {
  if (rest.size() < kPreamble + kMagic.size() && !last) {
    waiting_ = true;
    return {};
  }
  if (has_part10_magic(rest)) {
    used = kPreamble + kMagic.size();
  } else if (options_.allow_bare && as_text(rest).starts_with(kMagic)) {
    used = kMagic.size();
    object_.odd.no_preamble = true;
  } else {
    return start_bare(rest);
  }
  const auto first = rest.subspan(used);
  const bool is_explicit = first.size() < 6 || parse_vr(as_text(first.subspan(4, 2))).has_value();
  core_.begin({is_explicit, false}, used, size_, true);
  phase_ = Phase::meta;
  return {};
}

Status Driver::start_bare(std::span<const std::byte> rest) {
  const Error none{Code::invalid, "not a DICOM object"};
  if (!options_.allow_bare || rest.size() < 8) return none;
  const auto encoding = guess(rest);
  if (!encoding && !options_.syntax) return none;
  object_.odd.no_preamble = true;
  if (encoding && !encoding->big_endian && load<std::uint16_t>(rest, 0, false) == 0x0002) {
    core_.begin(*encoding, 0, size_, true);
    phase_ = Phase::meta;
    return {};
  }
  object_.syntax_uid = options_.syntax.value_or(std::string{});
  object_.syntax = find_transfer_syntax(object_.syntax_uid);
  if (object_.syntax == nullptr) object_.syntax = encoding ? syntax_of(*encoding) : &unknown_syntax();
  phase_ = Phase::choose;
  return {};
}

Status Driver::run_meta(std::span<const std::byte> rest, bool last, std::size_t& used) {
  ACESO_TRY_OK(core_.run(rest, last, used));
  if (!core_.finished()) {
    waiting_ = true;
    return {};
  }
  const std::uint64_t end = core_.position();
  object_.meta = core_.take_root();
  object_.dataset_offset = end;
  const Element* length = object_.meta.find(tags::kFileMetaInformationGroupLength);
  const auto declared = length == nullptr ? std::nullopt : length->integer();
  object_.odd.no_meta_length =
      !declared || length->offset() + length->length() + static_cast<std::uint64_t>(*declared) != end;
  object_.syntax_uid = object_.meta.text_or(tags::kTransferSyntaxUID);
  if (object_.syntax_uid.empty() && options_.syntax) object_.syntax_uid = *options_.syntax;
  object_.syntax = find_transfer_syntax(object_.syntax_uid);
  if (object_.syntax == nullptr && !object_.syntax_uid.empty()) object_.syntax = &unknown_syntax();
  phase_ = Phase::choose;
  return {};
}

Status Driver::choose(std::span<const std::byte> rest, bool last) {
  if (rest.size() < 8 && !last) {
    waiting_ = true;
    return {};
  }
  object_.dataset_offset = position_;
  if (object_.syntax != nullptr && object_.syntax->deflated) {
    inflate_ = std::make_unique<z_stream>();
    if (inflateInit2(inflate_.get(), -MAX_WBITS) != Z_OK) return Error{Code::internal, "zlib does not start"};
    phase_ = Phase::inflate;
    return {};
  }
  const auto looks = guess(rest);
  if (object_.syntax == nullptr) object_.syntax = syntax_of(looks.value_or(Encoding{}));
  Encoding encoding{object_.syntax->explicit_vr, object_.syntax->big_endian};
  if (looks && (looks->explicit_vr != encoding.explicit_vr || looks->big_endian != encoding.big_endian)) {
    object_.odd.wrong_syntax = true;
    encoding = *looks;
    if (!object_.syntax->encapsulated) object_.syntax = syntax_of(encoding);
  }
  core_.begin(encoding, position_, size_, false);
  phase_ = Phase::dataset;
  return {};
}

Status Driver::run_dataset(std::span<const std::byte> rest, bool last, std::size_t& used) {
  core_begun_ = true;
  ACESO_TRY_OK(core_.run(rest, last, used));
  if (core_.finished()) {
    phase_ = Phase::done;
  } else {
    waiting_ = true;
  }
  return {};
}

// One round of zlib into the buffer.
Status Driver::inflate_some(bool& produced) {
  const std::size_t before = inflated_.size();
  if (inflated_total_ > options_.inflated) {
    return Error{Code::too_large,
                 "the deflated data set is longer than " + std::to_string(options_.inflated) + " bytes when inflated"};
  }
  inflated_.resize(before + kChunk);
  inflate_->next_out = reinterpret_cast<Bytef*>(inflated_.data() + before);
  inflate_->avail_out = static_cast<uInt>(kChunk);
  const int status = inflate(inflate_.get(), Z_NO_FLUSH);
  const std::size_t made = kChunk - inflate_->avail_out;
  inflated_.resize(before + made);
  inflated_total_ += made;
  produced = made > 0;
  if (status == Z_STREAM_END) inflate_ended_ = true;
  if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
    return Error{Code::invalid, "the deflated data set is damaged"};
  return {};
}

Status Driver::drain_inflated(bool last) {
  if (!core_begun_) {
    core_begun_ = true;
    const auto limit = copy_ ? std::nullopt : std::optional<std::uint64_t>{inflated_.size()};
    core_.begin({true, false}, 0, limit, false);
  }
  std::size_t used = 0;
  ACESO_TRY_OK(core_.run(inflated_, last, used));
  if (copy_) inflated_.erase(inflated_.begin(), inflated_.begin() + static_cast<std::ptrdiff_t>(used));
  if (core_.finished()) phase_ = Phase::done;
  return {};
}

Status Driver::run_inflate(std::span<const std::byte> rest, bool last) {
  // zlib counts in 32 bits; larger windows go in parts.
  while (!inflate_ended_ && phase_ == Phase::inflate) {
    const auto part = rest.first(std::min<std::size_t>(rest.size(), std::size_t{1} << 30));
    inflate_->next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(part.data()));  // NOLINT: zlib only reads
    inflate_->avail_in = static_cast<uInt>(part.size());
    bool produced = true;
    while (produced && !inflate_ended_ && phase_ == Phase::inflate) {
      ACESO_TRY_OK(inflate_some(produced));
      if (copy_) ACESO_TRY_OK(drain_inflated(inflate_ended_));
    }
    rest = rest.subspan(part.size());
    if (rest.empty()) break;
  }
  if (phase_ == Phase::done) return {};
  if (last && !inflate_ended_) return Error{Code::data_loss, "the deflated data set ends too early"};
  if (!copy_ && inflate_ended_) return drain_inflated(true);
  waiting_ = true;
  return {};
}

const Object& Driver::so_far() {
  if (core_begun_ && phase_ != Phase::done) object_.dataset = core_.root();
  return object_;
}

Object Driver::take() {
  object_.dataset = core_.take_root();
  object_.stopped = core_.stopped();
  object_.end = core_.position();
  if (size_ && !object_.syntax->deflated && !object_.stopped && object_.end < *size_) object_.odd.trailing = true;
  if (!copy_) object_.inflated = std::move(inflated_);
  return std::move(object_);
}

bool has_part10_magic(std::span<const std::byte> bytes) noexcept {
  return bytes.size() >= kPreamble + kMagic.size() && as_text(bytes.subspan(kPreamble, kMagic.size())) == kMagic;
}

}  // namespace aceso::dicom
