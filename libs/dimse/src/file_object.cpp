#include <fstream>

#include "aceso/base/file.hpp"
#include "aceso/dicom/parse.hpp"
#include "aceso/dicom/uid.hpp"
#include "aceso/dimse/client.hpp"

namespace aceso::dimse {
namespace {

// (0002,0002), (0002,0003)
constexpr dicom::Tag kMediaStorageClass{0x0002, 0x0002};
constexpr dicom::Tag kMediaStorageInstance{0x0002, 0x0003};

class FileObject final : public contracts::ObjectBytes {
 public:
  FileObject(MappedFile file, contracts::StoredObject object, std::uint64_t offset)
      : file_{std::move(file)}, object_{std::move(object)}, offset_{offset} {}
  const contracts::StoredObject& object() const override { return object_; }
  std::uint64_t data_set_offset() const override { return offset_; }
  Status read(std::uint64_t from, std::span<std::byte> out) const override {
    const auto bytes = file_.bytes();
    if (from > bytes.size() || out.size() > bytes.size() - from) return Error{Code::invalid, "past the end"};
    std::ranges::copy(bytes.subspan(from, out.size()), out.begin());
    return {};
  }

 private:
  MappedFile file_;
  contracts::StoredObject object_;
  std::uint64_t offset_;
};

}  // namespace

Result<std::unique_ptr<contracts::ObjectBytes>> open_file(const std::filesystem::path& file) {
  ACESO_TRY(auto mapped, MappedFile::open(file));
  const auto bytes = mapped.bytes();
  if (!dicom::has_part10_magic(bytes)) return Error{Code::invalid, "no DICOM part 10 file"};
  dicom::ParseOptions options;
  options.stop_at = dicom::Tag{0x0008, 0x0019};
  ACESO_TRY(const auto parsed, dicom::parse(bytes, options));
  contracts::StoredObject object;
  object.sop_class_uid = parsed.meta.text_or(kMediaStorageClass, parsed.sop_class());
  object.sop_instance_uid = parsed.meta.text_or(kMediaStorageInstance, parsed.sop_instance());
  object.transfer_syntax_uid = parsed.syntax_uid;
  object.bytes = bytes.size();
  object.on_disk = true;
  if (object.sop_class_uid.empty() || object.sop_instance_uid.empty() || object.transfer_syntax_uid.empty()) {
    return Error{Code::invalid, "a DICOM file without SOP class, SOP instance or transfer syntax"};
  }
  const std::uint64_t offset = parsed.dataset_offset;
  return std::unique_ptr<contracts::ObjectBytes>{
      std::make_unique<FileObject>(std::move(mapped), std::move(object), offset)};
}

}  // namespace aceso::dimse
