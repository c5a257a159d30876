// Runs a compiled model.
#pragma once

#include <memory>
#include <openvino/runtime/core.hpp>

#include "aceso/learn/engine.hpp"

namespace aceso::learn_openvino {

// Keeps `core` alive as long as the session. A model with one output gives it under the name "output"; with several,
// each under its own name. Errors: unsupported when an input or output has no type of ours. May throw ov::Exception.
Result<std::unique_ptr<learn::InferenceSession>> make_session(const std::shared_ptr<ov::Core>& core,
                                                              const std::shared_ptr<ov::Model>& model,
                                                              const learn::InferenceOptions& options);

// Runs f(), which returns a Result; what OpenVINO throws becomes an Error. exhausted: out of memory; else `otherwise`.
Error to_error(Code otherwise, std::string_view doing, const std::exception& caught);
template <class F>
auto fenced(Code otherwise, std::string_view doing, F&& f) -> decltype(f()) {
  try {
    return std::forward<F>(f)();
  } catch (const std::exception& caught) {
    return to_error(otherwise, doing, caught);
  } catch (...) {
    return Error{otherwise, std::string{doing} + ": OpenVINO threw something that is no exception"};
  }
}

}  // namespace aceso::learn_openvino
