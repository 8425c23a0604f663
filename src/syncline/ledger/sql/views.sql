-- For DuckDB, Datasette or a BI tool to look in: the tables are Syncline's own business, these views are kept stable.
-- While a run is at work, and after it was killed until the next one, `people` and `doubts` stand as they were before it,
-- and its own line in `runs` is not finished: a run merges what it learnt when it ends.
-- Times are UTC, `YYYY-MM-DD HH:MM:SS`. Read only: what is changed by hand is taken for damage.

-- What this sync last delivered for each person (or adopted), and whether that is in doubt.
CREATE VIEW people AS
SELECT key,
       CAST(body.json AS TEXT) AS record,
       datetime(acked, 'unixepoch') AS acknowledged_at,
       run,
       adopted,
       key IN (SELECT doubt.key FROM doubt) AS in_doubt
FROM belief JOIN body USING (body);

-- People of whom it is not known what the destination holds; they are sent again.
CREATE VIEW doubts AS SELECT key, run FROM doubt;

-- One line a run, with its seven outcomes, which sum to rows_read.
CREATE VIEW runs AS
SELECT run,
       status,
       datetime(started, 'unixepoch') AS started_at,
       datetime(ended, 'unixepoch') AS ended_at,
       read + unread AS rows_read,
       coalesce(json_extract(counts, '$.delivered'), 0) AS delivered,
       coalesce(json_extract(counts, '$.unchanged'), unchanged) AS unchanged,
       coalesce(json_extract(counts, '$.folded'), folded) AS folded,
       coalesce(json_extract(counts, '$.invalid'), invalid) AS invalid,
       coalesce(json_extract(counts, '$.rejected'), 0) AS rejected,
       coalesce(json_extract(counts, '$.deferred'), 0) AS deferred,
       coalesce(json_extract(counts, '$.unknown'), 0) AS unknown,
       adopted,
       requests,
       source_requests,
       bytes,
       seconds,
       killed AS parts_killed,
       json_extract(stopped, '$.reason') AS stopped_reason,
       json_extract(stopped, '$.message') AS stopped_message
FROM run;

-- The rows that did not make it, of every run.
CREATE VIEW problems AS
SELECT run, file, row, line, key, field, outcome, rule, reason, since AS rejected_since FROM problem;

-- The rest of the current plan: what `run --resume` would send.
CREATE VIEW pending AS
SELECT entry, file, row, line, key, CAST(body.json AS TEXT) AS record
FROM plan
JOIN body USING (body)
LEFT JOIN settled USING (entry)
WHERE settled.outcome IS NULL OR settled.outcome IN ('deferred', 'unknown');
