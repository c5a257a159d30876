// Text burned into pictures of the test's own and into real CT slices: found, made black, nothing else touched.
#include "burned_text.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <iostream>

#include "aceso/base/random.hpp"
#include "aceso/base/testing.hpp"
#include "aceso/dicom/encode.hpp"
#include "aceso/dicom/tags.hpp"
#include "aceso/dicom/write.hpp"
#include "aceso/imaging/text.hpp"
#include "conformance.hpp"

namespace aceso::privacy {
namespace {

using namespace dicom;

// Ink of a text, 0 to 255, smoothed where the size is no whole multiple of the font's.
struct Ink {
  std::size_t width = 0, height = 0;
  std::vector<std::uint8_t> values;
  std::uint8_t at(std::size_t x, std::size_t y) const { return values[y * width + x]; }
};

// The font's capitals are 10 pixels high: size `times / per`.
Ink ink_of(std::string_view text, int times, int per, bool upright = false) {
  imaging::Image image{
      static_cast<std::int64_t>(text.size()) * imaging::kGlyphWidth * times, imaging::kGlyphHeight * times, 1, 8, {}};
  image.pixels.resize(static_cast<std::size_t>(image.width * image.height));
  EXPECT_OK(imaging::draw_text(image, 0, 0, text, 255, times));
  const auto step = static_cast<std::size_t>(per);
  Ink ink{static_cast<std::size_t>(image.width) / step, static_cast<std::size_t>(image.height) / step, {}};
  for (std::size_t y = 0; y < ink.height; ++y) {
    for (std::size_t x = 0; x < ink.width; ++x) {
      std::size_t sum = 0;
      for (std::size_t k = 0; k < step * step; ++k) {
        const std::size_t at = (y * step + k / step) * static_cast<std::size_t>(image.width) + x * step + k % step;
        sum += std::to_integer<std::size_t>(image.pixels[at]);
      }
      ink.values.push_back(static_cast<std::uint8_t>(sum / (step * step)));
    }
  }
  if (!upright) return ink;
  Ink turned{ink.height, ink.width, std::vector<std::uint8_t>(ink.values.size())};
  for (std::size_t y = 0; y < ink.height; ++y) {
    for (std::size_t x = 0; x < ink.width; ++x) turned.values[(ink.width - 1 - x) * turned.width + y] = ink.at(x, y);
  }
  return turned;
}

using Samples = std::vector<std::int64_t>;

// One value a pixel, in a picture of `columns`.
void burn(Samples& picture, std::size_t columns, const Ink& ink, std::size_t x0, std::size_t y0, std::int64_t value) {
  for (std::size_t y = 0; y < ink.height; ++y) {
    for (std::size_t x = 0; x < ink.width; ++x) {
      std::int64_t& at = picture[(y0 + y) * columns + x0 + x];
      at += (value - at) * ink.at(x, y) / 255;
    }
  }
}

Samples samples_of(const Frame& frame) {
  Samples out(frame.data.size() / (frame.bits / 8U));
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (frame.bits == 8) {
      out[i] = std::to_integer<std::int64_t>(frame.data[i]);
    } else {
      std::uint16_t value = 0;
      std::memcpy(&value, frame.data.data() + 2 * i, 2);
      out[i] = frame.is_signed ? std::int64_t{static_cast<std::int16_t>(value)} : std::int64_t{value};
    }
  }
  return out;
}

std::vector<std::byte> bytes_of(const Samples& samples, unsigned bits) {
  std::vector<std::byte> out;
  for (const std::int64_t value : samples) {
    out.push_back(static_cast<std::byte>(value & 0xFF));
    if (bits == 16) out.push_back(static_cast<std::byte>((value >> 8) & 0xFF));
  }
  return out;
}

struct Made {
  std::size_t columns = 320, rows = 200, samples = 1, frames = 1;
  unsigned bits = 8;
  std::string photometric = "MONOCHROME2";
  std::string sop_class = "1.2.840.10008.5.1.4.1.1.7";
  std::string_view syntax = kExplicitLittle;
};

std::vector<std::byte> file_of(const Made& made, const Samples& samples) {
  Dataset data;
  data.set_text(tags::kSOPClassUID, made.sop_class).set_text(tags::kSOPInstanceUID, "1.2.3.4.1");
  data.set_text(tags::kStudyInstanceUID, "1.2.3.4").set_text(tags::kSeriesInstanceUID, "1.2.3.4.5");
  data.set_text(tags::kPatientID, "42").set_text(tags::kModality, "OT");
  data.set_text(tags::kPhotometricInterpretation, made.photometric);
  data.set_integer(tags::kRows, static_cast<std::int64_t>(made.rows));
  data.set_integer(tags::kColumns, static_cast<std::int64_t>(made.columns));
  data.set_integer(tags::kSamplesPerPixel, static_cast<std::int64_t>(made.samples));
  data.set_integer(tags::kBitsAllocated, made.bits).set_integer(tags::kBitsStored, made.bits);
  data.set_integer(tags::kHighBit, made.bits - 1).set_integer(tags::kPixelRepresentation, 0);
  if (made.samples > 1) data.set_integer(tags::kPlanarConfiguration, 0);
  if (made.frames > 1) data.set_text(tags::kNumberOfFrames, std::to_string(made.frames));
  if (made.photometric == "PALETTE COLOR") {  // 0 white, 1 red, 2 black
    const auto table = [&](Tag descriptor, Tag entries, std::array<int, 3> values) {
      std::vector<std::byte> packed;
      for (const int value : {3, 0, 16}) packed.insert(packed.end(), {std::byte(value), std::byte{0}});
      data.set_bytes(descriptor, Vr::us, packed);
      packed.clear();
      for (const int value : values) packed.insert(packed.end(), {std::byte(value), std::byte(value)});
      data.set_bytes(entries, Vr::ow, packed);
    };
    table(tags::kRedPaletteColorLookupTableDescriptor, tags::kRedPaletteColorLookupTableData, {255, 255, 0});
    table(tags::kGreenPaletteColorLookupTableDescriptor, tags::kGreenPaletteColorLookupTableData, {255, 0, 0});
    table(tags::kBluePaletteColorLookupTableDescriptor, tags::kBluePaletteColorLookupTableData, {255, 0, 0});
  }
  data.set_bytes(tags::kPixelData, made.bits == 8 ? Vr::ob : Vr::ow, bytes_of(samples, made.bits));
  auto native = *write_part10(data, kExplicitLittle);
  if (made.syntax == kExplicitLittle) return native;
  const auto object = *parse(native);
  std::vector<std::vector<std::byte>> frames;
  for (std::uint32_t i = 0; i < made.frames; ++i)
    frames.push_back(*encode_frame(*decode_frame(object, native, i), made.syntax));
  data.set_frames(std::move(frames));
  return *write_part10(data, made.syntax);
}

crypto::SecretKey test_key() {
  return *crypto::SecretKey::from_bytes(std::vector<std::byte>(32, std::byte{7}));
}

Result<Deidentified> cleaned(const std::vector<std::byte>& file, const DeidControl& control = {},
                             DeidOptions options = {}) {
  options.clean_pixel_data = true;
  options.detect_text = TextDetection::all;
  return Deidentifier{options, test_key()}.run(file, control);
}

Samples pixels_in(const std::vector<std::byte>& file, std::uint32_t frame = 0) {
  const auto object = parse(file);
  EXPECT_OK(object);
  const auto decoded = decode_frame(*object, file, frame);
  EXPECT_OK(decoded);
  return samples_of(*decoded);
}

// How much of a text can still be read: it takes its letters and what they stand on.
double left_of(const Ink& ink, const Samples& picture, std::size_t columns, std::size_t x0, std::size_t y0,
               const Samples& burned) {
  std::array<std::size_t, 2> left{};  // of the ground, of the letters
  std::array<std::size_t, 2> all{};
  for (std::size_t y = 0; y < ink.height; ++y) {
    for (std::size_t x = 0; x < ink.width; ++x) {
      const std::size_t which = ink.at(x, y) < 128 ? 0 : 1;
      const std::size_t at = (y0 + y) * columns + x0 + x;
      ++all[which];
      left[which] += picture[at] == burned[at] ? 1U : 0U;
    }
  }
  return std::min(static_cast<double>(left[0]) / static_cast<double>(all[0]),
                  static_cast<double>(left[1]) / static_cast<double>(all[1]));
}

// Pixels that changed outside of the ink and a margin around it.
std::size_t changed_elsewhere(const Ink& ink, const Samples& before, const Samples& after, std::size_t columns,
                              std::size_t x0, std::size_t y0) {
  const std::size_t margin = 2 * std::min(ink.width, ink.height) + 4;
  std::size_t changed = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const std::size_t x = i % columns;
    const std::size_t y = i / columns;
    const bool near =
        x + margin >= x0 && x < x0 + ink.width + margin && y + margin >= y0 && y < y0 + ink.height + margin;
    changed += !near && before[i] != after[i] ? 1U : 0U;
  }
  return changed;
}

