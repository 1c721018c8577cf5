// Runs code in a forked child, with a time limit: what goes wrong after fork usually hangs.
#pragma once
#include <sys/wait.h>
#include <unistd.h>

namespace tandem {

// The exit status of `code` in the child; -1 when it died or hung.
template <class Code>
int in_child(Code code) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);
    int status = 99;
    try {
      status = code();
    } catch (...) {}
    ::_exit(status);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

}  // namespace tandem
