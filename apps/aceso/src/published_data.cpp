#include "published_data.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>

#include "aceso/crypto/hash.hpp"
#include "aceso/crypto/md5.hpp"
#include "aceso/crypto/tls.hpp"
#include "aceso/net/client.hpp"

namespace aceso::app {
namespace {

constexpr std::uint64_t kMostBytes = std::uint64_t{4} << 30;
constexpr int kRedirects = 4;
constexpr std::int64_t kAnswerMs = 15'000;
constexpr std::string_view kMedmnist =
    "MedMNIST v2, Yang et al., Scientific Data 10:41, 2023, doi:10.1038/s41597-022-01721-8";

struct Place {
  std::string host;
  std::uint16_t port = 443;
  std::string target;
};

Result<Place> split_url(std::string_view url) {
  constexpr std::string_view kHttps = "https://";
  if (!url.starts_with(kHttps)) return Error{Code::unavailable, "the publisher sends us to a place without TLS"};
  url.remove_prefix(kHttps.size());
  const auto slash = std::min(url.find('/'), url.size());
  const std::string_view authority = url.substr(0, slash);
  const auto colon = std::min(authority.find(':'), authority.size());
  Place place{.host = std::string{authority.substr(0, colon)},
              .target = slash < url.size() ? std::string{url.substr(slash)} : "/"};
  if (colon < authority.size()) {
    const std::string_view port = authority.substr(colon + 1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), place.port);
    if (error != std::errc{} || end != port.data() + port.size())
      return Error{Code::unavailable, "the publisher sends us to a place that is no address"};
  }
  return place;
}

Error no_network(const PublishedData& data) {
  return {Code::unavailable, "the publisher cannot be reached from this machine. Fetch " + std::string{data.url} +
                                 " elsewhere and give the file with --file"};
}

// The place that answers with the file itself.
Result<Place> resolve(const PublishedData& data, const std::shared_ptr<crypto::TlsContext>& tls) {
  ACESO_TRY(Place place, split_url(data.url));
  for (int i = 0; i < kRedirects; ++i) {
    auto client = net::Client::connect_tcp(place.host, place.port, tls);
    if (!client) return no_network(data);
    net::ClientRequest request;
    request.method = net::Method::head;
    request.target = place.target;
    request.timeout_ms = kAnswerMs;
    const auto answer = (*client)->send(request);
    if (!answer) return no_network(data);
    if (answer->status >= 400)
      return Error{Code::unavailable, "the publisher answers with status " + std::to_string(answer->status) +
                                          ". Fetch " + std::string{data.url} +
                                          " elsewhere and give the file with --file"};
    if (answer->status < 300) return place;
    const std::string to{answer->headers.get("Location")};
    if (to.starts_with('/')) {
      place.target = to;
    } else {
      ACESO_TRY(place, split_url(to));
    }
  }
  return Error{Code::unavailable, "the publisher sends us in circles"};
}

Status check_sum(const PublishedData& data, const std::filesystem::path& file) {
  ACESO_TRY(const MappedFile map, MappedFile::open(file));
  if (crypto::to_hex(crypto::md5(map.bytes())) == data.md5) return {};
  return Error{Code::data_loss, "the file is not the published one: its checksum differs from the publisher's"};
}

}  // namespace

