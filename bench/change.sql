-- One change as this service stores it: the guarded update and its history row, in one transaction (pgbench -f).
-- Each client changes items of its own in turn, so it knows their versions: n is how many changes it has made.
\set item :client_id + 1 + :clients * (:n % :items_each)
\set version :n / :items_each
\set n :n + 1
\set opens :version % 2 = 0
BEGIN;
UPDATE work_item SET version = :version + 1, state = CASE WHEN :opens THEN 'OPENED' ELSE 'OFFERED' END, owner_id = CASE WHEN :opens THEN (:person)::bigint END, session_guid = CASE WHEN :opens THEN '00000000-0000-4000-8000-000000000000' END, offered_when_opened = :opens, history_hash = '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef' WHERE id = :item AND version = :version AND tenancy_id = :tenancy;
INSERT INTO history (work_item_id, version, tenancy_id, action, actor_id, at, state_before, state_after, changed, fields, hash) VALUES (:item, :version + 1, :tenancy, 'allocateAndOpenWorkItem', :person, 1700000000000000, 'OFFERED', 'OPENED', '["offered_when_opened", "owner", "session", "state"]', NULL, '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef');
END;
