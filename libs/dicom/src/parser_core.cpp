#include "parser_core.hpp"

#include <algorithm>
#include <utility>

#include "aceso/dicom/dictionary.hpp"
#include "aceso/dicom/tags.hpp"
#include "bytes.hpp"
#include "element.hpp"

namespace aceso::dicom {
namespace {

constexpr Tag kItem{0xFFFE, 0xE000};
constexpr Tag kItemEnd{0xFFFE, 0xE00D};
constexpr Tag kSequenceEnd{0xFFFE, 0xE0DD};
constexpr std::uint64_t kMaxOffsetTable = std::uint64_t{64} << 20;

bool is_pixel_data(Tag tag) noexcept {
  return tag == tags::kPixelData || tag == tags::kFloatPixelData || tag == tags::kDoubleFloatPixelData;
}

Tag tag_at(std::span<const std::byte> bytes, bool big) noexcept {
  return {load<std::uint16_t>(bytes, 0, big), load<std::uint16_t>(bytes, 2, big)};
}

std::string at(std::uint64_t position) {
  return " at byte " + std::to_string(position);
}

}  // namespace

ParserCore::ParserCore(const ParseOptions& options, Oddities& odd, bool copy)
    : options_{&options}, odd_{&odd}, copy_{copy} {}

void ParserCore::begin(Encoding encoding, std::uint64_t offset, std::optional<std::uint64_t> limit, bool meta) {
  levels_.clear();
  Level& root = levels_.emplace_back();
  root.encoding = encoding;
  root.limit = limit.value_or(kOpen);
  meta_ = meta;
  finished_ = false;
  stopped_ = false;
  in_pixel_data_ = false;
  position_ = offset;
  skip_ = 0;
}

void ParserCore::begin_sequence(Tag tag, const CharacterSet& charset, std::uint64_t offset, std::uint64_t length) {
  begin({false, false}, offset, offset + length, false);
  levels_.back().dataset.charset_ = charset;
  Level& items = levels_.emplace_back();
  items.kind = Kind::items;
  items.encoding = {false, false};
  items.end = offset + length;
  items.limit = items.end;
  items.element = Element{tag, Vr::sq};
}

Error ParserCore::damaged(std::string_view what) const {
  return {Code::invalid, std::string{what} + at(position_)};
}
Error ParserCore::truncated(std::string_view what) const {
  return {Code::data_loss, "the data end inside " + std::string{what} + at(position_)};
}

Status ParserCore::run(std::span<const std::byte> window, bool last, std::size_t& used) {
  const std::uint64_t start = position_;
  while (!finished_) {
    ACESO_TRY(const Outcome outcome, step(window.subspan(static_cast<std::size_t>(position_ - start)), last));
    if (outcome == Outcome::finished) finished_ = true;
    if (outcome == Outcome::needs_more) break;
  }
  used = static_cast<std::size_t>(position_ - start);
  return {};
}

const Dataset& ParserCore::root() {
  sort(levels_.front(), *odd_);
  return levels_.front().dataset;
}

Dataset ParserCore::take_root() {
  sort(levels_.front(), *odd_);
  return std::move(levels_.front().dataset);
}

Result<ParserCore::Outcome> ParserCore::step(std::span<const std::byte> rest, bool last) {
  if (skip_ > 0) return skip(rest, last);
  const Level& top = levels_.back();
  if (position_ >= top.end) {
    ACESO_TRY_OK(close_level());
    return Outcome::went_on;
  }
  if (top.kind == Kind::elements) return step_elements(rest, last);
  return top.kind == Kind::items ? step_items(rest, last) : step_fragments(rest, last);
}

Result<ParserCore::Outcome> ParserCore::skip(std::span<const std::byte> rest, bool last) {
  const auto n = std::min<std::uint64_t>(skip_, rest.size());
  skip_ -= n;
  position_ += n;
  if (skip_ == 0) return Outcome::went_on;
  if (last) return truncated("a value");
  return Outcome::needs_more;
}

// Nothing follows `rest`, and `rest` is too short for what is due.
Result<ParserCore::Outcome> ParserCore::end_of_input(std::span<const std::byte> rest) {
  const bool zeros = std::all_of(rest.begin(), rest.end(), [](std::byte b) { return b == std::byte{0}; });
  if (levels_.size() == 1 && zeros) {
    odd_->trailing = odd_->trailing || !rest.empty();
    position_ += rest.size();
    return Outcome::finished;
  }
  if (rest.empty()) {  // only delimiters are missing
    for (const auto& level : levels_) {
      if (level.end != kOpen) return truncated("a sequence");
      if (level.kind == Kind::fragments && level.table_due) return truncated("pixel data");
    }
    odd_->no_delimiter = true;
    while (levels_.size() > 1) ACESO_TRY_OK(close_level());
    return Outcome::finished;
  }
  return truncated("an element");
}

Result<std::optional<ParserCore::Header>> ParserCore::read_header(std::span<const std::byte> rest, bool last) {
  const Level& level = levels_.back();
  const bool big = level.encoding.big_endian;
  Header header{tag_at(rest, big), Vr::un, load<std::uint32_t>(rest, 4, big), 8};
  if (header.tag.group == 0xFFFE) return std::optional{header};
  if (!level.encoding.explicit_vr) {
    header.vr = implicit_vr(header.tag, level.pixels_signed);
    return std::optional{header};
  }
  const auto vr = parse_vr(as_text(rest.subspan(4, 2)));
  if (!vr) {
    odd_->unknown_vr = true;
    const auto is_letter = [](std::byte b) { return b >= std::byte{'A'} && b <= std::byte{'Z'}; };
    const bool letters = is_letter(rest[4]) && is_letter(rest[5]);
    if (!letters) {  // whatever the length: what remains is not known to a stream, and both must read alike
      header.vr = implicit_vr(header.tag, level.pixels_signed);  // an implicit element among explicit ones
      return std::optional{header};
    }
    header.length = load<std::uint16_t>(rest, 6, big);
    return std::optional{header};
  }
  header.vr = *vr;
  if (!has_long_length(*vr)) {
    header.length = load<std::uint16_t>(rest, 6, big);
    return std::optional{header};
  }
  if (rest.size() < 12) {
    if (last) return truncated("an element");
    return std::optional<Header>{};
  }
  header.length = load<std::uint32_t>(rest, 8, big);
  header.size = 12;
  return std::optional{header};
}

Result<ParserCore::Outcome> ParserCore::step_elements(std::span<const std::byte> rest, bool last) {
  if (meta_ && levels_.size() == 1 && rest.size() >= 2 && load<std::uint16_t>(rest, 0, false) != 0x0002)
    return Outcome::finished;
  if (rest.size() < 8) {
    if (last) return end_of_input(rest);
    return Outcome::needs_more;
  }
  const Level& level = levels_.back();
  if (level.limit != kOpen && level.limit - position_ < 8) {
    if (levels_.size() > 1) return damaged("an item too short for an element");
    return end_of_input(rest);
  }
  ACESO_TRY(const auto header, read_header(rest, last));
  if (!header) return Outcome::needs_more;
  const bool top = levels_.size() == 1;
  if (header->tag.group == 0xFFFE) return delimiter(header->tag, rest);
  if (top && options_->stop_at && header->tag >= *options_->stop_at) {
    stopped_ = true;
    return Outcome::finished;
  }
  if (top && header->tag == Tag{} && header->length == 0) {  // padding written with zeros
    if (!last) return Outcome::needs_more;
    if (std::all_of(rest.begin(), rest.end(), [](std::byte b) { return b == std::byte{0}; })) return end_of_input(rest);
  }
  ACESO_TRY_OK(count_element());
  if (top && is_pixel_data(header->tag)) in_pixel_data_ = true;
  const std::uint64_t room = level.limit == kOpen ? kOpen : level.limit - position_;
  if (header->size > room) return damaged("an item too short for an element");
  if (header->length == kUndefinedLength) {
    const Encoding implicit{false, false};
    if (is_pixel_data(header->tag)) return start_fragments(*header, rest);
    if (header->vr == Vr::sq) return start_sequence(*header, level.encoding);
    if (header->vr == Vr::un) return start_sequence(*header, level.encoding.explicit_vr ? implicit : level.encoding);
    if (header->vr == Vr::ob || header->vr == Vr::ow) return start_fragments(*header, rest);
    if (!level.encoding.explicit_vr) return start_sequence(*header, level.encoding);
    return damaged("an undefined length where it is not allowed,");
  }
  if (header->length > room - header->size) {
    return Error{levels_.size() == 1 ? Code::data_loss : Code::invalid,
                 "the value of " + to_string(header->tag) + at(position_) + " has " + std::to_string(header->length) +
                     " bytes where " + std::to_string(room - header->size) + " remain"};
  }
  if (header->vr == Vr::sq) return start_sequence(*header, level.encoding);
  return read_value(*header, rest, last);
}

// (FFFE,eeee) where an element was due.
Result<ParserCore::Outcome> ParserCore::delimiter(Tag tag, std::span<const std::byte> rest) {
  const Level& level = levels_.back();
  const bool open_item = levels_.size() > 1 && level.end == kOpen;
  if (tag == kItemEnd && open_item) {
    position_ += 8;
    ACESO_TRY_OK(close_level());
    return Outcome::went_on;
  }
  if (tag == kSequenceEnd && open_item) {  // the item's own delimiter is missing
    odd_->no_delimiter = true;
    ACESO_TRY_OK(close_level());
    return Outcome::went_on;
  }
  if (tag == kItemEnd || tag == kSequenceEnd) {  // one too many
    if (load<std::uint32_t>(rest, 4, false) != 0) return damaged("a delimiter with a value");
    odd_->bad_item_length = true;
    position_ += 8;
    return Outcome::went_on;
  }
  return damaged("an item outside a sequence");
}

Result<ParserCore::Outcome> ParserCore::start_sequence(const Header& header, Encoding encoding) {
  if ((levels_.size() - 1) / 2 >= options_->depth)
    return Error{Code::too_large, "sequences deeper than " + std::to_string(options_->depth) + at(position_)};
  const Level& parent = levels_.back();
  position_ += header.size;
  Element element{header.tag, Vr::sq};
  element.offset_ = position_;
  element.length_ = header.length;
  element.big_endian_ = encoding.big_endian;
  const bool open = header.length == kUndefinedLength;
  const std::uint64_t end = open ? kOpen : position_ + header.length;
  Level level;
  level.kind = Kind::items;
  level.encoding = encoding;
  level.pixels_signed = parent.pixels_signed;
  level.end = end;
  level.limit = std::min(end, parent.limit);
  level.element = std::move(element);
  levels_.push_back(std::move(level));
  return Outcome::went_on;
}

Result<ParserCore::Outcome> ParserCore::start_fragments(const Header& header, std::span<const std::byte> rest) {
  const Level& parent = levels_.back();
  position_ += header.size;
  Element element{header.tag, header.vr};
  element.encapsulated_ = true;
  element.offset_ = position_;
  element.length_ = kUndefinedLength;
  element.skipped_ = copy_ || !keeps(header.tag, 0);
  if (!element.skipped_) element.view_ = rest.subspan(header.size);  // cut to its length when it is closed
  element.nested();
  Level level;
  level.kind = Kind::fragments;
  level.encoding = parent.encoding;
  level.limit = parent.limit;
  level.element = std::move(element);
  levels_.push_back(std::move(level));
  return Outcome::went_on;
}

Result<ParserCore::Outcome> ParserCore::step_items(std::span<const std::byte> rest, bool last) {
  if (rest.size() < 8) {
    if (last) return end_of_input(rest);
    return Outcome::needs_more;
  }
  const Level& level = levels_.back();
  if (level.limit != kOpen && level.limit - position_ < 8) return damaged("a sequence too short for an item");
  const bool big = level.encoding.big_endian;
  const Tag tag = tag_at(rest, big);
  const auto length = load<std::uint32_t>(rest, 4, big);
  if (tag == kSequenceEnd) {
    position_ += 8;
    if (level.end != kOpen) {
      odd_->bad_item_length = true;
      return Outcome::went_on;
    }
    ACESO_TRY_OK(close_level());
    return Outcome::went_on;
  }
  if (tag == kItemEnd) {
    odd_->bad_item_length = true;
    position_ += 8;
    return Outcome::went_on;
  }
  if (tag != kItem) {
    if (level.end != kOpen || tag.group == 0xFFFE) return damaged("a sequence that holds no items");
    odd_->no_delimiter = true;
    ACESO_TRY_OK(close_level());
    return Outcome::went_on;
  }
  ACESO_TRY_OK(count_element());
  position_ += 8;
  const bool open = length == kUndefinedLength;
  std::uint64_t end = open ? kOpen : position_ + length;
  if (!open && length > level.limit - position_) {  // kOpen is larger than any length
    if (level.end == kOpen) return truncated("an item");
    odd_->bad_item_length = true;
    end = level.end;  // what the item holds must fit all the same
  }
  Level item;
  item.encoding = level.encoding;
  item.pixels_signed = level.pixels_signed;
  item.end = end;
  item.limit = std::min(end, level.limit);
  item.dataset.charset_ = levels_[levels_.size() - 2].dataset.charset_;
  levels_.push_back(std::move(item));
  return Outcome::went_on;
}

Result<ParserCore::Outcome> ParserCore::basic_offsets(std::uint32_t length, std::span<const std::byte> rest,
                                                      bool last) {
  if (length > kMaxOffsetTable) return Error{Code::too_large, "the offset table" + at(position_) + " is too long"};
  if (rest.size() < 8 + std::size_t{length}) {
    if (last) return truncated("the offset table");
    return Outcome::needs_more;
  }
  Level& level = levels_.back();
  auto& offsets = level.element.nested().basic_offsets;
  offsets.reserve(length / 4);
  for (std::size_t i = 0; i + 4 <= length; i += 4)
    offsets.push_back(load<std::uint32_t>(rest, 8 + i, level.encoding.big_endian));
  position_ += 8 + std::uint64_t{length};
  level.table_due = false;
  return Outcome::went_on;
}

Result<ParserCore::Outcome> ParserCore::step_fragments(std::span<const std::byte> rest, bool last) {
  Level& level = levels_.back();
  if (rest.size() < 8) {
    if (last) return end_of_input(rest);
    return Outcome::needs_more;
  }
  const bool big = level.encoding.big_endian;
  const Tag tag = tag_at(rest, big);
  const auto length = load<std::uint32_t>(rest, 4, big);
  if (tag == kSequenceEnd) {
    ACESO_TRY_OK(close_level());
    position_ += 8;
    return Outcome::went_on;
  }
  if (tag != kItem || length == kUndefinedLength) return damaged("a fragment that is none");
  ACESO_TRY_OK(count_element());
  const std::uint64_t room = level.limit == kOpen ? kOpen : level.limit - position_ - 8;
  if (length > room) return truncated("a fragment");
  if (level.table_due) return basic_offsets(length, rest, last);
  position_ += 8;
  level.element.nested().fragments.push_back({position_, length});
  odd_->odd_length = odd_->odd_length || length % 2 != 0;
  skip_ = length;
  return Outcome::went_on;
}

bool ParserCore::keeps(Tag tag, std::uint64_t length) const noexcept {
  if (options_->skip_pixel_data && is_pixel_data(tag)) return false;
  return length <= options_->keep;
}

Result<ParserCore::Outcome> ParserCore::read_value(const Header& header, std::span<const std::byte> rest, bool last) {
  const std::uint64_t length = header.length;
  Element element{header.tag, header.vr};
  element.offset_ = position_ + header.size;
  element.length_ = length;
  element.big_endian_ = levels_.back().encoding.big_endian;
  odd_->odd_length = odd_->odd_length || length % 2 != 0;
  if (!keeps(header.tag, length)) {
    element.skipped_ = length > 0;
    position_ += header.size;
    skip_ = length;
    add(std::move(element));
    return Outcome::went_on;
  }
  if (rest.size() - header.size < length) {
    if (last) return truncated("a value");
    return Outcome::needs_more;
  }
  const auto value = rest.subspan(header.size, static_cast<std::size_t>(length));
  if (copy_) {
    kept_ += length;
    if (kept_ > options_->header) return Error{Code::too_large, "more header than the reader keeps" + at(position_)};
    element.own_.assign(value.begin(), value.end());
  } else {
    element.view_ = value;
  }
  position_ += header.size + length;
  if (header.vr == Vr::un && levels_.back().encoding.explicit_vr) resolve_unknown(element);
  add(std::move(element));
  return Outcome::went_on;
}

Status ParserCore::count_element() {
  if (++elements_ > options_->elements)
    return Error{Code::too_large, "more than " + std::to_string(options_->elements) + " elements"};
  return {};
}

// UN where the dictionary knows better: its bytes are implicit little endian (PS3.5 6.2.2 note 2).
void ParserCore::resolve_unknown(Element& element) {
  const Tag tag = element.tag();
  if (tag.is_private() || find_attribute(tag) == nullptr || element.bytes().empty()) return;
  const Vr vr = implicit_vr(tag, levels_.back().pixels_signed);
  if (vr == Vr::sq) {
    const auto depth = static_cast<std::uint32_t>((levels_.size() - 1) / 2);
    if (depth >= options_->depth) return;
    ParseOptions options = *options_;
    options.depth -= depth;
    options.stop_at.reset();
    options.elements -= elements_;
    Oddities odd;
    ParserCore core{options, odd, copy_};
    core.begin_sequence(tag, levels_.back().dataset.charset_, element.offset_, element.bytes().size());
    std::size_t used = 0;
    if (!core.run(element.bytes(), true, used) || !core.finished()) return;
    elements_ += core.element_count();
    Dataset holder = core.take_root();
    std::vector<Dataset> items = std::move(holder.elements_.front().items());
    element.vr_ = Vr::sq;
    element.nested().items = std::move(items);
    element.view_ = {};
    element.own_ = {};
  } else if (element.bytes().size() % word_size(vr) == 0) {
    element.vr_ = vr;
  }
  element.big_endian_ = false;
}

void ParserCore::add(Element element) {
  Level& level = levels_.back();
  auto& elements = level.dataset.elements_;
  if (!elements.empty() && element.tag() <= elements.back().tag()) level.sorted = false;
  if (element.tag() == tags::kSpecificCharacterSet)
    level.dataset.charset_ = CharacterSet::parse_lenient(trim_value(as_text(element.bytes()), false));
  if (element.tag() == tags::kPixelRepresentation) level.pixels_signed = element.integer() == 1;
  elements.push_back(std::move(element));
}

void ParserCore::sort(Level& level, Oddities& odd) {
  if (level.sorted) return;
  odd.out_of_order = true;
  auto& elements = level.dataset.elements_;
  std::stable_sort(elements.begin(), elements.end(),
                   [](const Element& a, const Element& b) { return a.tag() < b.tag(); });
  elements.erase(std::unique(elements.begin(), elements.end(),
                             [](const Element& a, const Element& b) { return a.tag() == b.tag(); }),
                 elements.end());
  level.sorted = true;
}

// Puts the top level's content into the one below.
Status ParserCore::close_level() {
  if (levels_.size() < 2) return damaged("an end without a beginning");
  Level top = std::move(levels_.back());
  levels_.pop_back();
  if (top.kind == Kind::elements) {
    sort(top, *odd_);
    levels_.back().element.nested().items.push_back(std::move(top.dataset));
    return {};
  }
  if (top.kind == Kind::fragments && !top.element.view_.empty())
    top.element.view_ = top.element.view_.first(static_cast<std::size_t>(position_ - top.element.offset_));
  add(std::move(top.element));
  return {};
}

}  // namespace aceso::dicom
