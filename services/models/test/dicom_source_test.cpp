// DICOM files into datasets: real CT slices as a volume and as images, the conformance files, files made to trouble.
#include "dicom_source.hpp"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "aceso/base/testing.hpp"
#include "aceso/dicom/tags.hpp"
#include "aceso/dicom/write.hpp"
#include "aceso/imaging/nifti.hpp"
#include "aceso/models/volume_input.hpp"
#include "conformance.hpp"
#include "service_fixture.hpp"

namespace aceso::models::test {
namespace {

namespace fs = std::filesystem;
namespace tags = dicom::tags;

crypto::SecretKey key(int fill) {
  return *crypto::SecretKey::from_bytes(std::vector<std::byte>(32, static_cast<std::byte>(fill)));
}

// A CT slice of 4 x 6 pixels whose values are 10 * n + place, at z = position.
struct Slice {
  int n = 0;
  double z = 0;
  std::string patient = "P1", series = "1.2.1", instance = {};
  std::vector<double> cosines{1, 0, 0, 0, 1, 0};
  std::optional<std::vector<double>> position = {};
};
dicom::Dataset slice_of(const Slice& s) {
  dicom::Dataset d;
  d.set_text(tags::kSOPClassUID, "1.2.840.10008.5.1.4.1.1.2");
  d.set_text(tags::kSOPInstanceUID, s.instance.empty() ? s.series + "." + std::to_string(s.n + 1) : s.instance);
  d.set_text(tags::kModality, "CT");
  d.set_text(tags::kPatientID, s.patient);
  d.set_text(tags::kPatientName, "Secret^Name");
  d.set_text(tags::kStudyInstanceUID, s.series + ".9");
  d.set_text(tags::kSeriesInstanceUID, s.series);
  d.set_numbers(tags::kImagePositionPatient, dicom::Vr::ds, s.position.value_or(std::vector<double>{0, 0, s.z}));
  d.set_numbers(tags::kImageOrientationPatient, dicom::Vr::ds, s.cosines);
  d.set_numbers(tags::kPixelSpacing, dicom::Vr::ds, std::vector<double>{0.5, 0.75});
  d.set_integer(tags::kSamplesPerPixel, 1);
  d.set_text(tags::kPhotometricInterpretation, "MONOCHROME2");
  d.set_integer(tags::kRows, 4);
  d.set_integer(tags::kColumns, 6);
  d.set_integer(tags::kBitsAllocated, 16);
  d.set_integer(tags::kBitsStored, 12);
  d.set_integer(tags::kHighBit, 11);
  d.set_integer(tags::kPixelRepresentation, 0);
  d.set_number(tags::kRescaleIntercept, -1000);
  d.set_number(tags::kRescaleSlope, 2);
  std::vector<std::byte> pixels;
  for (int i = 0; i < 24; ++i) {
    const int value = 100 * (s.n + 1) + i;
    pixels.push_back(static_cast<std::byte>(value & 0xFF));
    pixels.push_back(static_cast<std::byte>(value >> 8));
  }
  d.set_bytes(tags::kPixelData, dicom::Vr::ow, std::move(pixels));
  return d;
}

learn::ImportOptions of_kind(const char* kind) {
  learn::ImportOptions options;
  options.kind = kind;
  return options;
}
learn::ImportOptions labelled_by(const char* csv) {
  learn::ImportOptions options;
  options.labels_csv = csv;
  return options;
}
learn::ImportOptions named(const char* name) {
  learn::ImportOptions options;
  options.name = name;
  return options;
}

class DicomSources : public Service {
 protected:
  void write(const fs::path& name, std::span<const std::byte> bytes) {
    fs::create_directories((source_ / name).parent_path());
    ASSERT_OK(write_file_atomic(source_ / name, bytes, {.durable = false}));
  }
  void slice(const fs::path& name, const dicom::Dataset& d) {
    const auto bytes = dicom::write_part10(d, "1.2.840.10008.1.2.1");
    ASSERT_OK(bytes);
    write(name, *bytes);
  }
  void text(const fs::path& name, std::string_view content) { write(name, std::as_bytes(std::span{content})); }
  Result<std::unique_ptr<DicomSource>> open_source(const learn::ImportOptions& wanted = {},
                                                   const DicomOptions& how = {}) {
    return DicomSource::open(source_, wanted, how, pseudonyms_, progress_, {});
  }
  std::string reason(const DicomSource& source, std::string_view part) const {
    for (const auto& aside : source.set_aside) {
      if (aside.reason.find(part) != std::string::npos) return aside.id;
    }
    return {};
  }
  static std::vector<int> i16(const learn::Array& array) {
    std::vector<int> out;
    for (std::size_t i = 0; i + 2 <= array.data.size(); i += 2) {
      std::int16_t value = 0;
      std::memcpy(&value, array.data.data() + i, 2);
      out.push_back(value);
    }
    return out;
  }

