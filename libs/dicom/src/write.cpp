#include "aceso/dicom/write.hpp"

#include <algorithm>
#include <cstring>

#include "aceso/dicom/tags.hpp"
#include "aceso/dicom/uid.hpp"
#include "bytes.hpp"

namespace aceso::dicom {
namespace {

constexpr std::uint32_t kMaxDepth = 32;
using Bytes = std::vector<std::byte>;

void append_tag(Bytes& out, Tag tag) {
  append(out, tag.group);
  append(out, tag.element);
}

void append_text(Bytes& out, std::string_view text) {
  const auto bytes = as_bytes(text);
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void patch_length(Bytes& out, std::size_t at, std::size_t length) {
  const auto value = static_cast<std::uint32_t>(length);
  std::memcpy(out.data() + at, &value, sizeof value);
}

// The value in little endian.
void append_value(Bytes& out, const Element& element) {
  const std::size_t start = out.size();
  const auto value = element.bytes();
  out.insert(out.end(), value.begin(), value.end());
  const std::size_t word = word_size(element.vr());
  if (element.big_endian() && word > 1) {
    for (std::size_t i = start; i + word <= out.size(); i += word)
      std::reverse(out.begin() + static_cast<std::ptrdiff_t>(i), out.begin() + static_cast<std::ptrdiff_t>(i + word));
  }
}

class Writer {
 public:
  explicit Writer(bool explicit_vr) : explicit_{explicit_vr} {}

  Status write(Bytes& out, const Dataset& dataset, std::uint32_t depth) const {
    if (depth > kMaxDepth) return Error{Code::invalid, "sequences deeper than 32"};
    for (const Element& element : dataset.elements()) {
      if (element.tag().is_group_length() || element.tag().group == 0x0002) continue;
      ACESO_TRY_OK(write(out, element, depth));
    }
    return {};
  }

 private:
  Status write(Bytes& out, const Element& element, std::uint32_t depth) const {
    if (element.skipped()) return Error{Code::invalid, to_string(element.tag()) + " was not kept"};
    if (element.is_sequence()) return write_sequence(out, element, depth);
    if (element.is_encapsulated()) {
      if (!explicit_) return Error{Code::invalid, "fragments in an implicit encoding"};
      if (element.big_endian()) return Error{Code::unsupported, "fragments in big endian"};
      header(out, element.tag(), Vr::ob, kUndefinedLength);
      append_value(out, element);
      append_tag(out, {0xFFFE, 0xE0DD});
      append(out, std::uint32_t{0});
      return {};
    }
    const std::size_t length = element.bytes().size();
    const std::size_t padded = length + length % 2;
    if (padded >= kUndefinedLength) return Error{Code::invalid, to_string(element.tag()) + " is too long"};
    const bool too_long = explicit_ && !has_long_length(element.vr()) && padded > 0xFFFE;
    header(out, element.tag(), too_long ? Vr::un : element.vr(), static_cast<std::uint32_t>(padded));
    append_value(out, element);
    if (padded != length)
      out.push_back(is_text(element.vr()) && element.vr() != Vr::ui ? std::byte{' '} : std::byte{0});
    return {};
  }

  Status write_sequence(Bytes& out, const Element& element, std::uint32_t depth) const {
    header(out, element.tag(), Vr::sq, 0);
    const std::size_t start = out.size();
    for (const Dataset& item : element.items()) {
      append_tag(out, {0xFFFE, 0xE000});
      append(out, std::uint32_t{0});
      const std::size_t item_start = out.size();
      ACESO_TRY_OK(write(out, item, depth + 1));
      if (out.size() - item_start >= kUndefinedLength) return Error{Code::invalid, "an item is too long"};
      patch_length(out, item_start - 4, out.size() - item_start);
    }
    if (out.size() - start >= kUndefinedLength) return Error{Code::invalid, to_string(element.tag()) + " is too long"};
    patch_length(out, start - 4, out.size() - start);
    return {};
  }

  void header(Bytes& out, Tag tag, Vr vr, std::uint32_t length) const {
    append_tag(out, tag);
    if (!explicit_) {
      append(out, length);
      return;
    }
    append_text(out, to_string(vr));
    if (has_long_length(vr)) {
      append(out, std::uint16_t{0});
      append(out, length);
    } else {
      append(out, static_cast<std::uint16_t>(length));
    }
  }

  bool explicit_;
};

}  // namespace

Result<std::vector<std::byte>> part10_head(const MetaFields& fields) {
  for (const std::string* uid : {&fields.sop_class, &fields.sop_instance, &fields.transfer_syntax}) {
    if (!is_tolerable_uid(*uid))
      return Error{Code::invalid, "the object has no valid SOP class, instance or syntax UID"};
  }
  if (fields.source_ae.size() > 16) return Error{Code::invalid, "an AE title has at most 16 characters"};
  Bytes out(128);
  append_text(out, "DICM");
  const auto put = [&](Tag tag, Vr vr, std::string_view value) {
    append_tag(out, tag);
    append_text(out, to_string(vr));
    append(out, static_cast<std::uint16_t>(value.size() + value.size() % 2));
    append_text(out, value);
    if (value.size() % 2 != 0) out.push_back(vr == Vr::ui ? std::byte{0} : std::byte{' '});
  };
  put(tags::kFileMetaInformationGroupLength, Vr::ul, std::string_view{"\0\0\0\0", 4});
  const std::size_t start = out.size();
  append_tag(out, tags::kFileMetaInformationVersion);
  append_text(out, std::string_view{"OB\0\0\2\0\0\0\0\1", 10});
  put(tags::kMediaStorageSOPClassUID, Vr::ui, fields.sop_class);
  put(tags::kMediaStorageSOPInstanceUID, Vr::ui, fields.sop_instance);
  put(tags::kTransferSyntaxUID, Vr::ui, fields.transfer_syntax);
  put(tags::kImplementationClassUID, Vr::ui, kImplementationClass);
  put(tags::kImplementationVersionName, Vr::sh, kImplementationVersion);
  if (!fields.source_ae.empty()) put(tags::kSourceApplicationEntityTitle, Vr::ae, fields.source_ae);
  patch_length(out, start - 4, out.size() - start);
  return out;
}

Result<std::vector<std::byte>> write_dataset(const Dataset& dataset, std::string_view syntax_uid) {
  const TransferSyntax* syntax = find_transfer_syntax(syntax_uid);
  if (syntax == nullptr || syntax->big_endian || syntax->deflated)
    return Error{Code::unsupported, "data sets are not written in this transfer syntax"};
  Bytes out;
  ACESO_TRY_OK(Writer{syntax->explicit_vr}.write(out, dataset, 0));
  return out;
}

Result<std::vector<std::byte>> write_part10(const Dataset& dataset, std::string_view syntax_uid,
                                            std::string_view source_ae) {
  MetaFields fields;
  fields.sop_class = dataset.text_or(tags::kSOPClassUID);
  fields.sop_instance = dataset.text_or(tags::kSOPInstanceUID);
  fields.transfer_syntax = std::string{syntax_uid};
  fields.source_ae = std::string{source_ae};
  ACESO_TRY(Bytes out, part10_head(fields));
  ACESO_TRY(const Bytes body, write_dataset(dataset, syntax_uid));
  out.insert(out.end(), body.begin(), body.end());
  return out;
}

}  // namespace aceso::dicom
