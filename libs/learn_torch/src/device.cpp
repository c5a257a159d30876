#include "device.hpp"

#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <dlfcn.h>
#include <link.h>
#include <sys/resource.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "autocast.hpp"

namespace aceso::learn_torch {
namespace {

constexpr int kMajorVersion = 75;  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
constexpr int kFirstWithBf16 = 8;  // CUDA C++ Programming Guide, "Compute Capabilities": Ampere
constexpr int kCuda = 0;           // CUDA_SUCCESS
constexpr auto* kDriver = "libcuda.so.1";
constexpr auto* kCpuPart = "libtorch_cpu.so";
constexpr auto* kCudaPart = "libtorch_cuda.so";

std::string last_dl_error() {
  const char* why = dlerror();  // NOLINT(concurrency-mt-unsafe): glibc keeps it per thread
  return why == nullptr ? "unknown reason" : why;
}

std::filesystem::path folder_of_libtorch() {
  link_map* map = nullptr;
  void* loaded = dlopen(kCpuPart, RTLD_LAZY | RTLD_NOLOAD);
  if (loaded == nullptr || dlinfo(loaded, RTLD_DI_LINKMAP, &map) != 0 || map == nullptr) return {};
  return std::filesystem::path{map->l_name}.parent_path();
}

// LibTorch's CUDA part registers itself when it is loaded; what it needs it finds by its own run path. Empty: loaded.
std::string load_cuda_part() {
  const std::filesystem::path part = folder_of_libtorch() / kCudaPart;
  std::error_code ignored;
  if (!std::filesystem::exists(part, ignored))
    return "this LibTorch is the one for CPUs (no " + std::string{kCudaPart} +
           "): run tools/fetch_engines on this machine, or build with ACESO_TORCH_ROOT";
  // Read by cuBLAS when it is first used; without it some of its sums depend on timing.
  setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 0);  // NOLINT(concurrency-mt-unsafe): before the engine's first thread
  if (dlopen(part.c_str(), RTLD_NOW | RTLD_LOCAL) == nullptr)
    return std::string{kCudaPart} + " cannot be loaded: " + last_dl_error();
  return {};
}

// Name and abilities of the first GPU by the driver's own interface (CUDA Driver API, "Device Management").
template <class F>
F* driver_function(void* driver, const char* name) {
  return reinterpret_cast<F*>(dlsym(driver, name));
}

void ask_driver(void* driver, Gpu& gpu) {
  const auto init = driver_function<int(unsigned)>(driver, "cuInit");
  const auto get = driver_function<int(int*, int)>(driver, "cuDeviceGet");
  const auto name = driver_function<int(char*, int, int)>(driver, "cuDeviceGetName");
  const auto attribute = driver_function<int(int*, int, int)>(driver, "cuDeviceGetAttribute");
  const auto memory = driver_function<int(std::size_t*, int)>(driver, "cuDeviceTotalMem_v2");
  int device = 0, major = 0;
  std::array<char, 256> text{};
  std::size_t bytes = 0;
  gpu.name = "GPU";
  if (init == nullptr || get == nullptr || init(0) != kCuda || get(&device, 0) != kCuda) return;
  if (name != nullptr && name(text.data(), static_cast<int>(text.size()), device) == kCuda) gpu.name = text.data();
  if (attribute != nullptr && attribute(&major, kMajorVersion, device) == kCuda) gpu.bf16 = major >= kFirstWithBf16;
  if (memory != nullptr && memory(&bytes, device) == kCuda) gpu.bytes = bytes;
}

bool address_space_is_limited() {
  rlimit limit{};
  return getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

// The same seed gives the same weights; float32 is float32.
void make_repeatable() {
  at::Context& context = at::globalContext();
  context.setBenchmarkCuDNN(false);
  context.setDeterministicCuDNN(true);
  context.setDeterministicAlgorithms(true, false);
  context.setDeterministicFillUninitializedMemory(false);
  context.setAllowTF32CuDNN(false);
  context.setAllowTF32CuBLAS(false);
}

Gpu find_gpu() {
  Gpu gpu;
  void* driver = dlopen(kDriver, RTLD_LAZY | RTLD_LOCAL);
  if (driver == nullptr) {
    gpu.why_not = "this machine has no NVIDIA driver (" + std::string{kDriver} + ")";
    return gpu;
  }
  gpu.why_not = load_cuda_part();
  if (!gpu.why_not.empty()) return gpu;
  if (!at::hasCUDA()) {
    gpu.why_not = address_space_is_limited()
                      ? "this process's address space is limited (models.worker_memory), and CUDA needs a large one"
                      : "CUDA finds no GPU that it can use (look at nvidia-smi and CUDA_VISIBLE_DEVICES)";
    return gpu;
  }
  ask_driver(driver, gpu);
  make_repeatable();
  return gpu;
}

}  // namespace

const Gpu& gpu() {
  static const Gpu found = find_gpu();
  return found;
}

Result<at::Device> choose_device(learn::Device asked) {
  const bool there = gpu().why_not.empty();
  if (asked == learn::Device::cuda && !there)
    return Error{Code::unsupported, "device: cuda is not possible here: " + gpu().why_not + "; use cpu or auto"};
  if (asked == learn::Device::cpu || !there) return at::Device{at::kCPU};
  return at::Device{at::kCUDA, 0};
}

bool has_bf16(at::Device device) {
  return device.is_cuda() ? gpu().bf16 : cpu_has_bf16();
}

bool runs_bf16(learn::Precision precision, at::Device device) {
  return precision == learn::Precision::bf16 || (precision == learn::Precision::automatic && has_bf16(device));
}

std::string describe(at::Device device) {
  const std::string bf16 = has_bf16(device) ? ", bf16" : ", no bf16";
  if (device.is_cuda()) return "CUDA: " + gpu().name + bf16;
  return "CPU: " + at::get_cpu_capability() + bf16 + ", " + std::to_string(at::get_num_threads()) + " threads";
}

std::uint64_t peak_memory_bytes(at::Device device) {
  if (!device.is_cuda()) return 0;
  const auto stats = at::accelerator::getDeviceStats(device.index());
  return static_cast<std::uint64_t>(
      stats.allocated_bytes[static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE)].peak);
}

void reset_peak_memory(at::Device device) {
  if (device.is_cuda()) at::accelerator::resetPeakStats(device.index());
}

}  // namespace aceso::learn_torch
