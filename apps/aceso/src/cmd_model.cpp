// aceso model, predict: the registry, and answers.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>

#include "aceso/base/file.hpp"
#include "aceso/models/volume_input.hpp"
#include "commands.hpp"
#include "context.hpp"

namespace aceso::app {
namespace {

std::string target(const std::string& name, int version) {
  return "/api/v1/models/" + url_encode(name) + (version > 0 ? "/" + std::to_string(version) : std::string{});
}

// ", canary 10 %" of a version that gets a share of the requests.
std::string describe_share(const Json& version) {
  if (!version.contains("share") || !version.at("share").is_object()) return {};
  char text[64];
  std::snprintf(text, sizeof text, " %.4g %%", version.at("share").value("percent", 0.0));
  return ", " + version.at("share").value("mode", "") + text;
}

Status list_models(Context& context) {
  ACESO_TRY(Api * api, context.api());
  ACESO_TRY(const Json answer, api->get("/api/v1/models"));
  if (context.json) {
    context.print_json(answer);
    return {};
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& model : answer.at("items")) {
    for (const auto& v : model.at("versions")) {
      const Json auroc = v.value("auroc", Json());
      rows.push_back({model.value("name", ""), v.value("version", Json(0)).dump(),
                      v.value("stage", "") + describe_share(v), describe_figure(auroc),
                      v.value("dataset", Json("")).is_string() ? v.value("dataset", "") : "",
                      v.value("created", "").substr(0, 19), v.value("id", "").substr(0, 12)});
    }
  }
  context.print(rows.empty() ? "no models yet: aceso train --dataset NAME"
                             : format_table({"NAME", "VERSION", "STAGE", "AUROC", "DATA SET", "CREATED", "ID"}, rows));
  return {};
}

Status show_model(Context& context, const std::string& name, int version) {
  ACESO_TRY(Api * api, context.api());
  ACESO_TRY(version, choose_version(*api, name, version));
  ACESO_TRY(const Json model, api->get(target(name, version)));
  if (context.json) {
    context.print_json(model);
    return {};
  }
  const Json card = model.value("card", Json::object());
  context.print(name + " version " + std::to_string(version) + ", " + model.value("stage", "") + describe_share(model) +
                "\nid            " + model.value("id", "") + "\nintended use  " + card.value("intended_use", "") +
                "\nlimitations   " + card.value("limitations", "") + "\ndata          " + card.value("data", "") +
                "\nfigures       " + describe_evaluation(model.value("evaluation", Json::object())));
  return {};
}

struct PredictArguments {
  std::string model;
  int version = 0;
  std::vector<std::filesystem::path> files;
  std::filesystem::path masks;  // folder
  FactsArguments facts;
};

// The mask of an answer that is an outline: NAME_mask.png of an image, NAME_mask.npy of a volume.
Status save_mask(Api& api, const Json& prediction, const std::filesystem::path& image,
                 const std::filesystem::path& folder) {
  if (folder.empty() || !prediction.contains("outlines")) return {};
  std::error_code ec;
  std::filesystem::create_directories(folder, ec);
  const bool volume = prediction.at("outlines").value("shape", Json::array()).size() == 3;
  const std::string ending = volume ? ".npy" : ".png";
  ACESO_TRY(const std::string bytes, api.text("/api/v1/predictions/" + prediction.value("id", "") + "/mask" + ending));
  return write_file_atomic(folder / (image.stem().string() + "_mask" + ending), bytes);
}

// The file as it is, or where it is a volume in a format of its own, its values as NPY in a file of this process.
Result<Json> ask(Api& api, const std::string& target, const std::filesystem::path& file, const FactsArguments& facts) {
  if (!models::is_volume_path(file)) return api.upload(target, file, content_type_of(file), facts.json());
  ACESO_TRY(const contracts::VolumeInput volume, models::read_volume(file));
  ACESO_TRY(const TempDir folder, TempDir::create());
  const std::filesystem::path npy = folder.path() / "volume.npy";
  ACESO_TRY_OK(write_file_atomic(npy, learn::to_npy(volume.values), {.durable = false}));
  Json stated = facts.json().empty() ? Json(Json::object()) : *parse_json(facts.json());
  if (!volume.spacing_mm.empty()) stated["voxel_spacing_mm"] = volume.spacing_mm;
  return api.upload(target, npy, "application/x-npy", stated.empty() ? std::string{} : stated.dump());
}

Status predict(Context& context, const PredictArguments& a) {
  ACESO_TRY(Api * api, context.api());
  ACESO_TRY(const int version, choose_version(*api, a.model, a.version));
  Json all = Json::array();
  std::optional<Error> failed;
  for (const auto& file : a.files) {
    auto answer = ask(*api, "/api/v1/models/" + url_encode(a.model) + "/predictions?version=" + std::to_string(version),
                      file, a.facts);
    if (!answer) {
      failed = std::move(answer).error();
      failed->add_context(file.filename().string());
      if (!context.json) std::fprintf(stderr, "aceso: %s\n", failed->message().c_str());
      all.push_back({{"file", file.filename().string()}, {"error", failed->message()}});
      continue;
    }
    Json entry = std::move(*answer);
    ACESO_TRY_OK(save_mask(*api, entry, file, a.masks));
    if (!context.json) context.print(file.filename().string() + ": " + describe_prediction(entry));
    entry["file"] = file.filename().string();
    all.push_back(std::move(entry));
  }
  if (context.json) context.print_json(all);
  if (failed) context.exit_status = exit_code(failed->code());
  return {};
}

}  // namespace

void FactsArguments::add_to(CLI::App& command) {
  command.add_option("--modality", modality, "Modality of the images, DICOM's code: DX, CT...");
  command.add_option("--view", view, "View: PA, AP, LL...");
  command.add_option("--body-part", body_part, "Body part: CHEST...");
  command.add_option("--age", age_years, "Age in years")->check(CLI::Range(0.0, 150.0));
  command.add_option("--spacing", spacing_mm, "Pixel spacing in mm")->check(CLI::PositiveNumber);
}

std::string FactsArguments::json() const {
  Json facts = Json::object();
  if (!modality.empty()) facts["modality"] = modality;
  if (!view.empty()) facts["view"] = view;
  if (!body_part.empty()) facts["body_part"] = body_part;
  if (age_years >= 0) facts["age_years"] = age_years;
  if (spacing_mm > 0) facts["spacing_mm"] = spacing_mm;
  return facts.empty() ? std::string{} : facts.dump();
}

std::string content_type_of(const std::filesystem::path& file) {
  const auto extension = file.extension().string();
  if (extension == ".png") return "image/png";
  if (extension == ".jpg" || extension == ".jpeg") return "image/jpeg";
  return "application/octet-stream";
}

Result<int> choose_version(Api& api, const std::string& name, int asked) {
  if (asked > 0) return asked;
  ACESO_TRY(const Json all, api.get("/api/v1/models"));
  for (const auto& model : all.at("items")) {
    if (model.value("name", "") != name) continue;
    int newest = 0;
    for (const auto& v : model.at("versions")) {
      if (v.value("stage", "") == "live") return v.value("version", 0);
      newest = std::max(newest, v.value("version", 0));
    }
    if (newest > 0) return newest;
  }
  return Error{Code::not_found, "no model named " + name + "; see aceso model list"};
}

std::string describe_figure(const Json& figure) {
  const auto number = [](const Json& v) {
    if (!v.is_number()) return std::string{"-"};
    char text[32];
    std::snprintf(text, sizeof text, "%.3f", v.get<double>());
    return std::string{text};
  };
  if (figure.is_object()) {
    return number(figure.value("value", Json())) + " (" + number(figure.value("low", Json())) + "-" +
           number(figure.value("high", Json())) + ")";
  }
  return number(figure);
}

namespace {

std::string describe_outlines(const Json& outlines) {
  std::string out;
  const bool volume = outlines.value("shape", Json::array()).size() == 3;
  for (const Json& region : outlines.value("regions", Json::array())) {
    char text[200];
    const auto points = region.value("points", std::uint64_t{0});
    std::snprintf(text, sizeof text, " %llu %s", static_cast<unsigned long long>(points), volume ? "voxels" : "pixels");
    out += (out.empty() ? "" : "; ") + region.value("label", "") + text;
    if (const Json size = region.value("size", Json()); size.is_number()) {
      std::snprintf(text, sizeof text, " = %.1f %s", size.get<double>(), volume ? "mm3" : "mm2");
      out += text;
    }
    if (points == 0) continue;
    std::snprintf(text, sizeof text, " in %zu part(s), mean probability %.2f, %.0f %% of it doubtful",
                  region.value("parts", std::size_t{0}), region.value("mean_probability", 0.0),
                  100 * region.value("doubtful", 0.0));
    out += text;
  }
  return out;
}

// Corners as (row, column), of volumes (slice, row, column), in pixels.
std::string describe_boxes(const Json& answer) {
  const auto corner = [](const Json& at) {
    std::string out;
    for (const Json& edge : at) {
      char text[40];
      std::snprintf(text, sizeof text, "%s%.1f", out.empty() ? "" : ", ", edge.is_number() ? edge.get<double>() : 0.0);
      out += text;
    }
    return "(" + out + ")";
  };
  const Json boxes = answer.value("boxes", Json::array());
  std::string out = std::to_string(boxes.size()) + (boxes.size() == 1 ? " box" : " boxes");
  for (const Json& box : boxes) {
    char text[40];
    std::snprintf(text, sizeof text, " %.3f", box.value("score", 0.0));
    out += "\n    " + box.value("label", "") + text + " from " + corner(box.value("low", Json::array())) + " to " +
           corner(box.value("high", Json::array()));
    const Json uncertainty = box.value("uncertainty", Json());
    if (uncertainty.is_object()) out += ": " + uncertainty.value("text", "");
  }
  return out + "\n   ";
}

// "nodule diameter 12.3 mm (10.1 to 14.5)".
std::string describe_number(const Json& number, const Json& uncertainty) {
  const std::string unit = number.value("unit", "");
  char text[120];
  std::snprintf(text, sizeof text, " %.4g", number.value("value", 0.0));
  std::string out = number.value("name", "") + text + (unit.empty() ? "" : " " + unit);
  if (uncertainty.value("kind", "") == "conformal-interval") {
    std::snprintf(text, sizeof text, " (%.0f %%: %.4g to %.4g)", 100 * uncertainty.value("coverage", 0.0),
                  uncertainty.value("low", 0.0), uncertainty.value("high", 0.0));
    out += text;
  }
  return out;
}

// Those that hold are marked.
std::string describe_labels(const Json& labels) {
  std::string out;
  for (const Json& label : labels) {
    char text[80];
    std::snprintf(text, sizeof text, " %.3f (threshold %.3f)", label.value("probability", 0.0),
                  label.value("threshold", 0.0));
    out += "\n    " + std::string{label.value("positive", false) ? "+ " : "- "} + label.value("label", "") + text;
    const Json uncertainty = label.value("uncertainty", Json());
    if (uncertainty.is_object()) out += ": " + uncertainty.value("text", "");
  }
  return out;
}

}  // namespace

std::string describe_prediction(const Json& p) {
  const Json model = p.value("model", Json::object());
  std::string out;
  const auto number = [](double v) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3f", v);
    return std::string{text};
  };
  if (p.value("applicable", true) == false) {
    out = "NOT APPLICABLE";
    for (const auto& reason : p.value("reasons", Json::array())) {
      if (reason.is_string()) out += "\n    " + reason.get<std::string>();
    }
  } else if (p.contains("outlines") && p.at("outlines").is_object()) {
    out = describe_outlines(p.at("outlines"));
  } else if (p.contains("boxes") && p.at("boxes").is_object()) {
    out = describe_boxes(p.at("boxes"));
  } else if (p.contains("number") && p.at("number").is_object()) {
    out = describe_number(p.at("number"), p.value("uncertainty", Json()));
  } else if (p.contains("labels") && p.at("labels").is_array()) {
    out = describe_labels(p.at("labels"));
  } else if (p.contains("outputs") && p.at("outputs").is_array()) {
    for (const auto& o : p.at("outputs"))
      out += (out.empty() ? "" : ", ") + o.value("label", "") + " " + number(o.value("probability", 0.0));
  }
  if (p.contains("finding") && p.at("finding").is_string() && !p.contains("number"))
    out += " -> " + p.at("finding").get<std::string>();
  if (p.contains("threshold") && p.at("threshold").is_number())
    out += " (threshold " + number(p.at("threshold").get<double>()) + ")";
  if (const Json u = p.value("uncertainty", Json()); p.value("applicable", true) && u.is_object()) {
    const auto say = [&out](const Json& from) {
      if (from.is_object() && from.contains("text") && from.at("text").is_string())
        out += "\n    " + from.at("text").get<std::string>();
    };
    say(u);
    say(u.value("set", Json()));
    say(u.value("members", Json()));
    say(u.value("familiarity", Json()));
  }
  out += "\n    model " + model.value("name", "") + " version " + model.value("version", Json(0)).dump() + ", " +
         model.value("stage", "") + ", " + model.value("hash", "").substr(0, 12) + "\n    " +
         model.value("intended_use", "");
  for (const auto& w : p.value("warnings", Json::array())) {
    if (w.is_string()) out += "\n    warning: " + w.get<std::string>();
  }
  return out;
}

