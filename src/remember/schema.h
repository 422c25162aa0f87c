// The tables, their versions, and the checks that a file must pass before anything is written to it.
#pragma once

#include <filesystem>
#include <span>
#include <string_view>

#include "base/result.h"
#include "remember/db.h"

namespace alertscaler::schema {

// migrations()[n] takes a database from version n to n + 1. One that was released is never changed: add another.
[[nodiscard]] std::span<const std::string_view> migrations();

// Checks the whole file and brings it to version migrations.size(), one transaction a version. `file` is for the texts.
// storage: it is damaged, of another program, or of a newer version; nothing of it was changed. busy: another process
// holds it, or the disk is full.
[[nodiscard]] Status prepare(Db& db, const std::filesystem::path& file, std::span<const std::string_view> migrations);

// What a person reads of a file that cannot be used, with what to do and what is lost.
[[nodiscard]] Error damaged(const std::filesystem::path& file, std::string_view why);
// Of an error that opening, checking or loading the file met.
[[nodiscard]] Error unusable(const std::filesystem::path& file, const DbError& error);

}  // namespace alertscaler::schema
