// What a plugin says of itself, asked in a child process, and its self-test: a plugin that crashes,
// hangs, exits or prints meanwhile does so there, and this process reports it.
#ifndef EDGEMESH_TOOLS_PROBE_HPP
#define EDGEMESH_TOOLS_PROBE_HPP

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>
#include <system_error>

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edgemesh_plugin_host.hpp"

namespace edgemesh::tools {

inline constexpr std::chrono::seconds probe_time{30};
inline constexpr std::size_t most_description = std::size_t{16} << 20;

// The plugin cannot be asked; what() says why.
class ProbeFailed : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

namespace detail {

inline constexpr char testing = '?';
inline constexpr const char *stage(bool tested) {
    return tested ? "in its self-test" : "as it was loaded";
}

// In the child: the description, or why there is none, after one character that tells which.
// `testing` is written once the self-test begins.
inline std::string answer(const std::string &path, int to) noexcept {
    try {
        const host::Library library(path);
        std::string described = library.describe();
        if (::write(to, &testing, 1) != 1) ::_exit(1);
        library.self_test();
        return "+" + described;
    } catch (const host::LoadError &error) {
        return "-" + error.reason() + ": " + error.what();
    } catch (const std::exception &error) {
        return "-" + std::string(error.what());
    } catch (...) {
        return "-something that is no std::exception was thrown";
    }
}

[[noreturn]] inline void child(const std::string &path, int to) noexcept {
    ::dup2(STDERR_FILENO, STDOUT_FILENO); // stdout is for the result
    const std::string text = answer(path, to);
    for (std::size_t at = 0; at < text.size();) {
        const ssize_t wrote = ::write(to, text.data() + at, text.size() - at);
        if (wrote < 0 && errno != EINTR) ::_exit(1);
        if (wrote > 0) at += static_cast<std::size_t>(wrote);
    }
    ::_exit(0); // no destructor of the plugin's: they are not what is asked
}

// All that comes before the end, or before the time is up.
inline std::string read_all(int from, std::chrono::milliseconds time, bool &timed_out) {
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + time;
    std::string text;
    char part[65536];
    for (;;) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
        pollfd ready{from, POLLIN, 0};
        const int count = ::poll(&ready, 1, left > 0 ? static_cast<int>(left) : 0);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) {
            timed_out = true;
            return text;
        }
        const ssize_t got = ::read(from, part, sizeof part);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return text;
        text.append(part, static_cast<std::size_t>(got));
        if (text.size() > most_description) throw ProbeFailed("its description has no end");
    }
}

} // namespace detail

// The description: JSON text whose content is not checked. Raises ProbeFailed, std::system_error.
inline std::string probe(const std::string &path, std::chrono::milliseconds time = probe_time) {
    int ends[2];
    if (::pipe(ends) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
    const pid_t pid = ::fork();
    if (pid < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (pid == 0) {
        ::close(ends[0]);
        detail::child(path, ends[1]);
    }
    ::close(ends[1]);
    bool timed_out = false;
    std::string text, problem;
    try {
        text = detail::read_all(ends[0], time, timed_out);
    } catch (const ProbeFailed &error) {
        problem = error.what();
    }
    ::close(ends[0]);
    if (timed_out || !problem.empty()) ::kill(pid, SIGKILL);
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!problem.empty()) throw ProbeFailed(path + ": " + problem);
    const bool tested = !text.empty() && text[0] == detail::testing;
    const std::string when = detail::stage(tested);
    text.erase(0, tested ? 1 : 0);
    if (timed_out) throw ProbeFailed(path + ": it hung " + when);
    if (WIFSIGNALED(status)) {
        throw ProbeFailed(path + ": it died " + when + ": " + ::strsignal(WTERMSIG(status)));
    }
    if (text.empty() || WEXITSTATUS(status) != 0) {
        throw ProbeFailed(path + ": it ended the process " + when + ", with status " +
                          std::to_string(WEXITSTATUS(status)));
    }
    if (text[0] != '+') throw ProbeFailed(text.substr(1));
    return text.substr(1);
}

} // namespace edgemesh::tools

#endif