void add_model(CLI::App& app, Context& context) {
  auto* group = app.add_subcommand("model", "Register, list, show, promote and export models");
  group->require_subcommand(1);
  group->footer(
      "Examples:\n  aceso model list\n  aceso model promote chest 2 live\n  aceso model report chest --output "
      "report.html\n  aceso model export chest --onnx chest.onnx");
  on_run(group->add_subcommand("list", "List models and versions"), context,
         [&context] { return list_models(context); });

  struct Arguments {
    std::string name, stage;
    std::filesystem::path folder, onnx;
    int version = 0;
    double percent = 10;
  };
  const auto a = std::make_shared<Arguments>();
  auto* show = group->add_subcommand("show", "Show card, figures and hashes of a version");
  show->add_option("NAME", a->name, "Model")->required();
  show->add_option("VERSION", a->version, "Version (default: the live one, else the newest)");
  on_run(show, context, [&context, a] { return show_model(context, a->name, a->version); });

  auto* add = group->add_subcommand("register", "Register a bundle folder; its hashes and signature are checked");
  add->add_option("FOLDER", a->folder, "Bundle: model.json, model.safetensors, evidence/, signature.ed25519")
      ->required();
  add->add_option("--name", a->name, "Name (default: the card's)");
  on_run(add, context, [&context, a]() -> Status {
    std::error_code ec;
    ACESO_TRY(Api * api, context.api());
    ACESO_TRY(const Json model,
              api->call(net::Method::post, "/api/v1/local/models",
                        Json{{"path", std::filesystem::absolute(a->folder, ec).string()}, {"name", a->name}}));
    if (context.json) {
      context.print_json(model);
    } else {
      context.print("registered " + model.value("name", "") + " version " + model.value("version", Json(0)).dump() +
                    " as " + model.value("stage", "candidate"));
    }
    return {};
  });

  add_model_import(*group, context);
  add_model_oversight(*group, context);
  add_model_improve(*group, context);

  auto* promote = group->add_subcommand("promote", "Change the stage of a version");
  promote->add_option("NAME", a->name, "Model")->required();
  promote->add_option("VERSION", a->version, "Version")->required();
  promote->add_option("STAGE", a->stage, "candidate, shadow, live or retired")
      ->required()
      ->check(CLI::IsMember({"candidate", "shadow", "live", "retired"}));
  on_run(promote, context, [&context, a]() -> Status {
    ACESO_TRY(Api * api, context.api());
    ACESO_TRY(const Json answer,
              api->call(net::Method::post, target(a->name, a->version) + "/promote", Json{{"stage", a->stage}}));
    if (context.json) {
      context.print_json(answer);
    } else {
      context.print(a->name + " version " + std::to_string(a->version) + " is " + a->stage);
    }
    return {};
  });

  auto* share =
      group->add_subcommand("share", "Give a version beside the live one a share of the requests that name no version");
  share->add_option("NAME", a->name, "Model")->required();
  share->add_option("VERSION", a->version, "Version")->required();
  share
      ->add_option(
          "MODE", a->stage,
          "canary: it answers its share; shadow: it is asked behind the answer and shown to nobody; none: ends it")
      ->required()
      ->check(CLI::IsMember({"canary", "shadow", "none"}));
  share->add_option("--percent", a->percent, "Of the requests, chosen by a hash of the input")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  on_run(share, context, [&context, a]() -> Status {
    ACESO_TRY(Api * api, context.api());
    Json body{{"mode", a->stage}};
    if (a->stage != "none") body["percent"] = a->percent;
    ACESO_TRY(const Json answer, api->call(net::Method::post, target(a->name, a->version) + "/share", body));
    if (context.json) {
      context.print_json(answer);
    } else {
      context.print(a->name + " version " + std::to_string(a->version) + " is " + answer.value("stage", "") +
                    describe_share(answer));
    }
    return {};
  });

  auto* report = group->add_subcommand("report", "Write the evaluation report, one HTML page");
  report->add_option("NAME", a->name, "Model")->required();
  report->add_option("VERSION", a->version, "Version (default: the live one, else the newest)");
  report->add_option("-o,--output", a->folder, "File to write (default: standard output)");
  on_run(report, context, [&context, a]() -> Status {
    ACESO_TRY(Api * api, context.api());
    ACESO_TRY(const int version, choose_version(*api, a->name, a->version));
    ACESO_TRY(const std::string html, api->text(target(a->name, version) + "/report.html"));
    if (a->folder.empty()) {
      context.print(html);
      return {};
    }
    return write_file_atomic(a->folder, html);
  });

  auto* dump = group->add_subcommand("export", "Write a version's bundle to a new folder, or its network as ONNX");
  dump->add_option("NAME", a->name, "Model")->required();
  auto* to_folder = dump->add_option("FOLDER", a->folder, "Folder to make");
  dump->add_option("--onnx", a->onnx, "ONNX file to write instead (opset 17, without preprocessing)")
      ->excludes(to_folder);
  dump->add_option("--version", a->version, "Version (default: the live one, else the newest)");
  on_run(dump, context, [&context, a]() -> Status {
    std::error_code ec;
    const auto& path = a->onnx.empty() ? a->folder : a->onnx;
    if (path.empty()) return Error{Code::invalid, "name a FOLDER to make, or --onnx FILE"};
    ACESO_TRY(Api * api, context.api());
    ACESO_TRY(const int version, choose_version(*api, a->name, a->version));
    ACESO_TRY(const Json answer,
              api->call(net::Method::post,
                        "/api/v1/local/models/" + url_encode(a->name) + "/" + std::to_string(version) + "/export",
                        Json{{"path", std::filesystem::absolute(path, ec).string()},
                             {"format", a->onnx.empty() ? "bundle" : "onnx"}}));
    if (context.json) {
      context.print_json(answer);
    } else {
      context.print("wrote " + path.string());
    }
    return {};
  });
}

void add_predict(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("predict", "Ask a model about images and volumes");
  const auto a = std::make_shared<PredictArguments>();
  command->add_option("MODEL", a->model, "Model")->required();
  command
      ->add_option("FILES", a->files, "PNG, JPEG, .npy or NIfTI files, or folders with the DICOM files of one series")
      ->required();
  command->add_option("--version", a->version, "Version (default: the live one, else the newest)");
  command->add_option("--masks", a->masks, "Folder for the masks of a model that draws: NAME_mask.png or .npy");
  a->facts.add_to(*command);
  command->footer(
      "Every answer is stored with model, version and hashes. Outside of the limits that a model carries, and on "
      "inputs "
      "unlike anything it was trained on, the answer is \"not applicable\" and no number. Research use only until "
      "validated.\n\nExamples:\n  aceso predict chest a.png b.jpg --json\n  aceso predict chest a.png --modality DX "
      "--view PA "
      "--age 54");
  on_run(command, context, [&context, a] { return predict(context, *a); });
}

}  // namespace aceso::app
