// One walk over a data set: every attribute by its rule, at any depth.
#pragma once

#include <string>
#include <vector>

#include "aceso/dicom/dataset.hpp"
#include "aceso/privacy/deidentify.hpp"
#include "profile.hpp"
#include "scope.hpp"
#include "text.hpp"

namespace aceso::privacy {

class Pass {
 public:
  Pass(const DeidOptions& options, const Scope& scope, std::vector<ManifestEntry>& manifest)
      : options_{&options}, scope_{&scope}, manifest_{&manifest} {}

  // What the object says about people and places that will not be kept.
  void collect(const dicom::Dataset& dataset);
  dicom::Dataset apply(const dicom::Dataset& dataset, const std::string& path = {});
  // The second look: text anywhere that still holds an identity becomes a dummy value.
  void sweep(dicom::Dataset& dataset, const std::string& path = {});

 private:
  Decision decide_on(const dicom::Dataset& dataset, const dicom::Element& element) const;
  void write(const dicom::Dataset& from, const dicom::Element& element, const Decision& decision,
             const std::string& path, dicom::Dataset& out);
  void write_dummy(const dicom::Element& element, const std::string& path, dicom::Dataset& out);
  void write_clean(const dicom::Dataset& from, const dicom::Element& element, const std::string& path,
                   dicom::Dataset& out, std::string& action);
  void write_uids(const dicom::Dataset& from, const dicom::Element& element, dicom::Dataset& out) const;
  void write_items(const dicom::Element& element, const std::string& path, dicom::Dataset& out);
  dicom::Dataset all_dummies(const dicom::Dataset& dataset) const;
  bool is_safe_private(const dicom::Dataset& dataset, dicom::Tag tag) const;
  bool holds_identity(const dicom::Dataset& dataset, const dicom::Element& element) const;
  void note(std::string path, std::string action, std::string rule);

  const DeidOptions* options_;
  const Scope* scope_;
  std::vector<ManifestEntry>* manifest_;
  Identities identities_;
};

}  // namespace aceso::privacy
