-- name: owe_mail :value
-- Counts the notices of each of these recipients and keeps their present address; true when an e-mail may go to one of them at once.
with owed as (
  insert into messaging_mail as m (recipient, address, pending, since, urgent)
  select recipient, address, notices, %(now)s, %(urgent)s from json_to_recordset(%(owed)s::json) as o(recipient text, address text, notices int)
  on conflict (recipient) do update set address = excluded.address, pending = m.pending + excluded.pending,
    since = case when m.pending = 0 then excluded.since else m.since end, urgent = m.urgent or excluded.urgent
  returning since, sent, urgent
)
select coalesce(bool_or(urgent or (since = %(now)s and (sent is null or sent <= %(before)s))), false) from owed;

-- name: owed_mail :many
-- The e-mails that may go at this time of the day, those that wait the longest first; what is urgent waits for nothing.
select m.recipient, m.address, m.pending, m.since from messaging_mail m left join messaging_quiet q on q.person = m.recipient
where m.pending > 0 and coalesce(q.mail, true)
  and (m.urgent
       or ((m.sent is null or m.sent <= %(before)s)
           and not coalesce(case when q.starts <= q.ends then %(clock)s::time >= q.starts and %(clock)s::time < q.ends
                            else %(clock)s::time >= q.starts or %(clock)s::time < q.ends end, false)))
order by m.since limit %(limit)s;

-- name: mail_sent :exec
-- An e-mail went: what it counted is owed no more.
update messaging_mail set pending = greatest(0, pending - %(counted)s), sent = %(now)s, since = %(now)s, urgent = false where recipient = %(recipient)s;

-- name: mail_refused :exec
-- The address was refused for good: nothing is owed to it until another notice comes.
update messaging_mail set pending = 0, sent = %(now)s, urgent = false where recipient = %(recipient)s;

-- name: forget :exec
-- Addresses and browsers of people whose record is erased.
with quiet as (delete from messaging_quiet where person = any(%(recipients)s::text[])),
  push as (delete from messaging_push where person = any(%(recipients)s::text[]))
delete from messaging_mail where recipient = any(%(recipients)s::text[]);

-- name: quiet_of :one
-- When somebody is not to be disturbed.
select starts, ends, mail from messaging_quiet where person = %(person)s;

-- name: keep_quiet :exec
-- They say when.
insert into messaging_quiet (person, starts, ends, mail) values (%(person)s, %(starts)s, %(ends)s, %(mail)s)
on conflict (person) do update set starts = excluded.starts, ends = excluded.ends, mail = excluded.mail;


-- name: mark_read :exec
-- Somebody read a conversation until this message; a mark never goes back by this.
insert into messaging_read (thread, reader, until) values (%(thread)s, %(reader)s, %(until)s)
on conflict (thread, reader) do update set until = greatest(messaging_read.until, excluded.until);

-- name: mark_unread :exec
-- They take that back.
delete from messaging_read where thread = %(thread)s and reader = %(reader)s;

-- name: marks_of_reader :many
-- Until when one reader read these conversations.
select thread, until from messaging_read where reader = %(reader)s and thread = any(%(threads)s::text[]);

-- name: marks_of_thread :many
-- Until when each reader read a conversation.
select reader, until from messaging_read where thread = %(thread)s;

-- name: forget_marks :exec
-- Marks of conversations that are erased, and of people whose record is.
delete from messaging_read where thread = any(%(threads)s::text[]) or reader = any(%(readers)s::text[]);

-- name: owe_push :value
-- Counts the notices of each of these recipients on each of their browsers; true when one may be told at once.
with owed as (
  update messaging_push p set pending = p.pending + o.notices, owed = case when p.pending = 0 then %(now)s else p.owed end,
    urgent = p.urgent or %(urgent)s
  from json_to_recordset(%(owed)s::json) as o(recipient text, notices int) where o.recipient = p.person
  returning p.owed, p.sent, p.urgent
)
select coalesce(bool_or(urgent or (owed = %(now)s and (sent is null or sent <= %(before)s))), false) from owed;

-- name: owed_push :many
-- The browsers that may be told at this time of the day, those that wait the longest first; what is urgent waits for nothing.
select p.id, p.endpoint, p.person, p.browser, p.auth, p.pending, p.urgent from messaging_push p left join messaging_quiet q on q.person = p.person
where p.pending > 0
  and (p.urgent
       or ((p.sent is null or p.sent <= %(before)s)
           and not coalesce(case when q.starts <= q.ends then %(clock)s::time >= q.starts and %(clock)s::time < q.ends
                            else %(clock)s::time >= q.starts or %(clock)s::time < q.ends end, false)))
order by p.owed limit %(limit)s;

-- name: push_sent :exec
-- A browser was told: what that counted is owed no more.
update messaging_push set pending = greatest(0, pending - %(counted)s), sent = %(now)s, owed = %(now)s, urgent = false where id = %(id)s;

-- name: push_refused :exec
-- A message was refused for good: nothing is owed to the browser until another notice comes.
update messaging_push set pending = 0, urgent = false where id = %(id)s;

-- name: keep_push :exec
-- A browser is to be told; one that somebody else was told on is theirs no more. The oldest of too many go.
with kept as (
  insert into messaging_push (id, endpoint, person, browser, auth, device, since)
  values (%(id)s, %(endpoint)s, %(person)s, %(browser)s, %(auth)s, %(device)s, %(now)s)
  on conflict (endpoint) do update set person = excluded.person, browser = excluded.browser, auth = excluded.auth, device = excluded.device,
    since = excluded.since, pending = case when messaging_push.person = excluded.person then messaging_push.pending else 0 end
)
delete from messaging_push where id in (
  select id from messaging_push where person = %(person)s and endpoint <> %(endpoint)s order by since desc offset %(others)s
);

-- name: pushed_to :many
-- The browsers on which somebody is told, the newest first.
select id, device, since from messaging_push where person = %(person)s order by since desc, id;

-- name: drop_push :value
-- They are told there no more; how many there were.
with gone as (delete from messaging_push where id = %(id)s and person = %(person)s returning 1) select count(*) from gone;

-- name: forget_push :exec
-- A browser that its push service knows no more.
delete from messaging_push where id = %(id)s;

-- name: forget_idle_push :exec
-- Browsers that were told nothing for so long.
delete from messaging_push where coalesce(sent, since) < %(before)s
