// The archive in one process: ingest by size and durability, metadata of a 600-slice series, one frame of a 100-frame
// object, a query while objects arrive. Run: ./dev bench archive
#include <benchmark/benchmark.h>

#include <any>
#include <atomic>
#include <thread>

#include "../test/fixture.hpp"

namespace aceso::archive {
namespace {

using namespace testing;

ObjectSpec slice(std::uint16_t side, std::size_t n) {
  ObjectSpec spec;
  spec.rows = spec.columns = side;
  spec.study = "1.2.77." + std::to_string(n / 600);
  spec.series = spec.study + ".1";
  spec.instance = spec.series + "." + std::to_string(n);
  spec.number = static_cast<int>(n % 600) + 1;
  return spec;
}

void ingest(benchmark::State& state) {
  const auto side = static_cast<std::uint16_t>(state.range(0));
  static std::unique_ptr<Surroundings> around;
  static std::unique_ptr<Archive> archive;
  static std::atomic<std::size_t> number{0};
  if (state.thread_index() == 0) {
    around = std::make_unique<Surroundings>();
    archive = *around->open({.each = state.range(1) != 0});
  }
  std::uint64_t bytes = 0;
  for (auto _ : state) {
    state.PauseTiming();
    const auto file = make_file(slice(side, number++));
    state.ResumeTiming();
    const auto stored = put(*archive, file, caller(), 131'072);
    if (!stored) state.SkipWithError("not stored");
    bytes += file.size();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
  state.SetItemsProcessed(state.iterations());
  if (state.thread_index() == 0) {
    archive.reset();
    around.reset();
  }
}
// 128 x 128 x 16 bit is 33 KB, 512 x 512 is 525 KB; 1: durability each.
BENCHMARK(ingest)->Args({128, 1})->Args({128, 0})->Args({512, 1})->Args({512, 0})->UseRealTime();
BENCHMARK(ingest)->Args({128, 1})->Args({128, 0})->Threads(4)->UseRealTime();

class Asker {
 public:
  Asker() : archive_{*around_.open({.each = false})} { archive_->register_routes(router_); }
  Archive& archive() { return *archive_; }
  std::size_t get(const std::string& path, const std::string& accept) {
    net::Request request;
    request.path = path;
    request.headers.set("Accept", accept);
    request.headers.set("Accept-Encoding", "gzip");
    request.principal = caller().principal;
    const auto response = net::route_request(router_, request);
    if (!response || response->status != 200) return 0;
    if (const auto* text = std::get_if<std::string>(&response->body)) return text->size();
    std::size_t size = 0;
    std::vector<std::byte> piece(1 << 16);
    const auto& source = std::get<std::shared_ptr<net::BodySource>>(response->body);
    for (;;) {
      const auto n = source->read(piece);
      if (!n || *n == 0) return size;
      size += *n;
    }
  }

 private:
  Surroundings around_;
  net::Router router_;
  std::unique_ptr<Archive> archive_;
};

void metadata_of_600_slices(benchmark::State& state) {
  Asker asker;
  for (std::size_t i = 0; i < 600; ++i) (void)put(asker.archive(), make_file(slice(128, i)));
  for (auto _ : state) {
    if (asker.get("/dicom-web/studies/1.2.77.0/series/1.2.77.0.1/metadata", "application/dicom+json") == 0)
      state.SkipWithError("no answer");
  }
}
BENCHMARK(metadata_of_600_slices)->Unit(benchmark::kMillisecond);

void one_frame_of_100(benchmark::State& state) {
  Asker asker;
  ObjectSpec spec;
  spec.rows = spec.columns = 512;
  spec.frames = 100;
  (void)put(asker.archive(), make_file(spec));
  int frame = 0;
  for (auto _ : state) {
    const auto path =
        "/dicom-web/studies/1.2.3.1/series/1.2.3.1.1/instances/1.2.3.1.1.1/frames/" + std::to_string(frame++ % 100 + 1);
    if (asker.get(path, "multipart/related; type=application/octet-stream; transfer-syntax=*") == 0)
      state.SkipWithError("no answer");
  }
}
BENCHMARK(one_frame_of_100)->Unit(benchmark::kMillisecond);

void query_while_objects_arrive(benchmark::State& state) {
  Asker asker;
  for (std::size_t i = 0; i < 2000; ++i) (void)put(asker.archive(), make_file(slice(16, i * 20)));
  std::jthread sender{[&](const std::stop_token& stop) {
    for (std::size_t i = 1'000'000; !stop.stop_requested(); ++i) (void)put(asker.archive(), make_file(slice(128, i)));
  }};
  for (auto _ : state) {
    if (asker.get("/dicom-web/studies", "application/dicom+json") == 0) state.SkipWithError("no answer");
  }
}
BENCHMARK(query_while_objects_arrive)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace aceso::archive
