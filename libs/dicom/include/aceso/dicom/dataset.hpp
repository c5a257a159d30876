// Data sets, elements, sequences and fragments (PS3.5 chapter 7). Values are views into bytes somebody keeps, or bytes
// of their own, and become numbers or text when asked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/dicom/charset.hpp"
#include "aceso/dicom/datetime.hpp"
#include "aceso/dicom/tag.hpp"

namespace aceso::dicom {

class Dataset;

inline constexpr std::uint32_t kUndefinedLength = 0xFFFFFFFF;

// One fragment of encapsulated pixel data: where its bytes lie in the file (for deflated data sets in the inflated
// bytes).
struct Fragment {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  bool operator==(const Fragment&) const = default;
};

// Copies share the kept bytes a value views; values given by set_* belong to the element. Thread-safe to read.
class Element {
 public:
  Element(Tag tag, Vr vr);
  Element(const Element&);
  Element(Element&&) noexcept;
  Element& operator=(const Element&);
  Element& operator=(Element&&) noexcept;
  ~Element();

  Tag tag() const noexcept { return tag_; }
  Vr vr() const noexcept { return vr_; }
  // The value as encoded, without padding removed; of encapsulated pixel data the items up to the delimiter. Empty for
  // sequences and skipped values.
  std::span<const std::byte> bytes() const noexcept { return own_.empty() ? view_ : std::span<const std::byte>{own_}; }
  bool big_endian() const noexcept { return big_endian_; }
  // Where the value starts in the file (for deflated data sets in the inflated bytes) and how long it is there;
  // kUndefinedLength for undefined lengths. 0 and bytes().size() for elements made by hand.
  std::uint64_t offset() const noexcept { return offset_; }
  std::uint64_t length() const noexcept { return length_; }
  bool skipped() const noexcept { return skipped_; }  // the value was longer than ParseOptions::keep

  bool is_sequence() const noexcept { return vr_ == Vr::sq; }
  const std::vector<Dataset>& items() const noexcept;
  std::vector<Dataset>& items();

  bool is_encapsulated() const noexcept { return encapsulated_; }
  const std::vector<Fragment>& fragments() const noexcept;           // without the basic offset table
  const std::vector<std::uint64_t>& basic_offsets() const noexcept;  // from the first item after the table

  // Text: padding removed, decoded by `charset` where the VR says so. Values of multi-valued text are split after
  // decoding. Index out of range, no number, no text: nullopt.
  std::size_t value_count() const noexcept;
  std::vector<std::string> texts(const CharacterSet& charset) const;
  std::optional<std::string> text(const CharacterSet& charset, std::size_t index = 0) const;
  std::optional<std::int64_t> integer(std::size_t index = 0) const;  // IS US SS UL SL SV UV AT; DS without a fraction
  std::optional<double> number(std::size_t index = 0) const;         // these and DS FL FD OF OD
  std::vector<double> numbers() const;                               // empty when any value is none

 private:
  friend class Dataset;
  friend class ParserCore;
  struct Nested;
  Nested& nested();
  Tag tag_;
  Vr vr_;
  bool big_endian_ = false;
  bool skipped_ = false;
  bool encapsulated_ = false;
  std::uint64_t offset_ = 0;
  std::uint64_t length_ = 0;
  std::span<const std::byte> view_;
  std::vector<std::byte> own_;
  std::unique_ptr<Nested> nested_;  // most elements have none, and there may be millions
};

// Elements in ascending order of tags, each tag once. Thread-safe to read.
class Dataset {
 public:
  const std::vector<Element>& elements() const noexcept { return elements_; }
  bool empty() const noexcept { return elements_.empty(); }
  std::size_t size() const noexcept { return elements_.size(); }
  const Element* find(Tag tag) const noexcept;
  Element* find(Tag tag) noexcept;
  bool contains(Tag tag) const noexcept { return find(tag) != nullptr; }
  // By private creator (PS3.5 7.8.1): find_private(0x0029, "SIEMENS CSA HEADER", 0x10).
  const Element* find_private(std::uint16_t group, std::string_view creator, std::uint8_t element) const;

  // Of the data set itself or, in items without one, of what holds it.
  const CharacterSet& charset() const noexcept { return charset_; }
  void set_charset(const CharacterSet& charset);  // writes (0008,0005) too

  // Nullopt when the element is missing, empty or no such value.
  std::optional<std::string> text(Tag tag, std::size_t index = 0) const;
  std::vector<std::string> texts(Tag tag) const;
  std::string text_or(Tag tag, std::string_view fallback = {}) const;
  std::optional<std::int64_t> integer(Tag tag, std::size_t index = 0) const;
  std::optional<double> number(Tag tag, std::size_t index = 0) const;
  std::vector<double> numbers(Tag tag) const;
  std::span<const Dataset> items(Tag tag) const noexcept;  // empty when it is no sequence
  std::optional<PersonName> person_name(Tag tag) const;

  // Making objects. Text is UTF-8 and encoded in charset() (what it cannot express becomes '?'); the VR is the
  // dictionary's unless given. Padding is added. A tag already there is replaced.
  Dataset& set_text(Tag tag, std::string_view utf8);
  Dataset& set_text(Tag tag, Vr vr, std::string_view utf8);
  Dataset& set_integer(Tag tag, std::int64_t value);
  Dataset& set_integers(Tag tag, Vr vr, std::span<const std::int64_t> values);
  Dataset& set_number(Tag tag, double value);  // DS: at most 16 characters, the nearest that fits
  Dataset& set_numbers(Tag tag, Vr vr, std::span<const double> values);
  Dataset& set_bytes(Tag tag, Vr vr, std::vector<std::byte> value);  // little endian where it has words
  Dataset& set_items(Tag tag, std::vector<Dataset> items);
  Dataset& set_empty(Tag tag);
  // Encapsulated pixel data; each fragment padded to an even length. Fragment i is frame i; a basic offset table is
  // written when it fits 32 bits.
  Dataset& set_frames(std::vector<std::vector<std::byte>> frames);
  Dataset& set(Element element);
  bool erase(Tag tag);

 private:
  friend class ParserCore;
  std::vector<Element> elements_;
  CharacterSet charset_;
};

}  // namespace aceso::dicom