std::span<const PublishedData> published_data() {
  static const std::vector<PublishedData> all{
      {"pathmnist",
       "colon pathology, 9 tissues, 28 x 28 RGB; 89996/10004/7180",
       "CC BY 4.0",
       kMedmnist,
       "https://zenodo.org/records/10519652/files/pathmnist.npz?download=1",
       "a8b06965200029087d5bd730944a56c1",
       {"adipose", "background", "debris", "lymphocytes", "mucus", "smooth muscle", "normal colon mucosa",
        "cancer-associated stroma", "colorectal adenocarcinoma epithelium"}},
      {"dermamnist",
       "skin lesions, 7 classes, 28 x 28 RGB; 7007/1003/2005",
       "CC BY-NC 4.0",
       kMedmnist,
       "https://zenodo.org/records/10519652/files/dermamnist.npz?download=1",
       "0744692d530f8e62ec473284d019b0c7",
       {"actinic keratoses and intraepithelial carcinoma", "basal cell carcinoma", "benign keratosis-like lesions",
        "dermatofibroma", "melanoma", "melanocytic nevi", "vascular lesions"}},
      {"octmnist",
       "retinal OCT, 4 classes, 28 x 28; 97477/10832/1000",
       "CC BY 4.0",
       kMedmnist,
       "https://zenodo.org/records/10519652/files/octmnist.npz?download=1",
       "c68d92d5b585d8d81f7112f81e2d0842",
       {"choroidal neovascularization", "diabetic macular edema", "drusen", "normal"}},
      {"pneumoniamnist",
       "chest X-ray, pneumonia, 28 x 28; 4708/524/624",
       "CC BY 4.0",
       kMedmnist,
       "https://zenodo.org/records/10519652/files/pneumoniamnist.npz?download=1",
       "28209eda62fecd6e6a2d98b1501bb15f",
       {"normal", "pneumonia"}},
      {"retinamnist",
       "fundus, 5 grades of diabetic retinopathy, 28 x 28 RGB; 1080/120/400",
       "CC BY 4.0",
       kMedmnist,
       "https://zenodo.org/records/10519652/files/retinamnist.npz?download=1",
       "bd4c0672f1bba3e3a89f0e4e876791e4",
       {"0", "1", "2", "3", "4"}},
      {"breastmnist",
       "breast ultrasound, 28 x 28; 546/78/156",
       "CC BY 4.0",
       kMedmnist,
       "https://zenodo.org/records/10519652/files/breastmnist.npz?download=1",
       "750601b1f35ba3300ea97c75c52ff8f6",
       {"malignant", "normal, benign"}},
      {"bloodmnist",
       "blood cells, 8 classes, 28 x 28 RGB; 11959/1712/3421",
       "CC BY 4.0",
       kMedmnist,
       "https://zenodo.org/records/10519652/files/bloodmnist.npz?download=1",
       "7053d0359d879ad8a5505303e11de1dc",
       {"basophil", "eosinophil", "erythroblast",
        "immature granulocytes (myelocytes, metamyelocytes and promyelocytes)", "lymphocyte", "monocyte", "neutrophil",
        "platelet"}},
      {"tissuemnist",
       "kidney cortex cells, 8 classes, 28 x 28; 165466/23640/47280",
       "CC BY 4.0",
       kMedmnist,
       "https://zenodo.org/records/10519652/files/tissuemnist.npz?download=1",
       "ebe78ee8b05294063de985d821c1c34b",
       {"Collecting Duct, Connecting Tubule", "Distal Convoluted Tubule", "Glomerular endothelial cells",
        "Interstitial endothelial cells", "Leukocytes", "Podocytes", "Proximal Tubule Segments",
        "Thick Ascending Limb"}},
      {"organamnist",
       "abdominal CT, axial, 11 organs, 28 x 28; 34561/6491/17778",
       "CC BY 4.0",
       kMedmnist,
       "https://zenodo.org/records/10519652/files/organamnist.npz?download=1",
       "68e3f8846a6bd62f0c9bf841c0d9eacc",
       {"bladder", "femur-left", "femur-right", "heart", "kidney-left", "kidney-right", "liver", "lung-left",
        "lung-right", "pancreas", "spleen"}},
      {"organcmnist",
       "abdominal CT, coronal, 11 organs, 28 x 28; 12975/2392/8216",
       "CC BY 4.0",
       kMedmnist,
       "https://zenodo.org/records/10519652/files/organcmnist.npz?download=1",
       "b9ceb9546e10131b32923c5bbeaea2b1",
       {"bladder", "femur-left", "femur-right", "heart", "kidney-left", "kidney-right", "liver", "lung-left",
        "lung-right", "pancreas", "spleen"}},
      {"organsmnist",
       "abdominal CT, sagittal, 11 organs, 28 x 28; 13932/2452/8827",
       "CC BY 4.0",
       kMedmnist,
       "https://zenodo.org/records/10519652/files/organsmnist.npz?download=1",
       "9ab87b696fb54e2a387ebe992d6ed5f1",
       {"bladder", "femur-left", "femur-right", "heart", "kidney-left", "kidney-right", "liver", "lung-left",
        "lung-right", "pancreas", "spleen"}},
      {"organmnist3d",
       "abdominal CT, 11 organs, 28 x 28 x 28; 971/161/610",
       "CC BY 4.0",
       kMedmnist,
       "https://zenodo.org/records/10519652/files/organmnist3d.npz?download=1",
       "a0c5a1ff56af4f155c46d46fbb45a2fe",
       {"liver", "kidney-right", "kidney-left", "femur-right", "femur-left", "bladder", "heart", "lung-right",
        "lung-left", "spleen", "pancreas"}},
      {"nodulemnist3d",
       "chest CT, lung nodules, 28 x 28 x 28; 1158/165/310",
       "CC BY 4.0",
       kMedmnist,
       "https://zenodo.org/records/10519652/files/nodulemnist3d.npz?download=1",
       "8755a7e9e05a4d9ce80a24c3e7a256f3",
       {"benign", "malignant"}},
      {"adrenalmnist3d",
       "abdominal CT, adrenal glands, 28 x 28 x 28; 1188/98/298",
       "CC BY 4.0",
       kMedmnist,
       "https://zenodo.org/records/10519652/files/adrenalmnist3d.npz?download=1",
       "bbd3c5a5576322bc4cdfea780653b1ce",
       {"normal", "hyperplasia"}},
      {"fracturemnist3d",
       "chest CT, rib fractures, 28 x 28 x 28; 1027/103/240",
       "CC BY 4.0",
       kMedmnist,
       "https://zenodo.org/records/10519652/files/fracturemnist3d.npz?download=1",
       "6aa7b0143a6b42da40027a9dda61302f",
       {"buckle rib fracture", "nondisplaced rib fracture", "displaced rib fracture"}},
      {"vesselmnist3d",
       "brain MRA, aneurysms, 28 x 28 x 28; 1335/191/382",
       "CC BY 4.0",
       kMedmnist,
       "https://zenodo.org/records/10519652/files/vesselmnist3d.npz?download=1",
       "b41fd4f7e7e2feedddb201585ecafa1b",
       {"vessel", "aneurysm"}},
      {"synapsemnist3d",
       "electron microscopy, synapses, 28 x 28 x 28; 1230/177/352",
       "CC BY 4.0",
       kMedmnist,
       "https://zenodo.org/records/10519652/files/synapsemnist3d.npz?download=1",
       "1235b78a3cd6280881dd7850a78eadb6",
       {"inhibitory synapse", "excitatory synapse"}},
  };
  return all;
}

