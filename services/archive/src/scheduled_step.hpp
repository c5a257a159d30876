// One scheduled procedure step: its fields as JSON, and as the attributes of a worklist item (PS3.4 K.6.1.2.2).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "aceso/base/json.hpp"
#include "aceso/base/result.hpp"
#include "aceso/contracts/worklist.hpp"

namespace aceso::archive {

enum class StepProgress : std::uint8_t { scheduled, started, completed, discontinued };
std::string_view to_string(StepProgress progress) noexcept;

struct ScheduledStep {
  std::string id = {};  // UUIDv7
  StepProgress progress = StepProgress::scheduled;
  std::map<std::string, std::string, std::less<>> fields = {};  // by name, "patient_id"; none is empty

  std::string_view field(std::string_view name) const;
  bool has_ended() const noexcept {
    return progress == StepProgress::completed || progress == StepProgress::discontinued;
  }
};

// Errors: invalid ("date: eight digits, such as 20260131").
Result<ScheduledStep> parse_scheduled_step(const Json& json);
Json to_json(const ScheduledStep& step);
contracts::WorklistItem item_of(const ScheduledStep& step);
std::string scheduled_step_schema();  // JSON schema of what parse_scheduled_step() takes

}  // namespace aceso::archive
