#include "process_state.h"

#include <cfenv>
#include <climits>
#include <clocale>

#include <unistd.h>
#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace cpp_host {
namespace {

#if defined(__SSE2__)
// Of the control register: all but the exceptions that were seen.
constexpr unsigned control_mask = 0xFFC0;
unsigned control() { return _mm_getcsr() & control_mask; }
void set_control(unsigned value) { _mm_setcsr((_mm_getcsr() & ~control_mask) | value); }
#else
unsigned control() { return 0; }
void set_control(unsigned) {}
#endif

std::string locale() {
    const char *const name = std::setlocale(LC_ALL, nullptr);
    return name == nullptr ? "" : name;
}

std::string directory() {
    char path[PATH_MAX];
    return ::getcwd(path, sizeof path) == nullptr ? "" : path;
}

} // namespace

ProcessState::Handler ProcessState::handler(int signal) {
    struct sigaction action{};
    ::sigaction(signal, nullptr, &action);
    return {action.sa_handler, action.sa_flags};
}

ProcessState ProcessState::now() {
    ProcessState state;
    state.rounding_ = std::fegetround();
    state.control_ = control();
    state.locale_ = locale();
    state.directory_ = directory();
    for (std::size_t i = 0; i < signals.size(); ++i) state.handlers_[i] = handler(signals[i]);
    return state;
}

std::string ProcessState::restore() const {
    if (std::fegetround() != rounding_) std::fesetround(rounding_);
    if (control() != control_) set_control(control_);
    if (locale() != locale_) return "the locale";
    if (directory() != directory_) return "the working directory";
    for (std::size_t i = 0; i < signals.size(); ++i) {
        const Handler now = handler(signals[i]);
        if (now.function != handlers_[i].function || now.flags != handlers_[i].flags) {
            return "the handler of signal " + std::to_string(signals[i]);
        }
    }
    return {};
}

} // namespace cpp_host
