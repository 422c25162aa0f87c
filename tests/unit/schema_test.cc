#include "remember/schema.h"

#include <fstream>
#include <vector>

#include "support/catch.h"
#include "support/scratch_dir.h"
#include "support/store.h"

using namespace alertscaler;

namespace {

Db open_db(const std::filesystem::path& file) {
  auto db = Db::open(file, {});
  if (!db) throw std::runtime_error(db.error().text);
  return *std::move(db);
}

// Of a store that the present version made.
std::filesystem::path released(const test::ScratchDir& scratch) {
  const auto store = test::open_store(scratch.path());
  if (!store->keep("key", "value")) throw std::runtime_error("keep");
  return scratch.path() / "alertscaler.db";
}

std::vector<std::string_view> with_next(std::string_view sql) {
  const auto known = schema::migrations();
  std::vector<std::string_view> out(known.begin(), known.end());
  out.push_back(sql);
  return out;
}

}  // namespace

TEST_CASE("schema: a file of an older version is brought up to date, with what is in it") {
  const test::ScratchDir scratch;
  const auto file = released(scratch);
  const auto migrations = with_next("ALTER TABLE kept ADD COLUMN added INTEGER NOT NULL DEFAULT 7");
  for (int round = 0; round < 2; ++round) {  // and the second time there is nothing left to do
    Db db = open_db(file);
    REQUIRE(schema::prepare(db, file, migrations));
    CHECK(db.number("PRAGMA user_version").value() == static_cast<std::int64_t>(migrations.size()));
    CHECK(db.number("SELECT added FROM kept WHERE key = 'key'").value() == 7);
  }
  const auto store = Store::open(scratch.path());
  REQUIRE_FALSE(store.has_value());
  CHECK_THAT(store.error().message, ContainsSubstring("newer alertscaler"));
}

TEST_CASE("schema: a version that cannot be reached leaves the file at the one before") {
  const test::ScratchDir scratch;
  const auto file = released(scratch);
  {
    Db db = open_db(file);
    const auto migrations = with_next("CREATE TABLE half (a); INSERT INTO nowhere VALUES (1)");
    const Status status = schema::prepare(db, file, migrations);
    REQUIRE_FALSE(status.has_value());
    CHECK_THAT(status.error().message,
               ContainsSubstring("bring the schema to version " + std::to_string(migrations.size()) + ": ") &&
                   ContainsSubstring("no such table: nowhere"));
    CHECK(db.number("SELECT count(*) FROM sqlite_schema WHERE name = 'half'").value() == 0);
  }
  CHECK(test::open_store(scratch.path())->kept("key") == "value");
}

TEST_CASE("schema: a start that was cut short after the first page is started over") {
  const test::ScratchDir scratch;
  const auto file = scratch.path() / "alertscaler.db";
  {
    std::ofstream create(file);
    Db db = open_db(file);
    REQUIRE(schema::prepare(db, file, {}));  // everything but the tables
  }
  const auto store = test::open_store(scratch.path());
  REQUIRE(store->keep("key", "value"));
}

TEST_CASE("schema: the file says whose it is and of what version") {
  const test::ScratchDir scratch;
  Db db = open_db(released(scratch));
  CHECK(db.number("PRAGMA application_id").value() == 0x616C7363);
  CHECK(db.number("PRAGMA user_version").value() == static_cast<std::int64_t>(schema::migrations().size()));
  CHECK(db.number("PRAGMA auto_vacuum").value() == 2);
}
