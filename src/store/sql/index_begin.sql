-- Begins the next epoch, of the release $1 with the parameters up to the marker $2.
update index_state
set epoch = epoch + 1, since = pg_current_xact_id(), release = $1, marker = $2, revision = revision + 1
