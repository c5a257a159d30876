// Verification and storage with DCMTK's tools as peers.
#include "aceso/base/testing.hpp"
#include "peer.hpp"

namespace aceso::dimse::testing {
namespace {

class Interop : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_program("storescu")) GTEST_SKIP() << "skipped: package dcmtk is not installed";
  }
  TempDir folder_ = *TempDir::create();
};

TEST_F(Interop, echoscu_is_answered) {
  TestServer server;
  const auto echo = run_peer({"echoscu", "127.0.0.1", server.port_text()});
  EXPECT_EQ(echo.status, 0) << echo.output;
}

TEST_F(Interop, storescu_stores_objects_byte_for_byte) {
  TestServer server;
  const auto file = make_ct(1, 1, 1, 1);
  const auto path = save(folder_, "a.dcm", file);
  const auto other = save(folder_, "b.dcm", make_ct(1, 1, 1, 2));
  const auto store = run_peer({"storescu", "127.0.0.1", server.port_text(), path.string(), other.string()});
  ASSERT_EQ(store.status, 0) << store.output;
  const auto kept = server.archive.all();
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_EQ(kept[0].calling_ae, "STORESCU");
  const auto parsed = dicom::parse(file);
  ASSERT_OK(parsed);
  const auto sent = std::span{file}.subspan(parsed->dataset_offset);
  const auto stored = std::span{kept[0].bytes}.subspan(kept[0].data_set_offset);
  EXPECT_TRUE(std::ranges::equal(sent, stored));
}

}  // namespace
}  // namespace aceso::dimse::testing
