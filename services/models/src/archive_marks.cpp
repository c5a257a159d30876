#include "archive_marks.hpp"

#include <algorithm>
#include <optional>

namespace aceso::models {
namespace {

using contracts::ImageMark;

constexpr const char* kNothing = "none";
constexpr std::size_t kMaxFindings = 255;  // masks are bytes

bool is_drawn(const ImageMark& mark) {
  return mark.box.has_value() || !mark.runs.empty();
}

double area_of(const ImageMark& mark) {
  if (mark.box) return ((*mark.box)[2] - (*mark.box)[0]) * ((*mark.box)[3] - (*mark.box)[1]);
  double sum = 0;
  for (std::size_t i = 1; i < mark.runs.size(); i += 2) sum += static_cast<double>(mark.runs[i]);
  return sum;
}

// Rows first; of an outline the pixels that it touches.
learn::Box box_of(const ImageMark& mark, int label) {
  if (mark.box)
    return {.label = label, .low = {(*mark.box)[1], (*mark.box)[0]}, .high = {(*mark.box)[3], (*mark.box)[2]}};
  std::int64_t top = mark.rows;
  std::int64_t bottom = 0;
  std::int64_t left = mark.columns;
  std::int64_t right = 0;
  for (std::size_t i = 0; i + 1 < mark.runs.size(); i += 2) {
    const std::int64_t first = mark.runs[i];
    const std::int64_t last = first + mark.runs[i + 1] - 1;
    const std::int64_t from = first / mark.columns;
    const std::int64_t to = last / mark.columns;
    top = std::min(top, from);
    bottom = std::max(bottom, to + 1);
    left = std::min(left, to > from ? 0 : first % mark.columns);
    right = std::max(right, to > from ? mark.columns : last % mark.columns + 1);
  }
  return {.label = label,
          .low = {static_cast<double>(top), static_cast<double>(left)},
          .high = {static_cast<double>(bottom), static_cast<double>(right)}};
}

std::optional<std::size_t> index_of(const std::vector<std::string>& names, const std::string& name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names.begin());
}

Error not_named() {
  return {Code::invalid, "a finding of the marks is none of the classes named"};
}

}  // namespace

Result<MarkUse> parse_mark_use(std::string_view name) {
  if (name.empty()) return MarkUse::none;
  if (name == "labels") return MarkUse::labels;
  if (name == "boxes") return MarkUse::boxes;
  if (name == "outlines") return MarkUse::outlines;
  return Error{Code::invalid, "marks: labels, boxes or outlines"};
}

learn::Array mask_of(const DrawnSample& sample) {
  learn::Array mask = learn::Array::zeros(learn::DType::u8, {sample.rows, sample.columns});
  for (const auto& outline : sample.outlines) {
    for (std::size_t i = 0; i + 1 < outline.runs.size(); i += 2)
      std::fill_n(mask.data.begin() + outline.runs[i], outline.runs[i + 1], static_cast<std::byte>(outline.value));
  }
  return mask;
}

std::vector<ImageMark> ArchiveMarks::choose(std::vector<ImageMark> marks) {
  if (!choice_.reader.empty()) std::erase_if(marks, [&](const ImageMark& one) { return one.author != choice_.reader; });
  if (marks.empty()) {
    ++counts_.unmarked;
    return {};
  }
  const auto other =
      std::ranges::any_of(marks, [&](const ImageMark& one) { return one.author != marks.front().author; });
  const bool frames = std::ranges::any_of(marks, [](const ImageMark& one) { return one.frame != 1; });
  const bool after = std::ranges::any_of(marks, &ImageMark::after_ai);
  if (other) {
    ++counts_.several_readers;
    return {};
  }
  if (frames) {
    ++counts_.several_frames;
    return {};
  }
  if (after && choice_.before_ai) {
    ++counts_.after_ai_out;
    return {};
  }
  counts_.after_ai += after ? 1U : 0U;
  return marks;
}

void ArchiveMarks::add(const std::string& path, std::vector<ImageMark> marks) {
  ++counts_.images;
  counts_.marks += marks.size();
  readers_.insert(marks.front().author);
  images_.emplace(path, std::move(marks));
}

Result<ArchiveMarks::Labelled> ArchiveMarks::finish(const std::vector<std::string>& wanted) const {
  Labelled out;
  std::set<std::string> said;
  for (const auto& [path, marks] : images_) {
    for (const ImageMark& mark : marks) {
      if (choice_.use == MarkUse::labels || is_drawn(mark)) said.insert(mark.finding);
    }
  }
  if (said.empty()) return Error{Code::invalid, "no box and no outline was drawn on these images"};
  if (said.size() > kMaxFindings) return Error{Code::invalid, "the marks name more than 255 findings"};
  out.classes = wanted.empty() ? std::vector<std::string>{said.begin(), said.end()} : wanted;
  const bool shapes = choice_.use != MarkUse::labels;
  if (shapes) {
    std::erase(out.classes, kNothing);
    out.classes.insert(out.classes.begin(), kNothing);
  }
  for (const std::string& finding : said) {
    if (!index_of(out.classes, finding)) return not_named();
  }
  for (const auto& [path, marks] : images_) {
    const auto largest =
        std::ranges::max_element(marks, {}, [](const ImageMark& one) { return is_drawn(one) ? area_of(one) : 0.0; });
    if (!shapes) {
      if (!is_drawn(*largest) &&
          std::ranges::any_of(marks, [&](const auto& o) { return o.finding != largest->finding; }))
        return Error{Code::invalid, "an image has two findings that are said of the whole image"};
      out.labels[path] = largest->finding;
      continue;
    }
    DrawnSample sample{
        .rows = marks.front().rows, .columns = marks.front().columns, .has_mask = choice_.use == MarkUse::outlines};
    bool usable = true;
    for (const ImageMark& mark : marks) {
      const auto label = index_of(out.classes, mark.finding);
      if (!is_drawn(mark)) {
        usable = usable && (!label || *label == 0);  // it is here, and nobody drew where
        continue;
      }
      sample.boxes.push_back(box_of(mark, static_cast<int>(*label)));
      usable = usable && (choice_.use == MarkUse::boxes || !mark.runs.empty());
      if (sample.has_mask) sample.outlines.push_back({static_cast<std::uint8_t>(*label), mark.runs});
    }
    if (!usable) {
      ++counts_.undrawn;
      continue;
    }
    out.labels[path] = is_drawn(*largest) ? largest->finding : kNothing;
    out.drawn.emplace(path, std::move(sample));
  }
  if (out.labels.empty()) return Error{Code::invalid, "no image has what was asked for: boxes have no outline"};
  return out;
}

std::string ArchiveMarks::label_source() const {
  std::string out = "marks of ";
  for (const auto& reader : readers_) out.append(reader == *readers_.begin() ? "" : ", ").append(reader);
  out += " on " + std::to_string(counts_.images) + " images of the node's archive";
  if (counts_.after_ai > 0)
    out += "; " + std::to_string(counts_.after_ai) + " of them marked when a model's answer stood in the study";
  return out;
}

}  // namespace aceso::models
