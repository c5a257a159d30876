// Presentation contexts: which services, transfer syntaxes and roles are agreed (PS3.8 9.3.3, PS3.7 D.3.3.4).
#include <algorithm>
#include <array>

#include "aceso/dicom/dictionary.hpp"
#include "aceso/dicom/uid.hpp"
#include "session.hpp"
#include "sop.hpp"

namespace aceso::dimse {
namespace {

bool is_storage(std::string_view uid, bool unknown_too) {
  if (!dicom::sop_class_name(uid).empty()) return true;
  if (!unknown_too || !dicom::is_tolerable_uid(uid)) return false;
  return uid.starts_with(sop::kStoragePrefix) || !uid.starts_with(sop::kStandardPrefix);
}

// Data sets that are no objects are parsed and written: uncompressed little endian only.
bool is_plain(std::string_view syntax) {
  return syntax == dicom::kImplicitLittle || syntax == dicom::kExplicitLittle;
}

constexpr std::array kNeedSource{sop::kPatientRootFind,  sop::kPatientRootMove, sop::kPatientRootGet,
                                 sop::kStudyRootFind,    sop::kStudyRootMove,   sop::kStudyRootGet,
                                 sop::kStorageCommitment};

bool is_offered(std::string_view uid, const Services& services) {
  if (uid == sop::kVerification) return true;
  if (uid == sop::kWorklistFind) return services.worklist != nullptr;
  if (uid == sop::kPerformedStep) return services.steps != nullptr;
  return services.source != nullptr && std::ranges::find(kNeedSource, uid) != kNeedSource.end();
}

}  // namespace

std::vector<AgreedContext> negotiate(const AssociationRequest& request, const ServerOptions& options,
                                     const Services& services) {
  std::vector<AgreedContext> agreed;
  for (const auto& proposed : request.contexts) {
    AgreedContext& context = agreed.emplace_back();
    context.id = proposed.id;
    context.abstract_syntax = proposed.abstract_syntax;
    context.roles = proposed.roles;
    const bool service = is_offered(proposed.abstract_syntax, services);
    const bool storage = !service && is_storage(proposed.abstract_syntax, options.unknown_sop_classes);
    if (storage) {
      context.roles.scu = proposed.roles.scu && services.sink != nullptr;
      context.roles.scp = proposed.roles.scp && services.source != nullptr;
    }
    if ((!service && !storage) || (!context.roles.scu && !context.roles.scp)) {
      context.result = ContextResult::abstract_syntax_not_supported;
      continue;
    }
    // The sender's first choice: it lists first what it need not convert, and everything can be kept as it is sent.
    const auto& syntaxes = proposed.transfer_syntaxes;
    const auto chosen = std::ranges::find_if(
        syntaxes, [&](const std::string& uid) { return storage ? dicom::is_tolerable_uid(uid) : is_plain(uid); });
    if (chosen == syntaxes.end()) {
      context.result = ContextResult::transfer_syntaxes_not_supported;
    } else {
      context.transfer_syntax = *chosen;
    }
  }
  return agreed;
}

}  // namespace aceso::dimse