TEST(BurnedText, a_line_is_found_at_every_size_and_polarity_upright_and_lying) {
  for (const auto& [times, per] : {std::pair{2, 3}, {1, 1}, {3, 2}, {2, 1}, {3, 1}, {5, 1}}) {
    for (const bool upright : {false, true}) {
      for (const auto& [back, value] : {std::pair{20, 255}, {20, 150}, {255, 0}, {128, 255}, {128, 0}}) {
        SCOPED_TRACE(std::to_string(times) + "/" + std::to_string(per) + " on " + std::to_string(back) + " upright " +
                     std::to_string(upright));
        const Ink ink = ink_of("DOE^JOHN 42", times, per, upright);
        Plane plane{640, 640, std::vector<std::uint8_t>(640 * 640, static_cast<std::uint8_t>(back))};
        Samples picture(plane.values.begin(), plane.values.end());
        burn(picture, 640, ink, 70, 90, value);
        std::ranges::transform(picture, plane.values.begin(), [](auto v) { return static_cast<std::uint8_t>(v); });
        const auto boxes = find_text(plane).lines;
        ASSERT_FALSE(boxes.empty());
        std::size_t outside = 0;
        for (std::size_t i = 0; i < picture.size(); ++i) {
          const std::size_t x = i % 640;
          const std::size_t y = i / 640;
          const bool inside = std::ranges::any_of(boxes, [&](const Rectangle& r) {
            return x >= r.x && x < r.x + r.width && y >= r.y && y < r.y + r.height;
          });
          outside += !inside && picture[i] != back ? 1U : 0U;
        }
        EXPECT_EQ(outside, 0U) << "pixels of letters";
      }
    }
  }
}

