#include "scheduled_step.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "aceso/dicom/uid.hpp"

namespace aceso::archive {
namespace {

// How a value must look (PS3.5 6.2).
enum class Form : std::uint8_t { name, text64, text16, code, title, date, time, uid };

struct Field {
  std::string_view name;
  std::uint32_t tag;
  bool of_step;  // in the item of (0040,0100)
  Form form;
  bool required;
  std::string_view what;
};
constexpr std::array<Field, 18> kFields{{
    {"patient_name", 0x00100010, false, Form::name, true, "Doe^Jane, in UTF-8"},
    {"patient_id", 0x00100020, false, Form::text64, true, ""},
    {"issuer", 0x00100021, false, Form::text64, false, "who gave the patient ID"},
    {"birth_date", 0x00100030, false, Form::date, false, "YYYYMMDD"},
    {"sex", 0x00100040, false, Form::code, false, "M, F or O"},
    {"accession", 0x00080050, false, Form::text16, false, "accession number"},
    {"referring_physician", 0x00080090, false, Form::name, false, ""},
    {"study_uid", 0x0020000D, false, Form::uid, false, "Study Instance UID of what will be made; chosen when absent"},
    {"procedure_id", 0x00401001, false, Form::text16, false, "Requested Procedure ID"},
    {"procedure", 0x00321060, false, Form::text64, false, "Requested Procedure Description"},
    {"modality", 0x00080060, true, Form::code, true, "CT, MR, ..."},
    {"station_ae", 0x00400001, true, Form::title, false, "AE title of the modality"},
    {"date", 0x00400002, true, Form::date, true, "YYYYMMDD, when it begins"},
    {"time", 0x00400003, true, Form::time, false, "HHMM or HHMMSS"},
    {"physician", 0x00400006, true, Form::name, false, "who performs it"},
    {"description", 0x00400007, true, Form::text64, false, ""},
    {"step_id", 0x00400009, true, Form::text16, false, "Scheduled Procedure Step ID; chosen when absent"},
    {"location", 0x00400011, true, Form::text16, false, ""},
}};
constexpr std::uint32_t kStepStatus = 0x00400020;
constexpr std::size_t kMaxName = 324;  // three groups of 64 characters of several bytes, and their delimiters

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

bool digits_in(std::string_view text, int low, int high) {
  int value = -1;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  return ec == std::errc{} && end == text.data() + text.size() && value >= low && value <= high;
}

bool is_date(std::string_view text) {
  return text.size() == 8 && digits_in(text.substr(0, 4), 1000, 9999) && digits_in(text.substr(4, 2), 1, 12) &&
         digits_in(text.substr(6, 2), 1, 31);
}
bool is_time(std::string_view text) {
  return (text.size() == 4 || text.size() == 6) && digits_in(text.substr(0, 2), 0, 23) &&
         digits_in(text.substr(2, 2), 0, 59) && (text.size() == 4 || digits_in(text.substr(4, 2), 0, 59));
}
bool is_code(std::string_view text) {
  return text.size() <= 16 && std::ranges::all_of(text, [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ' ';
         });
}
bool is_title(std::string_view text) {
  return text.size() <= 16 && std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

// What is wrong, "" for nothing.
std::string_view fault(Form form, std::string_view text) {
  if (std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == '\\'; }))
    return "no control characters and no backslash";
  switch (form) {
    case Form::name:
      return text.size() <= kMaxName ? "" : "a name has at most three groups of 64 characters";
    case Form::text64:
      return characters(text) <= 64 ? "" : "at most 64 characters";
    case Form::text16:
      return characters(text) <= 16 ? "" : "at most 16 characters";
    case Form::code:
      return is_code(text) ? "" : "at most 16 capital letters, digits, spaces and underscores";
    case Form::title:
      return is_title(text) ? "" : "an AE title has at most 16 characters of ASCII";
    case Form::date:
      return is_date(text) ? "" : "eight digits, such as 20260131";
    case Form::time:
      return is_time(text) ? "" : "HHMM or HHMMSS";
    case Form::uid:
      return dicom::is_valid_uid(text) ? "" : "no UID";
  }
  return "";
}

}  // namespace

std::string_view to_string(StepProgress progress) noexcept {
  switch (progress) {
    case StepProgress::scheduled:
      return "scheduled";
    case StepProgress::started:
      return "started";
    case StepProgress::completed:
      return "completed";
    case StepProgress::discontinued:
      return "discontinued";
  }
  return "";
}

std::string_view ScheduledStep::field(std::string_view name) const {
  const auto found = fields.find(name);
  return found == fields.end() ? std::string_view{} : std::string_view{found->second};
}

Result<ScheduledStep> parse_scheduled_step(const Json& json) {
  if (!json.is_object()) return Error{Code::invalid, "a scheduled step is an object"};
  ScheduledStep step;
  for (const auto& [name, value] : json.items()) {
    const auto field = std::ranges::find(kFields, name, &Field::name);
    if (field == kFields.end()) return Error{Code::invalid, "an unknown field: see /api/v1/openapi.json"};
    if (!value.is_string()) return Error{Code::invalid, name + ": a text"};
    const auto& text = value.get_ref<const std::string&>();
    if (text.empty()) continue;
    if (const auto wrong = fault(field->form, text); !wrong.empty())
      return Error{Code::invalid, name + ": " + std::string{wrong}};
    step.fields.emplace(name, text);
  }
  for (const auto& field : kFields) {
    if (field.required && step.field(field.name).empty())
      return Error{Code::invalid, std::string{field.name} + " is missing"};
  }
  return step;
}

Json to_json(const ScheduledStep& step) {
  Json out{{"id", step.id}, {"state", to_string(step.progress)}};
  for (const auto& field : kFields) out[std::string{field.name}] = step.field(field.name);
  return out;
}

contracts::WorklistItem item_of(const ScheduledStep& step) {
  contracts::WorklistItem item;
  for (const auto& field : kFields) {
    auto& row = field.of_step ? item.step : item.attributes;
    row.push_back({field.tag, Phi<std::string>{std::string{step.field(field.name)}}});
  }
  const bool started = step.progress == StepProgress::started;
  item.step.push_back({kStepStatus, Phi<std::string>{started ? "STARTED" : "SCHEDULED"}});
  std::ranges::sort(item.attributes, {}, &contracts::ObjectAttribute::tag);
  std::ranges::sort(item.step, {}, &contracts::ObjectAttribute::tag);
  return item;
}

std::string scheduled_step_schema() {
  Json properties = Json::object();
  Json required = Json::array();
  for (const auto& field : kFields) {
    Json one{{"type", "string"}};
    if (!field.what.empty()) one["description"] = field.what;
    properties[std::string{field.name}] = std::move(one);
    if (field.required) required.push_back(field.name);
  }
  return Json{{"type", "object"},
              {"additionalProperties", false},
              {"properties", std::move(properties)},
              {"required", std::move(required)}}
      .dump();
}

}  // namespace aceso::archive
