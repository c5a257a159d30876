// Statuses of DIMSE services (PS3.7 Annex C, PS3.4 B.2.3, C.4.1 to C.4.3, F.7.2, J.3), made from one Code.
#pragma once

#include <cstdint>
#include <string_view>

#include "aceso/base/result.hpp"

namespace aceso::dimse {

using StatusCode = std::uint16_t;

inline constexpr StatusCode kSuccess = 0x0000;
inline constexpr StatusCode kPending = 0xFF00;
inline constexpr StatusCode kPendingUnmatchedKeys = 0xFF01;  // an optional key was not matched
inline constexpr StatusCode kCancelled = 0xFE00;
inline constexpr StatusCode kSubOperationsWarning = 0xB000;  // C-MOVE, C-GET: complete, some failed
inline constexpr StatusCode kOutOfResources = 0xA700;        // C-STORE, C-FIND
inline constexpr StatusCode kCannotCountMatches = 0xA701;    // C-MOVE, C-GET
inline constexpr StatusCode kCannotPerformSubOperations = 0xA702;
inline constexpr StatusCode kMoveDestinationUnknown = 0xA801;
inline constexpr StatusCode kDataSetDoesNotMatchClass = 0xA900;
inline constexpr StatusCode kCannotUnderstand = 0xC000;
inline constexpr StatusCode kNoSuchAttribute = 0x0105;
inline constexpr StatusCode kInvalidAttributeValue = 0x0106;
inline constexpr StatusCode kProcessingFailure = 0x0110;
inline constexpr StatusCode kDuplicateInstance = 0x0111;
inline constexpr StatusCode kNoSuchInstance = 0x0112;
inline constexpr StatusCode kNoSuchEventType = 0x0113;
inline constexpr StatusCode kInvalidArgumentValue = 0x0115;
inline constexpr StatusCode kInvalidInstance = 0x0117;
inline constexpr StatusCode kNoSuchSopClass = 0x0118;
inline constexpr StatusCode kClassInstanceConflict = 0x0119;
inline constexpr StatusCode kMissingAttribute = 0x0120;
inline constexpr StatusCode kSopClassNotSupported = 0x0122;
inline constexpr StatusCode kNoSuchAction = 0x0123;
inline constexpr StatusCode kNotAuthorised = 0x0124;
inline constexpr StatusCode kUnrecognisedOperation = 0x0211;
inline constexpr StatusCode kResourceLimitation = 0x0213;

constexpr bool is_pending(StatusCode status) noexcept {
  return status == kPending || status == kPendingUnmatchedKeys;
}
// PS3.7 C.1.3: the operation was done, and something about it is worth knowing.
constexpr bool is_warning(StatusCode status) noexcept {
  return status == 0x0001 || (status & 0xF000U) == 0xB000 || status == 0x0107 || status == 0x0116;
}

// What a failed C-STORE, C-FIND, C-MOVE or C-GET, or N-service answers.
StatusCode store_status(Code code) noexcept;
StatusCode find_status(Code code) noexcept;
StatusCode retrieve_status(Code code) noexcept;
StatusCode normalised_status(Code code) noexcept;
// The other way, for a peer's answer. `status` is neither success, pending nor warning.
Code code_of(StatusCode status) noexcept;
// "out of resources"; "" when the standard has no words for it.
std::string_view meaning(StatusCode status) noexcept;

}  // namespace aceso::dimse
