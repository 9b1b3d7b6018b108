// What of the process a plugin must leave as it is: rule 6 of edgemesh_plugin.h. Rounding and
// denormals are put back after each call; the rest is only noticed, since nobody can tell what else
// was changed with it.
#pragma once

#include <array>
#include <csignal>
#include <string>

namespace cpp_host {

class ProcessState {
  public:
    // As it is now.
    static ProcessState now();

    // Puts the floating-point mode back; says what else is another than then, or nothing.
    std::string restore() const;

  private:
    static constexpr std::array signals{SIGSEGV, SIGBUS,  SIGFPE, SIGILL,  SIGABRT,
                                        SIGTERM, SIGINT,  SIGHUP, SIGPIPE, SIGALRM,
                                        SIGCHLD, SIGUSR1, SIGUSR2};
    struct Handler {
        void (*function)(int);
        int flags;
    };

    static Handler handler(int signal);

    int rounding_ = 0;
    unsigned control_ = 0; // the vector unit's
    std::string locale_;
    std::string directory_;
    std::array<Handler, signals.size()> handlers_{};
};

} // namespace cpp_host
