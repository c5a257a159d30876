// What clinicians draw on stored images: boxes, outlines and findings of whole images, with author, time and history,
// kept beside the study and read by others as labels (contracts::MarkSource).
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "aceso/archive/analyses.hpp"
#include "aceso/archive/archive.hpp"
#include "aceso/base/clock.hpp"
#include "aceso/base/json.hpp"
#include "aceso/base/log.hpp"
#include "aceso/base/random.hpp"
#include "aceso/contracts/marks.hpp"

namespace aceso::archive {

struct MarksDeps {
  const Clock& clock;  // all outlive the marks
  RandomSource& random;
  Logger logger;
  Archive& archive;
  Analyses* analyses = nullptr;                      // whose answers stand in studies; null: there are none
  const contracts::BlindedReads* blinded = nullptr;  // null: nobody reads blinded
  crypto::SecretKey key;                             // seals what is kept
};

// Thread-safe. Scopes: archive:read to look, feedback:write beside it to draw: nobody speaks for a clinician. A mark is
// changed by who drew it alone; nothing is overwritten.
class Marks final : public contracts::MarkSource {
 public:
  // Opens or creates `folder`. Errors: data_loss (another key), those of the catalogue.
  static Result<std::unique_ptr<Marks>> open(const std::filesystem::path& folder, MarksDeps deps);
  ~Marks() override;

  // {"instance", "frame" (from 1), "finding", "comment"?, "box": [left, top, right, bottom] or "runs": [start, length,
  // ...] or neither}. The mark as list() shows it. Errors: denied, not_found, invalid (a field, by name), precondition
  // (no image), exhausted (2,000 marks of a study).
  Result<Json> add(const contracts::ObjectPeer& peer, std::string_view study_uid, const Json& body);
  // Fields that are given take the place of those that stood; a new revision, unless nothing is new.
  Result<Json> revise(const contracts::ObjectPeer& peer, std::string_view study_uid, std::string_view id,
                      const Json& changes);
  Result<Json> withdraw(const contracts::ObjectPeer& peer, std::string_view study_uid, std::string_view id,
                        std::string_view reason);
  // {"items": [{"id", "series", "instance", "frame", "finding", "comment", "box", "runs", "rows", "columns", "by",
  // "mine", "created_us", "updated_us", "revision", "after_ai", "after_others", "withdrawn", "reason"}], "withheld"}:
  // what stands, oldest first. While a blinded read of the caller waits on an image of the study, only their own, and
  // how many are withheld.
  Result<Json> list(const contracts::ObjectPeer& peer, std::string_view study_uid) const;
  // Every revision of one mark, the newest first. Errors: not_found (also when it is withheld).
  Result<Json> history(const contracts::ObjectPeer& peer, std::string_view study_uid, std::string_view id) const;
  Result<Json> findings(const contracts::ObjectPeer& peer) const;  // {"findings": [...]}: what was ever said, by name

  Result<std::vector<contracts::ImageMark>> marks_of(const contracts::ObjectPeer& peer,
                                                     std::string_view sop_instance_uid) const override;

  void register_routes(net::Router& router);  // /api/v1/archive/studies/{study}/marks

  struct Impl;  // in src/

 private:
  explicit Marks(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace aceso::archive
