// The page of all algorithms, in Markdown, from the manifests of a folder. The same manifests give
// the same page: plugins and algorithms in the order of their names.
#ifndef EDGEMESH_TOOLS_PAGE_HPP
#define EDGEMESH_TOOLS_PAGE_HPP

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "schema_text.hpp"

namespace edgemesh::tools {

class Page {
  public:
    // Of the manifests (*.json) in a folder. Raises std::runtime_error.
    static std::string of(const std::string &folder) {
        Page page;
        page.text_ = "# Algorithms of the C++ plugins\n\n"
                     "Generated from the plugins' manifests by `edgemesh-plugin page`: do not edit "
                     "it; `page.sh` writes it anew.\n\n"
                     "| plugin | algorithms |\n| --- | --- |\n";
        const std::map<std::string, Json> plugins = read(folder);
        if (plugins.empty()) throw std::runtime_error(folder + ": there is no manifest");
        for (const auto &[name, manifest] : plugins) page.index(name, manifest);
        for (const auto &[name, manifest] : plugins) {
            page.text_ += "\n## " + name + " " + manifest.at("version").get<std::string>() + "\n";
            for (const Json &one : sorted(manifest)) page.algorithm(one);
        }
        return page.text_;
    }

  private:
    static std::map<std::string, Json> read(const std::string &folder) {
        std::map<std::string, Json> plugins;
        for (const auto &entry : std::filesystem::directory_iterator(folder)) {
            if (entry.path().extension() != ".json") continue;
            std::ifstream stream(entry.path());
            Json manifest = Json::parse(stream, nullptr, /*allow_exceptions=*/false);
            if (!manifest.is_object() || manifest.value("manifest", 0) != 1) {
                throw std::runtime_error(entry.path().string() + ": is no manifest");
            }
            auto name = manifest.at("name").get<std::string>();
            plugins.emplace(std::move(name), std::move(manifest));
        }
        return plugins;
    }

    static std::vector<Json> sorted(const Json &manifest) {
        std::vector<Json> algorithms = manifest.at("description").at("algorithms");
        std::stable_sort(algorithms.begin(), algorithms.end(),
                         [](const Json &a, const Json &b) { return a.at("name") < b.at("name"); });
        return algorithms;
    }

    void index(const std::string &plugin, const Json &manifest) {
        text_ += "| [" + plugin + "](" + plugin + "/) |";
        const char *comma = " ";
        for (const Json &one : sorted(manifest)) {
            text_ += comma + link(one.at("name"));
            comma = ", ";
        }
        text_ += " |\n";
    }

    // A heading's anchor is its text in lower case without dots.
    static std::string link(const std::string &name) {
        std::string anchor = name;
        anchor.erase(std::remove(anchor.begin(), anchor.end(), '.'), anchor.end());
        return "[" + name + "](#" + anchor + ")";
    }

    void algorithm(const Json &one) {
        text_ += "\n### " + one.at("name").get<std::string>() + "\n\n";
        text_ += one.at("description").get<std::string>() + "\n\n";
        text_ += "Version " + one.at("version").get<std::string>();
        if (one.value("streams", false)) text_ += "; reports its progress";
        if (!one.value("idempotent", false)) text_ += "; is not run twice";
        text_ += ".\n";
        parameters(one.value("parameters_schema", Json::object()));
        tensors("input", one.value("inputs", Json::array()));
        tensors("output", one.value("outputs", Json::array()));
        if (one.contains("result_schema")) {
            text_ += "\nResult: " + schema_text(one["result_schema"]) + "\n";
        }
    }

    void parameters(const Json &schema) {
        const Json properties = schema.value("properties", Json::object());
        if (properties.empty()) return;
        const Json required = schema.value("required", Json::array());
        text_ += "\n| parameter | is | default | |\n| --- | --- | --- | --- |\n";
        for (const auto &[name, property] : properties.items()) {
            const bool needed = std::find(required.begin(), required.end(), name) != required.end();
            const std::string otherwise = property.contains("default")
                                              ? "`" + property["default"].dump() + "`"
                                          : needed ? "required"
                                                   : "";
            row({"`" + name + "`", schema_text(property), otherwise,
                 property.value("description", "")});
        }
    }

    void tensors(const std::string &kind, const Json &specs) {
        if (specs.empty()) return;
        text_ += "\n| " + kind + " | of | shape | |\n| --- | --- | --- | --- |\n";
        for (const Json &spec : specs) {
            std::string about = spec.value("description", "");
            if (!spec.value("required", true)) about += about.empty() ? "optional" : "; optional";
            row({"`" + spec.at("name").get<std::string>() + "`", types(spec), shape(spec), about});
        }
    }

    static std::string types(const Json &spec) {
        std::string names;
        for (const Json &dtype : spec.value("dtypes", Json::array())) {
            names += (names.empty() ? "" : ", ") + dtype.get<std::string>();
        }
        return names.empty() ? "any type" : names;
    }

    static std::string shape(const Json &spec) {
        std::string text;
        if (spec.value("any_rank", false)) {
            text = "any";
        } else {
            for (const Json &length : spec.value("shape", Json::array())) {
                text += (text.empty() ? "" : ", ") + (length < 0 ? "n" : length.dump());
            }
            text = "[" + text + "]";
        }
        return spec.value("allow_empty", false) ? text + ", may be empty" : text;
    }

    void row(const std::vector<std::string> &cells) {
        text_ += '|';
        for (const std::string &cell : cells) {
            text_ += ' ';
            for (const char c : cell) {
                if (c == '|') text_ += '\\';
                text_ += c == '\n' ? ' ' : c;
            }
            text_ += cell.empty() ? "|" : " |";
        }
        text_ += '\n';
    }

    std::string text_;
};

} // namespace edgemesh::tools

#endif
