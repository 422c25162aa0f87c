// The rows of each table: from the database into memory, and from a batch into the database.
#pragma once

#include <optional>
#include <vector>

#include "remember/db.h"
#include "remember/memory.h"
#include "remember/store.h"

namespace alertscaler {

// All that is kept in memory. storage: a row that cannot be read, named.
[[nodiscard]] Status load(Db& db, const std::filesystem::path& file, Memory& memory);
// The largest id that was ever given to an action; 0 when there was none.
[[nodiscard]] DbResult<ActionId> last_action_id(Db& db);
[[nodiscard]] Result<std::vector<HistoryEntry>> read_history(Db& db, const std::filesystem::path& file,
                                                             const HistoryQuery& query);

// The statements that write. REQUIRES: the Db lives longer.
class Tables {
 public:
  [[nodiscard]] static DbResult<Tables> prepare(Db& db);
  // REQUIRES: a transaction.
  [[nodiscard]] DbResult<void> write(const Batch& batch);

 private:
  explicit Tables(Db& db) : db_(&db) {}
  [[nodiscard]] DbResult<void> write_alert(const StagedAlerts::Change& change);
  [[nodiscard]] DbResult<void> write_prune(PruneStep& step);

  Db* db_;
  std::optional<Statement> insert_alert_, update_alert_, delete_alert_;
  std::optional<Statement> insert_sighting_, update_sighting_, delete_sighting_;
  std::optional<Statement> put_resolved_, delete_resolved_;
  std::optional<Statement> put_state_, put_orders_, put_action_, put_kept_, prune_actions_;
};

}  // namespace alertscaler
