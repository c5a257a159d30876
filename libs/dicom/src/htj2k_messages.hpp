#pragma once

namespace aceso::dicom {

// OpenJPH reports errors through one handler for the process, which writes to stderr unless it is replaced.
void quiet_openjph();

}  // namespace aceso::dicom
