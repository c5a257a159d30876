// Patient data does not turn into plain text by itself.
// expect: conversion from .* requested|no viable conversion|could not convert
#include <string>

#include "aceso/base/phi.hpp"

namespace aceso {

std::string plain(const Phi<std::string>& name) {
#ifdef ACESO_MUST_FAIL
  return name;
#else
  return name.reveal(Reveal::to_store);
#endif
}

}  // namespace aceso
