// aceso train, aceso job: long work, followed, cancelled.
#include <cstdio>
#include <filesystem>
#include <memory>

#include "aceso/base/file.hpp"
#include "aceso/learn/trainer.hpp"
#include "commands.hpp"
#include "context.hpp"
#include "trials.hpp"

namespace aceso::app {
namespace {

struct TrainArguments {
  std::filesystem::path config, limits, best_config, script, interpreter;
  std::vector<std::string> arguments;  // of the script
  std::string dataset, name, architecture, accept_leakage, init, resume, stem, device;
  std::vector<std::string> freeze;
  int epochs = 0, batch = 0, patience = -1;
  double learning_rate = 0;
  std::int64_t image_size = -1, patch = -1;
  std::uint64_t seed = 0;
  int folds = -1, seeds = 0;
  bool ensemble = false;
  bool no_flip = false, detach = false;
};

Result<Json> config_json(const TrainArguments& a) {
  learn::TrainConfig config;
  if (!a.config.empty()) {
    ACESO_TRY(const std::string yaml, read_text_file(a.config, std::uint64_t{1} << 20));
    ACESO_TRY(config, learn::parse_train_config(yaml, a.config.filename().string()));
  }
  if (!a.architecture.empty()) config.architecture = a.architecture;
  if (a.epochs > 0) config.epochs = a.epochs;
  if (a.batch > 0) config.batch = a.batch;
  if (a.patience >= 0) config.patience = a.patience;
  if (a.learning_rate > 0) config.options.learning_rate = a.learning_rate;
  if (a.image_size >= 0) config.image_size = a.image_size;
  if (a.patch >= 0) config.patch = a.patch;
  if (a.seed > 0) config.seed = a.seed;
  if (a.folds >= 0) config.folds = a.folds;
  if (a.seeds > 0) config.seeds = a.seeds;
  if (a.ensemble) config.ensemble = true;
  if (a.no_flip) config.flip = false;
  if (a.device == "auto") config.options.device = learn::Device::automatic;
  if (a.device == "cpu") config.options.device = learn::Device::cpu;
  if (a.device == "cuda") config.options.device = learn::Device::cuda;
  if (!a.freeze.empty()) config.start.freeze = a.freeze;
  if (!a.stem.empty()) {
    if (const std::string why = learn::set_start_option(config.start, "stem", a.stem); !why.empty())
      return Error{Code::invalid, "--stem: " + why};
  }
  if (!a.init.empty()) config.start.init = a.init;
  std::error_code ec;  // what is a file here is one for the node too
  if (std::filesystem::is_regular_file(config.start.init, ec))
    config.start.init = std::filesystem::absolute(config.start.init, ec).string();
  return learn::to_json(config);
}

// What was taken of the weights that a training began with: the counts, and what did not fit.
std::string describe_start(const Json& model) {
  const Json training = model.value("training", Json::object());
  if (!training.is_object() || !training.contains("start")) return {};
  const Json& start = training.at("start");
  const Json report = start.value("report", Json::object());
  std::string text = "\nstarted from " + start.value("init", "");
  for (const char* part : {"taken", "adapted", "head", "missing", "unexpected", "misshapen"}) {
    const Json list = report.value(part, Json::array());
    if (list.empty()) continue;
    text += std::string{", "} + part + " " + std::to_string(list.size());
    const bool few = std::string_view{part} != "taken" && list.size() <= 4;
    for (std::size_t i = 0; few && i < list.size(); ++i) {
      text += (i == 0 ? " (" : ", ") + (list[i].is_string() ? list[i].get<std::string>() : list[i].value("name", "")) +
              (i + 1 == list.size() ? ")" : "");
    }
  }
  return text;
}

std::string describe_engine(const Json& model) {
  const Json training = model.value("training", Json::object());
  const std::string engine = training.is_object() ? training.value("engine", "") : "";
  return engine.empty() ? engine : ", trained by " + engine;
}

// The job that --resume means: an id, or the newest training that has not succeeded.
Result<Json> job_to_resume(Api& api, const std::string& which) {
  if (which != "last") return api.get("/api/v1/jobs/" + url_encode(which));
  ACESO_TRY(const Json jobs, api.get("/api/v1/jobs?limit=500"));
  for (const Json& job : jobs.at("items")) {
    if (job.value("kind", "") == "train" && job.value("state", "") != "succeeded") return job;
  }
  return Error{Code::not_found, "--resume: there is no training that was interrupted, failed or was cancelled"};
}

// A job that waits or runs goes on by itself from its checkpoint and is only followed.
Result<Json> resume(Api& api, const std::string& which) {
  ACESO_TRY(Json job, job_to_resume(api, which));
  const std::string state = job.value("state", "");
  if (state == "queued" || state == "running") return Json{{"job", std::move(job)}};
  return api.call(net::Method::post, "/api/v1/training", Json{{"resume", job.value("id", "")}});
}

// A program by its name, as a shell finds it.
std::filesystem::path find_program(const std::string& name) {
  const char* const environment = std::getenv("VIRTUAL_ENV");
  std::string path = environment != nullptr ? std::string{environment} + "/bin:" : std::string{};
  if (const char* const all = std::getenv("PATH"); all != nullptr) path += all;
  for (std::size_t at = 0; at < path.size();) {
    const auto end = std::min(path.find(':', at), path.size());
    const std::filesystem::path file = std::filesystem::path{path.substr(at, end - at)} / name;
    std::error_code ec;
    if (std::filesystem::is_regular_file(file, ec)) return file;
    at = end + 1;
  }
  return {};
}

Result<Json> script_json(const TrainArguments& a) {
  std::filesystem::path interpreter = a.interpreter;
  if (interpreter.empty() && a.script.extension() == ".py") interpreter = "python3";
  if (!interpreter.empty() && !interpreter.has_parent_path()) {
    const auto found = find_program(interpreter.string());
    if (found.empty()) return Error{Code::not_found, interpreter.string() + ": there is no such program on the PATH"};
    interpreter = found;
  }
  return Json{{"file", std::filesystem::absolute(a.script).string()},
              {"interpreter", interpreter.empty() ? "" : std::filesystem::absolute(interpreter).string()},
              {"arguments", a.arguments}};
}

Result<Json> begin(Api& api, const TrainArguments& a) {
  if (!a.resume.empty()) {
    if (!a.dataset.empty() || !a.config.empty())
      return Error{Code::invalid, "--resume takes no configuration: the job goes on with its own"};
    return resume(api, a.resume);
  }
  if (a.dataset.empty()) return Error{Code::invalid, "--dataset is needed (or --resume JOB)"};
  ACESO_TRY(Json config, config_json(a));
  if (!a.script.empty() && (!a.config.empty() || !a.architecture.empty() || !a.init.empty()))
    return Error{Code::invalid, "--script: the script is the configuration; hand it values with --arg"};
  if (!a.best_config.empty() && !config.contains("search"))
    return Error{Code::invalid, "--best-config: the configuration has no section search"};
  const std::string name = a.name.empty() ? a.dataset.substr(0, a.dataset.find('@')) : a.name;
  Json request{{"name", name}, {"dataset", a.dataset}, {"config", std::move(config)}};
  if (!a.script.empty()) {
    ACESO_TRY(request["script"], script_json(a));
  }
  if (!a.accept_leakage.empty()) request["accept_leakage"] = a.accept_leakage;
  if (!a.limits.empty()) {
    ACESO_TRY(const std::string text, read_text_file(a.limits, std::uint64_t{1} << 16));
    ACESO_TRY(request["limits"], parse_json(text));
  }
  return api.call(net::Method::post, "/api/v1/training", request);
}

}  // namespace

namespace {

// "5 folds: validation AUROC 0.931 +- 0.012, out of fold ..., test 0.915 +- 0.008".
std::string describe_runs(const Json& evaluation) {
  const Json runs = evaluation.is_object() ? evaluation.value("runs", Json()) : Json();
  if (!runs.is_object()) return {};
  const auto spread = [](const Json& of) {
    char text[64];
    std::snprintf(text, sizeof text, "%.3f", of.value("mean", 0.0));
    std::string out = text;
    if (of.value("sd", Json()).is_number()) {
      std::snprintf(text, sizeof text, " +- %.3f", of.at("sd").get<double>());
      out += text;
    }
    return out;
  };
  const int folds = runs.value("folds", 0), seeds = runs.value("seeds", 1);
  std::string text = "\n" + std::to_string(runs.value("runs", Json::array()).size()) + " runs (" +
                     (folds > 0 ? std::to_string(folds) + " folds" : "") + (folds > 0 && seeds > 1 ? ", " : "") +
                     (seeds > 1 ? std::to_string(seeds) + " seeds" : "") + "): ";
  if (const Json v = runs.value("validation", Json()); v.is_object())
    text += "validation " + runs.value("figure", "") + " " + spread(v);
  if (const Json pooled = runs.value("out_of_fold", Json()); pooled.is_object()) {
    const Json metrics = pooled.value("metrics", Json::object());
    text += ", out of fold " + describe_figure(metrics.value(metrics.contains("rmse") ? "rmse" : "auroc", Json()));
  }
  if (const Json t = runs.value("test", Json()); t.is_object()) text += ", test " + spread(t) + " a run";
  return text + (runs.value("ensemble", false) ? "; served as their mean" : "");
}

}  // namespace

std::string describe_evaluation(const Json& evaluation) {
  const auto figure = [&](const char* key) {
    if (!evaluation.is_object() || !evaluation.contains("metrics") || !evaluation.at("metrics").contains(key))
      return std::string{"-"};
    return describe_figure(evaluation.at("metrics").at(key));
  };
  if (evaluation.is_object() && evaluation.value("kind", "") == "outlines") {
    return "Dice " + figure("dice") + ", IoU " + figure("iou") + ", HD95 " + figure("hd95") + " " +
           evaluation.value("unit", "") + ", parts found " + figure("part_sensitivity") + ", false parts a sample " +
           figure("false_parts");
  }
  if (evaluation.is_object() && evaluation.value("kind", "") == "boxes") {
    return "FROC score " + figure("froc") + ", AP at IoU 0.5 " + figure("ap50") + ", sensitivity " +
           figure("sensitivity") + " with " + figure("false_marks") + " false marks an image, PPV " + figure("ppv");
  }
  if (evaluation.is_object() && evaluation.value("kind", "") == "regression") {
    const std::string unit = evaluation.value("unit", "");
    return "MAE " + figure("mae") + (unit.empty() ? "" : " " + unit) + ", RMSE " + figure("rmse") + ", R2 " +
           figure("r2") + ", Pearson r " + figure("pearson") + ", bias " + figure("bias");
  }
  if (evaluation.is_object() && evaluation.value("kind", "") == "multi_label") {
    std::string text = "mean AUROC " + figure("auroc") + ", mean AUPRC " + figure("auprc") + ", mean sensitivity " +
                       figure("sensitivity") + ", mean specificity " + figure("specificity");
    for (const Json& label : evaluation.value("per_label", Json::array())) {
      text += "\n  " + label.value("label", "") + ": AUROC " +
              describe_figure(label.value("metrics", Json::object()).value("auroc", Json()));
    }
    return text;
  }
  return "AUROC " + figure("auroc") + ", accuracy " + figure("accuracy") + ", sensitivity " + figure("sensitivity") +
         ", specificity " + figure("specificity") + ", F1 " + figure("f1");
}

void add_train(CLI::App& app, Context& context) {
  auto* train = app.add_subcommand("train", "Train, evaluate and register a model");
  auto a = std::make_shared<TrainArguments>();
  train->add_option("CONFIG", a->config, "YAML file; the options below win over it");
  train->add_option("--dataset", a->dataset, "Data set to learn from");
  train->add_option(
      "--resume", a->resume,
      "Go on with a job that was killed, failed or was cancelled, from its last checkpoint: its id, or last");
  train->add_option("--name", a->name, "Name of the model (default: the data set's name)");
  train->add_option(
      "--architecture", a->architecture,
      "article_cnn, resnet18, resnet34, resnet50, densenet121, unet, centernet, signal_cnn, mlp, logistic");
  train->add_option("--epochs", a->epochs, "Passes over the training samples")->check(CLI::Range(1, 100000));
  train->add_option("--batch", a->batch, "Samples a step")->check(CLI::Range(1, 65536));
  train->add_option("--learning-rate", a->learning_rate, "Step size of the optimiser")->check(CLI::PositiveNumber);
  train->add_option("--patience", a->patience,
                    "Stop after so many epochs without a better validation AUC (outlines: Dice, boxes: average "
                    "precision, numbers: RMSE); 0: never");
  train->add_option("--image-size", a->image_size, "Side in pixels that images are resized to; 0: as they are");
  train->add_option(
      "--patch", a->patch,
      "Outlines: side of the windows that the network sees, slid over the whole afterwards; 0: the whole");
  train->add_option("--seed", a->seed, "Seed of weights, order and augmentation")->check(CLI::PositiveNumber);
  train->add_option(
      "--accept-leakage", a->accept_leakage,
      "Train although copies or patients stand on both sides of the splits; the reason goes into the report");
  train->add_option("--init", a->init, "Start from weights: FILE.safetensors, FILE.pt or MODEL[@version]");
  train->add_option("--freeze", a->freeze, "Weights that stay as they are, by pattern: 'conv1.*' 'layer1.*'");
  train->add_option("--stem", a->stem, "ResNet and DenseNet begin: by_size, standard or small (3x3, no pooling)");
  train
      ->add_option("--folds", a->folds,
                   "Cross-validation over the data set's folds (aceso dataset split --folds 5 makes them)")
      ->check(CLI::Range(0, 20));
  train->add_option("--seeds", a->seeds, "Repeat with so many seeds, from --seed on")->check(CLI::Range(1, 20));
  train->add_flag("--ensemble", a->ensemble, "All runs together are the model: the mean of their answers");
  train
      ->add_option("--device", a->device,
                   "Where to train: cpu, cuda (an NVIDIA GPU) or auto (a GPU where there is one)")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}));
  train->add_flag("--no-flip", a->no_flip, "No random left-right flips");
  train->add_option("--limits", a->limits,
                    "JSON file of what the model may be asked about: modalities, views, body_parts, age_min_years, "
                    "age_max_years, spacing_min_mm, spacing_max_mm, side_min, side_max");
  train->add_option("--script", a->script,
                    "Your own training script in the place of Aceso's trainer (docs/formats/script.md)");
  train->add_option("--arg", a->arguments, "Argument of the script; may be repeated: --arg=--epochs --arg=5");
  train->add_option("--interpreter", a->interpreter,
                    "What runs the script (default for .py: python3 of $VIRTUAL_ENV or of the PATH)");
  train->add_option("--best-config", a->best_config,
                    "File that the configuration of the best trial of a search is written to (YAML)");
  train->add_flag("--detach", a->detach, "Return at once; needs a running node. Follow with: aceso job show ID");
  train->footer(
      "Training runs in a process of its own; Ctrl-C cancels it. The threshold is chosen on validation samples only; "
      "figures are of the test split. The keys of CONFIG: docs/training.md.\n\nExamples:\n  aceso train --dataset xray "
      "--name pneumonia --epochs 5\n  aceso "
      "train resnet.yaml --dataset xray --seed 3\n  aceso train --dataset xray --architecture resnet18 --stem standard "
      "--init resnet18.pt --freeze 'conv1.*' 'bn1.*' 'layer1.*'\n  aceso train --dataset outlined --architecture "
      "unet\n  aceso "
      "train search.yaml --dataset xray --best-config best.yaml   (search.yaml: docs/training.md, \"Search\")\n  aceso "
      "train --dataset xray --name own --script train.py --arg=--epochs --arg=5\n  aceso train --resume last");
  on_run(train, context, [&context, a]() -> Status {
    ACESO_TRY(Api * api, context.api());
    if (a->detach && api->in_process())
      return Error{Code::unavailable, "--detach needs a running node: start one with `aceso node`"};
    ACESO_TRY(const Json accepted, begin(*api, *a));
    if (a->detach) {
      context.print_json(accepted);
      return {};
    }
    ACESO_TRY(Json output, context.follow(accepted));
    const std::string name = output.value("model", std::string{});
    const std::string version = output.value("version", Json(0)).dump();
    ACESO_TRY(const Json model, api->get("/api/v1/models/" + url_encode(name) + "/" + version));
    const Json training = model.value("training", Json::object());
    const Json search = training.is_object() ? training.value("search", Json()) : Json();
    if (!a->best_config.empty()) {
      if (!search.is_object()) return Error{Code::invalid, "--best-config: the configuration has no section search"};
      ACESO_TRY_OK(write_file_atomic(a->best_config, std::string_view{search.value("best_config", "")}));
    }
    if (context.json) {
      if (search.is_object()) output["search"] = search;
      context.print_json(output);
      return {};
    }
    context.print("registered " + name + " version " + version + describe_engine(model) + describe_start(model) + "\n" +
                  describe_evaluation(model.value("evaluation", Json::object())) +
                  describe_runs(model.value("evaluation", Json::object())) + describe_search(search) +
                  "\nserve it:   aceso model promote " + name + " " + version +
                  " live\nread more:  aceso model report " + name + " --output report.html");
    return {};
  });
}

