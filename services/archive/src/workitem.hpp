// One work item and what may become of it (PS3.4 CC.1.1, CC.2.5): states, the lock of its performer, what it must hold.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/dicom/dataset.hpp"
#include "matcher.hpp"
#include "query.hpp"

namespace aceso::archive {

inline constexpr std::string_view kUpsPush = "1.2.840.10008.5.1.4.34.6.1";

enum class UpsState : std::uint8_t { scheduled, in_progress, completed, canceled };
std::string_view to_string(UpsState state) noexcept;  // "IN PROGRESS"
std::optional<UpsState> parse_ups_state(std::string_view text) noexcept;

// What is answered: below 300 it was done. `warning` goes into the header of that name.
struct UpsAnswer {
  int status = 200;
  std::string warning = {};
  bool good() const noexcept { return status < 300; }
};

struct Workitem {
  std::string uid = {};
  UpsState state = UpsState::scheduled;
  std::string transaction_uid = {};  // of the performer, while it is in progress and after
  std::int64_t updated_us = 0;
  dicom::Dataset data = {};  // without the transaction UID
};

// A new one may hold this (PS3.4 table CC.2.5-3, N-CREATE). Its state, class and UID are set by make_workitem().
UpsAnswer check_new_workitem(const dicom::Dataset& data);
Workitem make_workitem(dicom::Dataset data, std::string uid, std::int64_t now_us);
// Attributes of `changes` take the place of those that are there (PS3.18 11.6).
UpsAnswer update_workitem(Workitem& item, const dicom::Dataset& changes, std::string_view transaction_uid,
                          std::int64_t now_us);
// PS3.18 11.7, PS3.4 table CC.1.1-2.
UpsAnswer change_workitem_state(Workitem& item, UpsState wanted, std::string_view transaction_uid, std::int64_t now_us);
// By somebody who does not perform it (PS3.18 11.8): what nobody has begun is canceled, else the performer decides.
UpsAnswer request_workitem_cancel(Workitem& item, std::string_view reason, std::int64_t now_us);

// "20260131101500.000000+0000"
std::string dicom_date_time(std::int64_t us);

// Keys of a search against a data set; dates with times may be ranges. Errors: invalid.
class WorkitemFilter {
 public:
  static Result<WorkitemFilter> create(const std::vector<SearchKey>& keys, bool fuzzy_names);
  bool matches(const dicom::Dataset& data) const;

 private:
  struct TimeSpan {
    std::vector<dicom::Tag> path;
    std::string from, to;
  };
  std::vector<Matcher> matchers_;
  std::vector<TimeSpan> spans_;
};

// The UID that stands for a UUID (PS3.5 B.2), and back; nullopt: no such UID.
std::string uid_of_uuid(std::string_view uuid);
std::optional<std::string> uuid_of_uid(std::string_view uid);

}  // namespace aceso::archive
