// What clients send to UPS-RS: a data set as DICOM JSON that becomes a work item, changes it and its state; searches
// and identifiers of the Orthanc interface.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "aceso/dicom/json.hpp"
#include "orthanc_ids.hpp"
#include "orthanc_tags.hpp"
#include "workitem.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace archive = aceso::archive;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  (void)archive::parse_orthanc_id(text);
  (void)archive::parse_orthanc_tag(text);
  if (const auto uuid = archive::uuid_of_uid(text)) {
    if (archive::uid_of_uuid(*uuid) != text && text != "2.25.0") __builtin_trap();
  }
  const auto parsed = aceso::dicom::from_json_array(text);
  if (!parsed || parsed->empty()) return 0;
  const auto& first = parsed->front();
  (void)archive::orthanc_tags(first, archive::OrthancForm::full);
  if (!archive::check_new_workitem(first).good()) return 0;
  auto item = archive::make_workitem(first, "1.2.3", 0);
  for (std::size_t i = 1; i < parsed->size(); ++i) {
    const auto& next = (*parsed)[i];
    const auto lock = next.text_or({0x0008, 0x1195});
    (void)archive::update_workitem(item, next, lock, 1);
    if (const auto state = archive::parse_ups_state(next.text_or({0x0074, 0x1000})))
      (void)archive::change_workitem_state(item, *state, lock, 2);
  }
  (void)archive::request_workitem_cancel(item, "because", 3);
  (void)aceso::dicom::to_json(item.data);
  return 0;
}
