// DCMTK 3.6.7 does not free the list it began when an A-ASSOCIATE-RQ turns out to be damaged: 32 bytes a request,
// inside the library and out of our reach. LeakSanitizer asks here what to leave out; other builds never call it.

extern "C" const char* __lsan_default_suppressions();   // NOLINT(bugprone-reserved-identifier): the sanitizer's name
extern "C" const char* __lsan_default_suppressions() {  // NOLINT(bugprone-reserved-identifier)
  return "leak:LST_Create\n";
}
