// What NVRTC looks for beside itself.
extern "C" int nvrtc_builtins_of_the_stub() { return 0; }
