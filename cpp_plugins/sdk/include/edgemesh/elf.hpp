// Whether a file is a whole ELF file. dlopen does not ask: it maps what the headers promise, and
// the process dies of SIGBUS where the file ends too early (one that is still being copied does).
#ifndef EDGEMESH_ELF_HPP
#define EDGEMESH_ELF_HPP

#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>

#include <elf.h>
#include <link.h>

namespace edgemesh::host {

enum class ElfState { whole, torn, other };

// Reads the headers only. `other`: no regular file, or not ELF, or ELF of another word size.
inline ElfState elf_state(const std::string &path) {
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    const auto end = static_cast<std::streamoff>(file.tellg());
    if (!file || end < 0) return ElfState::other;
    const auto size = static_cast<std::uint64_t>(end);
    const auto read = [&](std::uint64_t offset, auto &into) {
        if (offset > size || size - offset < sizeof into) return false;
        file.seekg(static_cast<std::streamoff>(offset));
        return static_cast<bool>(file.read(reinterpret_cast<char *>(&into), sizeof into));
    };

    unsigned char identity[EI_NIDENT];
    if (!read(0, identity) || std::memcmp(identity, ELFMAG, SELFMAG) != 0) return ElfState::other;
    constexpr int own_class = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
    if (identity[EI_CLASS] != own_class) return ElfState::other;
    ElfW(Ehdr) header;
    if (!read(0, header)) return ElfState::torn;
    for (std::uint64_t i = 0; i < header.e_phnum; ++i) {
        ElfW(Phdr) segment;
        const std::uint64_t at = i * header.e_phentsize;
        if (header.e_phoff > size || !read(header.e_phoff + at, segment)) return ElfState::torn;
        if (segment.p_type != PT_LOAD) continue;
        if (segment.p_offset > size || segment.p_filesz > size - segment.p_offset) {
            return ElfState::torn;
        }
    }
    return ElfState::whole;
}

} // namespace edgemesh::host

#endif
