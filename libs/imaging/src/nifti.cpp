#include "aceso/imaging/nifti.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "gunzip.hpp"

namespace aceso::imaging {
namespace {

constexpr std::size_t kHeader1 = 348;
constexpr std::size_t kHeader2 = 540;
constexpr std::uint64_t kTrailing = std::uint64_t{1} << 20;  // that a .gz may hold behind its voxels
constexpr std::size_t kEnough = 544;                         // of a file's beginning for either header

struct Type {
  std::int64_t code;
  VoxelType type;
};
constexpr std::array<Type, 10> kTypes{{{2, VoxelType::u8},
                                       {4, VoxelType::i16},
                                       {8, VoxelType::i32},
                                       {16, VoxelType::f32},
                                       {64, VoxelType::f64},
                                       {128, VoxelType::rgb},
                                       {256, VoxelType::i8},
                                       {512, VoxelType::u16},
                                       {768, VoxelType::u32},
                                       {1024, VoxelType::i64}}};

Error bad(const std::string& why) {
  return {Code::invalid, "NIfTI: " + why};
}

// Fields of a header in the file's byte order.
class Fields {
 public:
  Fields(std::span<const std::byte> bytes, bool swapped) : bytes_{bytes}, swapped_{swapped} {}

  template <class T>
  T get(std::size_t at) const {
    std::array<std::byte, sizeof(T)> raw;
    std::memcpy(raw.data(), bytes_.data() + at, sizeof(T));
    if (swapped_) std::reverse(raw.begin(), raw.end());
    return std::bit_cast<T>(raw);
  }

 private:
  std::span<const std::byte> bytes_;
  bool swapped_;
};

struct Header {
  NiftiImage image;
  std::uint64_t voxels_at = 0;
  bool swapped = false;
};

// The parts of the two headers that say the same, read from where each has them.
struct Raw {
  std::array<std::int64_t, 8> dim{};
  std::array<double, 8> pixdim{};
  std::int64_t type = 0, qform = 0, sform = 0, units = 0;
  double voxels_at = 0, slope = 0, intercept = 0;
  std::array<double, 6> quaternion{};  // b, c, d, and the offset
  std::array<std::array<double, 4>, 3> sform_rows{};
};

Raw read_1(const Fields& f) {
  Raw raw;
  for (std::size_t i = 0; i < 8; ++i) {
    raw.dim[i] = f.get<std::int16_t>(40 + 2 * i);
    raw.pixdim[i] = static_cast<double>(f.get<float>(76 + 4 * i));
  }
  raw.type = f.get<std::int16_t>(70);
  raw.voxels_at = static_cast<double>(f.get<float>(108));
  raw.slope = static_cast<double>(f.get<float>(112));
  raw.intercept = static_cast<double>(f.get<float>(116));
  raw.units = f.get<std::uint8_t>(123);
  raw.qform = f.get<std::int16_t>(252);
  raw.sform = f.get<std::int16_t>(254);
  for (std::size_t i = 0; i < 6; ++i) raw.quaternion[i] = static_cast<double>(f.get<float>(256 + 4 * i));
  for (std::size_t i = 0; i < 12; ++i) raw.sform_rows[i / 4][i % 4] = static_cast<double>(f.get<float>(280 + 4 * i));
  return raw;
}

Raw read_2(const Fields& f) {
  Raw raw;
  raw.type = f.get<std::int16_t>(12);
  for (std::size_t i = 0; i < 8; ++i) {
    raw.dim[i] = f.get<std::int64_t>(16 + 8 * i);
    raw.pixdim[i] = f.get<double>(104 + 8 * i);
  }
  raw.voxels_at = static_cast<double>(f.get<std::int64_t>(168));
  raw.slope = f.get<double>(176);
  raw.intercept = f.get<double>(184);
  raw.qform = f.get<std::int32_t>(344);
  raw.sform = f.get<std::int32_t>(348);
  for (std::size_t i = 0; i < 6; ++i) raw.quaternion[i] = f.get<double>(352 + 8 * i);
  for (std::size_t i = 0; i < 12; ++i) raw.sform_rows[i / 4][i % 4] = f.get<double>(400 + 8 * i);
  raw.units = f.get<std::int32_t>(500);
  return raw;
}

// nifti1.h, "METHOD 2": a unit quaternion, the zooms, and the sign of the third axis in pixdim[0].
void affine_of_quaternion(const Raw& raw, NiftiImage& image) {
  const double b = raw.quaternion[0];
  const double c = raw.quaternion[1];
  const double d = raw.quaternion[2];
  const double rest = 1 - (b * b + c * c + d * d);
  const double a = rest > 1e-7 ? std::sqrt(rest) : 0;
  const double norm = rest > 1e-7 ? 1 : 1 / std::sqrt(std::max(b * b + c * c + d * d, 1e-12));
  const double x = b * norm;
  const double y = c * norm;
  const double z = d * norm;
  const double sign = raw.pixdim[0] < 0 ? -1 : 1;
  const std::array<std::array<double, 3>, 3> r{
      {{a * a + x * x - y * y - z * z, 2 * (x * y - a * z), 2 * (x * z + a * y)},
       {2 * (x * y + a * z), a * a + y * y - x * x - z * z, 2 * (y * z - a * x)},
       {2 * (x * z - a * y), 2 * (y * z + a * x), a * a + z * z - x * x - y * y}}};
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t axis = 0; axis < 3; ++axis)
      image.affine[row][axis] = r[row][axis] * image.spacing_mm[axis] * (axis == 2 ? sign : 1);
    image.affine[row][3] = raw.quaternion[3 + row];
  }
}

