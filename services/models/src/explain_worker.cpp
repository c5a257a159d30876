// The worker's side of an explanation: one bundle, one input, one map with its checks. It writes into its job folder
// only; SIGTERM ends it.
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <new>
#include <nlohmann/json.hpp>

#include "aceso/base/file.hpp"
#include "aceso/learn/bundle.hpp"
#include "aceso/learn/explain.hpp"
#include "aceso/models/worker.hpp"
#include "context.hpp"
#include "object_reader.hpp"
#include "worker_protocol.hpp"

namespace aceso::models {
namespace {

namespace fs = std::filesystem;
constexpr std::uint64_t kMaxInput = std::uint64_t{1} << 30;

struct ExplainJob {
  fs::path bundle_folder, engine_folder;
  std::string engine;
  learn::ExplainOptions options;
};

Result<std::optional<learn::MapBox>> parse_box(const Json* json) {
  if (json == nullptr || json->is_null()) return std::optional<learn::MapBox>{};
  learn::MapBox box;
  for (const auto& [key, to] : {std::pair{"from", &box.from}, {"to", &box.to}}) {
    if (!json->is_object() || !json->contains(key) || !(*json)[key].is_array() || (*json)[key].size() > 3)
      return Error{Code::invalid, "job.json: box"};
    for (const Json& v : (*json)[key]) {
      if (!v.is_number_integer()) return Error{Code::invalid, "job.json: box"};
      to->push_back(v.get<std::int64_t>());
    }
  }
  return std::optional{std::move(box)};
}

Result<ExplainJob> read_job(const fs::path& folder) {
  ACESO_TRY(const std::string text, read_text_file(folder / "job.json", std::uint64_t{1} << 20));
  ACESO_TRY(const Json json, parse_json(text));
  ACESO_TRY(ObjectReader reader, ObjectReader::of(json, "job.json"));
  ACESO_TRY(const std::int64_t format, reader.integer_or("format", 0, 0, 1'000));
  ACESO_TRY(const std::string kind, reader.text("kind", 32));
  if (format != 1 || kind != "explain") return Error{Code::unsupported, "job.json: another format or kind"};
  ExplainJob job;
  ACESO_TRY(const std::string bundle, reader.text("bundle_folder", 4096));
  ACESO_TRY(const std::string engines, reader.text_or("engine_folder", 4096, {}));
  ACESO_TRY(job.engine, reader.text("engine", 32));
  ACESO_TRY(const std::string method, reader.text("method", 32));
  ACESO_TRY(job.options.method, learn::parse_explain_method(method));
  ACESO_TRY(job.options.output, reader.integer_or("output", 0, 0, 4095));
  ACESO_TRY(job.options.finding, parse_box(reader.child("box")));
  job.bundle_folder = bundle;
  job.engine_folder = engines;
  return job;
}

void say(int fd, const std::string& line) {
  std::string_view rest{line};
  while (!rest.empty()) {
    const ssize_t n = ::write(fd, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;  // the node is gone, and with it whoever waits for this
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
}

Status explain_one(const fs::path& folder, const WorkerEnvironment& environment) {
  ACESO_TRY(const ExplainJob job, read_job(folder));
  ACESO_TRY(const learn::Bundle bundle, learn::read_bundle(job.bundle_folder, nullptr));  // the node verified it
  ACESO_TRY(const std::vector<std::byte> bytes, read_file(folder / "input.npy", kMaxInput));
  ACESO_TRY(learn::Array input, learn::parse_npy(bytes, kMaxInput));
  ACESO_TRY(const auto engine, environment.load_engine ? environment.load_engine(job.engine, job.engine_folder)
                                                       : learn::load_engine("learn_" + job.engine, job.engine_folder));
  learn::NamedArrays sample;
  sample.emplace(bundle.signature.inputs.front().name, std::move(input));
  ACESO_TRY_OK(learn::check_inputs(bundle.signature, sample));
  const auto progress =
      make_callback_progress([&](const ProgressUpdate& update) { say(environment.output_fd, to_line(update)); });
  ACESO_TRY(const learn::Explanation made,
            learn::explain(*engine, bundle.network, bundle.weights, sample, job.options, *progress, {}));
  ACESO_TRY_OK(write_file_atomic(folder / "map.npy", learn::to_npy(made.map)));
  return write_file_atomic(folder / "result.json", dump(learn::to_json(made)));
}

}  // namespace

int run_explain_worker(const fs::path& folder, const WorkerEnvironment& environment) {
  std::signal(SIGPIPE, SIG_IGN);
  Status done;
  try {
    done = explain_one(folder, environment);
  } catch (const std::bad_alloc&) {
    done = Error{Code::exhausted, "out of memory"};
  }
  say(environment.output_fd, done ? std::string{"{\"type\":\"result\"}\n"} : to_line(done.error(), ""));
  return done ? 0 : 1;
}

}  // namespace aceso::models
