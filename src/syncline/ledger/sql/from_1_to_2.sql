-- A ledger of version 1 → version 2. The views are made by views.sql.

ALTER TABLE run ADD COLUMN adopted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE belief ADD COLUMN adopted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE problem ADD COLUMN rule TEXT NOT NULL DEFAULT '';
