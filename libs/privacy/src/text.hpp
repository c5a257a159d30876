// Free text without identities, and the identities of an object wherever they are written.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "aceso/dicom/dataset.hpp"

namespace aceso::privacy {

// Keeps words of the standard's own vocabulary and short numbers; all else, names among it, is left out. UTF-8.
std::string clean_text(std::string_view utf8);

class Identities {
 public:
  void add_name(std::string_view utf8);   // each component of a PN value
  void add_value(std::string_view utf8);  // identifiers, addresses, numbers
  // Any of them in the text, whatever the case: as whole words, longer ones (6 bytes and up) anywhere.
  bool found_in(std::string_view utf8) const;
  bool empty() const noexcept { return words_.empty() && parts_.empty(); }

 private:
  std::set<std::string, std::less<>> words_;  // shorter than 6 bytes
  std::set<std::string, std::less<>> parts_;
};

}  // namespace aceso::privacy
