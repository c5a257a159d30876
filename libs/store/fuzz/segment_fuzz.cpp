// A log whose one segment file holds arbitrary bytes: opening, scanning, reading and verifying it must end, in bounded
// memory.
#include <cstdint>
#include <cstdlib>

#include "aceso/base/clock.hpp"
#include "aceso/base/file.hpp"
#include "aceso/base/log.hpp"
#include "aceso/store/log.hpp"

using namespace aceso;

namespace {

class Silence final : public LogSink {
 public:
  void write(LogLevel, std::string_view) override {}
};

void check(bool ok) {
  if (!ok) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const TempDir folder = *TempDir::create("aceso-fuzz");
  static const ManualClock clock;
  static Silence silence;
  static const Logger logger{clock, silence};
  const auto root = folder.path() / "log";
  std::filesystem::remove_all(root);
  std::filesystem::create_directory(root);
  const std::span<const std::uint8_t> bytes{data, size};
  check(write_file_atomic(root / "0000000001.seg", std::as_bytes(bytes), {.mode = 0600, .durable = false}).ok());

  // Any key: without it an input that says it is encrypted would be refused at once.
  const auto key = *crypto::SecretKey::from_bytes(std::vector<std::byte>(32, std::byte{7}));
  store::SegmentedLog::Options options;
  options.key = key;
  auto log = store::SegmentedLog::open(root, options, clock, logger);
  if (!log) return 0;
  std::uint64_t seen = 0;
  const Status scanned = (*log)->scan({}, [&](const store::RecordRef& ref) {
    ++seen;
    check((*log)->read(ref, size).ok());  // what opening accepted is good
    return true;
  });
  check(scanned.ok() && (*log)->verify().ok() && (*log)->recovery().records == seen);
  const auto added = (*log)->append(std::as_bytes(bytes.first(std::min<std::size_t>(size, 100))));
  check(added.ok() && (*log)->read(*added, 100).ok());
  return 0;
}
