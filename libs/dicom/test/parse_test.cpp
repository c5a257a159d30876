#include "aceso/dicom/parse.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include "aceso/base/testing.hpp"
#include "aceso/dicom/tags.hpp"
#include "bytes_builder.hpp"

namespace aceso::dicom {
namespace {

using testing::Builder;

std::string little() {
  return std::string{kExplicitLittle};
}

// The same object piece by piece, cut everywhere.
void expect_same_in_pieces(const std::vector<std::byte>& bytes, std::size_t piece) {
  const auto whole = parse(bytes);
  StreamReader reader;
  Status status;
  for (std::size_t at = 0; at < bytes.size() && status.ok(); at += piece)
    status = reader.feed(std::span{bytes}.subspan(at, std::min(piece, bytes.size() - at)));
  const auto pieces = reader.finish();
  ASSERT_EQ(whole.ok(), pieces.ok()) << "piece " << piece;
  if (!whole.ok()) {
    EXPECT_EQ(whole.error().code(), pieces.error().code());
    return;
  }
  ASSERT_EQ(whole->dataset.size(), pieces->dataset.size());
  for (std::size_t i = 0; i < whole->dataset.size(); ++i) {
    const Element& a = whole->dataset.elements()[i];
    const Element& b = pieces->dataset.elements()[i];
    EXPECT_EQ(a.tag(), b.tag());
    EXPECT_EQ(a.vr(), b.vr());
    EXPECT_EQ(a.offset(), b.offset());
    EXPECT_EQ(a.length(), b.length());
    EXPECT_EQ(a.items().size(), b.items().size());
    EXPECT_EQ(a.fragments(), b.fragments());
    EXPECT_TRUE(b.skipped() || std::ranges::equal(a.bytes(), b.bytes())) << to_string(a.tag());
  }
}

TEST(Parse, reads_explicit_little_endian_with_meta) {
  Builder file;
  file.part10(kExplicitLittle).shorts(0x0008, 0x0060, "CS", "CT").shorts(0x0010, 0x0010, "PN", "Doe^Jane");
  const auto object = parse(file.bytes());
  ASSERT_OK(object);
  EXPECT_EQ(object->syntax->uid, kExplicitLittle);
  EXPECT_EQ(object->dataset_offset, 132U + 12 + 28);
  EXPECT_EQ(object->end, file.size());
  EXPECT_EQ(object->dataset.text(tags::kModality), "CT");
  EXPECT_EQ(object->dataset.text(tags::kPatientName), "Doe^Jane");
  EXPECT_EQ(object->dataset.find(tags::kPatientName)->offset(), file.size() - 8);
  EXPECT_FALSE(object->odd.no_preamble || object->odd.no_meta_length || object->odd.wrong_syntax);
}

TEST(Parse, views_the_given_bytes_and_survives_a_move) {
  Builder file;
  file.part10(kExplicitLittle).shorts(0x0008, 0x0060, "CS", "CT");
  auto object = parse(file.bytes());
  ASSERT_OK(object);
  const Object moved = std::move(*object);
  EXPECT_EQ(moved.dataset.find(tags::kModality)->bytes().data(), file.bytes().data() + file.size() - 2);
}

TEST(Parse, reads_implicit_little_endian_by_the_dictionary) {
  Builder file;
  file.part10(kImplicitLittle).implicit(0x0008, 0x0060, "MR").implicit(0x0028, 0x0103, std::string("\1\0", 2));
  file.implicit(0x0028, 0x0106, std::string("\xFE\xFF", 2))
      .implicit(0x0029, 0x0010, "MAKER ")
      .implicit(0x0029, 0x1001, "??");
  const auto object = parse(file.bytes());
  ASSERT_OK(object);
  EXPECT_EQ(object->dataset.find(tags::kModality)->vr(), Vr::cs);
  EXPECT_EQ(object->dataset.integer(tags::kSmallestImagePixelValue), -2);  // US or SS by PixelRepresentation
  EXPECT_EQ(object->dataset.find(Tag{0x0029, 0x0010})->vr(), Vr::lo);
  EXPECT_EQ(object->dataset.find(Tag{0x0029, 0x1001})->vr(), Vr::un);
  EXPECT_EQ(object->dataset.find_private(0x0029, "MAKER", 0x01)->length(), 2U);
  EXPECT_EQ(object->dataset.find_private(0x0029, "OTHER", 0x01), nullptr);
}

TEST(Parse, reads_explicit_big_endian) {
  Builder meta;
  meta.part10(kExplicitBig);
  Builder body{true};
  body.tag(0x0028, 0x0010).raw("US").u16(2).u16(512);
  body.longs(0x0040, 0xA168, "SQ", 0xFFFFFFFF)
      .item(0xFFFFFFFF)
      .shorts(0x0008, 0x0100, "SH", "AB")
      .item_end()
      .sequence_end();
  meta.raw(body.text());
  const auto object = parse(meta.bytes());
  ASSERT_OK(object);
  EXPECT_EQ(object->dataset.integer(tags::kRows), 512);
  ASSERT_EQ(object->dataset.items(Tag{0x0040, 0xA168}).size(), 1U);
  EXPECT_EQ(object->dataset.items(Tag{0x0040, 0xA168})[0].text(tags::kCodeValue), "AB");
}

std::vector<std::byte> deflate_raw(const std::vector<std::byte>& in) {
  z_stream z{};
  EXPECT_EQ(deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::vector<std::byte> out(in.size() + 1024);
  std::vector<std::byte> copy = in;
  z.next_in = reinterpret_cast<Bytef*>(copy.data());
  z.avail_in = static_cast<uInt>(copy.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

TEST(Parse, inflates_a_deflated_data_set) {
  Builder body;
  body.shorts(0x0008, 0x0060, "CS", "SR").shorts(0x0010, 0x0020, "LO", std::string(300, 'x'));
  Builder file;
  file.part10(kDeflated);
  const auto packed = deflate_raw(body.bytes());
  file.raw({reinterpret_cast<const char*>(packed.data()), packed.size()});
  const auto object = parse(file.bytes());
  ASSERT_OK(object);
  EXPECT_EQ(object->dataset.text(tags::kPatientID)->size(), 300U);
  EXPECT_EQ(object->inflated.size(), body.size());
  for (const std::size_t piece : {1U, 7U, 4096U}) expect_same_in_pieces(file.bytes(), piece);
  auto cut = file.bytes();
  cut.resize(cut.size() - 3);
  EXPECT_CODE(parse(cut), Code::data_loss);
}

TEST(Parse, refuses_a_deflate_bomb) {
  Builder body;
  body.longs(0x0009, 0x1001, "OB", 1 << 24).raw(std::string(1 << 24, '\0'));
  Builder file;
  file.part10(kDeflated);
  const auto packed = deflate_raw(body.bytes());
  file.raw({reinterpret_cast<const char*>(packed.data()), packed.size()});
  ParseOptions options;
  options.inflated = 1 << 20;
  EXPECT_CODE(parse(file.bytes(), options), Code::too_large);
  StreamReader reader{options};
  EXPECT_CODE(reader.feed(file.bytes()), Code::too_large);
}

Builder nested(int depth, bool defined) {
  std::string inside;
  for (int i = 0; i < depth; ++i) {
    Builder level;
    if (defined) {
      level.longs(0x0040, 0xA730, "SQ", inside.size() + 8).item(inside.size()).raw(inside);
    } else {
      level.longs(0x0040, 0xA730, "SQ", 0xFFFFFFFF).item(0xFFFFFFFF).raw(inside).item_end().sequence_end();
    }
    inside = level.text();
  }
  Builder file;
  file.part10(little()).raw(inside);
  return file;
}

TEST(Parse, limits_the_depth_of_sequences) {
  for (const bool defined : {true, false}) {
    EXPECT_OK(parse(nested(32, defined).bytes()));
    EXPECT_CODE(parse(nested(33, defined).bytes()), Code::too_large);
    EXPECT_CODE(parse(nested(5000, defined).bytes()), Code::too_large);
    expect_same_in_pieces(nested(8, defined).bytes(), 1);
  }
}

TEST(Parse, refuses_lengths_past_what_remains) {
  Builder value;
  value.part10(little()).shorts(0x0008, 0x0060, "CS", "CT").longs(0x7FE0, 0x0010, "OW", 1000).raw("abcd");
  EXPECT_CODE(parse(value.bytes()), Code::data_loss);
  for (const std::size_t piece : {1U, 13U, 1000U}) expect_same_in_pieces(value.bytes(), piece);
  Builder inner;  // a value longer than its item
  inner.part10(little()).longs(0x0040, 0xA730, "SQ", 20).item(12).shorts(0x0008, 0x0100, "SH", "ABCDEFGH");
  inner.shorts(0x0040, 0xB000, "SH", "AB");
  EXPECT_CODE(parse(inner.bytes()), Code::invalid);
}

TEST(Parse, an_item_longer_than_its_sequence_is_cut_there) {
  Builder file;
  file.part10(little()).longs(0x0040, 0xA730, "SQ", 18).item(500).shorts(0x0008, 0x0100, "SH", "AB");
  file.shorts(0x0040, 0xB000, "SH", "AB");
  const auto object = parse(file.bytes());
  ASSERT_OK(object);
  EXPECT_TRUE(object->odd.bad_item_length);
  ASSERT_EQ(object->dataset.items(Tag{0x0040, 0xA730}).size(), 1U);
  EXPECT_EQ(object->dataset.items(Tag{0x0040, 0xA730})[0].text(tags::kCodeValue), "AB");
}

TEST(Parse, an_unknown_vr_holds_an_implicit_sequence) {
  Builder item;
  item.implicit(0x0008, 0x0100, "T-1234");
  Builder file;  // known to the dictionary: typed; private and of undefined length: a sequence; private: bytes
  file.part10(little()).longs(0x0008, 0x1032, "UN", item.size() + 8).item(item.size()).raw(item.text());
  file.longs(0x0009, 0x1001, "UN", 0xFFFFFFFF).item(0xFFFFFFFF).raw(item.text()).item_end().sequence_end();
  file.longs(0x0009, 0x1002, "UN", 4).raw("abcd").longs(0x0010, 0x0020, "UN", 4).raw("ID 1");
  const auto object = parse(file.bytes());
  ASSERT_OK(object);
  ASSERT_EQ(object->dataset.items(Tag{0x0008, 0x1032}).size(), 1U);
  EXPECT_EQ(object->dataset.items(Tag{0x0008, 0x1032})[0].text(tags::kCodeValue), "T-1234");
  ASSERT_EQ(object->dataset.items(Tag{0x0009, 0x1001}).size(), 1U);
  EXPECT_EQ(object->dataset.find(Tag{0x0009, 0x1002})->vr(), Vr::un);
  EXPECT_EQ(object->dataset.text(tags::kPatientID), "ID 1");
  expect_same_in_pieces(file.bytes(), 1);
}

TEST(Parse, locates_fragments_and_offset_table) {
  Builder file;
  file.part10(kJpegBaseline).longs(0x7FE0, 0x0010, "OB", 0xFFFFFFFF).item(8).u32(0).u32(12).item(4).raw("AAAA");
  file.item(2).raw("BB").sequence_end();
  const auto object = parse(file.bytes());
  ASSERT_OK(object);
  const Element* pixels = object->dataset.find(tags::kPixelData);
  ASSERT_TRUE(pixels->is_encapsulated());
  EXPECT_EQ(pixels->basic_offsets(), (std::vector<std::uint64_t>{0, 12}));
  ASSERT_EQ(pixels->fragments().size(), 2U);
  EXPECT_EQ(pixels->fragments()[0].length, 4U);
  EXPECT_EQ(pixels->fragments()[1].offset, file.size() - 8 - 2);
  EXPECT_EQ(pixels->bytes().size(), 16U + 12 + 10);
  for (const std::size_t piece : {1U, 5U, 64U}) expect_same_in_pieces(file.bytes(), piece);
}

TEST(Parse, stops_at_a_tag_and_skips_long_values) {
  Builder file;
  file.part10(little()).shorts(0x0008, 0x0060, "CS", "CT").longs(0x0009, 0x1001, "OB", 100).raw(std::string(100, 'x'));
  file.shorts(0x0010, 0x0020, "LO", "ID").longs(0x7FE0, 0x0010, "OW", 4).raw("abcd");
  ParseOptions options;
  options.stop_at = tags::kPixelData;
  options.keep = 64;
  const auto object = parse(file.bytes(), options);
  ASSERT_OK(object);
  EXPECT_TRUE(object->stopped);
  EXPECT_EQ(object->end, file.size() - 16);
  EXPECT_FALSE(object->dataset.contains(tags::kPixelData));
  EXPECT_TRUE(object->dataset.find(Tag{0x0009, 0x1001})->skipped());
  EXPECT_EQ(object->dataset.find(Tag{0x0009, 0x1001})->length(), 100U);
  EXPECT_EQ(object->dataset.text(tags::kPatientID), "ID");
}

TEST(Parse, bounds_the_number_of_elements) {
  Builder file;
  file.part10(little());
  for (unsigned i = 0; i < 100; ++i) file.shorts(0x0009, 0x1000 + i, "SH", "");
  ParseOptions options;
  options.elements = 50;
  EXPECT_CODE(parse(file.bytes(), options), Code::too_large);
}

TEST(Parse, a_bare_data_set_is_read_when_allowed) {
  Builder implicit;
  implicit.implicit(0x0008, 0x0060, "MR").implicit(0x0010, 0x0020, "ID");
  Builder explicit_big{true};
  explicit_big.shorts(0x0008, 0x0060, "CS", "MR");
  for (const auto* bytes : {&implicit.bytes(), &explicit_big.bytes()}) {
    const auto object = parse(*bytes);
    ASSERT_OK(object);
    EXPECT_EQ(object->dataset.text(tags::kModality), "MR");
    EXPECT_TRUE(object->odd.no_preamble);
    ParseOptions strict;
    strict.allow_bare = false;
    EXPECT_CODE(parse(*bytes, strict), Code::invalid);
  }
  const auto by_syntax = parse_dataset(implicit.bytes(), kImplicitLittle);
  ASSERT_OK(by_syntax);
  EXPECT_EQ(by_syntax->dataset.text(tags::kPatientID), "ID");
}

TEST(Parse, sees_through_a_wrong_transfer_syntax) {
  Builder file;
  file.part10(kImplicitLittle).shorts(0x0008, 0x0060, "CS", "CT");
  const auto object = parse(file.bytes());
  ASSERT_OK(object);
  EXPECT_TRUE(object->odd.wrong_syntax);
  EXPECT_EQ(object->syntax->uid, kExplicitLittle);
  EXPECT_EQ(object->syntax_uid, kImplicitLittle);
  EXPECT_EQ(object->dataset.text(tags::kModality), "CT");
}

TEST(Parse, sorts_what_is_out_of_order_and_keeps_the_first_of_two) {
  Builder file;
  file.part10(little()).shorts(0x0010, 0x0020, "LO", "ID").shorts(0x0008, 0x0060, "CS", "CT");
  file.shorts(0x0010, 0x0020, "LO", "XX");
  const auto object = parse(file.bytes());
  ASSERT_OK(object);
  EXPECT_TRUE(object->odd.out_of_order);
  EXPECT_EQ(object->dataset.text(tags::kPatientID), "ID");
  EXPECT_EQ(object->dataset.size(), 2U);
}

TEST(Parse, refuses_what_is_no_dicom) {
  EXPECT_CODE(parse({}), Code::invalid);
  for (const std::string_view text : {"", "DICM", "hello, this is a text file", "\x89PNG\r\n\x1A\n________"}) {
    Builder file;
    file.raw(text);
    const auto object = parse(file.bytes());
    EXPECT_TRUE(!object.ok() || object->dataset.empty()) << text;
  }
  Builder text;
  text.raw("hello, this is a text file");
  EXPECT_CODE(parse(text.bytes()), Code::invalid);
}

TEST(Parse, every_prefix_is_read_or_refused_the_same_in_pieces) {
  Builder file;
  file.part10(kJpegBaseline).shorts(0x0008, 0x0060, "CS", "CT");
  file.longs(0x0040, 0xA730, "SQ", 0xFFFFFFFF).item(10).shorts(0x0008, 0x0100, "SH", "AB").sequence_end();
  file.longs(0x7FE0, 0x0010, "OB", 0xFFFFFFFF).item(0).item(4).raw("AAAA").sequence_end();
  for (std::size_t n = 0; n <= file.size(); ++n) {
    SCOPED_TRACE(n);
    const auto bytes = file.bytes();
    expect_same_in_pieces({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n)}, 3);
  }
}

TEST(StreamReader, holds_the_header_only) {
  Builder head;
  head.part10(little()).shorts(0x0008, 0x0060, "CS", "CT").longs(0x7FE0, 0x0010, "OW", 40'000'000);
  StreamReader reader;
  ASSERT_OK(reader.feed(head.bytes()));
  EXPECT_TRUE(reader.in_pixel_data());
  EXPECT_EQ(reader.so_far().dataset.text(tags::kModality), "CT");
  const std::vector<std::byte> chunk(1'000'000);
  for (int i = 0; i < 40; ++i) ASSERT_OK(reader.feed(chunk));
  const auto object = reader.finish();
  ASSERT_OK(object);
  const Element* pixels = object->dataset.find(tags::kPixelData);
  EXPECT_TRUE(pixels->skipped());
  EXPECT_EQ(pixels->length(), 40'000'000U);
  EXPECT_EQ(pixels->offset(), head.size());
}

TEST(StreamReader, takes_nothing_more_after_an_error) {
  Builder file;
  file.part10(little())
      .longs(0x0040, 0xA730, "SQ", 0xFFFFFFFF)
      .shorts(0x0008, 0x0060, "CS", "CT")
      .tag(0xFFFE, 0xE000)
      .u32(4);
  StreamReader reader;
  EXPECT_FALSE(reader.feed(file.bytes()).ok());
  EXPECT_FALSE(reader.feed(file.bytes()).ok());
  EXPECT_FALSE(reader.finish().ok());
}

TEST(StreamReader, bounds_what_it_keeps) {
  Builder file;
  file.part10(little());
  for (unsigned i = 0; i < 100; ++i) file.shorts(0x0009, 0x1000 + i, "LT", std::string(1000, 'x'));
  ParseOptions options;
  options.header = 50'000;
  StreamReader reader{options};
  EXPECT_CODE(reader.feed(file.bytes()), Code::too_large);
}

}  // namespace
}  // namespace aceso::dicom
