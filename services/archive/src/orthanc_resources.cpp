// Patients, studies, series and instances as Orthanc describes them in JSON.
#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "aceso/crypto/sha1.hpp"
#include "aceso/dicom/tags.hpp"
#include "orthanc_impl.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;
using dicom::Tag;

std::optional<std::int64_t> count_in(const dicom::Dataset& data, Tag tag) {
  const auto value = data.integer(tag);
  return value && *value > 0 ? value : std::nullopt;
}

// As many as the modality says that the series will hold.
std::optional<std::int64_t> expected_instances(const dicom::Dataset& data) {
  constexpr Tag kImagesInAcquisition{0x0020, 0x1002};
  constexpr Tag kTemporalPositions{0x0020, 0x0105};
  constexpr Tag kSlices{0x0054, 0x0081};
  constexpr Tag kTimeSlices{0x0054, 0x0101};
  constexpr Tag kCardiacImages{0x0018, 0x1090};
  const auto product = [&](Tag first, Tag second) -> std::optional<std::int64_t> {
    const auto a = count_in(data, first);
    const auto b = count_in(data, second);
    return a && b ? std::optional{*a * *b} : std::nullopt;
  };
  if (const auto images = product(kImagesInAcquisition, kTemporalPositions)) return images;
  if (const auto slices = product(kSlices, kTimeSlices)) return slices;
  return count_in(data, kCardiacImages);
}

std::optional<std::int64_t> index_in_series(const Attributes& image) {
  const auto text = image.value(tags::kInstanceNumber);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

std::string_view series_status(const std::vector<InstancePtr>& all, std::optional<std::int64_t> expected) {
  if (!expected) return "Unknown";
  std::set<std::int64_t> seen;
  for (const auto& one : all) {
    const auto index = index_in_series(one->image);
    if (!index) return "Unknown";
    if (*index <= 0 || *index > *expected || !seen.insert(*index).second) return "Inconsistent";
  }
  return std::cmp_equal(seen.size(), *expected) ? "Complete" : "Missing";
}

// A name for the stored file that never changes and tells nothing.
std::string file_uuid(const Instance& instance) {
  auto digest = crypto::sha1(crypto::as_bytes("file\n" + instance.sop_instance_uid));
  digest[6] = (digest[6] & std::byte{0x0F}) | std::byte{0x50};  // RFC 9562: version 5
  digest[8] = (digest[8] & std::byte{0x3F}) | std::byte{0x80};
  const std::string hex = crypto::to_hex(crypto::ByteView{digest}.first(16));
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" + hex.substr(16, 4) + "-" +
         hex.substr(20);
}

Json id_array(const std::vector<OrthancId>& ids) {
  Json out = Json::array();
  for (const auto& id : ids) out.push_back(to_string(id));
  return out;
}

std::int64_t last_received(const std::vector<InstancePtr>& objects) {
  std::int64_t last = 0;
  for (const auto& one : objects) last = std::max(last, one->received_us);
  return last;
}

void append_unique(std::vector<OrthancId>& out, const OrthancId& id) {
  if (out.empty() || out.back() != id) out.push_back(id);
}

class ArraySource final : public net::BodySource {
 public:
  ArraySource(std::vector<OrthancId> ids, std::function<Result<Json>(const OrthancId&)> make)
      : ids_{std::move(ids)}, make_{std::move(make)} {}

  Result<std::size_t> read(std::span<std::byte> out) override {
    while (at_ == text_.size()) {
      if (ended_) return std::size_t{0};
      at_ = 0;
      text_.clear();
      if (next_ == ids_.size()) {
        text_ = first_ ? "[]" : "]";
        ended_ = true;
        break;
      }
      auto item = make_(ids_[next_++]);
      if (!item && item.error().code() == Code::not_found) continue;
      if (!item) return std::move(item).error();
      text_ = (first_ ? '[' : ',') + dump_json(*item);
      first_ = false;
    }
    const std::size_t n = std::min(out.size(), text_.size() - at_);
    std::copy_n(std::as_bytes(std::span{text_}).begin() + static_cast<std::ptrdiff_t>(at_), n, out.begin());
    at_ += n;
    return n;
  }

 private:
  std::vector<OrthancId> ids_;
  std::function<Result<Json>(const OrthancId&)> make_;
  std::size_t next_ = 0;
  std::string text_;
  std::size_t at_ = 0;
  bool first_ = true;
  bool ended_ = false;
};

Error no_resource() {
  return {Code::not_found, "there is no such resource"};
}

}  // namespace

