// aceso demo: data -> train -> evaluate -> register -> serve -> diagnose, on a home of its own.
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>

#include "aceso/base/file.hpp"
#include "aceso/crypto/crypto.hpp"
#include "aceso/learn/dataset.hpp"
#include "commands.hpp"
#include "context.hpp"
#include "node.hpp"
#include "published_data.hpp"

namespace aceso::app {
namespace {

struct DemoArguments {
  bool once = false, keep = false;
  std::filesystem::path data;
  int epochs = 6;
};

struct DemoData {
  std::string name, classes, licence, label_source;
  std::filesystem::path file;
  std::optional<PublishedFile> downloaded;  // holds the file when it is in a folder of its own
};

// Where a user's programs keep what they can fetch again; empty when the environment says nothing.
std::filesystem::path download_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");  // NOLINT(concurrency-mt-unsafe): nothing sets the environment
  if (cache != nullptr && *cache != '\0') return std::filesystem::path{cache} / "aceso" / "data";
  const char* home = std::getenv("HOME");  // NOLINT(concurrency-mt-unsafe): nothing sets the environment
  if (home != nullptr && *home != '\0') return std::filesystem::path{home} / ".cache" / "aceso" / "data";
  return {};
}

// PneumoniaMNIST from its publisher, kept for the next demo. Errors: those of fetch_published.
Result<PublishedFile> download(const Context& context) {
  const PublishedData* published = find_published("pneumoniamnist");
  if (published == nullptr) return Error{Code::internal, "PneumoniaMNIST is not among the published data sets"};
  const auto folder = download_folder();
  const auto kept = folder / "pneumoniamnist.npz";
  const auto progress = context.progress();
  std::error_code ec;
  if (!folder.empty() && std::filesystem::exists(kept, ec)) {
    auto again = fetch_published(*published, {.copy = kept, .ca = {}}, *progress, context.interrupted());
    if (again) return again;  // otherwise it was damaged since: fetch it again
  }
  if (!context.quiet) context.print("downloading PneumoniaMNIST (4 MB, CC BY 4.0) from its publisher");
  ACESO_TRY(PublishedFile file, fetch_published(*published, {}, *progress, context.interrupted()));
  if (!folder.empty()) {  // a cache: when it cannot be written, the next demo downloads again
    std::filesystem::create_directories(folder, ec);
    const std::filesystem::path part{kept.string() + ".part"};
    std::filesystem::copy_file(file.path(), part, std::filesystem::copy_options::overwrite_existing, ec);
    if (!ec) std::filesystem::rename(part, kept, ec);
  }
  return file;
}

// --data, else PneumoniaMNIST where $ACESO_SHARED_DATA points, else from its publisher, else the built-in phantoms.
Result<DemoData> choose_data(const Context& context, const DemoArguments& a, const std::filesystem::path& scratch) {
  std::error_code ec;
  std::filesystem::path file = a.data;
  if (file.empty()) {
    const char* shared =
        std::getenv("ACESO_SHARED_DATA");  // NOLINT(concurrency-mt-unsafe): nothing sets the environment
    const auto candidate = std::filesystem::path{shared == nullptr ? "../shared/data" : shared} /
                           "images/pneumoniamnist_reconstructed.npz";
    if (std::filesystem::exists(candidate, ec)) file = candidate;
  }
  std::string reason;
  std::optional<PublishedFile> downloaded;
  if (file.empty()) {
    auto fetched = download(context);
    if (fetched) {
      downloaded = *std::move(fetched);
      file = downloaded->path();
    } else if (fetched.error().code() == Code::cancelled) {
      return fetched.error();
    } else {
      reason = fetched.error().message();
    }
  }
  if (!file.empty()) {
    if (!std::filesystem::exists(file, ec)) return Error{Code::not_found, "no such file: " + file.string()};
    return DemoData{.name = "pneumoniamnist",
                    .classes = "normal,pneumonia",
                    .licence = "CC BY 4.0",
                    .label_source = "MedMNIST v2 (Yang et al., Scientific Data 2023), from Kermany et al. 2018",
                    .file = file,
                    .downloaded = std::move(downloaded)};
  }
  if (!context.quiet)
    context.print("PneumoniaMNIST is not on this machine and could not be downloaded (" + reason +
                  "): using the built-in chest-CT phantoms (made images, not patients).");
  const auto phantoms = scratch / "phantom.npz";
  ACESO_TRY(const auto bytes, learn::to_npz(learn::make_phantom_ct({})));
  ACESO_TRY_OK(write_file_atomic(phantoms, bytes));
  return DemoData{.name = "chest-ct-phantom",
                  .classes = "smooth nodule,spiculated nodule",
                  .licence = "built in",
                  .label_source = "known by construction",
                  .file = phantoms,
                  .downloaded = {}};
}

// A fresh account "demo" with a password of this run; an account that an earlier run left gets a new password.
Result<std::string> demo_account(Api& api, Services& services, RandomSource& random) {
  const std::string password = crypto::random_token(random, 12);
  if (const std::string token = services.setup_token(); !token.empty()) {
    ACESO_TRY(const Json made, api.call(net::Method::post, "/api/v1/setup",
                                        Json{{"token", token}, {"name", "demo"}, {"password", password}}));
    (void)made;
  }
  ACESO_TRY(const Json users, api.get("/api/v1/users"));
  for (const auto& user : users.at("items")) {
    if (user.value("name", "") != "demo") continue;
    ACESO_TRY(const Json changed,
              api.call(net::Method::patch, "/api/v1/users/" + url_encode(user.value("id", "")),
                       Json{{"password", password}, {"roles", {"admin", "clinician", "scientist", "auditor"}}}));
    (void)changed;
    return password;
  }
  return Error{Code::internal, "the demo account could not be made"};
}

Status import_and_train(Context& context, Api& api, const DemoData& data, int epochs, std::string& version) {
  if (!api.get("/api/v1/datasets/" + data.name)) {
    context.print("1/5 import  " + data.name + " from " + data.file.filename().string());
    Json body{{"name", data.name},
              {"path", std::filesystem::absolute(data.file).string()},
              {"classes", data.classes},
              {"licence", data.licence},
              {"label_source", data.label_source}};
    ACESO_TRY(const Json accepted, api.call(net::Method::post, "/api/v1/local/datasets", body));
    ACESO_TRY(const Json imported, context.follow(accepted));
    (void)imported;
  }
  ACESO_TRY(const Json summary, api.get("/api/v1/datasets/" + data.name));
  context.print("            " + summary.value("counts", Json::object()).dump() + ", sha256 " +
                summary.value("sha256", "").substr(0, 12));
  context.print("2/5 train   article_cnn, " + std::to_string(epochs) + " epochs");
  const Json request{
      {"name", data.name},
      {"dataset", data.name},
      {"intended_use",
       "Research use only: demonstration of the path from images to a diagnosis; not for clinical decisions."},
      {"config", {{"architecture", "article_cnn"}, {"epochs", epochs}, {"batch", 64}, {"seed", 1}}}};
  ACESO_TRY(const Json accepted, api.call(net::Method::post, "/api/v1/training", request));
  ACESO_TRY(const Json output, context.follow(accepted));
  version = output.value("version", Json(0)).dump();
  ACESO_TRY(const Json model, api.get("/api/v1/models/" + data.name + "/" + version));
  context.print("3/5 figures " + describe_evaluation(model.value("evaluation", Json::object())) +
                "\n            on the test split, with 95 % intervals; the threshold was chosen on validation images");
  ACESO_TRY(const Json live, api.call(net::Method::post, "/api/v1/models/" + data.name + "/" + version + "/promote",
                                      Json{{"stage", "live"}}));
  (void)live;
  context.print("4/5 serve   " + data.name + " version " + version + " is live, id " +
                model.value("id", "").substr(0, 12) +
                "\n            (in a hospital a clinician accepts it first, on the hospital's own cases)");
  return {};
}

// The first test image: used neither to train nor to choose the threshold.
Status diagnose(Context& context, Api& api, const DemoData& data, const std::filesystem::path& scratch) {
  ACESO_TRY(const Json page, api.get("/api/v1/datasets/" + data.name + "/samples?split=test&limit=1"));
  if (page.at("items").empty()) return Error{Code::invalid, "the data set has no test image"};
  const Json sample = page.at("items")[0];
  ACESO_TRY(const std::string png,
            api.text("/api/v1/datasets/" + data.name + "/samples/" + sample.at("index").dump() + "/image.png"));
  const auto file = scratch / "unseen.png";
  ACESO_TRY_OK(write_file_atomic(file, png));
  ACESO_TRY(const Json prediction, api.upload("/api/v1/models/" + data.name + "/predictions", file, "image/png"));
  context.print("5/5 diagnose an image of the test split (its label: " + sample.value("class", "?") + ")\n    " +
                describe_prediction(prediction));
  return {};
}

Status demo(Context& context, const DemoArguments& a) {
  std::error_code ec;
  const std::filesystem::path place = context.home.string() + "-demo";
  if (node_is_running(Home{place}))
    return Error{Code::unavailable,
                 "another demo is running in " + place.string() + "; stop it first, or choose another --home"};
  if (!a.keep) std::filesystem::remove_all(place, ec);
  ACESO_TRY(const Home home, prepare_home(place));
  // Nobody is there who could accept the model: the demonstration's home lets it go live without, a hospital's does
  // not.
  if (const auto settings = place / "aceso.yaml"; !std::filesystem::exists(settings, ec))
    ACESO_TRY_OK(write_file_atomic(settings, std::string_view{"models:\n  live_needs_acceptance: false\n"}));
  ACESO_TRY(const auto scratch, TempDir::create("aceso-demo"));
  ACESO_TRY(const auto node, Node::open(home,
                                        {.config_file = context.config_file,
                                         .program = context.program,
                                         .log_to_stderr = context.verbose,
                                         .any_port = true},
                                        context.clock));
  ACESO_TRY_OK(node->start());
  context.home = home.root;  // commands below reach this node over its socket
  ACESO_TRY(Api * api, context.api());
  ACESO_TRY(const DemoData data, choose_data(context, a, scratch.path()));
  std::string version;
  ACESO_TRY_OK(import_and_train(context, *api, data, a.epochs, version));
  ACESO_TRY_OK(diagnose(context, *api, data, scratch.path()));
  crypto::SystemRandom random;
  ACESO_TRY(const std::string password, demo_account(*api, node->services(), random));
  context.print("\nThe node runs at " + node->address() + "  (home " + home.root.string() +
                ")\n  sign in as       demo / " + password + "\n  diagnose         " + node->address() +
                "/diagnose\n  report           " + node->address() + "/api/v1/models/" + data.name + "/" + version +
                "/report.html");
  if (!a.once) {
    context.print("Ctrl-C stops it.");
    std::fflush(stdout);
    while (!context.interrupted().stop_requested())
      context.clock.sleep_until(context.clock.steady_now() + std::chrono::hours{1}, context.interrupted());
    context.print("stopping");
  }
  node->stop();
  return {};
}

}  // namespace

void add_demo(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("demo", "From images to a diagnosis in a minute, on a home of its own");
  const auto a = std::make_shared<DemoArguments>();
  command->add_flag("--once", a->once, "Exit after the diagnosis");
  command->add_flag("--keep", a->keep, "Go on with what the last demo left");
  command->add_option("--data", a->data,
                      "PneumoniaMNIST's .npz (default: where $ACESO_SHARED_DATA points, else from its publisher, else "
                      "built-in phantoms)");
  command->add_option("--epochs", a->epochs, "Passes over the training images")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->footer(
      "Uses the home folder with -demo behind its name and empties it first.\n\nExample:\n  aceso demo --once");
  on_run(command, context, [&context, a] { return demo(context, *a); });
}

}  // namespace aceso::app
