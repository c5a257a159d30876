// Matching (PS3.4 C.2.2.2, PS3.18 8.3.4): what C-FIND and QIDO-RS share.
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "index.hpp"

namespace aceso::archive {

// A key of a query: an attribute, or one inside of sequences ({RequestAttributesSequence, RequestedProcedureID}).
struct SearchKey {
  std::vector<dicom::Tag> path;
  std::string value;  // UTF-8
};

struct Search {
  QueryLevel level = QueryLevel::study;
  std::vector<SearchKey> keys;
  bool fuzzy_names = false;
  std::size_t offset = 0;
  std::size_t limit = 1000;
};

// One answer, copied: nothing of it changes any more.
struct Match {
  QueryLevel level = QueryLevel::study;
  Attributes patient;
  std::string study_uid;  // of a patient: the newest study
  Attributes study;
  std::set<std::string> modalities;   // of the study, as far as series are kept
  std::set<std::string> sop_classes;  //
  std::size_t study_series = 0;       //
  std::size_t study_instances = 0;    //
  std::string series_uid;             // from series level on
  Attributes series;                  //
  std::size_t series_instances = 0;   //
  InstancePtr image;                  // of image level the one, else the first there is
};

struct SearchResult {
  std::vector<Match> matches;
  bool more = false;                               // the limit cut the answer
  std::vector<std::vector<dicom::Tag>> unmatched;  // keys with a value that the index cannot match
};

// Errors: invalid (a malformed date, UID or number in a key). Thread-safe.
Result<SearchResult> search(const Index& index, const Search& search);

// Value of an attribute of a match, computed ones too; backslashes between values. nullopt: the index has none.
std::optional<std::string> value_of(const Index& index, const Match& match, dicom::Tag tag);

}  // namespace aceso::archive
