// What comes of a labelling project: tables for others, and a new version of the dataset.
#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "aceso/learn/dataset_relabel.hpp"
#include "labelling.hpp"
#include "labelling_shapes.hpp"
#include "object_reader.hpp"
#include "training.hpp"

namespace aceso::models {
namespace {

std::string number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f", value);
  return text.data();
}

// "2 readers (anna, ben), Cohen's kappa 0.81 (95 % 0.72 to 0.90), 240 cases read, 17 adjudicated, 3 without a label".
std::string describe(const LabellingProject& p, const Json& agreement) {
  std::string text = std::to_string(p.readers()) + " readers (";
  for (const LabellingMember& m : p.members) {
    if (m.position > 0) text.append(m.position > 1 ? ", " : "").append(m.name);
  }
  text += "), ";
  const Json& kappa = agreement["pairs"][0]["kappa"];
  if (p.drawn())
    text += p.outlines() ? "outlines, on whether anything is drawn " : "boxes, on whether anything is drawn ";
  if (p.readers() > 2) {
    text += agreement["mean_kappa"].is_number() ? "mean Cohen's kappa " + number(agreement["mean_kappa"].get<double>())
                                                : std::string{"no kappa"};
  } else if (kappa["value"].is_number()) {
    text += "Cohen's kappa " + number(kappa["value"].get<double>());
    if (kappa["low"].is_number()) {
      text += " (95 % " + number(kappa["low"].get<double>()) + " to " + number(kappa["high"].get<double>()) + ")";
    } else {
      text += " (" + kappa.value("why", std::string{"no interval"}) + ")";
    }
  } else {
    text += "no kappa";
  }
  if (p.readers() == 2 && p.drawn()) {
    const Json& pair = agreement["pairs"][0];
    const Json& mean = p.outlines() ? pair["dice"]["mean"] : pair["boxes"]["f1"];
    if (mean.is_number()) {
      text.append(p.outlines() ? ", mean Dice " : ", F1 of boxes at an IoU of 0.5 ");
      text.append(number(mean.get<double>()));
    }
  }
  return text + ", " + agreement["read_by_all"].dump() + " cases read by all, " + agreement["adjudicated"].dump() +
         " adjudicated, " + agreement["cannot_tell"].dump() + " without an answer, labelling project " + p.id;
}

// RFC 4180. Of what people wrote, not of what an import reads back, an apostrophe quotes what a spreadsheet would take
// for a formula.
enum class CsvField : std::uint8_t { exact, written };
void add_field(std::string& line, const std::string& text, CsvField kind = CsvField::exact, bool last = false) {
  std::string value = text;
  if (kind == CsvField::written && !value.empty() &&
      std::string_view{"=+-@\t\r"}.find(value.front()) != std::string_view::npos)
    value.insert(value.begin(), '\'');
  if (value.find_first_of(",\"\r\n") == std::string::npos) {
    line += value;
  } else {
    line += '"';
    for (const char c : value) {
      if (c == '"') line += '"';
      line += c;
    }
    line += '"';
  }
  line += last ? "\n" : ",";
}

// The class of a sample on which something was drawn is that of the largest object; of one without, "none".
Status add_drawing(const LabellingProject& p, const learn::Sample& sample, const std::string& shapes,
                   learn::NewLabel& label) {
  const std::int64_t height = sample.shape[0], width = sample.shape[1];
  ACESO_TRY(const Json json, parse_own(shapes));
  ACESO_TRY(const std::vector<DrawnObject> objects,
            parse_objects(json, {.classes = p.classes, .width = width, .height = height, .outlines = p.outlines()}));
  const auto largest = std::max_element(objects.begin(), objects.end(), [](const DrawnObject& a, const DrawnObject& b) {
    return area_of(a) < area_of(b);
  });
  label.label = largest == objects.end() ? 0 : static_cast<int>(largest->label) + 1;
  if (p.outlines()) {
    label.mask = mask_of(objects, width, height);
  } else {
    for (const DrawnObject& object : objects) label.boxes.push_back(box_of(object));
  }
  return {};
}

struct FinishRequest {
  learn::Relabelling how;
  bool leave_undecided = false;
  std::optional<bool> keep_others;
};

Result<FinishRequest> parse_finish(const Json& request) {
  FinishRequest f;
  ACESO_TRY(ObjectReader reader, ObjectReader::of(request, "labelling"));
  ACESO_TRY(f.how.name, reader.text_or("as", 64, {}));
  if (!f.how.name.empty()) ACESO_TRY_OK(check_dataset_name(f.how.name));
  ACESO_TRY(f.leave_undecided, reader.boolean_or("leave_undecided", false));
  ACESO_TRY(f.keep_others, reader.maybe_boolean("keep_others"));
  ACESO_TRY(f.how.validation, reader.number_or("validation", f.how.validation, 0, 0.9));
  ACESO_TRY(f.how.test, reader.number_or("test", f.how.test, 0, 0.9));
  ACESO_TRY_OK(reader.done());
  if (!(f.how.validation + f.how.test < 1))
    return Error{Code::invalid, "labelling: the shares of validation and test must be below 1 together"};
  return f;
}

}  // namespace