std::string_view orthanc_type(QueryLevel level) noexcept {
  constexpr std::array<std::string_view, 4> kNames{"Patient", "Study", "Series", "Instance"};
  return kNames.at(static_cast<std::size_t>(level));
}
std::string_view orthanc_folder(QueryLevel level) noexcept {
  constexpr std::array<std::string_view, 4> kNames{"patients", "studies", "series", "instances"};
  return kNames.at(static_cast<std::size_t>(level));
}
std::string orthanc_path(QueryLevel level, const OrthancId& id) {
  return "/" + std::string{orthanc_folder(level)} + "/" + to_string(id);
}

std::string orthanc_time(std::int64_t us) {
  std::string out;
  for (const char c : format_utc(UtcTime{std::chrono::microseconds{us}}).substr(0, 19)) {
    if (c != '-' && c != ':') out += c;
  }
  return out;
}

net::Response orthanc_array(std::vector<OrthancId> ids, std::function<Result<Json>(const OrthancId&)> make) {
  net::Response response;
  response.headers.set("Content-Type", "application/json");
  response.headers.set("Cache-Control", "no-store");
  response.body =
      std::static_pointer_cast<net::BodySource>(std::make_shared<ArraySource>(std::move(ids), std::move(make)));
  return response;
}

net::Response orthanc_id_list(const std::vector<OrthancId>& ids) {
  std::string body = "[";
  for (const auto& id : ids) body += (body.size() > 1 ? ",\"" : "\"") + to_string(id) + '"';
  return net::Response::text(body + "]", "application/json");
}

const InstancePtr& first_received(const std::vector<InstancePtr>& objects) {
  return *std::ranges::min_element(objects, [](const InstancePtr& a, const InstancePtr& b) {
    return std::pair{a->received_us, a->record.at} < std::pair{b->received_us, b->record.at};
  });
}

std::string OrthancInterface::Impl::patient_of(std::string_view study_uid) const {
  const auto study = index().study(study_uid);
  return study ? patient_id_of(*study) : std::string{};
}

std::vector<StudyPtr> OrthancInterface::Impl::studies_of(const std::string& patient_id) const {
  auto studies = index().of_patient(patient_id);
  std::erase_if(studies, [&](const StudyPtr& study) {
    const std::shared_lock lock{study->mutex};
    return study->gone || study->series.empty() || study->patient.value(tags::kPatientID) != patient_id;
  });
  return studies;
}

Result<std::vector<InstancePtr>> OrthancInterface::Impl::instances(QueryLevel level, const OrthancId& id) {
  std::vector<InstancePtr> out;
  if (level == QueryLevel::patient) {
    const auto patient = ids.patient(id);
    if (!patient) return no_resource();
    for (const auto& study : studies_of(*patient)) {
      const auto all = index().instances_of(study->uid);
      out.insert(out.end(), all.begin(), all.end());
    }
  } else if (level == QueryLevel::study) {
    if (const auto study = ids.study(id)) out = index().instances_of(study->uid);
  } else if (level == QueryLevel::series) {
    if (const auto key = ids.series(id)) out = index().instances_of(key->study_uid, key->series_uid);
  } else if (auto one = ids.instance(id); one && index().find(one->sop_instance_uid) == one) {
    out.push_back(std::move(one));
  }
  if (out.empty()) return no_resource();
  return out;
}

Result<std::vector<OrthancId>> OrthancInterface::Impl::related(QueryLevel level, const OrthancId& id,
                                                               QueryLevel wanted) {
  ACESO_TRY(const auto objects, instances(level, id));
  const std::string patient = patient_of(objects.front()->key->study_uid);
  std::vector<OrthancId> out;
  for (const auto& one : objects) {  // of one study after the other, of one series after the other
    switch (wanted) {
      case QueryLevel::patient:
        append_unique(out, orthanc_id(patient));
        break;
      case QueryLevel::study:
        append_unique(out, orthanc_id(patient, one->key->study_uid));
        break;
      case QueryLevel::series:
        append_unique(out, orthanc_id(patient, one->key->study_uid, one->key->series_uid));
        break;
      case QueryLevel::image:
        out.push_back(orthanc_id(patient, *one));
        break;
    }
  }
  return out;
}

