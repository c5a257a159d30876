#include "convert.hpp"

#include "aceso/dicom/parse.hpp"
#include "aceso/dicom/uid.hpp"
#include "aceso/dicom/write.hpp"

namespace aceso::dimse {

bool is_native(std::string_view transfer_syntax) noexcept {
  return transfer_syntax == dicom::kImplicitLittle || transfer_syntax == dicom::kExplicitLittle ||
         transfer_syntax == dicom::kExplicitBig || transfer_syntax == dicom::kDeflated;
}

std::optional<Converted> convert(const Association& association, const contracts::ObjectBytes& object,
                                 bool as_requestor) {
  const auto& stored = object.object();
  if (!is_native(stored.transfer_syntax_uid) || stored.bytes > kMaxConverted) return std::nullopt;
  const AgreedContext* context = nullptr;
  for (const auto syntax : {dicom::kExplicitLittle, dicom::kImplicitLittle}) {
    if (context == nullptr) context = association.find_context(stored.sop_class_uid, syntax, as_requestor);
  }
  if (context == nullptr) return std::nullopt;
  std::vector<std::byte> file(stored.bytes);
  if (!object.read(0, file)) return std::nullopt;
  const auto parsed = dicom::parse(file);
  if (!parsed) return std::nullopt;
  auto data_set = dicom::write_dataset(parsed->dataset, context->transfer_syntax);
  if (!data_set) return std::nullopt;
  return Converted{context->id, *std::move(data_set)};
}

}  // namespace aceso::dimse
