// Content items of structured reports (PS3.3 C.17.3) and what all reports say of the objects they speak of.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "aceso/dicom/derived.hpp"

namespace aceso::dicom {

// Relationships with their targets (PS3.3 C.17.3.2.4).
inline constexpr std::string_view kContains = "CONTAINS";
inline constexpr std::string_view kContext = "HAS OBS CONTEXT";
inline constexpr std::string_view kModifier = "HAS CONCEPT MOD";
inline constexpr std::string_view kInferred = "INFERRED FROM";
inline constexpr std::string_view kSelected = "SELECTED FROM";

CodedEntry dcm_code(std::string value, std::string meaning);

// An item without its value; `concept_name` may be null. Finish it with finished_item().
Dataset content_item(std::string_view relation, std::string_view type, const CodedEntry* concept_name);
Dataset finished_item(Dataset item);

Dataset container_item(std::string_view relation, const CodedEntry& concept_name, std::string_view template_id,
                       std::vector<Dataset> children);
Dataset text_item(std::string_view relation, const CodedEntry& concept_name, std::string_view value);
Dataset coded_item(std::string_view relation, const CodedEntry& concept_name, const CodedEntry& value);
Dataset uid_item(std::string_view relation, const CodedEntry& concept_name, std::string_view value);
Dataset person_item(std::string_view relation, const CodedEntry& concept_name, std::string_view person_name);
// `presentation`: the presentation state it should be seen with; null: none.
Dataset image_item(std::string_view relation, const CodedEntry* concept_name, const ReferencedObject& image,
                   const ReferencedObject* presentation = nullptr);

// A closed line through `points` (column, row, column...; PS3.3 C.18.6.1.2) of an image, which is a child of the item.
Dataset outline_item(std::string_view relation, const CodedEntry& concept_name, const ReferencedObject& image,
                     const std::vector<double>& points);

// (0008,1150) and (0008,1155).
Dataset object_reference(const ReferencedObject& object);
// The objects of one study by series, as an item of an evidence or predecessor sequence (PS3.3 table 10-11, 10-4).
Dataset hierarchical_reference(std::string_view study_uid, const std::vector<ReferencedObject>& objects);

// TID 1002, device: this node (rows in the order of the template).
std::vector<Dataset> device_observer(std::string_view uid, std::string_view name, const Equipment& equipment);

}  // namespace aceso::dicom
