#include "aceso/privacy/deidentify.hpp"

#include <nlohmann/json.hpp>

#include "aceso/base/json.hpp"
#include "aceso/dicom/parse.hpp"
#include "aceso/dicom/pixel.hpp"
#include "aceso/dicom/tags.hpp"
#include "aceso/dicom/write.hpp"
#include "pass.hpp"
#include "pixels.hpp"

namespace aceso::privacy {
namespace {

using namespace dicom;

struct Code7050 {
  bool DeidOptions::* option;
  std::string_view value;
  std::string_view meaning;
};
constexpr Code7050 kCodes[] = {
    {&DeidOptions::clean_pixel_data, "113101", "Clean Pixel Data Option"},
    {&DeidOptions::clean_graphics, "113103", "Clean Graphics Option"},
    {&DeidOptions::clean_structured_content, "113104", "Clean Structured Content Option"},
    {&DeidOptions::clean_descriptors, "113105", "Clean Descriptors Option"},
    {&DeidOptions::retain_full_dates, "113106", "Retain Longitudinal Temporal Information Full Dates Option"},
    {&DeidOptions::retain_modified_dates, "113107", "Retain Longitudinal Temporal Information Modified Dates Option"},
    {&DeidOptions::retain_patient_characteristics, "113108", "Retain Patient Characteristics Option"},
    {&DeidOptions::retain_device, "113109", "Retain Device Identity Option"},
    {&DeidOptions::retain_uids, "113110", "Retain UIDs Option"},
    {&DeidOptions::retain_safe_private, "113111", "Retain Safe Private Option"},
    {&DeidOptions::retain_institution, "113112", "Retain Institution Identity Option"}};

Dataset code_item(std::string_view value, std::string_view meaning) {
  Dataset item;
  item.set_text(tags::kCodeValue, value).set_text(tags::kCodingSchemeDesignator, "DCM");
  item.set_text(tags::kCodeMeaning, meaning);
  return item;
}

void declare(const DeidOptions& options, Dataset& out, std::vector<ManifestEntry>& manifest) {
  std::vector<Dataset> codes{code_item("113100", "Basic Application Confidentiality Profile")};
  for (const Code7050& code : kCodes) {
    if (options.*(code.option)) codes.push_back(code_item(code.value, code.meaning));
  }
  out.set_text(tags::kPatientIdentityRemoved, "YES");
  out.set_text(tags::kDeidentificationMethod, "Aceso PS3.15 E.1-1");
  out.set_items(tags::kDeidentificationMethodCodeSequence, std::move(codes));
  const char* dates = options.retain_full_dates ? "UNMODIFIED" : options.retain_modified_dates ? "MODIFIED" : "REMOVED";
  out.set_text(tags::kLongitudinalTemporalInformationModified, dates);
  for (const Tag tag : {tags::kPatientIdentityRemoved, tags::kDeidentificationMethod,
                        tags::kDeidentificationMethodCodeSequence, tags::kLongitudinalTemporalInformationModified})
    manifest.push_back({to_hex(tag), "added", "E.1"});
}

Status check_kind(const Object& object, const DeidOptions& options) {
  if (object.sop_class() == "1.2.840.10008.1.3.10" || object.dataset.contains(tags::kDirectoryRecordSequence))
    return Error{Code::unsupported, "a directory of a medium holds names of patients and is not de-identified"};
  if (object.sop_instance().empty()) return Error{Code::invalid, "the object has no SOP instance UID"};
  if (object.dataset.contains(tags::kEncapsulatedDocument) && !options.keep_documents)
    return Error{Code::precondition, "an encapsulated document, whose text cannot be cleaned"};
  return {};
}

}  // namespace

Deidentifier::Deidentifier(DeidOptions options, const crypto::SecretKey& key)
    : options_{std::move(options)}, key_{key} {}

namespace {

// Whether and how the picture is looked at and changed. Errors: precondition.
Result<PixelWork> pixel_work(const Object& object, const DeidOptions& options, std::vector<std::string>& warnings) {
  PixelWork work;
  if (!object.dataset.contains(tags::kPixelData)) return work;
  work.blanking = blanking_for(object, options);
  work.rewrite = has_embedded_overlay(object.dataset);
  const std::string why = work.why = suspicion(object);
  const TextDetection detect = options.clean_pixel_data ? options.detect_text : TextDetection::none;
  if (detect == TextDetection::all && why.empty()) {
    // What is no picture of integers is passed as it would be without the detector.
    ACESO_TRY(const PixelFormat format, pixel_format(object.dataset));
    work.detect = format.bits_allocated != 1 && format.type == SampleType::integer;
    if (!work.detect) warnings.emplace_back("pixels of one bit or of floating point were not searched for text");
    return work;
  }
  work.detect = !why.empty() && detect != TextDetection::none;
  if (why.empty() || work.detect || !work.blanking.empty()) return work;
  if (!options.accept_pixels) return Error{Code::precondition, "the picture may hold burned-in text (" + why + ")"};
  warnings.push_back("pixels passed as they are although they may hold burned-in text (" + why + ")");
  return work;
}

std::string where_found(const FoundText& text) {
  const Rectangle& r = text.area;
  std::string out = text.second_look ? "text detector, second look: [" : "text detector: [";
  for (const std::uint32_t side : {r.x, r.y, r.width}) out += std::to_string(side) + ", ";
  out += std::to_string(r.height) + "]";
  out += " of frame " + std::to_string(text.first + 1);
  if (text.last > text.first) out += " to " + std::to_string(text.last + 1);
  return out;
}

// What the header then says of burned-in text. NO only where all was searched and something became black. Errors:
// precondition.
Status say_burned_in(const PixelWork& work, const CleanedPixels& done, const DeidOptions& options, Dataset& clean,
                     Deidentified& out) {
  const bool whole = done.text.partly_searched == 0;
  const bool blanked = !work.blanking.empty() || !done.text.found.empty();
  if (whole && blanked) {
    clean.set_text(tags::kBurnedInAnnotation, "NO");
    return {};
  }
  if (whole && work.why.empty()) return {};  // nothing speaks for text, and there is none: as the source says
  std::string what = "the text detector found nothing in a picture that may hold burned-in text";
  if (!whole) what = "too much texture: not all of the picture was searched for text";
  if (!work.why.empty()) what.append(" (").append(work.why).append(")");
  if (clean.text_or(tags::kBurnedInAnnotation) == "YES") {
    if (!options.accept_pixels && work.blanking.empty()) return Error{Code::precondition, what};
    out.warnings.push_back(what);
    return {};
  }
  if (clean.contains(tags::kBurnedInAnnotation)) {
    clean.erase(tags::kBurnedInAnnotation);
    out.manifest.push_back({to_hex(tags::kBurnedInAnnotation), "removed", "text detector: not certain"});
  }
  out.warnings.push_back(what);
  return {};
}

// The transfer syntax that `clean` is then written in.
Result<std::string_view> clean_picture(const Object& object, std::span<const std::byte> bytes, const PixelWork& work,
                                       const DeidControl& control, const DeidOptions& options, Dataset& clean,
                                       Deidentified& out) {
  const std::string_view as_it_is = object.syntax->encapsulated ? object.syntax->uid : kExplicitLittle;
  if (!work.detect && !work.rewrite && work.blanking.empty()) return as_it_is;
  ACESO_TRY(const CleanedPixels done, clean_pixels(object, bytes, work, control, clean));
  const std::string path = to_hex(tags::kPixelData);
  auto& manifest = out.manifest;
  if (work.rewrite) manifest.push_back({path, "blanked", "embedded overlays"});
  for (const std::string& rule : work.blanking.rules) manifest.push_back({path, "blanked", rule});
  for (const FoundText& text : done.text.found) manifest.push_back({path, "blanked", where_found(text)});
  if (work.detect && done.text.found.empty()) manifest.push_back({path, "kept", "text detector: nothing found"});
  if (done.text.partly_searched > 0) {
    manifest.push_back({path, "kept",
                        "text detector: " + std::to_string(done.text.partly_searched) +
                            " frames with levels of brightness not searched"});
  }
  if (work.detect || !work.blanking.empty()) {
    ACESO_TRY_OK(say_burned_in(work, done, options, clean, out));
  }
  return done.changed ? kExplicitLittle : as_it_is;
}

}  // namespace

Result<Deidentified> Deidentifier::run(std::span<const std::byte> part10, const DeidControl& control) const {
  ACESO_TRY(const Object object, parse(part10));
  ACESO_TRY_OK(check_kind(object, options_));
  Deidentified out;
  ACESO_TRY(const PixelWork work, pixel_work(object, options_, out.warnings));
  const Scope scope{key_, object.dataset};
  Pass pass{options_, scope, out.manifest};
  pass.collect(object.dataset);
  Dataset clean = pass.apply(object.dataset);
  pass.sweep(clean);
  if (const Element* document = object.dataset.find(tags::kEncapsulatedDocument); document != nullptr) {
    clean.set(*document);
    out.warnings.emplace_back("an encapsulated document passed as it is");
  }
  if (clean.contains(tags::kPatientName)) clean.set_text(tags::kPatientName, scope.pseudonym());
  clean.set_text(tags::kPatientID, scope.pseudonym());
  ACESO_TRY(const std::string_view syntax, clean_picture(object, part10, work, control, options_, clean, out));
  declare(options_, clean, out.manifest);
  if (!clean.contains(tags::kSOPInstanceUID))
    clean.set_text(tags::kSOPInstanceUID, scope.map_uid(object.sop_instance()));
  if (!clean.contains(tags::kSOPClassUID)) clean.set_text(tags::kSOPClassUID, object.sop_class());
  out.study = clean.text_or(tags::kStudyInstanceUID);
  out.series = clean.text_or(tags::kSeriesInstanceUID);
  out.sop_instance = clean.text_or(tags::kSOPInstanceUID);
  out.sop_class = clean.text_or(tags::kSOPClassUID);
  out.transfer_syntax = syntax;
  ACESO_TRY(out.bytes, write_part10(clean, syntax));
  return out;
}

std::string manifest_json(const Deidentified& object) {
  Json actions = Json::array();
  for (const ManifestEntry& entry : object.manifest)
    actions.push_back({{"path", entry.path}, {"action", entry.action}, {"rule", entry.rule}});
  return dump_json({{"sop_instance", object.sop_instance}, {"actions", actions}, {"warnings", object.warnings}});
}

Result<std::vector<PixelRule>> parse_pixel_rules(std::string_view json) {
  ACESO_TRY(const Json text, parse_json(json));
  const Error bad{
      Code::invalid,
      R"(pixel rules: {"rules": [{"name": "...", "match": {"Modality": "US"}, "blank": [[x, y, width, height]]}]})"};
  if (!text.is_object() || !text.contains("rules") || !text["rules"].is_array()) return bad;
  std::vector<PixelRule> rules;
  for (const Json& entry : text["rules"]) {
    if (!entry.is_object() || !entry.contains("match") || !entry["match"].is_object() || entry["match"].empty())
      return bad;
    PixelRule rule;
    rule.name = entry.contains("name") && entry["name"].is_string() ? entry["name"].get<std::string>() : "rule";
    for (const auto& [keyword, value] : entry["match"].items()) {
      if (!parse_tag(keyword) || !value.is_string()) return bad;
      rule.match[keyword] = value.get<std::string>();
    }
    for (const char* kind : {"blank", "keep"}) {
      if (!entry.contains(kind)) continue;
      if (!entry[kind].is_array()) return bad;
      for (const Json& area : entry[kind]) {
        if (!area.is_array() || area.size() != 4) return bad;
        std::uint32_t side[4]{};
        for (std::size_t i = 0; i < 4; ++i) {
          if (!area[i].is_number_unsigned() || area[i].get<std::uint64_t>() > 65535) return bad;
          side[i] = area[i].get<std::uint32_t>();
        }
        (kind[0] == 'b' ? rule.blank : rule.keep).push_back({side[0], side[1], side[2], side[3]});
      }
    }
    if (rule.blank.empty() && rule.keep.empty()) return bad;
    rules.push_back(std::move(rule));
  }
  return rules;
}

}  // namespace aceso::privacy