TEST(BurnedText, bars_blobs_grids_and_noise_are_no_text) {
  SeededRandom random{3};
  for (const int kind : {0, 1, 2, 3}) {
    Plane plane{256, 256, std::vector<std::uint8_t>(256 * 256, 30)};
    for (std::size_t i = 0; i < plane.values.size(); ++i) {
      const std::size_t x = i % 256;
      const std::size_t y = i / 256;
      bool ink = false;
      if (kind == 0) ink = y > 100 && y < 120 && x % 12 < 3;  // marks of a ruler
      if (kind == 1) ink = ((x % 20) - 10) * ((x % 20) - 10) + ((y % 20) - 10) * ((y % 20) - 10) < 36;  // discs
      if (kind == 2) ink = x % 32 == 0 || y % 32 == 0;                                                  // a grid
      plane.values[i] = kind == 3 ? static_cast<std::uint8_t>(60 + random.uniform(90)) : ink ? 250 : 30;
    }
    EXPECT_TRUE(find_text(plane).lines.empty()) << kind;
  }
}

TEST(BurnedText, it_becomes_black_in_every_photometric_interpretation_and_nothing_else_changes) {
  const Ink ink = ink_of("Quagmirez 1977", 1, 1);
  struct Case {
    Made made;
    std::vector<std::int64_t> back, text, black;
  };
  const Case cases[] = {
      {{}, {40}, {255}, {0}},
      {{.photometric = "MONOCHROME1"}, {200}, {0}, {255}},
      {{.bits = 16}, {300}, {4095}, {0}},
      {{.bits = 16, .photometric = "MONOCHROME1"}, {300}, {4095}, {65535}},
      {{.samples = 3, .photometric = "RGB"}, {90, 90, 90}, {255, 255, 0}, {0, 0, 0}},
      {{.samples = 3, .photometric = "RGB"}, {0, 0, 160}, {160, 0, 0}, {0, 0, 0}},
      {{.samples = 3, .photometric = "YBR_FULL"}, {60, 128, 128}, {230, 128, 128}, {0, 128, 128}},
      {{.photometric = "PALETTE COLOR"}, {0}, {1}, {2}},
      {{.samples = 3, .photometric = "RGB", .syntax = kRle}, {90, 90, 90}, {255, 255, 255}, {0, 0, 0}},
      {{.bits = 16, .syntax = kJpegLs}, {300}, {4095}, {0}}};
  for (const Case& one : cases) {
    SCOPED_TRACE(one.made.photometric + " " + std::to_string(one.made.bits) + " " + std::string{one.made.syntax});
    Samples before;
    const std::size_t pixels = one.made.columns * one.made.rows;
    for (std::size_t i = 0; i < pixels; ++i) before.insert(before.end(), one.back.begin(), one.back.end());
    for (std::size_t i = 0; i < ink.values.size(); ++i) {
      const std::size_t at = (60 + i / ink.width) * one.made.columns + 100 + i % ink.width;
      for (std::size_t s = 0; s < one.made.samples && ink.values[i] > 0; ++s)
        before[at * one.made.samples + s] = one.text[s];
    }
    const auto out = cleaned(file_of(one.made, before));
    ASSERT_OK(out);
    const Samples after = pixels_in(out->bytes);
    ASSERT_EQ(after.size(), before.size());
    std::size_t text = 0;
    for (std::size_t i = 0; i < pixels; ++i) {
      const auto same = [&](const Samples& in, const std::vector<std::int64_t>& value) {
        return std::equal(value.begin(), value.end(), in.begin() + static_cast<std::ptrdiff_t>(i * value.size()));
      };
      text += same(after, one.text) ? 1U : 0U;
      ASSERT_TRUE(same(after, one.back) || same(after, one.black))
          << i % one.made.columns << " " << i / one.made.columns;
    }
    EXPECT_EQ(text, 0U);
    const auto boxes = std::ranges::count(out->manifest, "blanked", &ManifestEntry::action);
    EXPECT_GE(boxes, 1);
    for (const auto& entry : out->manifest) {
      EXPECT_EQ(entry.rule.find("Quagmirez"), std::string::npos);
      EXPECT_TRUE(entry.action != "blanked" || entry.rule.starts_with("text detector")) << entry.rule;
    }
    EXPECT_EQ(parse(out->bytes)->dataset.text_or(tags::kBurnedInAnnotation), "NO");
  }
}

