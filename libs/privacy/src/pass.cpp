#include "pass.hpp"

#include <algorithm>

#include "aceso/dicom/dictionary.hpp"
#include "aceso/dicom/tags.hpp"

namespace aceso::privacy {
namespace {

using namespace dicom;

std::string joined(const std::string& path, Tag tag) {
  return path.empty() ? to_hex(tag) : path + "/" + to_hex(tag);
}

// A value of the VR that says nothing.
std::string_view dummy_text(Vr vr) {
  switch (vr) {
    case Vr::da:
      return "19000101";
    case Vr::tm:
      return "000000";
    case Vr::dt:
      return "19000101000000";
    case Vr::as:
      return "000D";
    case Vr::is:
      return "1";  // frames and items count from 1
    case Vr::ds:
      return "0";
    case Vr::ur:
      return "urn:removed";
    default:
      return "REMOVED";
  }
}

// As many values as before, up to 64 KiB: coordinates of a circle are still four. Whole numbers are 1: they count
// frames and items.
std::vector<std::byte> same_for_all(const Element& element) {
  constexpr std::size_t kMost = 65536;
  const std::size_t least = std::max<std::size_t>(word_size(element.vr()), 2);
  const std::size_t size = element.is_encapsulated() ? 0 : element.bytes().size();
  std::vector<std::byte> out(size < least || size > kMost ? least : size);
  const bool whole = element.vr() == Vr::us || element.vr() == Vr::ul;
  for (std::size_t i = 0; whole && i < out.size(); i += word_size(element.vr())) out[i] = std::byte{1};
  return out;
}

Dataset like(const Dataset& from) {
  Dataset out;
  out.set_charset(from.charset());
  out.erase(tags::kSpecificCharacterSet);
  return out;
}

// Addresses, numbers and places beside names that point at a person.
bool identifies(Tag tag) {
  constexpr std::uint16_t kOfPatient[] = {0x0020, 0x1000, 0x1040, 0x1090, 0x2154, 0x2155, 0x1050, 0x2297};
  if (tag.group == 0x0010) return std::ranges::find(kOfPatient, tag.element) != std::end(kOfPatient);
  return tag == tags::kAccessionNumber || tag == tags::kInstitutionName || tag == tags::kInstitutionAddress ||
         tag == tags::kAdmissionID || tag == tags::kServiceEpisodeID || tag == tags::kDeviceSerialNumber;
}

}  // namespace

void Pass::note(std::string path, std::string action, std::string rule) {
  manifest_->push_back({std::move(path), std::move(action), std::move(rule)});
}

bool Pass::is_safe_private(const Dataset& dataset, Tag tag) const {
  if (!options_->retain_safe_private) return false;
  return std::ranges::any_of(options_->safe_private, [&](const SafePrivate& safe) {
    if (safe.group != tag.group) return false;
    const std::uint16_t block = tag.is_private_creator() ? tag.element : static_cast<std::uint16_t>(tag.element >> 8);
    if (dataset.text_or({tag.group, block}) != safe.creator) return false;
    return tag.is_private_creator() || (tag.element & 0xFFU) == safe.element;
  });
}

Decision Pass::decide_on(const Dataset& dataset, const Element& element) const {
  const Tag tag = element.tag();
  if (tag.is_private()) {
    if (is_safe_private(dataset, tag)) return {Rule::keep, "E.1-1 retain-safe-private C"};
    return {Rule::remove, "private"};
  }
  // An overlay's size without its bits is no overlay (PS3.3 C.9.2: all of them are type 1).
  const bool of_overlay = tag.group >= 0x6000 && tag.group <= 0x60FF && tag.element != 0x3000;
  const ProfileRow* bits = of_overlay ? find_row({tag.group, 0x3000}) : nullptr;
  if (bits != nullptr) {
    const Decision decision = decide(*bits, *options_);
    if (decision.rule != Rule::keep) return {Rule::remove, decision.why};
  }
  if (const ProfileRow* row = find_row(tag)) {
    Decision decision = decide(*row, *options_);
    if (element.is_sequence() && decision.rule == Rule::keep) decision.rule = Rule::descend;
    return decision;
  }
  if (find_attribute(tag) == nullptr) return {Rule::remove, "not in the data dictionary"};
  if (element.is_sequence()) return {Rule::descend, ""};
  if (element.vr() == Vr::pn) return {Rule::dummy, "a person's name"};
  if (element.vr() == Vr::ui && !options_->retain_uids) return {Rule::map_uid, "a UID"};
  if (element.vr() == Vr::un) return {Rule::remove, "of unknown representation"};
  return {Rule::keep, ""};
}

void Pass::collect(const Dataset& dataset) {
  for (const Element& element : dataset.elements()) {
    if (element.is_sequence()) {
      for (const Dataset& item : element.items()) collect(item);
      continue;
    }
    if (!is_text(element.vr()) || (element.vr() != Vr::pn && !identifies(element.tag()))) continue;
    if (decide_on(dataset, element).rule == Rule::keep) continue;
    for (const std::string& value : element.texts(dataset.charset())) {
      if (element.vr() == Vr::pn) {
        identities_.add_name(value);
      } else if (uses_charset(element.vr())) {
        identities_.add_value(value);
      }
    }
  }
}

Dataset Pass::apply(const Dataset& dataset, const std::string& path) {
  Dataset out = like(dataset);
  for (const Element& element : dataset.elements()) {
    if (element.tag().is_group_length() || element.tag().group <= 0x0002) continue;
    const Decision decision = decide_on(dataset, element);
    write(dataset, element, decision, joined(path, element.tag()), out);
  }
  return out;
}

void Pass::write(const Dataset& from, const Element& element, const Decision& decision, const std::string& path,
                 Dataset& out) {
  std::string action;
  switch (decision.rule) {
    case Rule::remove:
      action = "removed";
      break;
    case Rule::empty:
      // Of the General Study module it is type 3, and then has one item at least (PS3.3 C.7.2.1).
      if (element.tag() == tags::kReferencedStudySequence && path.find('/') == std::string::npos) {
        action = "removed";
        break;
      }
      action = "emptied";
      out.set(Element{element.tag(), element.vr()});
      break;
    case Rule::dummy:
      action = "dummy";
      write_dummy(element, path, out);
      break;
    case Rule::map_uid:
      action = "uid";
      write_uids(from, element, out);
      break;
    case Rule::keep:
      if (decision.why.empty()) {
        out.set(element);
        return;
      }
      action = "kept";
      out.set(element);
      break;
    case Rule::clean:
      action = "cleaned";
      write_clean(from, element, path, out, action);
      break;
    case Rule::descend:
      write_items(element, path, out);
      if (decision.why.empty()) return;
      action = "cleaned";
      break;
  }
  note(path, action, decision.why);
}

void Pass::write_items(const Element& element, const std::string& path, Dataset& out) {
  std::vector<Dataset> items;
  items.reserve(element.items().size());
  for (std::size_t i = 0; i < element.items().size(); ++i)
    items.push_back(apply(element.items()[i], path + "/" + std::to_string(i + 1)));
  out.set_items(element.tag(), std::move(items));
}

void Pass::write_uids(const Dataset& from, const Element& element, Dataset& out) const {
  if (element.is_sequence()) {
    out.set_items(element.tag(), {});
    return;
  }
  std::string text;
  for (const std::string& uid : element.texts(from.charset()))
    text += (text.empty() ? "" : "\\") + scope_->map_uid(uid);
  if (text.empty() || !is_text(element.vr())) {
    out.set(Element{element.tag(), element.vr()});
  } else {
    out.set_text(element.tag(), Vr::ui, text);
  }
}

void Pass::write_dummy(const Element& element, const std::string& path, Dataset& out) {
  const Tag tag = element.tag();
  const bool patient = tag == tags::kPatientID || tag == tags::kPatientName;
  if (patient && path.find('/') == std::string::npos) {
    out.set_text(tag, element.vr(), scope_->pseudonym());
  } else if (element.is_sequence()) {
    std::vector<Dataset> items;
    for (const Dataset& item : element.items()) items.push_back(all_dummies(item));
    out.set_items(tag, std::move(items));
  } else if (is_text(element.vr()) && element.vr() != Vr::ui) {
    out.set_text(tag, element.vr(), dummy_text(element.vr()));
  } else if (element.vr() == Vr::ui) {
    out.set_text(tag, element.vr(), scope_->map_uid("dummy"));
  } else {
    out.set_bytes(tag, element.vr(), same_for_all(element));
  }
}

Dataset Pass::all_dummies(const Dataset& dataset) const {
  Dataset out = like(dataset);
  for (const Element& element : dataset.elements()) {
    const Tag tag = element.tag();
    if (tag.is_private() || tag.is_group_length() || find_attribute(tag) == nullptr) continue;
    if (element.is_sequence()) {
      std::vector<Dataset> items;
      for (const Dataset& item : element.items()) items.push_back(all_dummies(item));
      out.set_items(tag, std::move(items));
    } else if (element.vr() == Vr::ui) {
      write_uids(dataset, element, out);
    } else if (element.vr() == Vr::cs) {
      // Coded strings of the standard hold structure: value types, relationships, flags.
      out.set(element);
    } else if (is_text(element.vr())) {
      out.set_text(tag, element.vr(), dummy_text(element.vr()));
    } else {
      out.set_bytes(tag, element.vr(), same_for_all(element));
    }
  }
  return out;
}

void Pass::write_clean(const Dataset& from, const Element& element, const std::string& path, Dataset& out,
                       std::string& action) {
  const Tag tag = element.tag();
  const Vr vr = element.vr();
  if (element.is_sequence()) {
    write_items(element, path, out);
  } else if (vr == Vr::da || vr == Vr::dt || vr == Vr::tm) {
    action = "shifted";
    std::string text;
    for (const std::string& value : element.texts(from.charset()))
      text += (text.empty() ? "" : "\\") + scope_->shift(vr, value);
    out.set_text(tag, vr, text);
  } else if ((uses_charset(vr) || vr == Vr::cs) && vr != Vr::pn) {
    std::string text;
    for (const std::string& value : element.texts(from.charset())) {
      const std::string clean = clean_text(value);
      text += (text.empty() ? "" : "\\") + (identities_.found_in(clean) ? std::string{} : clean);
    }
    out.set_text(tag, vr, text.empty() ? "REMOVED" : text);
  } else if (vr == Vr::is || vr == Vr::ds || vr == Vr::as || word_size(vr) > 1) {
    if (is_bulk(vr)) {
      action = "removed";  // bitmaps and curves cannot be read here
    } else {
      out.set(element);
    }
  } else {
    action = "removed";
  }
}

bool Pass::holds_identity(const Dataset& dataset, const Element& element) const {
  if (uses_charset(element.vr()) || element.vr() == Vr::cs || element.vr() == Vr::ae || element.vr() == Vr::ur) {
    return std::ranges::any_of(element.texts(dataset.charset()),
                               [this](const std::string& value) { return identities_.found_in(value); });
  }
  const bool searchable = (element.vr() == Vr::un || element.vr() == Vr::ob) && !element.is_encapsulated() &&
                          element.tag() != tags::kPixelData && element.bytes().size() <= 65536;
  if (!searchable) return false;
  const auto bytes = element.bytes();
  return identities_.found_in({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

void Pass::sweep(Dataset& dataset, const std::string& path) {
  if (identities_.empty()) return;
  std::vector<Tag> found;
  for (const Element& element : dataset.elements()) {
    const std::string here = joined(path, element.tag());
    if (element.is_sequence()) {
      auto& items = dataset.find(element.tag())->items();
      for (std::size_t i = 0; i < items.size(); ++i) sweep(items[i], here + "/" + std::to_string(i + 1));
    } else if (holds_identity(dataset, element)) {
      found.push_back(element.tag());
    }
  }
  for (const Tag tag : found) {
    const Vr vr = dataset.find(tag)->vr();
    if (uses_charset(vr)) {
      dataset.set_text(tag, vr, "REMOVED");
    } else if (is_text(vr)) {
      dataset.set(Element{tag, vr});
    } else {
      dataset.erase(tag);
    }
    note(joined(path, tag), uses_charset(vr) ? "dummy" : "removed", "identity found by the second look");
  }
}

}  // namespace aceso::privacy