  fs::path source_ = home.path() / "source";
  Pseudonyms pseudonyms_{key(5)};
  NullProgress progress_;
};

TEST_F(DicomSources, a_folder_is_dicom_by_name_or_by_mark) {
  fs::create_directories(source_);
  EXPECT_FALSE(*is_dicom_folder(source_));
  text("notes.txt", "no");
  EXPECT_FALSE(*is_dicom_folder(source_));
  slice("a/IM0001", slice_of({}));
  EXPECT_TRUE(*is_dicom_folder(source_));
  text("b/picture.PNG", "x");
  EXPECT_NE(is_dicom_folder(source_).error().message().find("1 DICOM files and 1 pictures"), std::string::npos);
}

TEST_F(DicomSources, slices_become_images_with_measured_values) {
  slice("no/a.dcm", slice_of({.n = 0}));
  slice("train/yes/b.dcm", slice_of({.n = 1, .patient = " P1 ", .series = "1.2.2"}));
  slice("yes/c.dcm", slice_of({.n = 0, .patient = "", .series = "1.2.3"}));
  slice("lost.dcm", slice_of({.n = 3}));
  const auto source = open_source();
  ASSERT_OK(source);
  const DicomSource& s = **source;
  EXPECT_EQ(s.classes, (std::vector<std::string>{"no", "yes"}));
  ASSERT_EQ(s.items.size(), 3U);
  EXPECT_EQ(s.dtype, learn::DType::i16);
  EXPECT_EQ(s.items[0].label, 0);
  EXPECT_EQ(s.items[1].split, learn::Split::train);
  EXPECT_EQ(s.items[0].group, s.items[1].group);  // spaces around the id do not make another patient
  EXPECT_TRUE(s.items[2].group.starts_with("study-"));
  EXPECT_EQ(reason(s, "no class folder"), "image-" + pseudonyms_.of("instance", "1.2.1.4"));
  const auto sample = (*source)->load(0);
  ASSERT_OK(sample);
  EXPECT_EQ(sample->array.shape, (learn::Shape{4, 6, 1}));
  EXPECT_EQ(i16(sample->array)[0], 2 * 100 - 1000);
  EXPECT_EQ(i16(sample->array)[23], 2 * 123 - 1000);
  EXPECT_EQ(sample->spacing_mm, (std::vector<double>{0.5, 0.75}));
}

TEST_F(DicomSources, display_values_are_windowed_and_monochrome1_is_inverted) {
  dicom::Dataset inverted = slice_of({.n = 0, .series = "1.2.2"});
  inverted.set_text(tags::kPhotometricInterpretation, "MONOCHROME1");
  slice("no/a.dcm", slice_of({.n = 0}));
  slice("yes/b.dcm", inverted);
  const auto source = open_source({}, {.window_center = -776.5, .window_width = 47});
  ASSERT_OK(source);
  EXPECT_EQ((*source)->dtype, learn::DType::u8);
  const auto plain = (*source)->load(0);
  const auto turned = (*source)->load(1);
  ASSERT_OK(plain);
  ASSERT_OK(turned);
  EXPECT_EQ(std::to_integer<int>(plain->array.data.front()), 0);
  EXPECT_EQ(std::to_integer<int>(plain->array.data.back()), 255);
  for (std::size_t i = 0; i < 24; ++i)
    EXPECT_EQ(std::to_integer<int>(plain->array.data[i]) + std::to_integer<int>(turned->array.data[i]), 255);
  EXPECT_FALSE(check_dicom_options({.values = "modality", .window_width = 40}));
  EXPECT_FALSE(check_dicom_options({.values = "raw"}));
  const auto measured = open_source({}, {.values = "modality"});
  EXPECT_FALSE(reason(**measured, "MONOCHROME1").empty());
}

TEST_F(DicomSources, volumes_are_ordered_by_position_whatever_their_names_say) {
  for (const int n : {0, 1, 2, 3}) slice("no/z" + std::to_string(9 - n) + ".dcm", slice_of({.n = n, .z = 2.5 * n}));
  slice("yes/a.dcm", slice_of({.n = 0, .z = 0, .series = "1.2.2"}));
  slice("yes/b.dcm", slice_of({.n = 1, .z = -2.5, .series = "1.2.2"}));
  const auto source = open_source(of_kind("volume"));
  ASSERT_OK(source);
  ASSERT_EQ((*source)->items.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    const auto sample = (*source)->load(i);
    ASSERT_OK(sample);
    const bool up = sample->array.shape[0] == 4;
    EXPECT_EQ(sample->spacing_mm, (std::vector<double>{2.5, 0.5, 0.75}));
    EXPECT_EQ(i16(sample->array)[0], up ? -800 : -600);
    EXPECT_EQ(i16(sample->array)[24], up ? -600 : -800);
  }
}

// The same block of values cut axially and coronally gives the same volume.
TEST_F(DicomSources, axes_are_turned_to_the_patient) {
  for (const int n : {0, 1}) slice("no/a" + std::to_string(n) + ".dcm", slice_of({.n = n, .z = 1.0 * n}));
  // Rows run to the left, columns to the feet; slices come from the back: z is the row backwards.
  for (const int n : {0, 1})
    slice("yes/c" + std::to_string(n) + ".dcm",
          slice_of({.n = n, .series = "1.2.2", .cosines = {1, 0, 0, 0, 0, -1}, .position = {{0, -1.0 * n, 0}}}));
  const auto source = open_source(of_kind("volume"));
  ASSERT_OK(source);
  ASSERT_EQ((*source)->items.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    const auto sample = (*source)->load(i);
    ASSERT_OK(sample);
    const auto values = i16(sample->array);
    if ((*source)->items[i].label == 0) {
      EXPECT_EQ(sample->array.shape, (learn::Shape{2, 4, 6, 1}));
      continue;
    }
    EXPECT_EQ(sample->array.shape, (learn::Shape{4, 2, 6, 1}));
    EXPECT_EQ(sample->spacing_mm, (std::vector<double>{0.5, 1, 0.75}));
    for (int z = 0; z < 4; ++z)  // z up is the row from the last; y to the back is the slice from the second
      for (int y = 0; y < 2; ++y)
        for (int x = 0; x < 6; ++x)
          ASSERT_EQ(values[static_cast<std::size_t>((z * 2 + y) * 6 + x)],
                    2 * (100 * (2 - y) + (3 - z) * 6 + x) - 1000);
  }
}

TEST_F(DicomSources, volumes_with_gaps_are_set_aside_or_kept_with_a_warning) {
  for (const double z : {0.0, 1.0, 2.0, 6.0})
    slice("no/" + std::to_string(z) + ".dcm", slice_of({.n = static_cast<int>(z), .z = z}));
  for (const int n : {0, 1}) slice("yes/" + std::to_string(n), slice_of({.n = n, .z = 1.0 * n, .series = "1.2.2"}));
  for (const int n : {0, 1}) slice("yes/t" + std::to_string(n), slice_of({.n = n, .z = 5, .series = "1.2.3"}));
  slice("yes/u0", slice_of({.n = 0, .z = 5, .series = "1.2.4"}));
  slice("no/u1", slice_of({.n = 1, .z = 6, .series = "1.2.4"}));
  slice("yes/v0", slice_of({.n = 0, .z = 5, .series = "1.2.5"}));
  slice("yes/v1", slice_of({.n = 1, .z = 6, .patient = "P2", .series = "1.2.5"}));
  const auto source = open_source(of_kind("volume"));
  ASSERT_OK(source);
  EXPECT_EQ((*source)->items.size(), 1U);
  const std::string gap = reason(**source, "1 gap between its slices, where about 3 are missing");
  EXPECT_EQ(gap, "series-" + pseudonyms_.of("series", "1.2.1"));
  EXPECT_FALSE(reason(**source, "one place").empty());
  EXPECT_FALSE(reason(**source, "several labels").empty());
  EXPECT_FALSE(reason(**source, "several patients").empty());
  const auto kept = open_source(of_kind("volume"), {.keep_gaps = true});
  ASSERT_OK(kept);
  EXPECT_EQ((*kept)->items.size(), 2U);
  EXPECT_NE((*kept)->warnings.front().find("3 are missing"), std::string::npos);
}

TEST_F(DicomSources, labels_come_from_a_table_by_uid_series_or_path) {
  for (const int n : {0, 1, 2}) slice("x/" + std::to_string(n), slice_of({.n = n, .z = 1.0 * n}));
  slice("y/0", slice_of({.n = 0, .series = "1.2.2"}));
  text("by_uid.csv", "sop_instance_uid,label,patient,split\n1.2.1.1,a,,train\n1.2.1.3,b,P7,test\n1.2.9,a,,\n");
  auto source = open_source(labelled_by("by_uid.csv"));
  ASSERT_OK(source);
  ASSERT_EQ((*source)->items.size(), 2U);
  EXPECT_EQ((*source)->items[1].split, learn::Split::test);
  EXPECT_EQ((*source)->items[1].group, pseudonyms_.of("patient", "P7"));
  EXPECT_EQ(reason(**source, "no readable image"), "line-4");
  EXPECT_NE(std::find((*source)->warnings.begin(), (*source)->warnings.end(),
                      "2 DICOM files are not in the table of labels and were left out"),
            (*source)->warnings.end());

  text("by_series.csv", "series_instance_uid,label\n1.2.1,a\n");
  source = open_source(labelled_by("by_series.csv"));
  ASSERT_OK(source);
  EXPECT_EQ((*source)->kind, "volume");
  ASSERT_EQ((*source)->items.size(), 1U);
  EXPECT_EQ((*source)->items[0].id, "series-" + pseudonyms_.of("series", "1.2.1"));

  text("by_path.csv", "path,label\nx/,a\ny/0,b\n");
  source = open_source(labelled_by("by_path.csv"));
  ASSERT_OK(source);
  EXPECT_EQ((*source)->items.size(), 4U);

  text("twice.csv", "path,label\nx,a\nx/,b\n");
  EXPECT_NE(open_source(labelled_by("twice.csv")).error().message().find("the same path as in line 2"),
            std::string::npos);
  text("none.csv", "file,label\nx,a\n");
  EXPECT_NE(open_source(labelled_by("none.csv")).error().message().find("series_instance_uid and label"),
            std::string::npos);
  EXPECT_EQ(open_source(of_kind("table")).error().code(), Code::invalid);
}

TEST_F(DicomSources, what_gives_no_sample_is_set_aside_with_the_reason) {
  slice("no/good.dcm", slice_of({}));
  slice("no/again.dcm", slice_of({}));
  text("no/empty.dcm", "");
  text("no/text.dcm",
       "this is no DICOM file, whatever its name says, and it is long enough for a head. " + std::string(200, 'x'));
  dicom::Dataset d = slice_of({.n = 1});
  d.set_text(tags::kBurnedInAnnotation, "YES");
  slice("no/burned.dcm", d);
  d = slice_of({.n = 2});
  d.set_integer(tags::kNumberOfFrames, 3'000'000);
  slice("no/frames.dcm", d);
  d = slice_of({.n = 3});
  d.erase(tags::kPixelData);
  slice("no/pixels.dcm", d);
  d = slice_of({.n = 4});
  d.set_text(tags::kModality, "SEG");
  slice("no/seg.dcm", d);
  d = slice_of({.n = 5});
  d.erase(tags::kRows);
  d.erase(tags::kColumns);
  slice("no/report.dcm", d);
  fs::create_symlink(source_ / "no/good.dcm", source_ / "no/link.dcm");
  const auto source = open_source();
  ASSERT_OK(source);
  EXPECT_EQ((*source)->items.size(), 1U);
  EXPECT_EQ((*source)->set_aside.size(), 9U);
  for (const char* part :
       {"same SOP instance", "burned into", "frames", "pixel data", "segmentation", "no pixels", "symbolic link"})
    EXPECT_FALSE(reason(**source, part).empty()) << part;
  // The table says which file is which; without it nobody knows.
  const std::string table = (*source)->key_table();
  EXPECT_NE(table.find("\"" + reason(**source, "symbolic link") + "\",\"no/link.dcm\""), std::string::npos);
}

TEST_F(DicomSources, the_dataset_holds_no_identifier) {
  pseudonym_key = key(5);
  open();
  for (const int n : {0, 1, 2, 3, 4, 5}) {
    const std::string name = "DOE^JOHN/" + std::to_string(n) + ".dcm";
    slice((n % 2 == 0 ? "no/" : "yes/") + name,
          slice_of({.n = n, .patient = "MRN-" + std::to_string(n), .series = "1.2.77" + std::to_string(n)}));
  }
  text("no/DOE^JOHN/broken.dcm", "nothing");
  learn::ImportOptions wanted = named("ct");
  wanted.validation_fraction = 0.34;
  const fs::path table = home.path() / "key.csv";
  const auto job = models->import_dataset(actor("scientist"), source_, wanted, {.key_table = table});
  ASSERT_OK(job);
  ASSERT_OK(wait(*job));
  const auto manifest = read_text_file(home.path() / "datasets" / "ct" / "manifest.json", 1 << 20);
  ASSERT_OK(manifest);
  for (const char* secret : {"DOE", "JOHN", "MRN", "Secret", "1.2.77", ".dcm"})
    EXPECT_EQ(manifest->find(secret), std::string::npos) << secret;
  EXPECT_NE(manifest->find(pseudonyms_.of("patient", "MRN-3")), std::string::npos);
  const auto rows = read_text_file(table, 1 << 20);
  ASSERT_OK(rows);
  EXPECT_NE(rows->find("no/DOE^JOHN/broken.dcm"), std::string::npos);
  EXPECT_EQ(fs::status(table).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  wanted.name = "ct2";
  EXPECT_EQ(models->import_dataset(actor("scientist"), source_, wanted, {.key_table = table}).error().code(),
            Code::exists);
  // Another key, other names: nobody outside can tell who is in the set by hashing identifiers.
  EXPECT_NE(Pseudonyms{key(6)}.of("patient", "MRN-3"), pseudonyms_.of("patient", "MRN-3"));
}

TEST_F(DicomSources, without_a_key_nothing_is_imported) {
  open();
  slice("no/a.dcm", slice_of({}));
  const auto job = models->import_dataset(actor("scientist"), source_, named("ct"));
  ASSERT_OK(job);
  EXPECT_NE(wait(*job).error().message().find("key for pseudonyms"), std::string::npos);
}

// The numbers are pydicom 3.0.2's and numpy's:
//   ds = sorted((pydicom.dcmread(f) for f in glob("A0001_5mm/*.dcm")), key=lambda d: float(d.ImagePositionPatient[2]))
//   v = np.stack([d.pixel_array.astype(int) * int(d.RescaleSlope) + int(d.RescaleIntercept) for d in ds])
//   v.astype("<i2"); hashlib.sha256(v.tobytes()).hexdigest(); v[z, y, x]
TEST_F(DicomSources, a_real_chest_ct_has_the_values_pydicom_reads) {
  const fs::path archive = dicom::testing::shared_data() / "dicom" / "lung_ct_tcia_A0001.tar.xz";
  if (!fs::exists(archive)) GTEST_SKIP() << "skipped: no real data";
  for (const auto& [name, bytes] : dicom::testing::read_tar_xz(archive)) {
    if (name.ends_with(".dcm")) write(name, bytes);
  }
  const auto source = open_source(of_kind("volume"));
  ASSERT_OK(source);
  ASSERT_EQ((*source)->items.size(), 1U);
  const auto sample = (*source)->load(0);
  ASSERT_OK(sample);
  EXPECT_EQ(sample->array.shape, (learn::Shape{64, 512, 512, 1}));
  EXPECT_EQ(sample->spacing_mm, (std::vector<double>{5, 0.841796875, 0.841796875}));
  struct Golden {
    std::size_t z, y, x;
    int value;
  };
  const auto values = i16(sample->array);
  for (const Golden& g :
       {Golden{0, 256, 256, -99}, Golden{10, 200, 150, 32}, Golden{31, 256, 256, 40}, Golden{31, 300, 120, -833},
        Golden{50, 128, 300, -1003}, Golden{63, 400, 256, -97}, Golden{20, 330, 380, -790}})
    EXPECT_EQ(values[(g.z * 512 + g.y) * 512 + g.x], g.value);
  EXPECT_EQ(crypto::to_hex(crypto::sha256(sample->array.data)),
            "2e2d5b070a62863fc192450fb2620da1658bf8910a99ee16e37ff35b74e4d51b");
}

TEST_F(DicomSources, a_folder_with_one_series_is_a_volume_to_predict_on) {
  const fs::path archive = dicom::testing::shared_data() / "dicom" / "lung_ct_tcia_A0001.tar.xz";
  if (!fs::exists(archive)) GTEST_SKIP() << "skipped: no real data";
  fs::path folder;
  for (const auto& [name, bytes] : dicom::testing::read_tar_xz(archive)) {
    if (!name.ends_with(".dcm")) continue;
    write(name, bytes);
    folder = source_ / fs::path{name}.parent_path();
  }
  const auto volume = read_volume(folder);
  ASSERT_OK(volume);
  EXPECT_EQ(volume->values.shape, (learn::Shape{64, 512, 512}));
  EXPECT_EQ(volume->values.dtype, learn::DType::i16);
  EXPECT_EQ(volume->spacing_mm, (std::vector<double>{5, 0.841796875, 0.841796875}));
  std::error_code ec;
  fs::remove(fs::directory_iterator { folder } -> path(), ec);
  for (int i = 0; i < 12; ++i) fs::remove(fs::directory_iterator { folder } -> path(), ec);
  const auto holes = read_volume(folder);
  EXPECT_FALSE(holes) << "slices are missing";
}

TEST(VolumeInput, nifti_and_npy_give_values_and_spacing) {
  const TempDir dir = *TempDir::create();
  imaging::NiftiImage image;
  image.size = {4, 3, 2};
  image.spacing_mm = {0.5, 0.6, 2};
  image.affine = {{{-0.5, 0, 0, 0}, {0, -0.6, 0, 0}, {0, 0, 2, 0}}};
  image.oriented = true;
  for (std::int16_t v = 0; v < 24; ++v) {
    image.data.push_back(static_cast<std::byte>(v));
    image.data.push_back(std::byte{0});
  }
  ASSERT_OK(write_file_atomic(dir.path() / "a.nii", *imaging::encode_nifti(image)));
  const auto nifti = read_volume(dir.path() / "a.nii");
  ASSERT_OK(nifti);
  EXPECT_EQ(nifti->values.shape, (learn::Shape{2, 3, 4}));
  ASSERT_EQ(nifti->spacing_mm.size(), 3U);
  EXPECT_NEAR(nifti->spacing_mm[0], 2, 1e-6);
  EXPECT_NEAR(nifti->spacing_mm[2], 0.5, 1e-6);
  EXPECT_EQ(nifti->values.as<std::int16_t>()[23], 23);
  ASSERT_OK(write_file_atomic(dir.path() / "a.npy", learn::to_npy(learn::Array::zeros(learn::DType::i16, {5, 6, 7}))));
  EXPECT_EQ(read_volume(dir.path() / "a.npy")->values.shape, (learn::Shape{5, 6, 7}));
  EXPECT_FALSE(is_volume_path(dir.path() / "a.npy"));  // is sent as it is
  EXPECT_TRUE(is_volume_path(dir.path() / "a.nii.gz"));
  EXPECT_FALSE(read_volume(dir.path() / "none.nii"));
}

// Every conformance file is a sample or set aside with a reason; none makes the import fall.
TEST_F(DicomSources, conformance_files) {
  const auto& files = dicom::testing::conformance().files;
  if (files.empty()) GTEST_SKIP() << "skipped: no real data";
  std::size_t n = 0;
  for (const auto& [name, bytes] : files) {
    if (dicom::has_part10_magic(bytes)) write("all/" + std::to_string(n++) + ".dcm", bytes);
  }
  const auto source = open_source();
  ASSERT_OK(source);
  std::size_t loaded = 0;
  std::map<std::string, std::size_t> reasons;
  for (std::size_t i = 0; i < (*source)->items.size(); ++i) {
    const auto sample = (*source)->load(i);
    if (sample) ++loaded;
    if (!sample) ++reasons[sample.error().message()];
  }
  for (const auto& aside : (*source)->set_aside) ++reasons[aside.reason];
  RecordProperty("loaded", static_cast<int>(loaded));
  for (const auto& [why, count] : reasons) std::printf("%4zu %s\n", count, why.c_str());
  std::printf("%zu files, %zu frames loaded\n", n, loaded);
  EXPECT_GT(loaded, 200U);
  const auto volumes = open_source(of_kind("volume"));
  ASSERT_OK(volumes);
  for (std::size_t i = 0; i < (*volumes)->items.size(); ++i) (void)(*volumes)->load(i);
  EXPECT_FALSE((*volumes)->items.empty());
}

}  // namespace
}  // namespace aceso::models::test
