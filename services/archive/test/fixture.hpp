// What the tests of the archive share: an archive in a temporary folder, callers with and without rights, made objects.
#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "aceso/archive/archive.hpp"
#include "aceso/base/file.hpp"
#include "aceso/base/random.hpp"
#include "aceso/base/testing.hpp"
#include "aceso/contracts/testing/memory_access.hpp"
#include "aceso/contracts/testing/memory_patient_index.hpp"
#include "aceso/dicom/dataset.hpp"
#include "aceso/dicom/tags.hpp"
#include "aceso/dicom/uid.hpp"
#include "aceso/dicom/write.hpp"
#include "aceso/net/http.hpp"

namespace aceso::archive::testing {

using Bytes = std::vector<std::byte>;

class SilentSink final : public LogSink {
 public:
  void write(LogLevel, std::string_view) override {}
};

// A request's body.
class TextBody final : public net::BodyReader {
 public:
  explicit TextBody(std::string text) : text_{std::move(text)} {}
  Result<std::size_t> read(std::span<std::byte> out) override {
    const std::size_t n = std::min(out.size(), text_.size() - at_);
    std::copy_n(std::as_bytes(std::span{text_}).begin() + static_cast<std::ptrdiff_t>(at_), n, out.begin());
    at_ += n;
    return n;
  }

 private:
  std::string text_;
  std::size_t at_ = 0;
};

struct ObjectSpec {
  std::string study = "1.2.3.1";
  std::string series = "1.2.3.1.1";
  std::string instance = "1.2.3.1.1.1";
  std::string sop_class = "1.2.840.10008.5.1.4.1.1.2";  // CT Image Storage
  std::string patient_id = "P1";
  std::string patient_name = "Doe^Jane";
  std::string study_date = "20240131";
  std::string study_time = "101500";
  std::string accession = "A1";
  std::string modality = "CT";
  std::string description = "Chest";
  int number = 1;
  std::uint16_t rows = 8;
  std::uint16_t columns = 8;
  unsigned char fill = 0;
  int frames = 1;
};

inline dicom::Dataset make_data_set(const ObjectSpec& spec) {
  namespace tags = dicom::tags;
  dicom::Dataset d;
  d.set_charset(dicom::CharacterSet::utf8());
  d.set_text(tags::kSOPClassUID, spec.sop_class).set_text(tags::kSOPInstanceUID, spec.instance);
  d.set_text(tags::kStudyDate, spec.study_date).set_text(tags::kStudyTime, spec.study_time);
  d.set_text(tags::kAccessionNumber, spec.accession).set_text(tags::kModality, spec.modality);
  d.set_text(tags::kStudyDescription, spec.description);
  d.set_text(tags::kPatientName, spec.patient_name).set_text(tags::kPatientID, spec.patient_id);
  d.set_text(tags::kStudyInstanceUID, spec.study).set_text(tags::kSeriesInstanceUID, spec.series);
  d.set_text(tags::kSeriesNumber, "1").set_text(tags::kInstanceNumber, std::to_string(spec.number));
  dicom::Dataset request;
  request.set_text(tags::kRequestedProcedureID, "RP" + spec.accession);
  d.set_items(tags::kRequestAttributesSequence, {request});
  d.set_integer(tags::kSamplesPerPixel, 1).set_text(tags::kPhotometricInterpretation, "MONOCHROME2");
  d.set_integer(tags::kRows, spec.rows).set_integer(tags::kColumns, spec.columns);
  d.set_integer(tags::kBitsAllocated, 16).set_integer(tags::kBitsStored, 16).set_integer(tags::kHighBit, 15);
  d.set_integer(tags::kPixelRepresentation, 0);
  if (spec.frames > 1) d.set_text(tags::kNumberOfFrames, std::to_string(spec.frames));
  Bytes pixels(std::size_t{2} * spec.rows * spec.columns * static_cast<std::size_t>(spec.frames));
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::byte>(i / 2 + spec.fill);
  d.set_bytes(tags::kPixelData, dicom::Vr::ow, std::move(pixels));
  return d;
}

inline Bytes make_file(const ObjectSpec& spec) {
  return *dicom::write_part10(make_data_set(spec), dicom::kExplicitLittle);
}

inline contracts::ObjectPeer caller(std::vector<std::string> scopes = {"archive:read", "archive:write",
                                                                       "archive:delete"}) {
  contracts::ObjectPeer peer;
  peer.principal.id = "u1";
  peer.principal.name = "tester";
  peer.principal.scopes = std::move(scopes);
  peer.calling_ae = "MODALITY";
  peer.source_address = "192.0.2.7";
  return peer;
}

struct Surroundings {
  TempDir folder = *TempDir::create("aceso-archive");
  SystemClock clock;
  SilentSink sink;
  Logger logger{clock, sink};
  SeededRandom random{7};
  contracts::testing::MemoryAuditSink audit;
  contracts::testing::MemoryPatientIndex patients{clock, random};
  crypto::SecretKey audit_key = crypto::SecretKey::generate(random);
  crypto::SecretKey object_key = crypto::SecretKey::generate(random);

  Result<std::unique_ptr<Archive>> open(Options options = {}, bool encrypted = false) {
    Deps deps{.clock = clock, .logger = logger, .audit = audit, .patients = &patients, .audit_key = audit_key};
    if (encrypted) deps.object_key = object_key;
    return Archive::create(folder.path() / "archive", std::move(deps), options);
  }
};

inline Result<contracts::StoredObject> put(Archive& archive, std::span<const std::byte> file,
                                           const contracts::ObjectPeer& peer = caller(), std::size_t piece = 7001) {
  ACESO_TRY(auto writer, archive.begin_file(peer));
  while (!file.empty()) {
    const auto part = file.first(std::min(piece, file.size()));
    if (auto status = writer->write(part); !status) return std::move(status).error();
    file = file.subspan(part.size());
  }
  return writer->commit();
}

inline Result<Bytes> get(const Archive& archive, std::string_view uid) {
  ACESO_TRY(const auto object, archive.open(caller(), uid));
  Bytes out(object->object().bytes);
  ACESO_TRY_OK(object->read(0, out));
  return out;
}

}  // namespace aceso::archive::testing
