#include "aceso/dicom/pixel.hpp"

#include <algorithm>
#include <cmath>

#include "aceso/base/testing.hpp"
#include "aceso/dicom/encode.hpp"
#include "aceso/dicom/tags.hpp"

namespace aceso::dicom {
namespace {

template <class T>
std::vector<std::byte> raw(std::initializer_list<T> values) {
  std::vector<std::byte> out;
  for (const T value : values) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&value);
    out.insert(out.end(), bytes, bytes + sizeof value);
  }
  return out;
}

std::vector<int> values16(const Frame& frame) {
  std::vector<int> out;
  for (std::size_t i = 0; i < frame.data.size(); i += 2) {
    const auto word = static_cast<std::uint16_t>(std::to_integer<unsigned>(frame.data[i]) |
                                                 std::to_integer<unsigned>(frame.data[i + 1]) << 8);
    out.push_back(frame.is_signed ? static_cast<std::int16_t>(word) : word);
  }
  return out;
}

PixelFormat grey(std::uint32_t rows, std::uint32_t columns, std::uint16_t allocated, std::uint16_t stored,
                 bool is_signed) {
  PixelFormat format;
  format.rows = rows;
  format.columns = columns;
  format.bits_allocated = allocated;
  format.bits_stored = stored;
  format.high_bit = static_cast<std::uint16_t>(stored - 1);
  format.is_signed = is_signed;
  return format;
}

const TransferSyntax& syntax(std::string_view uid) {
  return *find_transfer_syntax(uid);
}

TEST(Pixel, stored_bits_are_moved_down_masked_and_sign_extended) {
  PixelFormat format = grey(1, 4, 16, 12, true);
  const auto words = raw<std::uint16_t>({0xF7FF, 0x0800, 0x0FFF, 0x1001});
  auto frame = decode_frame(format, syntax(kExplicitLittle), words);
  ASSERT_OK(frame);
  EXPECT_EQ(values16(*frame), (std::vector<int>{2047, -2048, -1, 1}));
  format.high_bit = 15;
  frame = decode_frame(format, syntax(kExplicitLittle), raw<std::uint16_t>({0x7FFF, 0x8000, 0xFFF0, 0x0010}));
  ASSERT_OK(frame);
  EXPECT_EQ(values16(*frame), (std::vector<int>{2047, -2048, -1, 1}));
}

TEST(Pixel, packed_bits_start_inside_a_byte) {
  const PixelFormat format = grey(1, 5, 1, 1, false);
  const auto frame = decode_frame(format, syntax(kExplicitLittle), raw<std::uint8_t>({0b10100000, 0b00000001}), 5);
  ASSERT_OK(frame);
  EXPECT_EQ(frame->bits, 8);
  EXPECT_EQ(frame->data, raw<std::uint8_t>({1, 0, 1, 1, 0}));
}

TEST(Pixel, planes_and_halved_colour_become_interleaved) {
  PixelFormat format = grey(1, 2, 8, 8, false);
  format.samples = 3;
  format.photometric = Photometric::rgb;
  format.planar = true;
  auto frame = decode_frame(format, syntax(kExplicitLittle), raw<std::uint8_t>({1, 2, 3, 4, 5, 6}));
  ASSERT_OK(frame);
  EXPECT_EQ(frame->data, raw<std::uint8_t>({1, 3, 5, 2, 4, 6}));
  format.planar = false;
  format.photometric = Photometric::ybr_full_422;
  frame = decode_frame(format, syntax(kExplicitLittle), raw<std::uint8_t>({10, 20, 30, 40}));
  ASSERT_OK(frame);
  EXPECT_EQ(frame->data, raw<std::uint8_t>({10, 30, 40, 20, 30, 40}));
  EXPECT_EQ(frame->photometric, Photometric::ybr_full);
}

TEST(Pixel, short_damaged_and_huge_frames_are_refused) {
  const PixelFormat format = grey(4, 4, 16, 16, false);
  EXPECT_CODE(decode_frame(format, syntax(kExplicitLittle), std::vector<std::byte>(31)), Code::invalid);
  for (const std::string_view uid :
       {kRle, kJpegBaseline, kJpegExtended, kJpegLosslessSv1, kJpegLs, kJpeg2000Lossless, kHtj2kLossless})
    EXPECT_CODE(decode_frame(format, syntax(uid), std::vector<std::byte>(80)), Code::invalid) << uid;
  EXPECT_CODE(decode_frame(grey(65535, 65535, 16, 16, false), syntax(kRle), {}), Code::too_large);
  EXPECT_CODE(decode_frame(format, syntax("1.2.840.10008.1.2.4.102"), {}), Code::unsupported);
}

