// For tests: ASSERT_OK(f()), EXPECT_OK(f()), EXPECT_CODE(f(), Code::denied) on anything that is a Status or a
// Result<T>.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "aceso/base/result.hpp"

namespace aceso::testing {

template <class R>
::testing::AssertionResult is_ok(const R& result) {
  if (result.ok()) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << to_string(result.error().code()) << ": " << result.error().message() << " ("
                                       << result.error().where().file << ":" << result.error().where().line << ")";
}

template <class R>
::testing::AssertionResult has_code(const R& result, Code code) {
  if (result.ok()) return ::testing::AssertionFailure() << "is ok, expected " << to_string(code);
  if (result.error().code() == code) return ::testing::AssertionSuccess();
  return is_ok(result) << ", expected " << to_string(code);
}

}  // namespace aceso::testing

#define EXPECT_OK(expr) EXPECT_TRUE(::aceso::testing::is_ok(expr))
#define ASSERT_OK(expr) ASSERT_TRUE(::aceso::testing::is_ok(expr))
#define EXPECT_CODE(expr, code) EXPECT_TRUE(::aceso::testing::has_code(expr, code))
#define ASSERT_CODE(expr, code) ASSERT_TRUE(::aceso::testing::has_code(expr, code))
