#pragma once

namespace aceso::dicom {

// OpenJPH writes what it has to say to the process's own streams unless it is told not to; errors are exceptions too.
// (Its configure_info() has no effect in 0.9.)
void quiet_openjph();

}  // namespace aceso::dicom
