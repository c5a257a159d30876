// An object whole and in pieces: the same elements or the same refusal; its frame table survives its own form.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "aceso/dicom/dictionary.hpp"
#include "aceso/dicom/frames.hpp"
#include "aceso/dicom/parse.hpp"
#include "aceso/dicom/write.hpp"

using namespace aceso::dicom;

namespace {

bool same(const Dataset& a, const Dataset& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const Element& x = a.elements()[i];
    const Element& y = b.elements()[i];
    if (x.tag() != y.tag() || x.offset() != y.offset() || x.length() != y.length() || x.fragments() != y.fragments() ||
        x.items().size() != y.items().size())
      return false;
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span{data, size});
  ParseOptions options;
  options.inflated = 1 << 22;
  const auto whole = parse(bytes, options);
  StreamReader reader{options};
  aceso::Status status;
  for (std::size_t at = 0, cut = 1; at < size && status.ok(); at += cut, cut = cut % 61 + 7)
    status = reader.feed(bytes.subspan(at, std::min(cut, size - at)));
  const auto pieces = status.ok() ? reader.finish() : aceso::Result<Object>{status.error()};
  if (whole.ok() != pieces.ok()) std::abort();
  if (!whole.ok()) return 0;
  if (!same(whole->dataset, pieces->dataset)) std::abort();
  if (const auto table = FrameTable::build(*whole, whole->inflated.empty() ? bytes : whole->inflated)) {
    const auto again = FrameTable::from_bytes(table->to_bytes());
    if (!again || again->to_bytes() != table->to_bytes()) std::abort();
  }
  // A mislabelled order of bytes is told by a first tag that only the other order knows.
  if (whole->dataset.empty()) return 0;
  const Tag first = whole->dataset.elements().front().tag();
  if (first.group < 0x0008 || find_attribute(first) == nullptr) return 0;
  if (const auto written = write_dataset(whole->dataset, kExplicitLittle)) {
    if (!parse_dataset(*written, kExplicitLittle, options)) std::abort();
  }
  return 0;
}
