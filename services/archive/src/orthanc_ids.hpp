// Identifiers as Orthanc makes them (SHA-1 of what names a resource), and the way back from one to the resource. Made
// from the index when the first of them is asked for; memory: about 100 bytes an instance from then on.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <map>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "index.hpp"

namespace aceso::archive {

struct OrthancId {
  std::array<std::byte, 20> bytes{};
  auto operator<=>(const OrthancId&) const = default;
};
// SHA-1 of the values joined by '|': Patient ID; and Study Instance UID; and Series Instance UID; and SOP Instance UID.
OrthancId orthanc_id(std::string_view patient_id);
OrthancId orthanc_id(std::string_view patient_id, std::string_view study_uid);
OrthancId orthanc_id(std::string_view patient_id, std::string_view study_uid, std::string_view series_uid);
OrthancId orthanc_id(std::string_view patient_id, const Instance& instance);
std::string to_string(const OrthancId& id);  // five groups of eight hexadecimal digits, lower case
std::optional<OrthancId> parse_orthanc_id(std::string_view text);

// Thread-safe. What was deleted is not found, whether or not it was told to.
class OrthancIds {
 public:
  explicit OrthancIds(const Index& index) : index_{index} {}  // outlives it

  // After the index took it, or took it out. Does nothing before the first question.
  void stored(std::string_view study_uid, std::string_view sop_instance_uid);
  void removed(std::string_view study_uid);

  std::optional<std::string> patient(const OrthancId& id);  // Patient ID
  StudyPtr study(const OrthancId& id);                      // null: not there, as of series and instance
  std::shared_ptr<const SeriesKey> series(const OrthancId& id);
  InstancePtr instance(const OrthancId& id);
  bool exists(QueryLevel level, const OrthancId& id);
  // By ascending identifier, [since, since + limit).
  std::vector<OrthancId> list(QueryLevel level, std::size_t since, std::size_t limit);
  std::size_t patients();

 private:
  struct OfStudy {
    std::string patient_id;
    std::vector<OrthancId> series, instances;
  };
  void ensure();
  void add_study(const StudyPtr& study);
  void add_instance(OfStudy& of, const InstancePtr& instance);
  void forget_study(std::string_view study_uid);
  template <class Map>
  std::vector<OrthancId> page(const Map& map, std::size_t since, std::size_t limit);

  const Index& index_;
  std::shared_mutex mutex_;
  bool made_ = false;
  struct Patient {
    std::string id;
    std::size_t studies = 0;
  };
  std::map<OrthancId, Patient> patients_;
  std::map<OrthancId, std::string> studies_;                      // Study Instance UID
  std::map<OrthancId, std::shared_ptr<const SeriesKey>> series_;  // shared with the index
  std::map<OrthancId, InstancePtr> instances_;                    //
  std::unordered_map<std::string, OfStudy> by_study_;             // by Study Instance UID
};

// As Orthanc takes it: without spaces around it.
std::string patient_id_of(const Study& study);  // takes the study's lock

}  // namespace aceso::archive
