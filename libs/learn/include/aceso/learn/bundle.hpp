// A model bundle: a folder with model.json (signature, network, card, hashes), model.safetensors (or, for a network
// from elsewhere, model.onnx), evidence/report.html|report.json and signature.ed25519. The bundle's id is the SHA-256
// of model.json, which names the hash of every other file; the signature is over model.json.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/base/result.hpp"
#include "aceso/crypto/crypto.hpp"
#include "aceso/learn/trainer.hpp"

namespace aceso::learn {

struct ModelCard {
  std::string name;          // "pneumonia-chest-xray"
  std::string intended_use;  // "Research use only: ..."
  std::string limitations;
  std::string data;  // dataset name and hash
  std::vector<std::string> classes;
  double threshold = 0.5;               // on the probability, chosen on validation data
  std::vector<double> thresholds = {};  // of several labels, one each
  std::string created;                  // RFC 3339
  std::string created_by;
};

struct Bundle {
  std::string id;  // hex SHA-256
  ModelCard card;
  ModelSignature signature;
  Network network;
  Weights weights;
  std::vector<std::byte> onnx;   // a network from elsewhere in place of `network` and `weights`, else empty
  Json training;                 // configuration, history, engine, seconds, peak memory, dataset hash
  Json evaluation;               // report.json, null before evaluation
  Json applicability = nullptr;  // evidence/applicability.json (applicability.hpp); null: the bundle has none
};

// Written to a temporary folder and renamed. exists when the target is there.
Status write_bundle(const std::filesystem::path& folder, const Bundle& bundle, std::string_view report_html,
                    const crypto::SigningKey& key);
// Verifies every hash and the signature. denied: signed by another key or not at all (when `trusted` is not null);
// data_loss: a file was altered.
Result<Bundle> read_bundle(const std::filesystem::path& folder, const crypto::PublicKey* trusted);

}  // namespace aceso::learn
