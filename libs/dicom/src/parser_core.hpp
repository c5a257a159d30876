// One parser for whole buffers and for pieces: an explicit stack, no recursion, every length checked before it is used.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "aceso/dicom/parse.hpp"

namespace aceso::dicom {

struct Encoding {
  bool explicit_vr = true;
  bool big_endian = false;
};

class ParserCore {
 public:
  // `copy`: values are copied, else they view the window. Options and oddities must outlive the core.
  ParserCore(const ParseOptions& options, Oddities& odd, bool copy);

  // The next data set: from `offset` on, before `limit` when that is known; `meta` ends it at the first tag outside
  // group 0002.
  void begin(Encoding encoding, std::uint64_t offset, std::optional<std::uint64_t> limit, bool meta);
  // A data set of one sequence, whose value lies from `offset` on: what a UN value may hold (PS3.5 6.2.2), implicit
  // little endian.
  void begin_sequence(Tag tag, const CharacterSet& charset, std::uint64_t offset, std::uint64_t length);

  // Reads as much as the window allows; `used` says how much. `last`: nothing follows it.
  Status run(std::span<const std::byte> window, bool last, std::size_t& used);

  bool finished() const noexcept { return finished_; }
  bool stopped() const noexcept { return stopped_; }
  bool in_pixel_data() const noexcept { return in_pixel_data_; }
  std::uint64_t position() const noexcept { return position_; }
  std::uint64_t element_count() const noexcept { return elements_; }
  const Dataset& root();  // what is complete so far, sorted
  Dataset take_root();

 private:
  static constexpr std::uint64_t kOpen = ~std::uint64_t{0};
  enum class Kind : std::uint8_t { elements, items, fragments };
  struct Level {
    Kind kind = Kind::elements;
    Encoding encoding = {};
    bool pixels_signed = false;
    bool sorted = true;
    bool table_due = true;           // fragments: the first item is the offset table
    std::uint64_t end = kOpen;       // of a defined length
    std::uint64_t limit = kOpen;     // no byte of the level lies at or past it
    Dataset dataset = {};            // elements
    Element element{Tag{}, Vr::un};  // items, fragments: what is being filled
  };
  enum class Outcome : std::uint8_t { went_on, needs_more, finished };
  struct Header {
    Tag tag;
    Vr vr;
    std::uint32_t length;
    std::size_t size;  // of the header itself
  };

  Result<Outcome> step(std::span<const std::byte> rest, bool last);
  Result<Outcome> step_elements(std::span<const std::byte> rest, bool last);
  Result<Outcome> step_items(std::span<const std::byte> rest, bool last);
  Result<Outcome> step_fragments(std::span<const std::byte> rest, bool last);
  Result<Outcome> skip(std::span<const std::byte> rest, bool last);
  Result<Outcome> end_of_input(std::span<const std::byte> rest);
  Result<std::optional<Header>> read_header(std::span<const std::byte> rest, bool last);
  Result<Outcome> delimiter(Tag tag, std::span<const std::byte> rest);
  Result<Outcome> start_sequence(const Header& header, Encoding encoding);
  Result<Outcome> start_fragments(const Header& header, std::span<const std::byte> rest);
  Result<Outcome> read_value(const Header& header, std::span<const std::byte> rest, bool last);
  Result<Outcome> basic_offsets(std::uint32_t length, std::span<const std::byte> rest, bool last);

  Status count_element();
  void resolve_unknown(Element& element);
  Status close_level();
  void add(Element element);
  static void sort(Level& level, Oddities& odd);
  bool keeps(Tag tag, std::uint64_t length) const noexcept;
  Error damaged(std::string_view what) const;
  Error truncated(std::string_view what) const;

  const ParseOptions* options_;
  Oddities* odd_;
  bool copy_;
  std::vector<Level> levels_;
  bool meta_ = false;
  bool finished_ = false;
  bool stopped_ = false;
  bool in_pixel_data_ = false;
  std::uint64_t position_ = 0;
  std::uint64_t skip_ = 0;
  std::uint64_t elements_ = 0;
  std::uint64_t kept_ = 0;
};

}  // namespace aceso::dicom
