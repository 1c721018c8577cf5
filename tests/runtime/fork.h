// Runs code in a forked child, with a time limit: what goes wrong after fork usually hangs.
#pragma once
#include <sys/wait.h>
#include <unistd.h>

namespace tandem {

class Child {
 public:
  template <class Code>
  explicit Child(Code code) : process_(::fork()) {
    if (process_ != 0) return;
    ::alarm(60);
    int status = 99;
    try {
      status = code();
    } catch (...) {}
    ::_exit(status);
  }

  // The exit status of the code; -1 when it died or hung. Once.
  int wait() const {
    int status = 0;
    if (process_ < 0 || ::waitpid(process_, &status, 0) != process_ || !WIFEXITED(status)) return -1;
    return WEXITSTATUS(status);
  }

 private:
  pid_t process_;
};

template <class Code>
int in_child(Code code) {
  return Child(code).wait();
}

}  // namespace tandem
