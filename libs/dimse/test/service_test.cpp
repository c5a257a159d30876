// Worklist, performed procedure steps and storage commitment, with DCMTK's own reading and writing of the messages.
#include "dcmtk/config/osconfig.h"
#include "dcmtk/dcmdata/dctk.h"
#include "dcmtk/dcmnet/diutil.h"
#include "dcmtk/dcmnet/scu.h"
// DCMTK's headers come first: they define what the others test.
#include "aceso/base/testing.hpp"
#include "call.hpp"
#include "memory_worklist.hpp"
#include "peer.hpp"

namespace aceso::dimse::testing {
namespace {

constexpr const char* kPerformedStep = "1.2.840.10008.3.1.2.3.3";
constexpr const char* kCommitment = "1.2.840.10008.1.20.1";
constexpr const char* kCommitmentInstance = "1.2.840.10008.1.20.1.1";

// DcmSCU with the N-services that it does not offer by itself.
class Modality : public DcmSCU {
 public:
  Modality(std::uint16_t port, const char* abstract_syntax) : syntax_{abstract_syntax} {
    setAETitle("MODALITY");
    setPeerAETitle("ACESO");
    setPeerHostName("127.0.0.1");
    setPeerPort(port);
    OFList<OFString> syntaxes;
    syntaxes.push_back(UID_LittleEndianExplicitTransferSyntax);
    addPresentationContext(abstract_syntax, syntaxes);
    connected_ = initNetwork().good() && negotiateAssociation().good();
  }
  ~Modality() override {
    if (isConnected()) releaseAssociation();
  }
  bool connected() const { return connected_; }

  // Status of the answer; 0xFFFF when none came.
  std::uint16_t create(const char* instance, DcmDataset& data) {
    T_DIMSE_Message request{};
    request.CommandField = DIMSE_N_CREATE_RQ;
    auto& create = request.msg.NCreateRQ;
    create.MessageID = ++message_id_;
    OFStandard::strlcpy(create.AffectedSOPClassUID, syntax_, sizeof create.AffectedSOPClassUID);
    OFStandard::strlcpy(create.AffectedSOPInstanceUID, instance, sizeof create.AffectedSOPInstanceUID);
    create.opts = O_NCREATE_AFFECTEDSOPINSTANCEUID;
    create.DataSetType = DIMSE_DATASET_PRESENT;
    const auto answer = exchange(request, data);
    return answer.CommandField == DIMSE_N_CREATE_RSP ? answer.msg.NCreateRSP.DimseStatus : 0xFFFF;
  }
  std::uint16_t set(const char* instance, DcmDataset& data) {
    T_DIMSE_Message request{};
    request.CommandField = DIMSE_N_SET_RQ;
    auto& set = request.msg.NSetRQ;
    set.MessageID = ++message_id_;
    OFStandard::strlcpy(set.RequestedSOPClassUID, syntax_, sizeof set.RequestedSOPClassUID);
    OFStandard::strlcpy(set.RequestedSOPInstanceUID, instance, sizeof set.RequestedSOPInstanceUID);
    set.DataSetType = DIMSE_DATASET_PRESENT;
    const auto answer = exchange(request, data);
    return answer.CommandField == DIMSE_N_SET_RSP ? answer.msg.NSetRSP.DimseStatus : 0xFFFF;
  }
  T_ASC_PresentationContextID context() { return findPresentationContextID(syntax_, ""); }

