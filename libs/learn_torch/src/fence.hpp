// Nothing thrown by LibTorch passes this fence: its exceptions become Errors.
#pragma once

#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "aceso/base/result.hpp"

namespace aceso::learn_torch {

// LibTorch reports a failed CPU allocation as a c10::Error whose text says so; oneDNN's own memory likewise.
Error to_error(std::string_view doing, const std::exception& caught);

// Runs f(), which returns a Result or a Status. exhausted: not enough memory; internal: anything else that was thrown.
template <class F>
auto fenced(std::string_view doing, F&& f) -> decltype(f()) {
  try {
    return std::forward<F>(f)();
  } catch (const std::exception& caught) {
    return to_error(doing, caught);
  } catch (...) {
    return Error{Code::internal, std::string{doing} + ": LibTorch threw something that is no exception"};
  }
}

}  // namespace aceso::learn_torch
