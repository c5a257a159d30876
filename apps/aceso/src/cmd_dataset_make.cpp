// aceso dataset synthesise, export, get: data made up, taken out, fetched.
#include <filesystem>
#include <memory>

#include "context.hpp"
#include "dataset_commands.hpp"
#include "published_data.hpp"

namespace aceso::app {
namespace {

namespace fs = std::filesystem;

struct SynthesiseArguments {
  std::string name, task = "shape";
  bool volume = false, hounsfield = false;
  std::int64_t train = 600, validation = 100, test = 200, size = 64;
  double diameter = 12, contrast = 890, noise = 25, label_noise = 0;
  int nodules = 1;
  std::uint64_t seed = 7;
};

struct ExportArguments {
  std::string name, format;
  fs::path output;
};

struct GetArguments {
  std::string name, as;
  fs::path file;
  bool list = false;
};

void print_published(const Context& context) {
  std::vector<std::vector<std::string>> rows;
  Json items = Json::array();
  for (const PublishedData& data : published_data()) {
    rows.push_back({std::string{data.name}, std::string{data.what}, std::string{data.licence}});
    items.push_back(Json{{"name", data.name}, {"what", data.what}, {"licence", data.licence}, {"url", data.url}});
  }
  if (context.json) {
    context.print_json(Json{{"items", std::move(items)}});
  } else {
    context.print(format_table({"NAME", "WHAT", "LICENCE"}, rows));
  }
}

Status get_dataset(Context& context, const GetArguments& a) {
  if (a.list || a.name.empty()) {
    print_published(context);
    return {};
  }
  const PublishedData* data = find_published(a.name);
  if (data == nullptr)
    return Error{Code::not_found, "no published data set of that name is known: aceso dataset get --list"};
  if (!context.json && !context.quiet) {
    context.print(std::string{data->what} + "\nlicence   " + std::string{data->licence} + "\ncite      " +
                  std::string{data->cite});
  }
  const auto progress = context.progress();
  ACESO_TRY(const PublishedFile file,
            fetch_published(*data, {.copy = a.file, .ca = {}}, *progress, context.interrupted()));
  ACESO_TRY(Api * api, context.api());
  const std::string name = a.as.empty() ? a.name : a.as;
  const Json body{{"name", name},
                  {"path", file.path().string()},
                  {"classes", data->classes},
                  {"licence", data->licence},
                  {"label_source", data->cite}};
  ACESO_TRY(const Json accepted, api->call(net::Method::post, "/api/v1/local/datasets", body));
  ACESO_TRY([[maybe_unused]] const Json done, context.follow(accepted));
  ACESO_TRY(const Json summary, api->get("/api/v1/datasets/" + url_encode(name)));
  if (context.json) {
    context.print_json(summary);
  } else {
    context.print("the checksum is the publisher's\nimported " + name + ": aceso dataset show " + name);
  }
  return {};
}

}  // namespace

void add_dataset_synthesise(CLI::App& group, Context& context) {
  auto* make = group.add_subcommand("synthesise", "Make a data set of chest-CT phantoms whose truth is known");
  auto a = std::make_shared<SynthesiseArguments>();
  make->add_option("NAME", a->name, "Name of the data set")->required();
  make->add_option("--task", a->task,
                   "shape: smooth or spiculated nodule; presence: none or a nodule; findings: nodule, effusion, bulla, "
                   "each on its "
                   "own (several labels); size: the nodule's diameter in mm (a number)")
      ->check(CLI::IsMember({"shape", "presence", "findings", "size"}))
      ->capture_default_str();
  make->add_flag("--3d", a->volume, "Volumes instead of slices");
  make->add_flag(
      "--hounsfield", a->hounsfield,
      "Values in Hounsfield units with the spacing in mm, as scanners give them; else bytes of a lung window");
  make->add_option("--train", a->train, "Samples for training")->check(CLI::NonNegativeNumber)->capture_default_str();
  make->add_option("--validation", a->validation, "For validation")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  make->add_option("--test", a->test, "For testing")->check(CLI::NonNegativeNumber)->capture_default_str();
  make->add_option("--size", a->size, "Side in pixels of a field of 100 mm")->capture_default_str();
  make->add_option("--diameter", a->diameter, "Of the nodules in mm, varied by a quarter")->capture_default_str();
  make->add_option("--contrast", a->contrast, "Nodule over lung in HU")->capture_default_str();
  make->add_option("--noise", a->noise, "Standard deviation in HU")->capture_default_str();
  make->add_option("--label-noise", a->label_noise, "Share of labels that are wrong")->capture_default_str();
  make->add_option("--nodules", a->nodules, "Most nodules of one sample; above 1 with --task presence")
      ->capture_default_str();
  make->add_option("--seed", a->seed, "The same seed makes the same data")->capture_default_str();
  make->footer(
      "Outlines and boxes of the nodules are kept as the truth.\n\nExamples:\n  aceso dataset synthesise nodules "
      "--diameter 6 --contrast 400\n  aceso dataset synthesise cubes --3d --size 32 --train 100 --label-noise 0.1\n  "
      "aceso dataset synthesise "
      "marks --task presence --nodules 3");
  on_run(make, context, [&context, a]() -> Status {
    ACESO_TRY(Api * api, context.api());
    const Json body{{"name", a->name},
                    {"task", a->task},
                    {"volume", a->volume},
                    {"hounsfield", a->hounsfield},
                    {"train", a->train},
                    {"validation", a->validation},
                    {"test", a->test},
                    {"size", a->size},
                    {"diameter_mm", a->diameter},
                    {"contrast_hu", a->contrast},
                    {"noise_hu", a->noise},
                    {"label_noise", a->label_noise},
                    {"nodules", a->nodules},
                    {"seed", a->seed}};
    ACESO_TRY(const Json accepted, api->call(net::Method::post, "/api/v1/synthetic-datasets", body));
    ACESO_TRY(const Json summary, context.follow(accepted));
    if (context.json) {
      context.print_json(summary);
    } else {
      context.print("made " + a->name + " (" + summary.value("samples", Json(0)).dump() +
                    " samples)\nlook at it: aceso dataset show " + a->name + " --sheet sheet.png");
    }
    return {};
  });
}

void add_dataset_export(CLI::App& group, Context& context) {
  auto* out = group.add_subcommand("export", "Write a data set for other programs");
  auto a = std::make_shared<ExportArguments>();
  out->add_option("NAME", a->name, "Data set")->required();
  out->add_option("--output", a->output, "File (.npz) or folder to write")->required();
  out->add_option("--format", a->format,
                  "npz, or folder of PNG, NIfTI or .npy files with labels.csv (default: by the name)")
      ->check(CLI::IsMember({"npz", "folder"}));
  out->footer(
      "File names are numbers; labels.csv has label, patient and split. `aceso dataset import` reads both "
      "again.\n\nExamples:\n  aceso dataset export xray --output xray.npz\n  aceso dataset export ct@2 --output ct/");
  on_run(out, context, [&context, a]() -> Status {
    std::error_code ec;
    const std::string format = !a->format.empty() ? a->format : a->output.extension() == ".npz" ? "npz" : "folder";
    fs::path target = fs::absolute(a->output, ec);
    if (!target.has_filename()) target = target.parent_path();  // "ct/"
    ACESO_TRY(Api * api, context.api());
    ACESO_TRY(const Json accepted,
              api->call(net::Method::post, "/api/v1/local/datasets/" + url_encode(a->name) + "/export",
                        Json{{"path", target.string()}, {"format", format}}));
    ACESO_TRY([[maybe_unused]] const Json done, context.follow(accepted));
    if (context.json) {
      context.print_json(Json{{"path", target.string()}, {"format", format}});
    } else {
      context.print("wrote " + a->output.string());
    }
    return {};
  });
}

void add_dataset_get(CLI::App& group, Context& context) {
  auto* get = group.add_subcommand("get", "Fetch a published data set by name, or list them");
  auto a = std::make_shared<GetArguments>();
  get->add_option("NAME", a->name, "Published data set");
  get->add_flag("--list", a->list, "List what is known");
  get->add_option("--as", a->as, "Name here (default: the published one)");
  get->add_option("--file", a->file,
                  "A copy fetched elsewhere, for machines without a network; its checksum is verified");
  get->footer(
      "Exit code 5 without a network.\n\nExamples:\n  aceso dataset get --list\n  aceso dataset get breastmnist\n  "
      "aceso dataset get breastmnist --file /media/usb/breastmnist.npz");
  on_run(get, context, [&context, a] { return get_dataset(context, *a); });
}

}  // namespace aceso::app