 private:
  T_DIMSE_Message exchange(T_DIMSE_Message& request, DcmDataset& data) {
    T_DIMSE_Message answer{};
    DcmDataset* detail = nullptr;
    T_ASC_PresentationContextID id = context();
    if (sendDIMSEMessage(id, &request, &data).good()) (void)receiveDIMSECommand(&id, &answer, &detail);
    delete detail;
    return answer;
  }
  const char* syntax_;
  bool connected_ = false;
  Uint16 message_id_ = 100;
};

class Services : public ::testing::Test {
 protected:
  TestServer& start(ServerOptions options = open_options()) {
    server_ = std::make_unique<TestServer>(std::move(options), &worklist_);
    return *server_;
  }
  MemoryWorklist worklist_;
  std::unique_ptr<TestServer> server_;
};

contracts::ObjectAttribute attribute(std::uint32_t tag, const std::string& value) {
  return {tag, Phi<std::string>{value}};
}

TEST_F(Services, findscu_reads_the_worklist_of_its_station) {
  if (!has_program("findscu")) GTEST_SKIP() << "skipped: package dcmtk is not installed";
  for (const auto* station : {"CT1", "MR1"}) {
    worklist_.add({.attributes = {attribute(0x00100010, std::string{"For^"} + station), attribute(0x00100020, "P1"),
                                  attribute(0x00080050, "A1"), attribute(0x0020000D, "1.2.3")},
                   .step = {attribute(0x00400001, station), attribute(0x00400002, "20260115"),
                            attribute(0x00400003, "0930"), attribute(0x00080060, "CT")}});
  }
  const auto found = run_peer({"findscu", "-W", "-k", "0010,0010", "-k", "0008,0050", "-k",
                               "(0040,0100)[0].0040,0001=CT1", "-k", "(0040,0100)[0].0040,0002=20260101-20260131", "-k",
                               "(0040,0100)[0].0008,0060", "127.0.0.1", start().port_text()});
  ASSERT_EQ(found.status, 0) << found.output;
  EXPECT_NE(found.output.find("For^CT1"), std::string::npos) << found.output;
  EXPECT_EQ(found.output.find("For^MR1"), std::string::npos) << found.output;
  EXPECT_NE(found.output.find("20260115"), std::string::npos) << found.output;
}

TEST_F(Services, a_modality_reports_a_procedure_step_from_start_to_end) {
  start();
  Modality modality{server_->port(), kPerformedStep};
  ASSERT_TRUE(modality.connected());
  DcmDataset begun;
  begun.putAndInsertString(DCM_PerformedProcedureStepStatus, "IN PROGRESS");
  begun.putAndInsertString(DCM_PatientID, "P1");
  EXPECT_EQ(modality.create("1.2.3.4", begun), kSuccess);
  EXPECT_EQ(modality.create("1.2.3.4", begun), kDuplicateInstance);
  DcmDataset ended;
  ended.putAndInsertString(DCM_PerformedProcedureStepStatus, "COMPLETED");
  DcmItem* series = nullptr;
  ended.findOrCreateSequenceItem(DCM_PerformedSeriesSequence, series, -2);
  ASSERT_NE(series, nullptr);
  series->putAndInsertString(DCM_SeriesInstanceUID, "1.2.3.5");
  DcmItem* image = nullptr;
  series->findOrCreateSequenceItem(DCM_ReferencedImageSequence, image, -2);
  image->putAndInsertString(DCM_ReferencedSOPInstanceUID, "1.2.3.6");
  EXPECT_EQ(modality.set("1.2.3.4", ended), kSuccess);
  EXPECT_EQ(modality.set("1.2.3.4", ended), kProcessingFailure) << "it may no longer be updated";
  EXPECT_EQ(modality.set("1.2.3.9", ended), kNoSuchInstance);
  const auto steps = worklist_.steps();
  ASSERT_EQ(steps.size(), 1U);
  const auto& step = steps.begin()->second;
  EXPECT_EQ(step.state, contracts::StepState::completed);
  ASSERT_EQ(step.series.size(), 1U);
  EXPECT_EQ(step.series[0].sop_instance_uids, std::vector<std::string>{"1.2.3.6"});
}

void add_reference(DcmDataset& action, const std::string& instance) {
  DcmItem* item = nullptr;
  action.findOrCreateSequenceItem(DCM_ReferencedSOPSequence, item, -2);
  item->putAndInsertString(DCM_ReferencedSOPClassUID, UID_CTImageStorage);
  item->putAndInsertString(DCM_ReferencedSOPInstanceUID, instance.c_str());
}

TEST_F(Services, commitment_is_given_for_what_is_on_disk_and_refused_for_the_rest) {
  start();
  ASSERT_OK(server_->archive.add(make_ct(1, 1, 1, 1, 16)));
  Modality modality{server_->port(), kCommitment};
  ASSERT_TRUE(modality.connected());
  DcmDataset action;
  action.putAndInsertString(DCM_TransactionUID, "1.2.3.99");
  add_reference(action, uid_of(1, 1, 1, 1));
  add_reference(action, uid_of(1, 1, 1, 2));
  Uint16 status = 0xFFFF;
  ASSERT_TRUE(modality.sendACTIONRequest(modality.context(), kCommitmentInstance, 1, &action, status).good());
  EXPECT_EQ(status, kSuccess);
  DcmDataset* report = nullptr;
  Uint16 event = 0;
  ASSERT_TRUE(modality.handleEVENTREPORTRequest(report, event, 30).good());
  EXPECT_EQ(event, 2) << "failures exist";
  EXPECT_EQ(server_->archive.syncs(), 1);
  OFString uid;
  EXPECT_TRUE(report->findAndGetOFString(DCM_TransactionUID, uid).good());
  EXPECT_EQ(uid, "1.2.3.99");
  DcmItem* failed = nullptr;
  ASSERT_TRUE(report->findAndGetSequenceItem(DCM_FailedSOPSequence, failed).good());
  EXPECT_TRUE(failed->findAndGetOFString(DCM_ReferencedSOPInstanceUID, uid).good());
  EXPECT_EQ(uid, uid_of(1, 1, 1, 2).c_str());
  Uint16 reason = 0;
  EXPECT_TRUE(failed->findAndGetUint16(DCM_FailureReason, reason).good());
  EXPECT_EQ(reason, kNoSuchInstance);
  delete report;
}

}  // namespace
}  // namespace aceso::dimse::testing
