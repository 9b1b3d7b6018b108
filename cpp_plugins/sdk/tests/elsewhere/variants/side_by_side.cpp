// Loads all plugins that it is given and runs each, in turn and again, while all are loaded.
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <edgemesh_plugin_testing.hpp>

namespace {

using edgemesh::testing::input;
using edgemesh::testing::output;

void expect(bool holds, const std::string &what) {
    if (holds) return;
    std::cerr << what << "\n";
    std::exit(1);
}

void try_out(const edgemesh::host::Library &plugin) {
    edgemesh::testing::Recorder recorder;
    const std::vector<double> x{1, 2, 3};
    const auto scaled =
        plugin.run({"cpp.scale", "1", "{\"factor\": 0.5}", {input("x", x, {3})}}, recorder);
    expect(output<double>(scaled, "y") == std::vector<double>{0.5, 1, 1.5}, "another result");
    const std::vector<float> wrong{1};
    const auto refused = plugin.run({"cpp.scale", "1", "", {input("x", wrong, {1})}}, recorder);
    expect(refused.status == EDGEMESH_INVALID_INPUT && refused.errors.size() == 1 &&
               refused.errors[0].message == "must be float64, is float32",
           "an exception has not become an error");
}

} // namespace

int main(int count, char **paths) {
    std::vector<std::unique_ptr<edgemesh::host::Library>> plugins;
    for (int i = 1; i < count; ++i) {
        plugins.push_back(std::make_unique<edgemesh::host::Library>(paths[i]));
    }
    for (int round = 0; round < 2; ++round) {
        for (const auto &plugin : plugins) {
            std::cout << plugin->path() << std::endl;
            try_out(*plugin);
        }
    }
}