Status OrthancInterface::Impl::read_allowed(const contracts::ObjectPeer& peer,
                                            const std::vector<InstancePtr>& objects) const {
  ACESO_TRY_OK(require(peer, kRead));
  std::string_view last;
  for (const auto& one : objects) {
    if (one->key->study_uid == last) continue;
    last = one->key->study_uid;
    ACESO_TRY_OK(archive.record_read(peer, last));
  }
  return {};
}

void OrthancInterface::Impl::put_stable(Json& out, std::int64_t last_us) const {
  out["IsStable"] = changes->is_stable(last_us);
  out["LastUpdate"] = orthanc_time(last_us);
}

Result<Json> OrthancInterface::Impl::resource(QueryLevel level, const OrthancId& id) {
  switch (level) {
    case QueryLevel::patient:
      return patient_json(id);
    case QueryLevel::study:
      return study_json(id);
    case QueryLevel::series:
      return series_json(id);
    case QueryLevel::image:
      return instance_json(id);
  }
  return no_resource();
}

Result<Json> OrthancInterface::Impl::patient_json(const OrthancId& id) {
  ACESO_TRY(const auto objects, instances(QueryLevel::patient, id));
  ACESO_TRY(const auto head, read_head(*archive.store, *first_received(objects)));
  ACESO_TRY(const auto studies, related(QueryLevel::patient, id, QueryLevel::study));
  Json out{{"ID", to_string(id)}};
  put_stable(out, last_received(objects));
  out["MainDicomTags"] = orthanc_main(head.dataset, QueryLevel::patient);
  out["Studies"] = id_array(studies);
  out["Type"] = "Patient";
  return out;
}

Result<Json> OrthancInterface::Impl::study_json(const OrthancId& id) {
  ACESO_TRY(const auto objects, instances(QueryLevel::study, id));
  ACESO_TRY(const auto head, read_head(*archive.store, *first_received(objects)));
  ACESO_TRY(const auto series, related(QueryLevel::study, id, QueryLevel::series));
  Json out{{"ID", to_string(id)}};
  put_stable(out, last_received(objects));
  out["MainDicomTags"] = orthanc_main(head.dataset, QueryLevel::study);
  out["ParentPatient"] = to_string(orthanc_id(patient_of(objects.front()->key->study_uid)));
  out["PatientMainDicomTags"] = orthanc_main(head.dataset, QueryLevel::patient);
  out["Series"] = id_array(series);
  out["Type"] = "Study";
  return out;
}

Result<Json> OrthancInterface::Impl::series_json(const OrthancId& id) {
  ACESO_TRY(const auto objects, instances(QueryLevel::series, id));
  ACESO_TRY(const auto head, read_head(*archive.store, *first_received(objects)));
  ACESO_TRY(const auto images, related(QueryLevel::series, id, QueryLevel::image));
  const auto expected = expected_instances(head.dataset);
  const auto& study_uid = objects.front()->key->study_uid;
  Json out{{"ExpectedNumberOfInstances", nullptr}, {"ID", to_string(id)}};
  if (expected) out["ExpectedNumberOfInstances"] = *expected;
  out["Instances"] = id_array(images);
  put_stable(out, last_received(objects));
  out["MainDicomTags"] = orthanc_main(head.dataset, QueryLevel::series);
  out["ParentStudy"] = to_string(orthanc_id(patient_of(study_uid), study_uid));
  out["Status"] = series_status(objects, expected);
  out["Type"] = "Series";
  return out;
}

Result<Json> OrthancInterface::Impl::instance_json(const OrthancId& id) {
  ACESO_TRY(const auto objects, instances(QueryLevel::image, id));
  const Instance& one = *objects.front();
  ACESO_TRY(const auto head, read_head(*archive.store, one));
  const auto index = index_in_series(one.image);
  const auto& key = *one.key;
  Json out{{"FileSize", one.file_bytes}, {"FileUuid", file_uuid(one)}, {"ID", to_string(id)}};
  out["IndexInSeries"] = nullptr;
  if (index) out["IndexInSeries"] = *index;
  out["MainDicomTags"] = orthanc_main(head.dataset, QueryLevel::image);
  out["ParentSeries"] = to_string(orthanc_id(patient_of(key.study_uid), key.study_uid, key.series_uid));
  out["Type"] = "Instance";
  return out;
}

}  // namespace aceso::archive
