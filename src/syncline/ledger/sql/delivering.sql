-- Delivering: the plan is read on, verdicts are recorded, and at the end merged into the beliefs.

-- name: pending
-- What is not settled for good, after entry :after. Read in slices, so that no cursor stays open while an API makes us wait.
SELECT plan.entry, plan.file, plan.row, plan.line, plan.key, plan.kind, body.json, plan.digest, plan.body,
       plan.sum - plan.entry - coalesce(plan.follows, -1) + body.sum
FROM plan
LEFT JOIN body USING (body)
LEFT JOIN settled USING (entry)
WHERE plan.entry > :after AND (settled.outcome IS NULL OR settled.outcome IN ('deferred', 'unknown'))
  AND plan.entry NOT IN (SELECT entry FROM ticket)
  AND (plan.follows IS NULL
       OR plan.follows IN (SELECT entry FROM settled WHERE outcome IN ('delivered', 'rejected', 'invalid')))
ORDER BY plan.entry
LIMIT :limit;

-- name: open_tickets
-- The tickets that have no result yet.
SELECT DISTINCT ticket.ticket FROM ticket LEFT JOIN settled USING (entry)
WHERE settled.outcome IS NULL OR settled.outcome IN ('deferred', 'unknown')
ORDER BY ticket.ticket
LIMIT :limit;

-- name: sent_under
-- What was sent under a ticket, and has no result yet.
SELECT plan.entry, plan.file, plan.row, plan.line, plan.key, plan.kind, body.json, plan.digest, plan.body,
       plan.sum - plan.entry - coalesce(plan.follows, -1) + body.sum
FROM ticket
JOIN plan USING (entry)
LEFT JOIN body USING (body)
LEFT JOIN settled USING (entry)
WHERE ticket.ticket = :ticket AND (settled.outcome IS NULL OR settled.outcome IN ('deferred', 'unknown'))
ORDER BY plan.entry;

-- name: keep_ticket
INSERT OR REPLACE INTO ticket (entry, ticket, sum) VALUES (?1, ?2, row_sum(?1, ?2));

-- name: drop_ticket
DELETE FROM ticket WHERE entry = ?;

-- name: count_held
-- Entries that wait for an earlier entry of their key, which has been settled meanwhile.
SELECT count(*) FROM plan LEFT JOIN settled USING (entry)
WHERE plan.follows IS NOT NULL AND (settled.outcome IS NULL OR settled.outcome IN ('deferred', 'unknown'))
  AND plan.entry NOT IN (SELECT entry FROM ticket)
  AND plan.follows IN (SELECT entry FROM settled WHERE outcome IN ('delivered', 'rejected', 'invalid'));

-- name: settle
-- A doubt outlives every later word but an acknowledgement: what may have been applied once stays `unknown`.
INSERT INTO settled (entry, outcome, doubt, at, field, reason, passing, sum)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 + ?1 + CAST(?4 * 1000 AS INTEGER) + ?3 + 2 * ?7)
ON CONFLICT (entry) DO UPDATE SET
    outcome = CASE WHEN settled.outcome = 'unknown' AND excluded.outcome = 'deferred' THEN 'unknown' ELSE excluded.outcome END,
    doubt = max(settled.doubt, excluded.doubt), at = excluded.at, field = excluded.field, reason = excluded.reason,
    passing = excluded.passing, sum = excluded.sum + max(settled.doubt, excluded.doubt) - excluded.doubt;

-- name: count_pending
SELECT count(*) FROM plan LEFT JOIN settled USING (entry)
WHERE settled.outcome IS NULL OR settled.outcome IN ('deferred', 'unknown');

-- name: count_settled
SELECT outcome, count(*) FROM settled GROUP BY outcome;

-- name: counts_of_planning
SELECT unchanged, folded, invalid, rejected, unread FROM run WHERE run = :run;

-- name: count_untouched
SELECT count(*) FROM plan LEFT JOIN settled USING (entry) WHERE settled.entry IS NULL;

-- name: drop_replaced_bodies
-- The bodies that this run's acknowledgements overwrite. Run twice, it finds nothing the second time.
DELETE FROM body WHERE body IN (
    SELECT belief.body
    FROM plan
    JOIN settled USING (entry)
    JOIN belief USING (key)
    WHERE settled.outcome = 'delivered' AND belief.body <> plan.body
      AND plan.entry NOT IN (
          SELECT earlier.entry
          FROM plan AS later JOIN settled AS done ON done.entry = later.entry AND done.outcome = 'delivered'
          JOIN plan AS earlier ON earlier.key = later.key AND earlier.entry < later.entry
          WHERE later.follows IS NOT NULL
      )
);

