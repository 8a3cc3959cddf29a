-- Layouts T and T+ are the server's own tables, packed as those of the others are when they are made.
reindex table term;
reindex table date_value;
reindex table timeline;