void add_job(CLI::App& app, Context& context) {
  auto* group = app.add_subcommand("job", "List, show and cancel long work");
  group->require_subcommand(1);
  auto* list = group->add_subcommand("list", "List jobs, newest first");
  on_run(list, context, [&context]() -> Status {
    ACESO_TRY(Api * api, context.api());
    ACESO_TRY(const Json answer, api->get("/api/v1/jobs?limit=50"));
    if (context.json) {
      context.print_json(answer);
      return {};
    }
    std::vector<std::vector<std::string>> rows;
    for (const auto& job : answer.at("items")) {
      rows.push_back({job.value("id", ""), job.value("kind", ""), job.value("state", ""),
                      job.value("created", "").substr(0, 19), job.value("error", "")});
    }
    context.print(rows.empty() ? "no jobs" : format_table({"ID", "KIND", "STATE", "CREATED", "ERROR"}, rows));
    return {};
  });
  const auto with_id = [&](const char* command, const char* help,
                           std::function<Status(Api&, const std::string&)> work) {
    auto* sub = group->add_subcommand(command, help);
    auto id = std::make_shared<std::string>();
    sub->add_option("ID", *id, "Job")->required();
    on_run(sub, context, [&context, id, work = std::move(work)]() -> Status {
      ACESO_TRY(Api * api, context.api());
      return work(*api, *id);
    });
  };
  with_id("show", "Show a job", [&context](Api& api, const std::string& id) -> Status {
    ACESO_TRY(const Json job, api.get("/api/v1/jobs/" + url_encode(id)));
    context.print_json(job);
    return {};
  });
  with_id("trials", "Show what a search has tried so far, the best first",
          [&context](Api& api, const std::string& id) -> Status {
            ACESO_TRY(const Json job, api.get("/api/v1/jobs/" + url_encode(id)));
            const Json trials = job.value("trials", Json::array());
            if (context.json) {
              context.print_json(trials);
              return {};
            }
            context.print(trials.empty() ? "no trials: the job searches nothing, or none has ended"
                                         : describe_trials(trials));
            return {};
          });
  with_id("cancel", "Cancel a job", [&context](Api& api, const std::string& id) -> Status {
    ACESO_TRY(const Json answer,
              api.call(net::Method::post, "/api/v1/jobs/" + url_encode(id) + "/cancel", Json::object()));
    (void)answer;
    context.print("asked job " + id + " to stop");
    return {};
  });
}

}  // namespace aceso::app