-- name: drop_overtaken_bodies
-- Of a plan that grew: what was delivered of a key, and then replaced by a later entry of the same plan.
DELETE FROM body WHERE body IN (
    SELECT earlier.body
    FROM plan AS later JOIN settled AS done ON done.entry = later.entry AND done.outcome = 'delivered'
    JOIN plan AS earlier ON earlier.key = later.key AND earlier.entry < later.entry
    JOIN settled AS before ON before.entry = earlier.entry AND before.outcome = 'delivered'
    WHERE later.follows IS NOT NULL
);

-- name: merge_beliefs
INSERT INTO belief (key, digest, body, acked, run, sum)
SELECT plan.key, plan.digest, plan.body, settled.at, :run,
       plan.sum - plan.entry - coalesce(plan.follows, -1) + CAST(settled.at * 1000 AS INTEGER) + :run
FROM plan JOIN settled USING (entry)
WHERE settled.outcome = 'delivered'
ORDER BY plan.key, plan.entry  -- the last of a key wins
ON CONFLICT (key) DO UPDATE SET digest = excluded.digest, body = excluded.body, acked = excluded.acked, run = excluded.run,
                                sum = excluded.sum + belief.adopted;

-- name: lift_doubts
DELETE FROM doubt WHERE key IN (
    SELECT plan.key FROM plan JOIN settled USING (entry) WHERE settled.outcome = 'delivered'
);

-- name: forgive
DELETE FROM rejected WHERE key IN (
    SELECT plan.key FROM plan JOIN settled USING (entry) WHERE settled.outcome = 'delivered'
);

-- name: remember_rejected
INSERT INTO rejected (key, digest, run, at, field, reason, sum)
SELECT plan.key, plan.digest, :run, settled.at, settled.field, settled.reason,
       row_sum(plan.key, plan.digest, :run, settled.at, settled.field, settled.reason)
FROM plan JOIN settled USING (entry)
WHERE settled.outcome = 'rejected' AND NOT settled.passing
ORDER BY plan.key, plan.entry  -- the last of a key wins
ON CONFLICT (key) DO UPDATE SET
    run = CASE WHEN rejected.digest = excluded.digest THEN rejected.run ELSE excluded.run END,
    digest = excluded.digest, at = excluded.at, field = excluded.field, reason = excluded.reason,
    sum = CASE WHEN rejected.digest = excluded.digest
               THEN row_sum(excluded.key, excluded.digest, rejected.run, excluded.at, excluded.field, excluded.reason)
               ELSE excluded.sum END;

-- name: drop_delivery_problems
DELETE FROM problem WHERE run = :run AND entry IS NOT NULL;

-- name: keep_problems
INSERT INTO problem (run, entry, file, row, line, key, field, outcome, reason)
SELECT :run, plan.entry, plan.file, plan.row, plan.line, plan.key, settled.field, settled.outcome, settled.reason
FROM plan JOIN settled USING (entry)
WHERE settled.outcome <> 'delivered';

-- name: keep_untouched
INSERT INTO problem (run, entry, file, row, line, key, field, outcome, reason)
SELECT :run, plan.entry, plan.file, plan.row, plan.line, plan.key, '', 'deferred', :reason
FROM plan LEFT JOIN settled USING (entry)
WHERE settled.entry IS NULL;

-- name: keep_unread
INSERT INTO problem (run, entry, file, row, line, key, field, outcome, reason)
SELECT :run, 0, json_extract(run.bookmark, '$.source'), number, 0, ref, '', 'deferred', seen.unread
FROM seen JOIN run ON run.run = :run
WHERE seen.unread IS NOT NULL ORDER BY number;

-- name: count_unread
UPDATE run SET unread = (SELECT count(*) FROM seen WHERE unread IS NOT NULL) WHERE run = :run;

-- name: doubt_the_untouched
-- The run's process died: of an entry that was not settled for good nobody knows whether it was sent (once more).
INSERT OR REPLACE INTO settled (entry, outcome, doubt, at, field, reason, sum)
SELECT plan.entry, 'unknown', 1, :at, '', :reason, plan.entry + CAST(:at * 1000 AS INTEGER) + 1 + row_sum('', :reason)
FROM plan LEFT JOIN settled USING (entry)
WHERE settled.outcome IS NULL OR settled.outcome IN ('deferred', 'unknown');

-- name: close_run
UPDATE run SET status = :status, closed = 1, ended = :ended, counts = :counts, stopped = :stopped,
               requests = requests + :requests, bytes = bytes + :bytes, seconds = seconds + :seconds,
               source_requests = source_requests + :source_requests
WHERE run = :run;

-- name: count_death
UPDATE run SET killed = killed + 1 WHERE run = :run;

-- name: reopen_run
UPDATE run SET status = 'running', closed = 0, ended = NULL WHERE run = :run;
