// aceso dataset: data in, looked at, checked, removed.
#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "aceso/base/file.hpp"
#include "context.hpp"
#include "dataset_commands.hpp"

namespace aceso::app {
namespace {

std::string counts_text(const Json& counts) {
  std::string out;
  for (const auto& [name, value] : counts.items()) {
    if (!out.empty()) out += ", ";
    if (value.is_object()) {
      std::int64_t sum = 0;
      for (const auto& [unused, n] : value.items()) sum += n.get<std::int64_t>();
      out += name + " " + std::to_string(sum);
    } else {
      out += name + " " + value.dump();
    }
  }
  return out;
}

struct ImportArguments {
  std::filesystem::path source;
  std::string name, classes, labels, licence, label_source, conflicts = "refuse", conflict_reason, task, unit;
  double validation = 0.2, test = 0.0;
  std::uint64_t seed = 1;
  std::string kind, values;
  std::vector<double> window;  // centre, width
  bool keep_gaps = false;
  std::filesystem::path key_table;
  bool from_archive = false;
  std::string modality, from, to, study_description, series_description, body_part, patient_id, accession;
  std::int64_t max_objects = 0;
  std::string marks, marked_by;
  bool before_ai = false;
};

// Which images of the node's archive.
Json archive_query(const ImportArguments& a) {
  Json query = Json::object();
  const std::array<std::pair<const char*, const std::string*>, 8> fields{{{"modality", &a.modality},
                                                                          {"from", &a.from},
                                                                          {"to", &a.to},
                                                                          {"study_description", &a.study_description},
                                                                          {"series_description", &a.series_description},
                                                                          {"body_part", &a.body_part},
                                                                          {"patient_id", &a.patient_id},
                                                                          {"accession", &a.accession}}};
  for (const auto& [key, text] : fields) {
    if (!text->empty()) query[key] = *text;
  }
  if (a.max_objects > 0) query["max_objects"] = a.max_objects;
  if (!a.marks.empty()) query["marks"] = a.marks;
  if (!a.marked_by.empty()) query["marked_by"] = a.marked_by;
  if (a.before_ai) query["before_ai"] = true;
  return query;
}

// What became of the marks, with what was left out and why.
std::string marks_text(const Json& marks) {
  std::string out = marks.at("marks").dump() + " marks on " + marks.at("images").dump() + " images";
  const std::array<std::pair<const char*, const char*>, 4> left_out{
      {{"marked_by_several_left_out", "marked by several people (--marked-by)"},
       {"several_frames_left_out", "of several frames"},
       {"marked_after_ai_left_out", "marked after a model's answer"},
       {"not_drawn_left_out", "not drawn as asked for"}}};
  for (const auto& [key, words] : left_out) {
    if (marks.at(key) != 0) out.append("; left out, ").append(words).append(": ").append(marks.at(key).dump());
  }
  return out;
}

Status import_dataset(Context& context, const ImportArguments& a) {
  std::error_code ec;
  if (a.from_archive != a.source.empty())
    return Error{Code::invalid, "name a SOURCE, or --from-archive with what to look for"};
  const auto source = a.from_archive ? std::filesystem::path{} : std::filesystem::absolute(a.source, ec);
  if (a.from_archive && a.name.empty()) return Error{Code::invalid, "--name: the data set needs one"};
  if (!a.from_archive && !std::filesystem::exists(source, ec))
    return Error{Code::not_found, "no such file or folder: " + a.source.string()};
  std::filesystem::path labels;
  if (!a.labels.empty()) labels = std::filesystem::absolute(a.labels, ec);
  ACESO_TRY(Api * api, context.api());
  const std::string name = a.name.empty() ? source.stem().string() : a.name;
  Json body{{"name", name},
            {"path", source.string()},
            {"validation_fraction", a.validation},
            {"test_fraction", a.test},
            {"seed", a.seed}};
  if (a.from_archive) body["archive"] = archive_query(a);
  if (!a.classes.empty()) body["classes"] = a.classes;
  if (!labels.empty()) body["labels_csv"] = labels.string();
  if (a.conflicts != "refuse") body["conflicts"] = a.conflicts;
  if (!a.conflict_reason.empty()) body["conflict_reason"] = a.conflict_reason;
  if (!a.kind.empty()) body["kind"] = a.kind;
  if (!a.task.empty()) body["task"] = a.task;
  if (!a.unit.empty()) body["unit"] = a.unit;
  if (!a.values.empty()) body["values"] = a.values;
  if (a.window.size() == 2) {
    body["window_center"] = a.window[0];
    body["window_width"] = a.window[1];
  }
  if (a.keep_gaps) body["keep_gaps"] = true;
  if (!a.key_table.empty()) body["key_table"] = std::filesystem::absolute(a.key_table, ec).string();
  if (!a.licence.empty()) body["licence"] = a.licence;
  if (!a.label_source.empty()) body["label_source"] = a.label_source;
  ACESO_TRY(const Json accepted, api->call(net::Method::post, "/api/v1/local/datasets", body));
  ACESO_TRY(const Json done, context.follow(accepted));
  ACESO_TRY(Json summary, api->get("/api/v1/datasets/" + url_encode(name)));
  const Json output = done.contains("output") ? done.at("output") : done;
  if (output.is_object() && output.contains("marks")) summary["marks"] = output.at("marks");
  if (context.json) {
    context.print_json(summary);
  } else {
    context.print("imported " + name + ": " + counts_text(summary.value("splits", Json::object())) +
                  (summary.contains("marks") ? "\n" + marks_text(summary.at("marks")) : std::string{}) +
                  "\nlook at it: aceso dataset show " + name);
  }
  return {};
}

// Of numbers their range, of several labels how many are not known.
void print_targets(const Context& context, const Json& s) {
  const std::string unit = s.value("unit", "");
  const Json numbers = s.value("numbers", Json::object()), missing = s.value("missing", Json::object());
  for (const auto& [split, m] : numbers.items()) {
    char text[160];
    std::snprintf(text, sizeof text, "%.4g to %.4g, mean %.4g, sd %.4g", m.value("min", 0.0), m.value("max", 0.0),
                  m.value("mean", 0.0), m.value("sd", 0.0));
    context.print("numbers   " + split + " " + text + (unit.empty() ? "" : " " + unit));
  }
  for (const auto& [label, n] : missing.items()) context.print("not known " + label + " of " + n.dump() + " samples");
}

void print_summary(const Context& context, const Json& s) {
  context.print("name      " + s.value("name", "") + "\nsha256    " + s.value("sha256", "") + "\nsamples   " +
                s.value("kind", "") + " " + s.value("shape", Json::array()).dump() + " " + s.value("dtype", ""));
  std::vector<std::vector<std::string>> rows;
  const Json counts = s.value("counts", Json::object());
  for (const auto& [split, classes] : counts.items()) {
    for (const auto& [label, n] : classes.items()) rows.push_back({split, label, n.dump()});
  }
  const bool several = s.value("task", "") == "multi_label";
  context.print("\n" + format_table({"SPLIT",
                                     several                               ? "LABEL"
                                     : s.value("task", "") == "regression" ? "NUMBER"
                                                                           : "CLASS",
                                     several ? "HOLDS IN" : "SAMPLES"},
                                    rows));
  print_targets(context, s);
  for (const auto& text : s.value("preprocessing", Json::array()))
    context.print("values    " + text.get<std::string>());
  if (const auto parent = s.value("parent", ""); !parent.empty()) context.print("made of   " + parent);
  for (const auto& text : s.value("history", Json::array())) context.print("          " + text.get<std::string>());
  if (s.value("masks", 0) > 0 || s.value("boxes", 0) > 0) {
    context.print("truth     " + std::to_string(s.value("masks", 0)) + " masks, " +
                  std::to_string(s.value("boxes", 0)) + " boxes");
  }
  if (const Json intensity = s.value("intensity", Json(nullptr)); intensity.is_object()) {
    context.print("intensity " + intensity.at("min").dump() + " to " + intensity.at("max").dump() + ", mean " +
                  intensity.at("mean").dump() + ", sd " + intensity.at("sd").dump());
  }
  if (const auto licence = s.value("licence", ""); !licence.empty()) context.print("licence   " + licence);
  for (const auto& warning : s.value("warnings", Json::array()))
    context.print("warning   " + warning.get<std::string>());
  const Json aside = s.value("set_aside", Json::array());
  if (!aside.empty()) {
    context.print("set aside " + std::to_string(aside.size()) + " samples; the first: " + aside[0].value("id", "") +
                  ": " + aside[0].value("reason", ""));
  }
}

struct ShowArguments {
  std::string name, split;
  std::filesystem::path sheet;
};

void add_show(CLI::App& group, Context& context) {
  auto* show = group.add_subcommand("show", "Show counts, splits, statistics and warnings");
  auto a = std::make_shared<ShowArguments>();
  show->add_option("NAME", a->name, "Data set")->required();
  show->add_option("--sheet", a->sheet, "Also write a picture of up to 256 samples to this PNG file");
  show->add_option("--split", a->split, "Samples of the sheet")
      ->check(CLI::IsMember({"train", "validation", "test", "unassigned"}));
  show->footer("Example:\n  aceso dataset show xray --sheet xray.png --split test");
  on_run(show, context, [&context, a]() -> Status {
    ACESO_TRY(Api * api, context.api());
    const std::string path = "/api/v1/datasets/" + url_encode(a->name);
    ACESO_TRY(const Json summary, api->get(path));
    if (!a->sheet.empty()) {
      ACESO_TRY(const std::string png,
                api->text(path + "/sheet.png?limit=256" + (a->split.empty() ? "" : "&split=" + a->split)));
      ACESO_TRY_OK(write_file_atomic(a->sheet, png));
    }
    if (context.json) {
      context.print_json(summary);
    } else {
      print_summary(context, summary);
    }
    return {};
  });
}

}  // namespace

void add_dataset(CLI::App& app, Context& context) {
  auto* group = app.add_subcommand("dataset", "Import, fetch, make, check, split, show and export data sets");
  group->require_subcommand(1);
  group->footer(
      "Examples:\n  aceso dataset import pneumoniamnist.npz --name xray --classes normal,pneumonia\n  aceso dataset "
      "import scans/ --labels labels.csv --validation 0.2\n  aceso dataset check xray\n  aceso dataset split xray --by "
      "patient --folds 5");

  auto* import = group->add_subcommand("import", "Import an .npz file or a folder of images or DICOM files");
  auto a = std::make_shared<ImportArguments>();
  import->add_option(
      "SOURCE", a->source,
      ".npz (X and y, or MedMNIST's keys) or a folder of PNG, JPEG, TIFF, BMP, NIfTI, .npy or DICOM files "
      "with one sub-folder a class");
  import->add_flag(
      "--from-archive", a->from_archive,
      "Images of the node's own archive, chosen by the options that follow; results of models are left out");
  import->add_option("--modality", a->modality, "Of the archive: CT, DX, MR...");
  import->add_option("--from", a->from, "Of the archive: first day of the study, YYYY-MM-DD");
  import->add_option("--to", a->to, "Of the archive: last day of the study, YYYY-MM-DD");
  import->add_option("--study-description", a->study_description, "Of the archive, with * and ?");
  import->add_option("--series-description", a->series_description, "Of the archive, with * and ?");
  import->add_option("--body-part", a->body_part, "Of the archive: CHEST");
  import->add_option("--patient-id", a->patient_id, "Of the archive: one patient");
  import->add_option("--accession", a->accession, "Of the archive: one order");
  import->add_option("--max-objects", a->max_objects, "Of the archive: refuse when more match (default: 100000)")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{10'000'000}));
  import
      ->add_option(
          "--marks", a->marks,
          "Of the archive: images that clinicians have marked, with what they drew as labels, boxes or outlines")
      ->check(CLI::IsMember({"labels", "boxes", "outlines"}));
  import->add_option("--marked-by", a->marked_by, "Of the archive: marks of this account alone");
  import->add_flag("--before-ai", a->before_ai,
                   "Of the archive: leave out images marked when a model's answer stood in the study");
  import->add_option("--name", a->name, "Name of the data set (default: the file's name)");
  import->add_option("--classes", a->classes,
                     "Class names in the order of the label values, separated by commas; of several labels their names "
                     "(of a CSV: which columns), of numbers the name of the quantity (of a CSV: its column)");
  import
      ->add_option(
          "--task", a->task,
          "What samples are labelled with: classes (one each), multi_label (several, y is [N, labels] of 1 and "
          "0, or one CSV column each) or regression (a number; see --unit)")
      ->check(CLI::IsMember({"classes", "multi_label", "regression"}));
  import->add_option("--unit", a->unit, "Unit of the numbers: mm, %");
  import->add_option("--labels", a->labels,
                     "CSV for a folder: path,label[,patient][,split]; of DICOM files also sop_instance_uid or "
                     "series_instance_uid in place of path, of the archive also accession_number or "
                     "study_instance_uid");
  import
      ->add_option("--validation", a->validation,
                   "Share of the training samples for validation when the source has no such split")
      ->check(CLI::Range(0.0, 0.9))
      ->capture_default_str();
  import->add_option("--test", a->test, "Share for testing when the source has no such split")
      ->check(CLI::Range(0.0, 0.9))
      ->capture_default_str();
  import->add_option("--licence", a->licence, "Licence of the data, kept in the manifest");
  import->add_option("--label-source", a->label_source, "Who or what labelled the data");
  import
      ->add_option("--conflicts", a->conflicts,
                   "One image under two labels: refuse the import, set its copies aside, or keep them")
      ->check(CLI::IsMember({"refuse", "set-aside", "keep"}))
      ->capture_default_str();
  import->add_option("--conflict-reason", a->conflict_reason,
                     "Why contradictory labels are kept; goes into the manifest");
  import->add_option("--seed", a->seed, "Seed of the splits")->capture_default_str();
  import
      ->add_option("--kind", a->kind, "What the samples are; of DICOM files image (each frame) or volume (each series)")
      ->check(CLI::IsMember({"image", "volume", "signal", "table"}));
  import
      ->add_option("--values", a->values,
                   "Of DICOM files: modality (rescaled, as measured) or display (8 bits, windowed); default: modality "
                   "for CT, MR, PT and NM")
      ->check(CLI::IsMember({"modality", "display"}));
  import->add_option("--window", a->window, "Of DICOM files: CENTRE,WIDTH in place of each image's own window")
      ->delimiter(',')
      ->expected(2);
  import->add_flag("--keep-gaps", a->keep_gaps, "Keep volumes with missing or uneven slices, with a warning");
  import->add_option("--key-table", a->key_table,
                     "Write a CSV of sample ids and DICOM files here; it identifies patients where file names do");
  import->footer(
      "Undecodable, empty, constant and non-finite samples are set aside with the reason, never dropped "
      "silently. Files named as masks (a_mask.png, masks/a.png) become the outlines of their images. Of DICOM "
      "files, ids and patients are kept as keyed hashes only.\n\nExamples:\n  "
      "aceso dataset import scans/ --name scans --labels labels.csv --test 0.2\n  "
      "aceso dataset import --from-archive --name chest --modality DX --from 2025-01-01 --labels by-accession.csv\n  "
      "aceso dataset import --from-archive --name nodules --modality CR --marks outlines --before-ai\n  "
      "aceso dataset import ct/ --name nodules --labels series.csv --kind volume --key-table ~/nodules-key.csv\n  "
      "aceso dataset import chest.npz --task multi_label --classes nodule,effusion,bulla\n  "
      "aceso dataset import knees/ --labels ages.csv --task regression --classes age --unit years");
  on_run(import, context, [&context, a] { return import_dataset(context, *a); });

  add_dataset_check(*group, context);
  add_dataset_split(*group, context);
  add_dataset_get(*group, context);
  add_dataset_synthesise(*group, context);
  add_dataset_export(*group, context);

  auto* list = group->add_subcommand("list", "List the data sets");
  on_run(list, context, [&context]() -> Status {
    ACESO_TRY(Api * api, context.api());
    ACESO_TRY(const Json answer, api->get("/api/v1/datasets"));
    if (context.json) {
      context.print_json(answer);
      return {};
    }
    std::vector<std::vector<std::string>> rows;
    for (const auto& s : answer.at("items")) {
      rows.push_back({s.value("name", ""), counts_text(s.value("splits", s.value("counts", Json::object()))),
                      s.value("sha256", "").substr(0, 12)});
    }
    context.print(rows.empty() ? "no data sets yet: aceso dataset import FILE --name NAME"
                               : format_table({"NAME", "SAMPLES", "SHA-256"}, rows));
    return {};
  });

  const auto with_name = [&](const char* command, const char* help,
                             std::function<Status(Api&, const std::string&)> work) {
    auto* sub = group->add_subcommand(command, help);
    auto name = std::make_shared<std::string>();
    sub->add_option("NAME", *name, "Data set")->required();
    on_run(sub, context, [&context, name, work = std::move(work)]() -> Status {
      ACESO_TRY(Api * api, context.api());
      return work(*api, *name);
    });
  };
  add_show(*group, context);
  with_name("verify", "Check the hash of every sample", [&context](Api& api, const std::string& name) -> Status {
    ACESO_TRY(const Json answer,
              api.call(net::Method::post, "/api/v1/datasets/" + url_encode(name) + "/verify", Json::object()));
    if (context.json) {
      context.print_json(answer);
    } else {
      context.print(name + ": every sample is as it was imported");
    }
    return {};
  });
  with_name("delete", "Delete a data set", [&context](Api& api, const std::string& name) -> Status {
    ACESO_TRY(const Json answer, api.call(net::Method::del, "/api/v1/datasets/" + url_encode(name), Json(nullptr)));
    if (context.json) {
      context.print_json(Json{{"deleted", name}});
    } else {
      context.print("deleted " + name);
    }
    (void)answer;
    return {};
  });
}

}  // namespace aceso::app
