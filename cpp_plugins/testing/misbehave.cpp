#include "misbehave.hpp"

#include <cfenv>
#include <clocale>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <unistd.h>

namespace testing_plugin {
namespace {

// Ends only in theory, and is no loop, whatever the compiler thinks: frames are used after the
// call.
int recurse(int depth) { // NOLINT(misc-no-recursion)
    volatile char frame[4096];
    frame[0] = static_cast<char>(depth);
    static volatile bool enough = false;
    const int deeper = enough ? 0 : recurse(depth + 1);
    return frame[0] + deeper;
}

void overrun(edgemesh::Call &call) {
    const auto y = call.output<double>("y", {4});
    volatile double *const end = y.data() + y.size();
    for (int i = 0; i < 4; ++i) end[i] = 1.0;
}

void leak() {
    for (;;) {
        char *const block = static_cast<char *>(std::malloc(1 << 20));
        if (block != nullptr) std::memset(block, 1, 1 << 20);
    }
}

void spin() {
    for (volatile int i = 0;; i = i + 1) {
    }
}

void close_descriptors() {
    for (int descriptor = 0; descriptor < 1024; ++descriptor) ::close(descriptor);
}

struct ThrowsAsItGoes {
    ~ThrowsAsItGoes() noexcept(false) { throw 1; } // NOLINT: as it should not be
};

void throw_while_unwinding() {
    const ThrowsAsItGoes first;
    throw 2; // NOLINT: what is no std::exception
}

using Way = std::function<void(edgemesh::Call &)>;

const std::map<std::string, Way> &all() {
    static const std::map<std::string, Way> ways{
        {"stack overflow", [](edgemesh::Call &) { recurse(0); }},
        {"abort", [](edgemesh::Call &) { std::abort(); }},
        {"terminate", [](edgemesh::Call &) { std::terminate(); }},
        {"throw while unwinding", [](edgemesh::Call &) { throw_while_unwinding(); }},
        {"exit", [](edgemesh::Call &) { std::exit(0); }},
        {"leak", [](edgemesh::Call &) { leak(); }},
        {"spin", [](edgemesh::Call &) { spin(); }},
        {"overrun", overrun},
        {"close descriptors", [](edgemesh::Call &) { close_descriptors(); }},
        {"locale", [](edgemesh::Call &) { std::setlocale(LC_ALL, "C.UTF-8"); }},
        {"rounding", [](edgemesh::Call &) { std::fesetround(FE_UPWARD); }},
        {"signal handler", [](edgemesh::Call &) { std::signal(SIGSEGV, SIG_IGN); }},
        {"working directory",
         [](edgemesh::Call &) {
             if (::chdir("/") != 0) std::abort();
         }},
    };
    return ways;
}

} // namespace

void misbehave(edgemesh::Call &call) {
    all().at(call.parameters().get<std::string>("how"))(call);
    call.result("done");
}

edgemesh::Json ways() {
    edgemesh::Json names = edgemesh::Json::array();
    for (const auto &[name, way] : all()) names.push_back(name);
    return names;
}

} // namespace testing_plugin
