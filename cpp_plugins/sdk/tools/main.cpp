// edgemesh-plugin: looks at a built plugin, as the executor will.
//
// Rules: what is asked for goes to stdout or a file, complaints to stderr; the status is 0 (all is
// well), 1 (something is wrong with the plugin) or 2 (with the command). The plugin is loaded in a
// child process only.
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "description.hpp"
#include "page.hpp"
#include "probe.hpp"
#include "sha256.hpp"

namespace {

using edgemesh::tools::Json;

constexpr std::string_view usage =
    R"(edgemesh-plugin check FILE.so       says what is wrong with a plugin, or that nothing is
edgemesh-plugin describe FILE.so    prints what it says of itself, as JSON
edgemesh-plugin manifest FILE.so    prints the manifest that belongs beside it, as FILE.json
edgemesh-plugin page FOLDER         prints a page of all algorithms of the manifests in a folder

  --built-with TEXT   of manifest: the compiler and its version
  --output FILE       of manifest: written there, by a rename
)";

class BadUse : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

class Wrong : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct Arguments {
    std::string command, file, built_with, output;

    explicit Arguments(const std::vector<std::string> &words) {
        std::vector<std::string> plain;
        for (std::size_t i = 0; i < words.size(); ++i) {
            std::string *const option = words[i] == "--built-with" ? &built_with
                                        : words[i] == "--output"   ? &output
                                                                   : nullptr;
            if (option == nullptr) {
                plain.push_back(words[i]);
            } else if (++i < words.size()) {
                *option = words[i];
            } else {
                throw BadUse(words[i - 1] + " needs a value");
            }
        }
        if (plain.size() != 2) throw BadUse("a command and a file are needed");
        command = plain[0], file = plain[1];
    }
};

// What the plugin says of itself. Raises Wrong, with every problem on a line of its own.
Json description(const std::string &file) {
    try {
        return edgemesh::tools::parse_description(edgemesh::tools::probe(file));
    } catch (const edgemesh::tools::BadDescription &error) {
        std::string lines;
        for (const std::string &problem : error.problems()) {
            lines += (lines.empty() ? "" : "\n") + file + ": " + problem;
        }
        throw Wrong(lines);
    }
}

std::string sum(const std::string &file) {
    std::ifstream stream(file, std::ios::binary);
    return edgemesh::tools::sha256(stream);
}

Json manifest(const Arguments &arguments) {
    const std::string before = sum(arguments.file);
    Json described = description(arguments.file);
    if (sum(arguments.file) != before) throw Wrong(arguments.file + ": it changed meanwhile");
    return {{"manifest", 1},
            {"name", described["name"]},
            {"version", described["version"]},
            {"abi_version", EDGEMESH_PLUGIN_ABI_VERSION}, // any other was refused
            {"sha256", before},
            {"built_with", arguments.built_with},
            {"description", described}};
}

void write(const std::string &text, const std::string &path) {
    const std::string fresh = path + ".new";
    std::ofstream stream(fresh, std::ios::binary);
    stream << text;
    stream.close();
    if (!stream || std::rename(fresh.c_str(), path.c_str()) != 0) {
        throw Wrong(path + ": cannot be written");
    }
}

void run(const Arguments &arguments) {
    if (arguments.command == "check") {
        const Json described = description(arguments.file);
        std::cout << arguments.file << ": " << described["name"].get<std::string>() << " "
                  << described["version"].get<std::string>() << ":";
        for (const Json &one : described["algorithms"]) {
            std::cout << " " << one["name"].get<std::string>();
        }
        std::cout << "\n";
    } else if (arguments.command == "describe") {
        std::cout << description(arguments.file).dump(2) << "\n";
    } else if (arguments.command == "manifest") {
        const std::string text = manifest(arguments).dump(2) + "\n";
        if (arguments.output.empty()) {
            std::cout << text;
        } else {
            write(text, arguments.output);
        }
    } else if (arguments.command == "page") {
        std::cout << edgemesh::tools::Page::of(arguments.file);
    } else {
        throw BadUse("there is no command " + arguments.command);
    }
}

} // namespace

int main(int count, char **words) {
    try {
        run(Arguments(std::vector<std::string>(words + 1, words + count)));
        std::cout.flush();
        return std::cout ? 0 : 1;
    } catch (const BadUse &error) {
        std::cerr << "edgemesh-plugin: " << error.what() << "\n\n" << usage;
        return 2;
    } catch (const std::exception &error) {
        std::cerr << error.what() << "\n";
        return 1;
    }
}
