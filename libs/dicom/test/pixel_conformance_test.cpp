// Every decodable frame of the conformance files against pydicom and GDCM, sample by sample.
#include <zlib.h>

#include <iostream>

#include "aceso/base/testing.hpp"
#include "aceso/dicom/frames.hpp"
#include "aceso/dicom/json.hpp"
#include "aceso/dicom/parse.hpp"
#include "aceso/dicom/pixel.hpp"
#include "aceso/dicom/tags.hpp"
#include "conformance.hpp"

namespace aceso::dicom {
namespace {

using testing::conformance;

using Reference = std::map<std::string, std::map<std::uint32_t, std::uint32_t>>;  // file, frame, CRC-32

// What pixel_reference.py prints; empty when Python, pydicom, NumPy or GDCM are missing.
Reference run_reference() {
  Reference all;
  const std::string command = "/usr/bin/python3 '" ACESO_DICOM_TEST_DIR "/pixel_reference.py' '" +
                              (testing::shared_data() / "dicom/dicom_conformance.tar.xz").string() + "' 2>/dev/null";
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe{popen(command.c_str(), "r"), pclose};
  if (!pipe) return all;
  char line[1024];
  while (std::fgets(line, sizeof line, pipe.get()) != nullptr) {
    const std::string_view text{line};
    const std::size_t a = text.find('\t');
    const std::size_t b = text.find('\t', a + 1);
    if (b == std::string_view::npos || text.substr(a + 1, b - a - 1) == "-") continue;
    all[std::string{text.substr(0, a)}][static_cast<std::uint32_t>(std::stoul(line + a + 1))] =
        static_cast<std::uint32_t>(std::stoul(line + b + 1));
  }
  // GDCM puts these fragments together wrongly (differences of 27,000 in a near-lossless image); DCMTK's dcmdjpls
  // gives:
  const std::string fragmented =
      "dicomParser/testImages/encapsulated/multi-frame/CT0012.fragmented_no_bot_jpeg_ls.81.dcm";
  if (!all.empty()) all[fragmented] = {{0, 4223374116U}, {1, 2282606377U}};
  return all;
}

std::uint32_t crc(const Frame& frame) {
  return static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(frame.data.data()), static_cast<uInt>(frame.data.size())));
}

struct Count {
  int equal = 0;
  int different = 0;
};

TEST(PixelConformance, frames_equal_those_of_other_decoders) {
  if (conformance().files.empty()) GTEST_SKIP() << "skipped: no real data";
  const Reference reference = run_reference();
  if (reference.empty()) GTEST_SKIP() << "skipped: no pydicom, NumPy and GDCM";
  std::map<std::string, Count> by_syntax;
  for (const auto& [name, frames] : reference) {
    SCOPED_TRACE(name);
    const auto& bytes = conformance().files.at(name);
    const auto object = parse(bytes);
    if (!object.ok()) continue;
    Count& count = by_syntax[std::string{object->syntax->uid} + " " + std::string{object->syntax->name}];
    bool equal = true;
    for (const auto& [index, expected] : frames) {
      const auto frame = decode_frame(*object, bytes, index);
      EXPECT_OK(frame);
      EXPECT_TRUE(!frame.ok() || crc(*frame) == expected) << "frame " << index;
      equal = equal && frame.ok() && crc(*frame) == expected;
      if (!equal) break;
    }
    ++(equal ? count.equal : count.different);
  }
  for (const auto& [syntax, count] : by_syntax)
    std::cout << syntax << ": " << count.equal << " files equal, " << count.different << " not\n";
}

TEST(PixelConformance, what_decodes_renders_and_what_does_not_says_why) {
  if (conformance().files.empty()) GTEST_SKIP() << "skipped: no real data";
  int rendered = 0;
  std::map<std::string, int> refused;
  for (const auto& [name, bytes] : conformance().files) {
    const auto object = parse(bytes);
    if (!object.ok() || !object->dataset.contains(tags::kPixelData)) continue;
    SCOPED_TRACE(name);
    const auto frame = decode_frame(*object, bytes, 0);
    if (!frame.ok()) {
      ++refused[std::string{to_string(frame.error().code())} + ": " + frame.error().message()];
      continue;
    }
    const auto image = render_frame(object->dataset, *frame);
    EXPECT_OK(image);
    if (!image.ok()) continue;
    EXPECT_EQ(image->pixels.size(), std::size_t{frame->rows} * frame->columns * static_cast<unsigned>(image->channels));
    ++rendered;
  }
  EXPECT_GE(rendered, 244);
  for (const auto& [why, count] : refused) std::cout << count << " x " << why << "\n";
}

TEST(PixelConformance, damaged_frames_never_crash) {
  if (conformance().files.empty()) GTEST_SKIP() << "skipped: no real data";
  std::uint32_t state = 7;
  const auto next = [&] { return state = state * 1664525U + 1013904223U; };
  for (const auto& [name, bytes] : conformance().files) {
    if (bytes.size() > 60'000) continue;
    const auto object = parse(bytes);
    if (!object.ok() || !object->syntax->encapsulated) continue;
    const auto format = pixel_format(object->dataset);
    const auto table = FrameTable::build(*object, bytes);
    if (!format.ok() || !table.ok()) continue;
    const auto frame = frame_bytes(*table, 0, bytes);
    if (!frame.ok() || frame->empty()) continue;
    for (int round = 0; round < 6; ++round) {
      auto damaged = *frame;
      for (int i = 0; i < 6; ++i) damaged[next() % damaged.size()] = static_cast<std::byte>(next() >> 24);
      (void)decode_frame(*format, *object->syntax, damaged);
      damaged.resize(next() % damaged.size());
      (void)decode_frame(*format, *object->syntax, damaged);
    }
  }
}

}  // namespace
}  // namespace aceso::dicom