bool finite(const NiftiImage& image) {
  return std::all_of(image.affine.begin(), image.affine.end(), [](const auto& row) {
    return std::all_of(row.begin(), row.end(), [](double value) { return std::isfinite(value); });
  });
}

void read_orientation(const Raw& raw, NiftiImage& image) {
  if (raw.sform > 0) {
    image.affine = raw.sform_rows;
    for (std::size_t axis = 0; axis < 3; ++axis)
      image.spacing_mm[axis] = std::hypot(image.affine[0][axis], image.affine[1][axis], image.affine[2][axis]);
  } else if (raw.qform > 0) {
    affine_of_quaternion(raw, image);
  }
  image.oriented = (raw.sform > 0 || raw.qform > 0) && finite(image) &&
                   std::all_of(image.spacing_mm.begin(), image.spacing_mm.end(), [](double mm) { return mm > 0; });
}

Result<Header> parse_header(std::span<const std::byte> bytes) {
  if (bytes.size() < kHeader1) return bad("the file ends before its header does");
  Header header;
  const Fields native{bytes, false};
  const Fields foreign{bytes, true};
  std::size_t size = 0;
  for (const bool swapped : {false, true}) {
    const auto declared = (swapped ? foreign : native).get<std::int32_t>(0);
    if (declared != static_cast<std::int32_t>(kHeader1) && declared != static_cast<std::int32_t>(kHeader2)) continue;
    size = static_cast<std::size_t>(declared);
    header.swapped = swapped;
  }
  if (size == 0) return bad("not a NIfTI file");
  if (bytes.size() < size) return bad("the file ends before its header does");
  const std::string_view magic{reinterpret_cast<const char*>(bytes.data()) + (size == kHeader1 ? 344 : 4), 3};
  if (magic == "ni1" || magic == "ni2")
    return Error{Code::unsupported, "NIfTI: header and voxels in two files: join them into one .nii"};
  if (magic != (size == kHeader1 ? "n+1" : "n+2")) return bad("not a NIfTI file");
  const Fields& fields = header.swapped ? foreign : native;
  const Raw raw = size == kHeader1 ? read_1(fields) : read_2(fields);
  NiftiImage& image = header.image;
  const std::int64_t dimensions = raw.dim[0];
  if (dimensions < 2 || dimensions > 7) return bad("needs 2 to 7 dimensions, has " + std::to_string(dimensions));
  for (std::int64_t d = 1; d <= 7; ++d) {
    const auto at = static_cast<std::size_t>(d);
    const std::int64_t side = d <= dimensions ? raw.dim[at] : 1;
    if (side < 1) return bad("a dimension without voxels");
    if (d > 3 && side > std::int64_t{1'000'000} / image.volumes)
      return Error{Code::too_large, "NIfTI: more than a million volumes"};
    if (d <= 3) {
      image.size[at - 1] = side;
      const double zoom = std::abs(raw.pixdim[at]);
      image.spacing_mm[at - 1] = std::isfinite(zoom) ? zoom : 0;
    } else {
      image.volumes *= side;
    }
  }
  const auto type = std::find_if(kTypes.begin(), kTypes.end(), [&](const Type& t) { return t.code == raw.type; });
  if (type == kTypes.end()) return Error{Code::unsupported, "NIfTI: number type " + std::to_string(raw.type)};
  image.type = type->type;
  if (std::isfinite(raw.slope) && raw.slope != 0 && std::isfinite(raw.intercept) && image.type != VoxelType::rgb) {
    image.slope = raw.slope;
    image.intercept = raw.intercept;
  }
  if (!(raw.voxels_at >= static_cast<double>(size)) || raw.voxels_at > 1e12) return bad("voxels inside the header");
  header.voxels_at = static_cast<std::uint64_t>(raw.voxels_at);
  read_orientation(raw, image);
  const int unit = static_cast<int>(raw.units & 7);  // 1 metre, 2 millimetre, 3 micrometre
  const double to_mm = unit == 1 ? 1000 : unit == 3 ? 1e-3 : 1;
  for (double& mm : image.spacing_mm) mm *= to_mm;
  return header;
}