TEST(BurnedText, a_picture_without_text_keeps_its_bytes_and_its_transfer_syntax) {
  const Made made{.syntax = kRle};
  const auto file = file_of(made, Samples(made.columns * made.rows, 77));
  const auto out = cleaned(file);
  ASSERT_OK(out);
  EXPECT_EQ(out->transfer_syntax, kRle);
  const auto before = parse(file);
  const auto after = parse(out->bytes);
  EXPECT_EQ(before->dataset.find(tags::kPixelData)->fragments().size(),
            after->dataset.find(tags::kPixelData)->fragments().size());
  EXPECT_EQ(pixels_in(out->bytes), pixels_in(file));
}

std::vector<std::byte> with_burned_in(const std::vector<std::byte>& file, const std::string& value) {
  Dataset data = parse(file)->dataset;
  data.set_text(tags::kBurnedInAnnotation, value);
  return *write_part10(data, kExplicitLittle);
}

TEST(BurnedText, only_what_became_black_is_said_to_be_free_of_text) {
  const Made made;  // a secondary capture
  const auto plain = file_of(made, Samples(made.columns * made.rows, 77));
  const auto out = cleaned(plain);
  ASSERT_OK(out);
  EXPECT_FALSE(parse(out->bytes)->dataset.contains(tags::kBurnedInAnnotation));
  ASSERT_EQ(out->warnings.size(), 1U);
  EXPECT_NE(out->warnings[0].find("found nothing"), std::string::npos) << out->warnings[0];

  const auto says_yes = with_burned_in(plain, "YES");
  EXPECT_CODE(cleaned(says_yes), Code::precondition);
  DeidOptions accepting;
  accepting.accept_pixels = true;
  const auto accepted = cleaned(says_yes, {}, accepting);
  ASSERT_OK(accepted);
  EXPECT_EQ(parse(accepted->bytes)->dataset.text_or(tags::kBurnedInAnnotation), "YES");
  EXPECT_EQ(accepted->warnings.size(), 1U);
  DeidOptions with_rule;
  with_rule.pixel_rules.push_back({"top", {{"Modality", "OT"}}, {{0, 0, 320, 20}}, {}});
  const auto ruled = cleaned(says_yes, {}, with_rule);
  ASSERT_OK(ruled);
  EXPECT_EQ(parse(ruled->bytes)->dataset.text_or(tags::kBurnedInAnnotation), "NO");

  const auto says_no = cleaned(with_burned_in(plain, "NO"));  // then nothing speaks for text
  ASSERT_OK(says_no);
  EXPECT_EQ(parse(says_no->bytes)->dataset.text_or(tags::kBurnedInAnnotation), "NO");
  EXPECT_TRUE(says_no->warnings.empty());
}