Result<Json> Labelling::labels(const Actor& actor, std::string_view id) const {
  ACESO_TRY(const LabellingProject p, load_visible(actor, true, id));
  ACESO_TRY_OK(check_told(actor, p));
  ACESO_TRY(const LabellingAnswers given, answers(p, std::nullopt));
  ACESO_TRY(const auto dataset, datasets_.open(p.dataset));
  const auto& samples = dataset->manifest().samples;
  Json items = Json::array();
  for (std::size_t n = 0; n < p.samples.size(); ++n) {
    if (p.samples[n] >= samples.size()) return Error{Code::data_loss, "a case is of no sample"};
    const learn::Sample& sample = samples[p.samples[n]];
    const SettledCase settled = settle(p, n, given[n]);
    Json said = Json::object();
    for (const LabellingMember& m : p.members) {
      if (const auto found = given[n].find(m.position); found != given[n].end()) said[m.name] = to_json(found->second);
    }
    Json objects = nullptr;
    if (!settled.shapes.empty()) {
      ACESO_TRY(objects, parse_own(settled.shapes));
    }
    items.push_back(Json{{"sample", sample.id},
                         {"sha256", sample.sha256},
                         {"outcome", to_string(settled.outcome)},
                         {"class", settled.label.empty() ? Json(nullptr) : Json(settled.label)},
                         {"objects", std::move(objects)},
                         {"answers", std::move(said)}});
  }
  Json readers = Json::array();
  for (const LabellingMember& m : p.members) {
    if (m.position > 0) readers.push_back(m.name);
  }
  return Json{{"project", p.id},
              {"task", p.task},
              {"name", p.name},
              {"dataset", p.dataset},
              {"dataset_sha256", p.dataset_sha256},
              {"classes", p.classes},
              {"readers", std::move(readers)},
              {"adjudicator", p.members.front().name},
              {"items", std::move(items)}};
}

Result<std::string> Labelling::labels_csv(const Actor& actor, std::string_view id) const {
  ACESO_TRY(const Json table, labels(actor, id));
  if (table["task"] != "classes")
    return Error{Code::unsupported, "boxes and outlines do not fit a table: take labels.json"};
  std::vector<std::string> people;
  for (const Json& name : table["readers"]) people.push_back(name.get<std::string>());
  people.push_back(table["adjudicator"].get<std::string>());
  std::string out;
  add_field(out, "path");
  add_field(out, "label");
  add_field(out, "outcome");
  add_field(out, "sha256");
  for (std::size_t i = 0; i < people.size(); ++i) add_field(out, people[i], CsvField::written, i + 1 == people.size());
  for (const Json& item : table["items"]) {
    add_field(out, item["sample"].get<std::string>());
    add_field(out, item["class"].is_string() ? item["class"].get<std::string>() : std::string{});
    add_field(out, item["outcome"].get<std::string>());
    add_field(out, item["sha256"].get<std::string>());
    for (std::size_t i = 0; i < people.size(); ++i) {
      std::string said;
      if (const auto found = item["answers"].find(people[i]); found != item["answers"].end()) {
        said = (*found)["class"].is_string() ? (*found)["class"].get<std::string>()
                                             : "cannot tell: " + (*found)["cannot_tell"].get<std::string>();
      }
      add_field(out, said, CsvField::written, i + 1 == people.size());
    }
  }
  return out;
}