// Which of the file's axes becomes x, y, z of LPS+, and whether it is mirrored for that.
struct Turn {
  std::array<std::size_t, 3> axis{0, 1, 2};
  std::array<bool, 3> mirrored{};
};

Turn find_turn(NiftiImage& image) {
  Turn turn;
  if (!image.oriented) return turn;
  std::array<std::size_t, 3> best{0, 1, 2};
  double most = -1;
  std::array<std::size_t, 3> order{0, 1, 2};
  do {  // the assignment of axes to directions with the largest sum of cosines
    double sum = 0;
    for (std::size_t d = 0; d < 3; ++d) sum += std::abs(image.affine[d][order[d]]) / image.spacing_mm[order[d]];
    if (sum > most + 1e-9) {
      most = sum;
      best = order;
    }
  } while (std::next_permutation(order.begin(), order.end()));
  turn.axis = best;
  constexpr std::array<std::string_view, 3> kLetters{"RL", "AP", "SI"};  // positive and negative, of RAS+
  image.orientation = "   ";
  for (std::size_t d = 0; d < 3; ++d) {
    const bool positive = image.affine[d][best[d]] >= 0;
    turn.mirrored[d] = d < 2 ? positive : !positive;  // LPS+ wants the other sign of the first two
    image.orientation[best[d]] = kLetters[d][positive ? 0 : 1];
  }
  return turn;
}

std::size_t value_bytes(VoxelType type) {
  return type == VoxelType::rgb ? 1 : size_of(type);
}

void turn_voxels(std::span<const std::byte> from, bool swapped, const Turn& turn, NiftiImage& image) {
  const std::size_t width = size_of(image.type);
  const std::array<std::size_t, 3> old{static_cast<std::size_t>(image.size[0]), static_cast<std::size_t>(image.size[1]),
                                       static_cast<std::size_t>(image.size[2])};
  const std::array<std::size_t, 3> step{width, width * old[0], width * old[0] * old[1]};
  const std::size_t volume = step[2] * old[2];
  std::array<std::size_t, 3> size{};
  std::array<double, 3> spacing{};
  for (std::size_t d = 0; d < 3; ++d) {
    size[d] = old[turn.axis[d]];
    image.size[d] = static_cast<std::int64_t>(size[d]);
    spacing[d] = image.spacing_mm[turn.axis[d]];
  }
  image.spacing_mm = spacing;
  const auto place = [&](std::size_t d, std::size_t i) {
    return (turn.mirrored[d] ? size[d] - 1 - i : i) * step[turn.axis[d]];
  };
  image.data.resize(from.size());
  std::byte* to = image.data.data();
  for (std::size_t start = 0; start < from.size(); start += volume) {
    for (std::size_t z = 0; z < size[2]; ++z) {
      for (std::size_t y = 0; y < size[1]; ++y) {
        const std::byte* line = from.data() + start + place(2, z) + place(1, y);
        if (turn.axis[0] == 0 && !turn.mirrored[0]) {
          std::memcpy(to, line, size[0] * width);
          to += size[0] * width;
          continue;
        }
        for (std::size_t x = 0; x < size[0]; ++x, to += width) std::memcpy(to, line + place(0, x), width);
      }
    }
  }
  const std::size_t value = value_bytes(image.type);
  if (swapped && value > 1) {
    for (std::size_t at = 0; at < image.data.size(); at += value)
      std::reverse(image.data.begin() + static_cast<std::ptrdiff_t>(at),
                   image.data.begin() + static_cast<std::ptrdiff_t>(at + value));
  }
}

Status check_size(const Header& header, std::uint64_t& need, const NiftiLimits& limits) {
  need = size_of(header.image.type);
  for (const std::int64_t side : header.image.size) {
    if (side > limits.side)
      return Error{Code::too_large,
                   "NIfTI: a side of " + std::to_string(side) + " voxels; the limit is " + std::to_string(limits.side)};
    need *= static_cast<std::uint64_t>(side);
    if (need > limits.bytes) break;
  }
  if (need > limits.bytes || need * static_cast<std::uint64_t>(header.image.volumes) > limits.bytes)
    return Error{Code::too_large, "NIfTI: more bytes of voxels than the limit of " + std::to_string(limits.bytes)};
  need *= static_cast<std::uint64_t>(header.image.volumes);
  return {};
}

}  // namespace