// More than 8000 small hooks, too many to look for lines among them.
TEST(BurnedText, texture_that_is_not_searched_is_said_and_never_taken_for_clean) {
  const Made made{.columns = 1024, .rows = 1024};
  Samples picture(made.columns * made.rows, 20);
  for (std::size_t y = 2; y + 8 < made.rows; y += 10) {
    for (std::size_t x = 2; x + 8 < made.columns; x += 10) {
      for (std::size_t k = 0; k < 6; ++k)
        picture[(y + k) * made.columns + x] = picture[(y + 5) * made.columns + x + k] = 240;
    }
  }
  Plane plane{1024, 1024, {}};
  for (const auto value : picture) plane.values.push_back(static_cast<std::uint8_t>(value));
  EXPECT_GT(find_text(plane).skipped_levels, 0U);
  const auto file = file_of(made, picture);
  for (const std::string says : {"NO", ""}) {
    const auto out = cleaned(says.empty() ? file : with_burned_in(file, says));
    ASSERT_OK(out);
    EXPECT_FALSE(parse(out->bytes)->dataset.contains(tags::kBurnedInAnnotation)) << says;
    ASSERT_EQ(out->warnings.size(), 1U);
    EXPECT_NE(out->warnings[0].find("not all of the picture was searched"), std::string::npos) << out->warnings[0];
    EXPECT_TRUE(std::ranges::any_of(out->manifest, [](const auto& e) { return e.rule.ends_with("not searched"); }));
  }
  EXPECT_CODE(cleaned(with_burned_in(file, "YES")), Code::precondition);
}

TEST(BurnedText, what_stands_in_several_frames_is_black_in_all_and_the_work_can_be_stopped) {
  const Made made{.frames = 6};
  const Ink ink = ink_of("DOE^JOHN", 1, 1);
  Samples all;
  for (std::size_t f = 0; f < made.frames; ++f) {
    Samples frame(made.columns * made.rows, 30 + static_cast<std::int64_t>(f));
    // In the last frame it hardly differs from what is behind it: nobody would find it there.
    burn(frame, made.columns, ink, 20, 20, f + 1 == made.frames ? 50 : 255);
    all.insert(all.end(), frame.begin(), frame.end());
  }
  const auto file = file_of(made, all);
  std::size_t steps = 0;
  const auto out = cleaned(file, {.stop = {}, .progress = [&](std::size_t, std::size_t frames) {
                                    EXPECT_EQ(frames, 6U);
                                    ++steps;
                                  }});
  ASSERT_OK(out);
  EXPECT_EQ(steps, 6U);
  for (std::uint32_t f = 0; f < made.frames; ++f) {
    const Samples frame = pixels_in(out->bytes, f);
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(f * made.columns * made.rows);
    const Samples before(begin, begin + static_cast<std::ptrdiff_t>(made.columns * made.rows));
    EXPECT_EQ(left_of(ink, frame, made.columns, 20, 20, before), 0.0) << f;
  }
  EXPECT_TRUE(std::ranges::any_of(out->manifest, [](const auto& e) { return e.rule.ends_with("of frame 1 to 6"); }));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_CODE(cleaned(file, {.stop = stop.get_token(), .progress = {}}), Code::cancelled);
}

TEST(BurnedText, what_cannot_be_looked_at_is_refused_where_text_is_likely) {
  Made made;
  auto object = file_of(made, Samples(made.columns * made.rows, 5));
  Dataset data = parse(object)->dataset;
  data.set_integer(tags::kBitsAllocated, 1).set_integer(tags::kBitsStored, 1).set_integer(tags::kHighBit, 0);
  EXPECT_CODE(cleaned(*write_part10(data, kExplicitLittle)), Code::unsupported);
  data.set_text(tags::kSOPClassUID, "1.2.840.10008.5.1.4.1.1.66.4");  // a segmentation is a picture of nothing else
  const auto passed = cleaned(*write_part10(data, kExplicitLittle));
  ASSERT_OK(passed);
  EXPECT_EQ(passed->warnings.size(), 1U);
}