Frame gradient(std::uint32_t rows, std::uint32_t columns, std::uint16_t samples, std::uint16_t bits,
               std::uint16_t stored, bool is_signed) {
  Frame frame;
  frame.rows = rows;
  frame.columns = columns;
  frame.samples = samples;
  frame.bits = bits;
  frame.bits_stored = stored;
  frame.is_signed = is_signed;
  frame.photometric = samples == 3 ? Photometric::rgb : Photometric::monochrome2;
  std::uint32_t noise = 1;
  for (std::uint32_t i = 0; i < rows * columns * samples; ++i) {
    noise = noise * 1664525U + 1013904223U;
    const double wave = std::sin(i * 0.011) * 0.4 + 0.5;
    int value = static_cast<int>(wave * ((1 << stored) - 8)) + static_cast<int>(noise >> 29);
    if (is_signed) value -= 1 << (stored - 1);
    frame.data.push_back(static_cast<std::byte>(value & 0xFF));
    if (bits == 16) frame.data.push_back(static_cast<std::byte>(value >> 8 & 0xFF));
  }
  return frame;
}

PixelFormat format_of(const Frame& frame) {
  PixelFormat format = grey(frame.rows, frame.columns, frame.bits, frame.bits_stored, frame.is_signed);
  format.samples = frame.samples;
  format.photometric = frame.photometric;
  return format;
}

TEST(Encode, lossless_syntaxes_give_the_same_samples_back) {
  for (const std::string_view uid : {kExplicitLittle, kRle, kJpegLs, kJpeg2000Lossless, kHtj2kLossless, kHtj2kRpcl}) {
    for (const Frame& frame :
         {gradient(37, 53, 1, 8, 8, false), gradient(64, 130, 1, 16, 12, false), gradient(33, 70, 1, 16, 16, false),
          gradient(40, 40, 1, 16, 12, true), gradient(31, 90, 3, 8, 8, false), gradient(1, 1, 1, 16, 16, true)}) {
      SCOPED_TRACE(std::string{uid} + " " + std::to_string(frame.columns));
      const auto encoded = encode_frame(frame, uid);
      ASSERT_OK(encoded);
      PixelFormat format = format_of(frame);
      if (frame.samples == 3 && encoded_photometric(frame, uid) == "YBR_RCT") format.photometric = Photometric::ybr_rct;
      const auto back = decode_frame(format, syntax(uid), *encoded);
      ASSERT_OK(back);
      EXPECT_TRUE(back->data == frame.data);
      EXPECT_EQ(back->photometric, frame.photometric);
    }
  }
}

TEST(Pixel, a_stream_cut_anywhere_is_refused_and_ends) {
  const Frame frame = gradient(24, 24, 1, 16, 12, false);
  for (const std::string_view uid : {kRle, kJpegLs, kJpeg2000Lossless, kHtj2kLossless}) {
    const auto encoded = encode_frame(frame, uid);
    ASSERT_OK(encoded);
    for (std::size_t length = 0; length + 8 < encoded->size(); length += 3) {
      const auto cut = decode_frame(format_of(frame), syntax(uid), std::span{*encoded}.first(length));
      EXPECT_CODE(cut, Code::invalid) << uid << " " << length;
    }
  }
}

TEST(Encode, jpeg_baseline_is_near) {
  const Frame frame = gradient(64, 64, 3, 8, 8, false);
  const auto encoded = encode_frame(frame, kJpegBaseline, {100});
  ASSERT_OK(encoded);
  PixelFormat format = format_of(frame);
  format.photometric = Photometric::ybr_full_422;
  const auto back = decode_frame(format, syntax(kJpegBaseline), *encoded);
  ASSERT_OK(back);
  EXPECT_EQ(back->photometric, Photometric::rgb);
  EXPECT_CODE(encode_frame(gradient(8, 8, 1, 16, 12, false), kJpegBaseline), Code::unsupported);
  EXPECT_CODE(encode_frame(Frame{}, kRle), Code::invalid);
}

