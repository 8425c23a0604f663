-- Sums: what each row that carries one must add up to. `row_sum`, `content_sum` and `body_sum` are Python's (sums.py).

-- name: unsound
-- The tables that decide what is sent, or that nothing is: one of which a row is not as it was written.
SELECT 'meta' FROM meta WHERE sum IS NOT row_sum(name, value)
UNION ALL
SELECT 'run' FROM run WHERE sum IS NOT row_sum(
    run, status, closed, started, ended, mapping, dialect, read, unchanged, folded, invalid, whole, planned, rejected, unread,
    adopted, counts, requests, bytes, seconds, source_stop, stopped, bookmark, source_requests, killed
)
UNION ALL
SELECT 'doubt' FROM doubt WHERE sum IS NOT row_sum(key, run)
UNION ALL
SELECT 'rejected' FROM rejected WHERE sum IS NOT row_sum(key, digest, run, at, field, reason)
UNION ALL
SELECT 'ticket' FROM ticket WHERE sum IS NOT row_sum(entry, ticket)
UNION ALL
SELECT 'seen' FROM seen WHERE sum IS NOT row_sum(ref, number, unread, key)
UNION ALL
SELECT 'settled' FROM settled
WHERE (outcome <> 'delivered' OR EXISTS (SELECT 1 FROM run WHERE NOT closed))  -- else it has become a belief
  AND (outcome NOT IN ('delivered', 'rejected', 'invalid', 'deferred', 'unknown')
       OR sum IS NOT entry + CAST(at * 1000 AS INTEGER) + doubt + 2 * passing
                     + CASE WHEN field = '' AND reason = '' THEN 0 ELSE row_sum(field, reason) END)
UNION ALL
SELECT 'problem' FROM problem WHERE outcome NOT IN ('invalid', 'rejected', 'deferred', 'unknown')
LIMIT 1;

-- name: unsound_plan
-- The plan has as many entries as its run has made.
SELECT 'plan' FROM meta JOIN run ON run.run = meta.value
WHERE meta.name = 'plan_run' AND run.planned <> (SELECT count(*) FROM plan);

-- name: unsound_entry
-- A plan that is still to be delivered, or whose verdicts are still to be merged. Of a run that ended with nothing left
-- nobody reads the plan again.
SELECT 'plan'
FROM plan
LEFT JOIN body USING (body)
LEFT JOIN settled USING (entry)
WHERE EXISTS (
          SELECT 1 FROM meta JOIN run ON run.run = meta.value
          WHERE meta.name = 'plan_run'
            AND (NOT closed OR json_extract(counts, '$.deferred') + json_extract(counts, '$.unknown') > 0)
      )
  AND (plan.sum IS NOT plan.entry + coalesce(plan.follows, -1)
                       + content_sum(plan.key, plan.digest, plan.body)
       OR plan.kind <> 'upsert' OR row_sum(plan.file) IS NULL  -- which fails of what is no text
       OR (settled.outcome IS NULL OR settled.outcome IN ('deferred', 'unknown'))
          AND body.sum IS NOT body_sum(plan.body, body.json))
LIMIT 1;

-- name: seal_run
-- After each change of a run's line.
UPDATE run SET sum = row_sum(
    run, status, closed, started, ended, mapping, dialect, read, unchanged, folded, invalid, whole, planned, rejected, unread,
    adopted, counts, requests, bytes, seconds, source_stop, stopped, bookmark, source_requests, killed
)
WHERE run = :run;

-- name: seal_all_runs
UPDATE run SET sum = row_sum(
    run, status, closed, started, ended, mapping, dialect, read, unchanged, folded, invalid, whole, planned, rejected, unread,
    adopted, counts, requests, bytes, seconds, source_stop, stopped, bookmark, source_requests, killed
);

-- name: seal_all_meta
UPDATE meta SET sum = row_sum(name, value);

-- name: seal_all_bodies
UPDATE body SET sum = body_sum(body, json);

-- name: seal_all_beliefs
UPDATE belief SET sum = content_sum(key, digest, body) + CAST(acked * 1000 AS INTEGER) + run + adopted;

-- name: seal_all_doubts
UPDATE doubt SET sum = row_sum(key, run);

-- name: seal_all_rejected
UPDATE rejected SET sum = row_sum(key, digest, run, at, field, reason);

-- name: seal_all_plan
UPDATE plan SET sum = content_sum(key, digest, body) + entry + coalesce(follows, -1);

-- name: seal_all_settled
UPDATE settled SET sum = entry + CAST(at * 1000 AS INTEGER) + doubt + 2 * passing
                         + CASE WHEN field = '' AND reason = '' THEN 0 ELSE row_sum(field, reason) END;

-- name: seal_all_seen
UPDATE seen SET sum = row_sum(ref, number, unread, key);

-- name: seal_all_tickets
UPDATE ticket SET sum = row_sum(entry, ticket);