Result<Json> Labelling::prepare_finish(const Actor& actor, std::string_view id, const Json& request) {
  ACESO_TRY(FinishRequest f, parse_finish(request));
  ACESO_TRY(const LabellingProject p, load(id));
  if (p.state == LabellingState::reading)
    return Error{Code::precondition, "the readers have not all handed in: let them, or end the reading with a reason"};
  if (p.state == LabellingState::finished) return Error{Code::precondition, "the project is finished already"};
  ACESO_TRY(const LabellingAnswers given, answers(p, std::nullopt));
  const Json agreement = agreement_json(p, given);
  const auto undecided = agreement["undecided"].get<std::size_t>();
  if (undecided > 0 && !f.leave_undecided) {
    return Error{Code::precondition, std::to_string(undecided) +
                                         " disagreements are not decided: let the adjudicator decide them, or leave "
                                         "these samples without a label (leave_undecided)"};
  }
  if (agreement["read_by_all"] == 0) return Error{Code::precondition, "no case was read by all readers"};
  ACESO_TRY(const auto dataset, datasets_.open(p.dataset));
  const bool same = !p.drawn() && dataset->manifest().classes == p.classes;
  if (f.keep_others.value_or(false) && !same)
    return Error{Code::invalid, "labelling: keep_others: the classes of the data set are others"};
  if (f.how.name.empty()) {
    ACESO_TRY(f.how.name, datasets_.next_version(p.dataset));
  }
  if (datasets_.taken(f.how.name, "")) return Error{Code::exists, "there is a dataset " + f.how.name + " already"};
  ACESO_TRY_OK(context_.catalogue->write([&](store::Transaction& tx) -> Status {
    ACESO_TRY(const auto changed,
              tx.execute("UPDATE labelling_project SET state = 'finishing' WHERE id = ?1 AND state = 'adjudication'",
                         {p.id}));
    if (changed == 0) return Error{Code::conflict, "the project was changed meanwhile"};
    return context_.record(actor, "U", "labelling.finish", "labelling", p.id,
                           dump(Json{{"dataset", f.how.name}, {"adjudicated", agreement["adjudicated"]}}));
  }));
  return Json{{"project", p.id},
              {"dataset", p.dataset},
              {"name", f.how.name},
              {"keep_others", f.keep_others.value_or(same)},
              {"validation", f.how.validation},
              {"test", f.how.test}};
}

Status Labelling::unfinish(std::string_view id) {
  return context_.catalogue->execute(
      "UPDATE labelling_project SET state = 'adjudication' WHERE id = ?1 AND state = 'finishing'", {std::string{id}});
}

Result<std::vector<std::string>> Labelling::finishing() const {
  ACESO_TRY(const auto rows,
            context_.catalogue->query("SELECT id FROM labelling_project WHERE state = 'finishing'", {}, 10'000));
  std::vector<std::string> ids;
  ids.reserve(rows.size());
  for (const store::Row& row : rows) ids.push_back(row.text(0));
  return ids;
}

Result<Json> Labelling::run_finish(store::JobContext& job) {
  ACESO_TRY(const Json input, parse_own(job.job().input_json));
  ACESO_TRY(const LabellingProject p, load(input.value("project", std::string{})));
  ACESO_TRY(const LabellingAnswers given, answers(p, std::nullopt));
  ACESO_TRY(const auto dataset, datasets_.open(p.dataset));
  if (dataset->manifest().sha256 != p.dataset_sha256)
    return Error{Code::data_loss, "the data set of this project is not the one that it was made of"};
  learn::Relabelling how;
  how.name = input.value("name", std::string{});
  how.classes = p.classes;
  if (p.drawn()) how.classes.insert(how.classes.begin(), "none");
  how.keep_others = input.value("keep_others", false);
  how.validation = input.value("validation", how.validation);
  how.test = input.value("test", how.test);
  how.seed = p.seed;
  std::size_t labelled = 0;
  for (std::size_t n = 0; n < p.samples.size(); ++n) {
    const SettledCase settled = settle(p, n, given[n]);
    learn::NewLabel label{.index = p.samples[n]};
    if (!settled.shapes.empty()) {
      ACESO_TRY_OK(add_drawing(p, dataset->manifest().samples[p.samples[n]], settled.shapes, label));
      ++labelled;
    } else if (!settled.label.empty()) {
      const auto found = std::find(p.classes.begin(), p.classes.end(), settled.label);
      label.label = static_cast<int>(found - p.classes.begin());
      ++labelled;
    }
    how.labels.push_back(std::move(label));
  }
  const Json agreement = agreement_json(p, given);
  how.label_source = describe(p, agreement);
  const std::string before = dataset->manifest().label_source;
  if (how.keep_others && p.samples.size() < dataset->manifest().samples.size())
    how.label_source += "; the other samples: " + (before.empty() ? std::string{"as before"} : before);
  how.history = "labelled by people in project " + p.name + ": " + std::to_string(labelled) + " of " +
                std::to_string(p.samples.size()) + " cases have a label";
  JobProgress progress{job, context_.clock};
  ACESO_TRY(const Json summary,
            datasets_.relabel(actor_of(input, job.job()), p.dataset, how, job.job().id, progress, job.stop()));
  ACESO_TRY_OK(context_.catalogue->execute("UPDATE labelling_project SET state = 'finished', result = ?2 WHERE id = ?1",
                                           {p.id, how.name}));
  return Json{{"dataset", how.name},
              {"samples", summary.value("samples", Json(nullptr))},
              {"labelled", labelled},
              {"sha256", summary.value("sha256", std::string{})}};
}

}  // namespace aceso::models
