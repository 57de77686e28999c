-- name: begin_sign_in :exec
-- A sign-in on its way to an identity provider.
insert into sign_in_attempt (state, browser, provider, nonce, verifier, go_to, expires, proves)
values (%(state)s, %(browser)s, %(provider)s, %(nonce)s, %(verifier)s, %(go_to)s, %(expires)s, %(proves)s)

-- name: take_sign_in :one
-- The sign-in that this state began in this browser: taken once, whatever comes of it.
delete from sign_in_attempt where state = %(state)s and browser = %(browser)s
returning provider, nonce, verifier, go_to, expires, proves, expires > %(now)s as in_time

-- name: forget_sign_ins :exec
-- Sign-ins that nobody came back from.
delete from sign_in_attempt where expires < %(now)s

-- name: tell_streams :exec
-- Wake the streams of these references; the notice leaves with the commit.
select pg_notify('maillage_live', %(topic)s || ' ' || reference) from unnest(%(references)s::text[]) as told(reference)

-- name: ping :value
-- Whether the server answers.
select 1 as one