const PublishedData* find_published(std::string_view name) {
  const auto all = published_data();
  const auto found = std::find_if(all.begin(), all.end(), [&](const PublishedData& data) { return data.name == name; });
  return found == all.end() ? nullptr : &*found;
}

Result<PublishedFile> fetch_published(const PublishedData& data, const FetchOptions& options, ProgressSink& progress,
                                      const std::stop_token& stop) {
  std::error_code ec;
  if (!options.copy.empty()) {
    if (!std::filesystem::is_regular_file(options.copy, ec))
      return Error{Code::not_found, "no such file: " + options.copy.string()};
    ACESO_TRY_OK(check_sum(data, options.copy));
    return PublishedFile{std::filesystem::absolute(options.copy, ec)};
  }
  ACESO_TRY(const auto tls, crypto::TlsContext::client(
                                {.ca = options.ca, .certificate_chain = {}, .private_key = {}, .allow_tls12 = true}));
  ACESO_TRY(const Place place, resolve(data, tls));
  auto client = net::Client::connect_tcp(place.host, place.port, tls);
  if (!client) return no_network(data);
  ACESO_TRY(TempDir folder, TempDir::create("aceso-get"));
  const auto file = folder.path() / (std::string{data.name} + ".npz");
  std::ofstream out{file, std::ios::binary};
  std::uint64_t done = 0;
  net::ClientRequest request;
  request.target = place.target;
  const Status got = (*client)->download(request, [&](std::span<const std::byte> piece) -> Status {
    if (stop.stop_requested()) return Error{Code::cancelled, "download cancelled"};
    done += piece.size();
    if (done > kMostBytes) return Error{Code::too_large, "the publisher sends more than 4 GiB"};
    out.write(reinterpret_cast<const char*>(piece.data()), static_cast<std::streamsize>(piece.size()));
    if (!out) return Error{Code::exhausted, "the disk is full"};
    ProgressUpdate update;
    update.phase = "download";
    update.done = done;
    progress.update(update);
    return {};
  });
  out.close();
  if (!got && (got.error().code() == Code::cancelled || got.error().code() == Code::too_large ||
               got.error().code() == Code::exhausted))
    return got.error();
  if (!got) return no_network(data);
  ACESO_TRY_OK(check_sum(data, file));
  return PublishedFile{std::move(folder), file};
}

}  // namespace aceso::app
