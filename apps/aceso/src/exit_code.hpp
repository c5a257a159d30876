// Exit codes of the command line, documented in `aceso --help` and docs/cli.md.
#pragma once

#include "aceso/base/result.hpp"

namespace aceso::app {

inline constexpr int kOk = 0;
inline constexpr int kFailed = 1;         // the work was tried and failed
inline constexpr int kUsage = 2;          // the command line, a configuration file or the input is wrong
inline constexpr int kNotFound = 3;       // a file, data set, model or user is not there
inline constexpr int kDenied = 4;         // not allowed, or not signed by a trusted key
inline constexpr int kUnavailable = 5;    // the home folder is in use, the node does not answer, no network
inline constexpr int kInterrupted = 130;  // Ctrl-C

inline int exit_code(Code code) noexcept {
  switch (code) {
    case Code::invalid:
    case Code::unsupported:
    case Code::too_large:
      return kUsage;
    case Code::not_found:
      return kNotFound;
    case Code::denied:
    case Code::unauthenticated:
      return kDenied;
    case Code::unavailable:
    case Code::timeout:
      return kUnavailable;
    case Code::cancelled:
      return kInterrupted;
    default:
      return kFailed;
  }
}

}  // namespace aceso::app
