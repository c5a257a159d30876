#include "aceso/dimse/status.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace aceso::dimse {
namespace {

// What a code means where nothing more special is said.
StatusCode common_status(Code code) noexcept {
  switch (code) {
    case Code::denied:
    case Code::unauthenticated:
      return kNotAuthorised;
    case Code::exhausted:
    case Code::too_large:
    case Code::unavailable:
    case Code::cancelled:
      return kOutOfResources;
    default:
      return kProcessingFailure;
  }
}

}  // namespace

StatusCode store_status(Code code) noexcept {
  switch (code) {
    case Code::invalid:
      return kCannotUnderstand;
    case Code::conflict:
      return kDataSetDoesNotMatchClass;
    case Code::exists:
      return kDuplicateInstance;
    case Code::unsupported:
      return kSopClassNotSupported;
    default:
      return common_status(code);
  }
}

StatusCode find_status(Code code) noexcept {
  switch (code) {
    case Code::invalid:
      return kCannotUnderstand;
    case Code::conflict:
      return kDataSetDoesNotMatchClass;
    case Code::unsupported:
      return kSopClassNotSupported;
    default:
      return common_status(code);
  }
}

StatusCode retrieve_status(Code code) noexcept {
  switch (code) {
    case Code::not_found:
      return kMoveDestinationUnknown;
    case Code::exhausted:
    case Code::too_large:
      return kCannotCountMatches;
    case Code::unavailable:
    case Code::timeout:
    case Code::cancelled:
      return kCannotPerformSubOperations;
    default:
      return find_status(code);
  }
}

StatusCode normalised_status(Code code) noexcept {
  switch (code) {
    case Code::invalid:
      return kInvalidAttributeValue;
    case Code::not_found:
      return kNoSuchInstance;
    case Code::exists:
      return kDuplicateInstance;
    case Code::unsupported:
      return kNoSuchSopClass;
    case Code::conflict:
      return kClassInstanceConflict;
    case Code::exhausted:
    case Code::too_large:
    case Code::unavailable:
    case Code::cancelled:
      return kResourceLimitation;
    case Code::denied:
    case Code::unauthenticated:
      return kNotAuthorised;
    default:
      return kProcessingFailure;
  }
}

Code code_of(StatusCode status) noexcept {
  if ((status & 0xFF00U) == 0xA900) return Code::conflict;
  if ((status & 0xF000U) == 0xC000) return Code::invalid;
  switch (status) {
    case kCancelled:
      return Code::cancelled;
    case kMoveDestinationUnknown:
    case kNoSuchInstance:
      return Code::not_found;
    case kDuplicateInstance:
      return Code::exists;
    case kNotAuthorised:
      return Code::denied;
    case kClassInstanceConflict:
      return Code::conflict;
    case kSopClassNotSupported:
    case kNoSuchSopClass:
    case kNoSuchAction:
    case kNoSuchEventType:
    case kUnrecognisedOperation:
      return Code::unsupported;
    case kNoSuchAttribute:
    case kInvalidAttributeValue:
    case kInvalidArgumentValue:
    case kInvalidInstance:
    case kMissingAttribute:
      return Code::invalid;
    default:
      break;
  }
  if ((status & 0xFF00U) == 0xA700 || status == kResourceLimitation) return Code::exhausted;
  return Code::unavailable;
}

std::string_view meaning(StatusCode status) noexcept {
  static constexpr std::array<std::pair<StatusCode, std::string_view>, 26> kWords{{
      {kSuccess, "success"},
      {kPending, "pending"},
      {kPendingUnmatchedKeys, "pending, some keys were not matched"},
      {kCancelled, "cancelled"},
      {kSubOperationsWarning, "done, but not for every object"},
      {kOutOfResources, "out of resources"},
      {kCannotCountMatches, "out of resources: cannot count the matches"},
      {kCannotPerformSubOperations, "out of resources: cannot send the objects"},
      {kMoveDestinationUnknown, "the destination is not known"},
      {kDataSetDoesNotMatchClass, "the data set does not match the SOP class"},
      {kCannotUnderstand, "cannot understand the data set"},
      {kNoSuchAttribute, "no such attribute"},
      {kInvalidAttributeValue, "an attribute has an invalid value"},
      {kProcessingFailure, "processing failed"},
      {kDuplicateInstance, "another object is kept under this SOP instance UID"},
      {kNoSuchInstance, "no such SOP instance"},
      {kNoSuchEventType, "no such event type"},
      {kInvalidArgumentValue, "an argument has an invalid value"},
      {kInvalidInstance, "the SOP instance UID is invalid"},
      {kNoSuchSopClass, "no such SOP class"},
      {kClassInstanceConflict, "the SOP instance is of another class"},
      {kMissingAttribute, "an attribute is missing"},
      {kSopClassNotSupported, "the SOP class is not supported"},
      {kNoSuchAction, "no such action"},
      {kNotAuthorised, "not authorised"},
      {kUnrecognisedOperation, "the operation is not recognised"},
  }};
  const auto* known = std::ranges::find(kWords, status, &std::pair<StatusCode, std::string_view>::first);
  if (known != kWords.end()) return known->second;
  if ((status & 0xFF00U) == 0xA700) return meaning(kOutOfResources);
  if ((status & 0xFF00U) == 0xA900) return meaning(kDataSetDoesNotMatchClass);
  if ((status & 0xF000U) == 0xC000) return meaning(kCannotUnderstand);
  return {};
}

}  // namespace aceso::dimse
