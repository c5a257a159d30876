#include "deidentified_series.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "aceso/base/text.hpp"

namespace aceso::archive {
namespace {

constexpr std::uint64_t kMostWhole = std::uint64_t{1} << 30;
constexpr std::uint64_t kMostWaiting = std::uint64_t{64} << 20;

class HeldObject final : public contracts::ObjectBytes {
 public:
  HeldObject(contracts::StoredObject object, std::vector<std::byte> bytes, std::uint64_t data_set)
      : object_{std::move(object)}, bytes_{std::move(bytes)}, data_set_{data_set} {
    object_.bytes = bytes_.size();
  }
  const contracts::StoredObject& object() const override { return object_; }
  std::uint64_t data_set_offset() const override { return data_set_; }
  Status read(std::uint64_t from, std::span<std::byte> out) const override {
    if (from > bytes_.size() || out.size() > bytes_.size() - from)
      return Error{Code::invalid, "the range lies outside the object"};
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(from), out.size(), out.begin());
    return {};
  }

 private:
  contracts::StoredObject object_;
  std::vector<std::byte> bytes_;
  std::uint64_t data_set_;
};

// Preamble, "DICM", then (0002,0000) with the length of the rest of the group (PS3.10 7.1).
std::uint64_t after_meta(std::span<const std::byte> part10) {
  constexpr std::size_t kLength = 140;  // where the group's length stands
  if (part10.size() < kLength + 4) return part10.size();
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < 4; ++i) length |= std::to_integer<std::uint64_t>(part10[kLength + i]) << (8 * i);
  return std::min<std::uint64_t>(kLength + 4 + length, part10.size());
}

bool is_transient(Code code) {
  return code == Code::unavailable || code == Code::timeout || code == Code::exhausted;
}

std::unique_ptr<contracts::ObjectBytes> held(privacy::Deidentified object) {
  contracts::StoredObject name{.study_uid = std::move(object.study),
                               .series_uid = std::move(object.series),
                               .sop_instance_uid = std::move(object.sop_instance),
                               .sop_class_uid = std::move(object.sop_class),
                               .transfer_syntax_uid = std::move(object.transfer_syntax)};
  const std::uint64_t data_set = after_meta(object.bytes);
  return std::make_unique<HeldObject>(std::move(name), std::move(object.bytes), data_set);
}

Status read_options(const Json& json, privacy::DeidOptions& out) {
  const auto names = json.find("options");
  if (names == json.end()) return {};
  if (!names->is_array()) return Error{Code::invalid, "deidentify: options is a list of names"};
  for (const auto& name : *names) {
    if (!name.is_string()) return Error{Code::invalid, "deidentify: options is a list of names"};
    if (auto set = privacy::set_option(out, name.get<std::string>()); !set) {
      return Error{Code::invalid,
                   "deidentify: " + escape_controls(name.get<std::string>(), 64) + ": " + set.error().message()};
    }
  }
  if (out.retain_full_dates && out.retain_modified_dates)
    return Error{Code::invalid, "deidentify: retain-full-dates and retain-modified-dates exclude each other"};
  return {};
}

}  // namespace

Result<privacy::DeidOptions> parse_deidentify(const Json& json) {
  static const std::array<std::string, 3> kKeys{"options", "pixel_rules", "detect_text"};
  if (!json.is_object()) return Error{Code::invalid, "deidentify is a map of options, pixel_rules and detect_text"};
  for (const auto& [key, value] : json.items()) {
    if (std::ranges::find(kKeys, key) == kKeys.end())
      return Error{Code::invalid, "deidentify: unknown key " + escape_controls(key, 64)};
  }
  privacy::DeidOptions out;
  ACESO_TRY_OK(read_options(json, out));
  if (const auto rules = json.find("pixel_rules"); rules != json.end()) {
    auto parsed = privacy::parse_pixel_rules(Json{{"rules", *rules}}.dump());
    if (!parsed) return Error{Code::invalid, "deidentify: " + parsed.error().message()};
    out.pixel_rules = *std::move(parsed);
    out.clean_pixel_data = true;
  }
  if (const auto which = json.find("detect_text"); which != json.end()) {
    if (*which != "suspicious" && *which != "all")
      return Error{Code::invalid, "deidentify: detect_text is suspicious or all"};
    out.detect_text = *which == "all" ? privacy::TextDetection::all : privacy::TextDetection::suspicious;
    out.clean_pixel_data = true;
  }
  return out;
}

void DeidReport::add(const privacy::Deidentified& object) {
  Json treated = Json::parse(privacy::manifest_json(object));
  treated.erase("sop_instance");
  treated_[treated.dump()].push_back(object.sop_instance);
}

void DeidReport::refuse(std::string reason) {
  ++refused_[std::move(reason)];
}

std::size_t DeidReport::refused() const noexcept {
  return std::accumulate(refused_.begin(), refused_.end(), std::size_t{0},
                         [](std::size_t sum, const auto& one) { return sum + one.second; });
}

std::string DeidReport::refusals() const {
  std::string out;
  for (const auto& [reason, count] : refused_) {
    if (!out.empty()) out += "; ";
    out += std::to_string(count);
    out += count == 1 ? " object was refused: " : " objects were refused: ";
    out += reason;
  }
  return out;
}

std::string DeidReport::manifest() const {
  std::string out;
  for (const auto& [treated, instances] : treated_) {
    Json line = Json::parse(treated);
    line["sop_instances"] = instances;
    out += line.dump();
    out += '\n';
  }
  for (const auto& [reason, count] : refused_) {
    out += Json{{"refused", reason}, {"objects", count}}.dump();
    out += '\n';
  }
  return out;
}

Status deidentify_series(const privacy::Deidentifier& deidentifier, std::size_t count, const OpenObject& open,
                         const std::function<Status(ObjectList& objects)>& flush, const std::stop_token& stop,
                         DeidReport& report) {
  ObjectList waiting;
  std::uint64_t waiting_bytes = 0;
  const auto flush_now = [&]() -> Status {
    if (waiting.empty()) return {};
    ACESO_TRY_OK(flush(waiting));
    waiting.clear();
    waiting_bytes = 0;
    return {};
  };
  for (std::size_t i = 0; i < count; ++i) {
    if (stop.stop_requested()) return Error{Code::cancelled, "stopped before everything was sent"};
    const auto kept = open(i);
    if (!kept) {
      if (is_transient(kept.error().code())) return kept.error();
      if (kept.error().code() != Code::not_found) report.refuse("it cannot be read");
      continue;
    }
    if ((*kept)->object().bytes > kMostWhole) {
      report.refuse("it is larger than 1 GiB");
      continue;
    }
    std::vector<std::byte> bytes(static_cast<std::size_t>((*kept)->object().bytes));
    ACESO_TRY_OK((*kept)->read(0, bytes));
    auto clean = deidentifier.run(bytes, {.stop = stop, .progress = {}});
    if (!clean) {
      if (clean.error().code() == Code::cancelled) return std::move(clean).error();
      report.refuse(clean.error().message());
      continue;
    }
    report.add(*clean);
    waiting_bytes += clean->bytes.size();
    waiting.push_back(held(*std::move(clean)));
    if (waiting_bytes >= kMostWaiting) ACESO_TRY_OK(flush_now());
  }
  return flush_now();
}

}  // namespace aceso::archive
