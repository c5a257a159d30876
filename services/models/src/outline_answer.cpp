#include "outline_answer.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "aceso/imaging/image.hpp"

namespace aceso::models {
namespace {

constexpr std::size_t kMaxCorners = 20'000;  // of all lines; more are not sent along
constexpr double kLevel = 0.8;               // between the 10th and the 90th of 100 validation cases

std::string rounded(double value, int digits) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

Json none() {
  return Json{{"kind", "none"},
              {"text", "The model's bundle holds too few validation cases to say how good such an outline is."}};
}

Json group_of(const Json& table, double sure) {
  const Json& bins = table.at("bins");
  if (bins.empty()) return none();
  std::size_t chosen = bins.size() - 1;
  for (std::size_t i = 0; i + 1 < bins.size(); ++i) {  // between two groups: the nearer one
    if (sure <= (bins[i].at("high").get<double>() + bins[i + 1].at("low").get<double>()) / 2) {
      chosen = i;
      break;
    }
  }
  const Json& bin = bins[chosen];
  const double from = bin.at("low").get<double>(), to = bin.at("high").get<double>();
  const double median = bin.at("median").get<double>(), low = bin.at("p10").get<double>(),
               high = bin.at("p90").get<double>();
  const auto cases = bin.at("cases").get<std::uint64_t>();
  const bool outside = sure < from || sure > to;
  std::string text = "Of " + std::to_string(cases) +
                     " validation cases that the model outlined about as surely as this one, half reached a Dice of " +
                     rounded(median, 2) + " or more against the truth, and 8 of 10 lay between " + rounded(low, 2) +
                     " and " + rounded(high, 2) + ".";
  if (outside) text += " This one is outside of their range of sureness.";
  return Json{
      {"kind", "validation-dice"}, {"cases", cases}, {"median", median}, {"low", low},      {"high", high},
      {"level", kLevel},           {"sure", sure},   {"sure_low", from}, {"sure_high", to}, {"outside", outside},
      {"text", std::move(text)}};
}

Json contours_json(const contracts::Outlines& outlines) {
  const auto mask = outlines.mask.as<std::uint8_t>();
  std::size_t corners = 0;
  Json all = Json::array();
  for (std::size_t k = 0; k < outlines.labels.size(); ++k) {
    Json lines = Json::array();
    for (const learn::Line& line : learn::contours(outlines.mask.shape, mask, static_cast<std::uint8_t>(k + 1))) {
      corners += line.size();
      if (corners > kMaxCorners) return nullptr;
      Json points = Json::array();
      for (const auto& [x, y] : line) points.push_back(Json::array({x, y}));
      lines.push_back(std::move(points));
    }
    all.push_back(Json{{"label", outlines.labels[k]}, {"lines", std::move(lines)}});
  }
  return all;
}

// The slice with the most points.
std::int64_t fullest_slice(const learn::Array& mask) {
  const auto slices = static_cast<std::size_t>(mask.shape[0]);
  const std::size_t area = mask.data.size() / slices;
  std::size_t best = slices / 2;
  std::ptrdiff_t most = 0;
  for (std::size_t z = 0; z < slices; ++z) {
    const auto part = mask.as<std::uint8_t>().subspan(z * area, area);
    const auto count = std::count_if(part.begin(), part.end(), [](std::uint8_t v) { return v != 0; });
    if (count > most) {
      most = count;
      best = z;
    }
  }
  return static_cast<std::int64_t>(best);
}

float largest(const contracts::Outlines& outlines, std::size_t label) {
  const std::size_t area = outlines.mask.data.size();
  const auto plane = outlines.probabilities.f32().subspan(label * area, area);
  return plane.empty() ? 0 : *std::max_element(plane.begin(), plane.end());
}

}  // namespace

contracts::Outlines make_outlines(const learn::ModelSignature& signature, learn::Array probabilities, double threshold,
                                  std::vector<double> spacing_mm) {
  contracts::Outlines out;
  out.labels = learn::outline_labels(signature);
  out.mask = learn::draw_mask(probabilities, threshold);
  if (spacing_mm.size() == out.mask.shape.size()) out.spacing_mm = std::move(spacing_mm);
  double point = 1;
  for (const double mm : out.spacing_mm) point *= mm;
  const auto regions = learn::regions_of(probabilities, out.mask, threshold);
  for (std::size_t k = 0; k < regions.size(); ++k) {
    contracts::Outlines::Region region{.label = out.labels[k],
                                       .points = regions[k].points,
                                       .size = {},
                                       .parts = regions[k].parts,
                                       .mean_probability = regions[k].mean_probability,
                                       .doubtful = regions[k].doubtful};
    if (!out.spacing_mm.empty()) region.size = point * static_cast<double>(regions[k].points);
    out.regions.push_back(std::move(region));
  }
  if (probabilities.shape.front() > 1) {
    const std::size_t area = out.mask.data.size() * sizeof(float);
    probabilities.data.erase(probabilities.data.begin(),
                             probabilities.data.begin() + static_cast<std::ptrdiff_t>(area));
    --probabilities.shape.front();
  }
  out.probabilities = std::move(probabilities);
  return out;
}

Result<Json> store_outlines(store::BlobStore& blobs, const contracts::Outlines& outlines) {
  learn::Array steps = learn::Array::zeros(learn::DType::u8, outlines.probabilities.shape);
  const auto values = outlines.probabilities.f32();
  std::transform(values.begin(), values.end(), steps.data.begin(),
                 [](float p) { return static_cast<std::byte>(std::lround(std::clamp(p, 0.0F, 1.0F) * 255.0F)); });
  ACESO_TRY(const store::BlobInfo mask, blobs.put(learn::to_npy(outlines.mask)));
  ACESO_TRY(const store::BlobInfo map, blobs.put(learn::to_npy(steps)));
  const bool volume = outlines.mask.shape.size() == 3;
  Json regions = Json::array();
  for (std::size_t k = 0; k < outlines.regions.size(); ++k) {
    const auto& r = outlines.regions[k];
    regions.push_back(Json{{"label", r.label},
                           {"points", r.points},
                           {"size", r.size ? Json(*r.size) : Json(nullptr)},
                           {"unit", volume ? "mm3" : "mm2"},
                           {"parts", r.parts},
                           {"mean_probability", r.mean_probability},
                           {"doubtful", r.doubtful},
                           {"largest", largest(outlines, k)}});
  }
  return Json{{"kind", "outlines"},
              {"shape", outlines.mask.shape},
              {"spacing_mm", outlines.spacing_mm.empty() ? Json(nullptr) : Json(outlines.spacing_mm)},
              {"mask_sha256", mask.sha256},
              {"probabilities_sha256", map.sha256},
              {"regions", std::move(regions)},
              {"contours", volume ? Json(nullptr) : contours_json(outlines)},
              {"slice", volume ? Json(fullest_slice(outlines.mask)) : Json(nullptr)}};
}

Json outline_uncertainty(const Json& table, double sure) {
  if (!table.is_object()) return none();
  try {
    return group_of(table, sure);
  } catch (const nlohmann::json::exception&) {  // a bundle from elsewhere whose table has another shape
    return none();
  }
}

Result<std::vector<std::byte>> mask_png(const learn::Array& mask, std::size_t labels, std::int64_t slice) {
  const bool volume = mask.shape.size() == 3;
  if (mask.dtype != learn::DType::u8 || (mask.shape.size() != 2 && !volume) || labels == 0)
    return Error{Code::unsupported, "this mask has no picture"};
  const std::int64_t slices = volume ? mask.shape[0] : 1;
  if (slice < 0 || slice >= slices) return Error{Code::invalid, "slice: 0 to " + std::to_string(slices - 1)};
  imaging::Image image;
  image.height = mask.shape[mask.shape.size() - 2];
  image.width = mask.shape.back();
  const auto area = static_cast<std::size_t>(image.height * image.width);
  for (const std::uint8_t label : mask.as<std::uint8_t>().subspan(static_cast<std::size_t>(slice) * area, area))
    image.pixels.push_back(
        static_cast<std::byte>(std::lround(255.0 * std::min<double>(1, label / static_cast<double>(labels)))));
  return imaging::encode_png(image);
}

}  // namespace aceso::models