// Real slices, as stored and as an 8-bit capture with a soft-tissue window, with and without a text.
TEST(BurnedText, on_real_ct_slices_strings_go_and_slices_without_one_stay) {
  const auto archive = dicom::testing::shared_data() / "dicom" / "lung_ct_tcia_A0001.tar.xz";
  if (!std::filesystem::exists(archive)) GTEST_SKIP() << "skipped: no real data";
  const std::array<std::string_view, 6> texts{"DOE^JOHN",          "MRN 0042-17", "1977-03-04",
                                              "St. Mary Hospital", "F 46Y",       "Acc 20231114"};
  SeededRandom random{11};
  const auto draw = [&](std::size_t below) { return static_cast<std::size_t>(random.uniform(below)); };
  std::size_t slices = 0, touched = 0, strings = 0, gone = 0, missed = 0, elsewhere = 0, number = 0;
  for (const auto& [name, file] : dicom::testing::read_tar_xz(archive)) {
    if (!name.ends_with(".dcm") || ++number % 4 != 0) continue;
    const auto object = parse(file);
    if (!object || !object->dataset.contains(tags::kPixelData)) continue;
    const auto frame = decode_frame(*object, file, 0);
    ASSERT_OK(frame);
    const std::size_t columns = frame->columns;
    const Samples stored = samples_of(*frame);
    const auto intercept = static_cast<std::int64_t>(object->dataset.number(tags::kRescaleIntercept).value_or(0));
    Samples capture;
    for (const std::int64_t value : stored)
      capture.push_back(std::clamp<std::int64_t>((value + intercept + 160) * 255 / 400, 0, 255));
    const auto high = *std::ranges::max_element(stored);
    for (const bool as_capture : {false, true}) {
      const Samples& plain = as_capture ? capture : stored;
      Dataset data = object->dataset;
      const auto write = [&](const Samples& samples) {
        if (as_capture) return file_of({.columns = columns, .rows = frame->rows}, samples);
        data.set_bytes(tags::kPixelData, Vr::ow, bytes_of(samples, 16));
        return *write_part10(data, kExplicitLittle);
      };
      const auto untouched = cleaned(write(plain));
      ASSERT_OK(untouched);
      ++slices;
      touched += std::ranges::count(untouched->manifest, "blanked", &ManifestEntry::action) > 0 ? 1U : 0U;
      for (std::size_t k = 0; k < 3; ++k) {
        constexpr std::array kSizes{std::pair{1, 1}, std::pair{3, 2}, std::pair{2, 1}};
        const Ink ink = ink_of(texts[draw(texts.size())], kSizes[k].first, kSizes[k].second, draw(3) == 0);
        const std::size_t x = draw(columns - ink.width - 8) + 4;
        const std::size_t y = draw(frame->rows - ink.height - 8) + 4;
        Samples burned = plain;
        const bool boxed = draw(3) == 0;  // dark on a bright field
        const std::int64_t white = as_capture ? 255 : high;
        for (std::size_t at = 0; boxed && at < ink.values.size(); ++at)
          burned[(y + at / ink.width) * columns + x + at % ink.width] = white;
        burn(burned, columns, ink, x, y, boxed ? (as_capture ? 0 : -intercept - 1000) : white);
        const auto out = cleaned(write(burned));
        ++strings;
        if (!out) {  // refused is not leaked
          EXPECT_EQ(out.error().code(), Code::precondition);
          ++gone;
          continue;
        }
        const Samples after = pixels_in(out->bytes);
        const double left = left_of(ink, after, columns, x, y, burned);
        gone += left <= 0.05 ? 1U : 0U;
        missed += left > 0.5 ? 1U : 0U;
        elsewhere += changed_elsewhere(ink, burned, after, columns, x, y) > 0 ? 1U : 0U;
      }
    }
  }
  ASSERT_GT(slices, 20U);
  std::cout << "strings gone: " << gone << " of " << strings << " (more than half legible: " << missed
            << "); slices without text that were touched: " << touched << " of " << slices
            << "; changed elsewhere: " << elsewhere << "\n";
  EXPECT_GE(static_cast<double>(gone), 0.9 * static_cast<double>(strings));
  EXPECT_LE(static_cast<double>(missed), 0.05 * static_cast<double>(strings));
  EXPECT_LE(static_cast<double>(touched), 0.15 * static_cast<double>(slices));
}

}  // namespace
}  // namespace aceso::privacy
