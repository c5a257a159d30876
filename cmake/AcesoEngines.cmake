# The engines unpacked by tools/fetch_engines, as aceso_ext::torch and aceso_ext::openvino. Only libs/learn_torch and libs/learn_openvino link them.
# The folder: -DACESO_THIRD_PARTY, else $ACESO_THIRD_PARTY, else $XDG_CACHE_HOME/aceso/third_party, else ~/.cache/aceso/third_party.
if(DEFINED ENV{ACESO_THIRD_PARTY})
  set(_third_party "$ENV{ACESO_THIRD_PARTY}")
elseif(DEFINED ENV{XDG_CACHE_HOME})
  set(_third_party "$ENV{XDG_CACHE_HOME}/aceso/third_party")
else()
  set(_third_party "$ENV{HOME}/.cache/aceso/third_party")
endif()
set(ACESO_THIRD_PARTY "${_third_party}" CACHE PATH "Folder that tools/fetch_engines fills")
# A LibTorch that is there already, 2.11 or later: the folder with include/ and lib/, such as .../site-packages/torch.
set(ACESO_TORCH_ROOT "$ENV{ACESO_TORCH_ROOT}" CACHE PATH "LibTorch to build and run with instead of the fetched one")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/packages/wheels.txt")

# Sets <out> to the folder of the pinned version of an engine; stops when it is not there.
function(_aceso_engine_folder name out)
  file(STRINGS "${PROJECT_SOURCE_DIR}/packages/wheels.txt" line REGEX "^${name}==" LIMIT_COUNT 1)
  string(REGEX REPLACE "^${name}==([^ ]+).*" "\\1" version "${line}")
  set(folder "${ACESO_THIRD_PARTY}/${name}-${version}")
  if(NOT EXISTS "${folder}/.stamp")
    message(FATAL_ERROR "${name} ${version} is not in ${ACESO_THIRD_PARTY}: run ./dev setup (or configure with -DACESO_ENGINES=OFF to build without training and serving)")
  endif()
  set(${out} "${folder}" PARENT_SCOPE)
endfunction()

if(ACESO_ENGINES)
  if(ACESO_TORCH_ROOT)
    if(NOT EXISTS "${ACESO_TORCH_ROOT}/include/ATen/ATen.h" OR NOT EXISTS "${ACESO_TORCH_ROOT}/lib/libtorch_cpu.so")
      message(FATAL_ERROR "ACESO_TORCH_ROOT=${ACESO_TORCH_ROOT} is no LibTorch: it lacks include/ATen/ATen.h or lib/libtorch_cpu.so")
    endif()
    set(_torch "${ACESO_TORCH_ROOT}")
  else()
    _aceso_engine_folder(torch _torch)
    string(APPEND _torch "/torch")
  endif()
  add_library(aceso_ext_torch INTERFACE)
  target_include_directories(aceso_ext_torch SYSTEM INTERFACE "${_torch}/include" "${_torch}/include/torch/csrc/api/include")
  # torch_cpu and c10 only: libtorch.so would pull CUDA in, which the engine loads itself where there is a GPU (docs/adr/0120). Registration happens in static initialisers, so nothing may be dropped as unneeded.
  target_link_options(aceso_ext_torch INTERFACE "LINKER:--allow-shlib-undefined")
  target_link_libraries(aceso_ext_torch INTERFACE "-Wl,--push-state,--no-as-needed" "${_torch}/lib/libtorch_cpu.so" "${_torch}/lib/libc10.so" "-Wl,--pop-state")
  # at::parallel_for is a template over OpenMP: without the option it runs on one thread. The threads are those of the library that LibTorch brings.
  file(GLOB _torch_openmp "${_torch}/lib/libgomp*.so*")
  target_compile_options(aceso_ext_torch INTERFACE -fopenmp)
  target_link_libraries(aceso_ext_torch INTERFACE ${_torch_openmp})
  add_library(aceso_ext::torch ALIAS aceso_ext_torch)

  _aceso_engine_folder(openvino _openvino)
  file(GLOB _openvino_library "${_openvino}/openvino/libs/libopenvino.so.*")
  add_library(aceso_ext_openvino INTERFACE)
  target_include_directories(aceso_ext_openvino SYSTEM INTERFACE "${_openvino}/openvino/include")
  target_link_libraries(aceso_ext_openvino INTERFACE "${_openvino_library}")
  add_library(aceso_ext::openvino ALIAS aceso_ext_openvino)
endif()

# A module loaded by learn::load_engine(): found in <build>/engines, exports its one C entry only.
function(aceso_engine_module target)
  set_target_properties(${target} PROPERTIES LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/engines" CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  target_link_options(${target} PRIVATE "LINKER:--exclude-libs,ALL" "LINKER:-z,defs")
endfunction()