// PS3.3 C.11.2.1.2.1, the example of a window of 2048 and 4096, and its limits.
TEST(Window, follows_the_standard) {
  const Window linear{2048, 4096};
  EXPECT_DOUBLE_EQ(apply_window(0, linear), 0);
  EXPECT_DOUBLE_EQ(apply_window(4095, linear), 1);
  EXPECT_NEAR(apply_window(2048, linear), (2048.0 - 2047.5) / 4095.0 + 0.5, 1e-12);
  EXPECT_DOUBLE_EQ(apply_window(100, {100.5, 1}), 0);
  EXPECT_DOUBLE_EQ(apply_window(101, {100.5, 1}), 1);
  EXPECT_DOUBLE_EQ(apply_window(50, {50, 100, VoiFunction::linear_exact}), 0.5);
  EXPECT_DOUBLE_EQ(apply_window(50, {50, 100, VoiFunction::sigmoid}), 0.5);
  EXPECT_NEAR(apply_window(75, {50, 100, VoiFunction::sigmoid}), 1 / (1 + std::exp(-1.0)), 1e-12);
}

TEST(Render, modality_window_and_inversion) {
  Frame frame;
  frame.rows = 1;
  frame.columns = 4;
  frame.data = raw<std::uint16_t>({0, 1024, 1064, 2000});
  Dataset data;
  data.set_text(tags::kRescaleIntercept, "-1024").set_text(tags::kRescaleSlope, "1");
  data.set_text(tags::kWindowCenter, "40\\-600").set_text(tags::kWindowWidth, "400\\1500");
  const auto values = modality_values(data, frame);
  ASSERT_OK(values);
  EXPECT_EQ(*values, (std::vector<float>{-1024, 0, 40, 976}));
  ASSERT_EQ(windows(data).size(), 2U);
  auto image = render_frame(data, frame);
  ASSERT_OK(image);
  EXPECT_EQ(image->pixels, raw<std::uint8_t>({0, 102, 128, 255}));
  frame.photometric = Photometric::monochrome1;
  image = render_frame(data, frame, 0, {Window{0, 1, VoiFunction::linear_exact}});
  ASSERT_OK(image);
  EXPECT_EQ(image->pixels, raw<std::uint8_t>({255, 128, 0, 0}));
}

TEST(Render, functional_groups_of_the_frame_come_first) {
  const auto group = [](std::string_view slope) {
    Dataset item;
    item.set_text(tags::kRescaleSlope, slope).set_text(tags::kRescaleIntercept, "0");
    Dataset frame;
    frame.set_items(tags::kPixelValueTransformationSequence, {item});
    return frame;
  };
  Dataset data;
  data.set_items(tags::kSharedFunctionalGroupsSequence, {group("5")});
  data.set_items(tags::kPerFrameFunctionalGroupsSequence, {group("2"), group("3")});
  Frame frame;
  frame.rows = frame.columns = 1;
  frame.data = raw<std::uint16_t>({10});
  EXPECT_EQ(modality_values(data, frame, 1)->front(), 30);
  EXPECT_EQ(modality_values(data, frame, 7)->front(), 50);
}

TEST(Render, palettes_take_the_nearest_entry_for_indices_outside) {
  Dataset data;
  for (const Tag tag : {tags::kRedPaletteColorLookupTableDescriptor, tags::kGreenPaletteColorLookupTableDescriptor,
                        tags::kBluePaletteColorLookupTableDescriptor})
    data.set_integers(tag, Vr::us, {{2, 10, 16}});
  data.set_bytes(tags::kRedPaletteColorLookupTableData, Vr::ow, raw<std::uint16_t>({0x1100, 0x2200}));
  data.set_bytes(tags::kGreenPaletteColorLookupTableData, Vr::ow, raw<std::uint16_t>({0x3300, 0x4400}));
  // A linear segment after a discrete one: 0x1000 up to 0x2000.
  data.set_bytes(tags::kSegmentedBluePaletteColorLookupTableData, Vr::ow,
                 raw<std::uint16_t>({0, 1, 0x1000, 1, 1, 0x2000}));
  Frame frame;
  frame.rows = 1;
  frame.columns = 3;
  frame.bits = frame.bits_stored = 8;
  frame.photometric = Photometric::palette;
  frame.data = raw<std::uint8_t>({0, 11, 200});
  const auto image = render_frame(data, frame);
  ASSERT_OK(image);
  EXPECT_EQ(image->pixels, raw<std::uint8_t>({0x11, 0x33, 0x10, 0x22, 0x44, 0x20, 0x22, 0x44, 0x20}));
}

}  // namespace
}  // namespace aceso::dicom