std::size_t size_of(VoxelType type) noexcept {
  switch (type) {
    case VoxelType::u8:
    case VoxelType::i8:
      return 1;
    case VoxelType::u16:
    case VoxelType::i16:
      return 2;
    case VoxelType::rgb:
      return 3;
    case VoxelType::u32:
    case VoxelType::i32:
    case VoxelType::f32:
      return 4;
    case VoxelType::i64:
    case VoxelType::f64:
      break;
  }
  return 8;
}

bool is_nifti(std::span<const std::byte> bytes) {
  if (!is_gzip(bytes)) return parse_header(bytes.first(std::min(bytes.size(), kEnough))).ok();
  const auto first = gunzip(bytes, kEnough, true);
  return first.ok() && parse_header(*first).ok();
}

Result<NiftiImage> read_nifti_header(std::span<const std::byte> bytes) {
  std::vector<std::byte> first;
  if (is_gzip(bytes)) {
    ACESO_TRY(first, gunzip(bytes, kEnough, true));
    bytes = first;
  }
  ACESO_TRY(Header header, parse_header(bytes.first(std::min(bytes.size(), kEnough))));
  return std::move(header.image);
}

Result<NiftiImage> decode_nifti(std::span<const std::byte> bytes, const NiftiLimits& limits) {
  std::vector<std::byte> unpacked;
  if (is_gzip(bytes)) {
    ACESO_TRY(const auto first, gunzip(bytes, kEnough, true));
    ACESO_TRY(const Header header, parse_header(first));
    std::uint64_t need = 0;
    ACESO_TRY_OK(check_size(header, need, limits));
    ACESO_TRY(unpacked, gunzip(bytes, header.voxels_at + need + kTrailing));
    bytes = unpacked;
  }
  ACESO_TRY(Header header, parse_header(bytes));
  std::uint64_t need = 0;
  ACESO_TRY_OK(check_size(header, need, limits));
  if (header.voxels_at > bytes.size() || need > bytes.size() - header.voxels_at)
    return bad("the file ends before its voxels do");
  const Turn turn = find_turn(header.image);
  turn_voxels(bytes.subspan(header.voxels_at, need), header.swapped, turn, header.image);
  return std::move(header.image);
}

Result<std::vector<std::byte>> encode_nifti(const NiftiImage& image) {
  constexpr std::size_t kVoxelsAt = 352;
  std::uint64_t need = size_of(image.type);
  for (const std::int64_t side : image.size) {
    if (side < 1 || side > 32767) return bad("a side must be 1 to 32767 voxels");
    need *= static_cast<std::uint64_t>(side);
  }
  if (image.volumes != 1 || image.data.size() != need) return bad("the size and the voxels contradict each other");
  std::vector<std::byte> out(kVoxelsAt);
  const auto put = [&](std::size_t at, auto value) { std::memcpy(out.data() + at, &value, sizeof value); };
  put(0, std::int32_t{kHeader1});
  put(40, std::int16_t{3});
  put(76, 1.0F);
  for (std::size_t d = 0; d < 3; ++d) {
    put(42 + 2 * d, static_cast<std::int16_t>(image.size[d]));
    const double mm = image.spacing_mm[d] > 0 ? image.spacing_mm[d] : 1;
    put(80 + 4 * d, static_cast<float>(mm));
    put(280 + 16 * d + 4 * d, static_cast<float>(d < 2 ? -mm : mm));  // LPS+ seen from RAS+
  }
  for (std::size_t d = 3; d < 7; ++d) put(42 + 2 * d, std::int16_t{1});
  const auto type = std::find_if(kTypes.begin(), kTypes.end(), [&](const Type& t) { return t.type == image.type; });
  put(70, static_cast<std::int16_t>(type->code));
  put(72, static_cast<std::int16_t>(8 * size_of(image.type)));
  put(108, static_cast<float>(kVoxelsAt));
  put(112, 1.0F);
  put(123, std::uint8_t{2});  // millimetres
  put(254, std::int16_t{1});  // scanner coordinates
  std::memcpy(out.data() + 344, "n+1", 4);
  out.insert(out.end(), image.data.begin(), image.data.end());
  return out;
}

}  // namespace aceso::imaging
