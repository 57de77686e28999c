-- name: add_account :value
-- Somebody invited; no row when the address has an account.
insert into account (email, given, family, role, administers, organization, handle, invited, invited_by)
values (%(email)s, %(given)s, %(family)s, %(role)s, %(administers)s, %(organization)s, %(handle)s, %(now)s, %(by)s)
on conflict (email) do nothing
returning id

-- name: accounts :many
-- The accounts of some organisations (null: all), by name, after one.
select a.*, exists (select from account_passkey p where p.account = a.id) as passkey,
       exists (select from account_link l where l.account = a.id and l.expires > %(now)s) as linked
from account a
where (%(organizations)s::text[] is null or a.organization = any(%(organizations)s))
  and (%(after)s::uuid is null or (a.family, a.given, a.id) > (select b.family, b.given, b.id from account b where b.id = %(after)s))
order by a.family, a.given, a.id
limit %(count)s

-- name: account :one
-- One account by id.
select a.*, exists (select from account_passkey p where p.account = a.id) as passkey,
       exists (select from account_link l where l.account = a.id and l.expires > %(now)s) as linked
from account a where a.id = %(account)s

-- name: account_of_email :one
-- One open account by address.
select a.*, exists (select from account_passkey p where p.account = a.id) as passkey, false as linked
from account a where a.email = %(email)s and a.closed is null

-- name: place_account :exec
-- Where the directory has them.
update account set reference = %(reference)s, membership = %(membership)s where id = %(account)s

-- name: close_account :exec
-- Nobody comes in by it any more; the row stays, for the trail names it.
update account set closed = %(now)s, password = null, totp = null where id = %(account)s and closed is null

-- name: reopen_account :exec
-- It counts again, once its holder has used a new link.
update account set closed = null where id = %(account)s

-- name: set_link :exec
-- The link of an account; the one before it is worth nothing any more.
insert into account_link (account, hash, expires, keeps) values (%(account)s, %(hash)s, %(expires)s, %(keeps)s)
on conflict (account) do update set hash = excluded.hash, expires = excluded.expires, keeps = excluded.keeps

-- name: account_of_link :one
-- The account that a link that still counts is of.
select a.*, exists (select from account_passkey p where p.account = a.id) as passkey, true as linked, l.keeps
from account_link l join account a on a.id = l.account
where l.hash = %(hash)s and l.expires > %(now)s and a.closed is null

-- name: take_link :value
-- The link is used: once, and for what it was made.
delete from account_link where hash = %(hash)s and expires > %(now)s and keeps = %(keeps)s returning account

-- name: forget_link :exec
-- The link of an account is worth nothing any more.
delete from account_link where account = %(account)s

-- name: forget_factors :exec
-- What an account was opened by counts no more.
with passkeys as (delete from account_passkey where account = %(account)s),
     codes as (delete from account_recovery where account = %(account)s)
update account set password = null, totp = null, totp_step = null where id = %(account)s

-- name: ready_account :exec
-- A factor was set.
update account set ready = %(now)s where id = %(account)s

-- name: set_password :exec
-- Password and second factor, together.
update account set password = %(password)s, totp = %(totp)s, totp_step = %(step)s, ready = %(now)s where id = %(account)s

-- name: rehash_password :exec
-- Another password, or the same at today's cost; the second factor stays.
update account set password = %(password)s where id = %(account)s

-- name: use_step :value
-- The code of this step counts, once: nothing when it, or a later one, was used.
update account set totp_step = %(step)s where id = %(account)s and (totp_step is null or totp_step < %(step)s) returning true

-- name: set_recovery :exec
-- The recovery codes; those before are worth nothing any more.
with gone as (delete from account_recovery where account = %(account)s and not hash = any(%(hashes)s))
insert into account_recovery (account, hash) select %(account)s, unnest(%(hashes)s::bytea[])

-- name: use_recovery :value
-- A recovery code counts, once.
update account_recovery set used = %(now)s where account = %(account)s and hash = %(hash)s and used is null returning true

-- name: recovery_left :value
-- How many recovery codes are left.
select count(*) from account_recovery where account = %(account)s and used is null

-- name: passkeys :many
-- The passkeys of an account, oldest first.
select id, name, added, used from account_passkey where account = %(account)s order by added, id

-- name: passkey :one
-- A passkey and whose it is.
select p.id, p.account, p.public_key, p.counter, a.handle
from account_passkey p join account a on a.id = p.account
where p.id = %(id)s and a.closed is null

-- name: add_passkey :exec
-- A passkey was made.
insert into account_passkey (id, account, public_key, counter, name, added)
values (%(id)s, %(account)s, %(public_key)s, %(counter)s, %(name)s, %(now)s)

-- name: use_passkey :value
-- A passkey was used. Its counter only rises, where it has one: nothing when another use was quicker, or it was copied.
update account_passkey set counter = %(counter)s, used = %(now)s
where id = %(id)s and (counter < %(counter)s or (counter = 0 and %(counter)s = 0)) returning true

-- name: hold_account :value
-- What opens an account is changed by one at a time.
select id from account where id = %(account)s for update

-- name: remove_passkey :value
-- A passkey is taken away.
delete from account_passkey where id = %(id)s and account = %(account)s returning true

-- name: set_challenge :exec
-- What this browser's authenticator is asked to sign.
insert into account_challenge (browser, challenge, purpose, expires) values (%(browser)s, %(challenge)s, %(purpose)s, %(expires)s)
on conflict (browser) do update set challenge = excluded.challenge, purpose = excluded.purpose, expires = excluded.expires

-- name: take_challenge :value
-- The challenge of this browser, once.
delete from account_challenge where browser = %(browser)s and purpose = %(purpose)s and expires > %(now)s returning challenge

-- name: hold_tries :exec
-- Tries of the same thing are counted and judged one after the other.
select pg_advisory_xact_lock(hashtextextended(encode(%(key)s, 'hex'), 0))

-- name: note_try :exec
-- Somebody tries to come in.
insert into account_try (key, at) select unnest(%(keys)s::bytea[]), %(now)s

-- name: count_tries :value
-- How often this was tried since then.
select count(*) from account_try where key = %(key)s and at > %(since)s

-- name: forgive_tries :exec
-- They came in: what they had tried from there counts no more.
delete from account_try where key = any(%(keys)s)

-- name: forget_stale :exec
-- Tries, challenges and links that no longer matter.
with tries as (delete from account_try where at < %(before)s),
     links as (delete from account_link where expires < %(now)s)
delete from account_challenge where expires < %(now)s

-- name: address_of_actor :value
-- The address of the open account of an actor.
select email from account
where closed is null and (reference = nullif(%(reference)s, '') or %(actor)s = 'account:' || id::text)
limit 1
