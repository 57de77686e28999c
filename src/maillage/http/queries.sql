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

-- name: pushes_of :value
-- How often this person's telephone was asked lately; what is older goes.
with gone as (delete from sign_in_push where expires < %(since)s)
select count(*) from sign_in_push where person = %(person)s and asked >= %(since)s

-- name: begin_push :exec
-- Somebody's telephone was asked, for this browser.
insert into sign_in_push (browser, person, provider, request, binding, go_to, wait, due, asked, expires)
values (%(browser)s, %(person)s, %(provider)s, %(request)s, %(binding)s, %(go_to)s, %(wait)s, %(due)s, %(now)s, %(expires)s)

-- name: due_push :one
-- The question of this browser, and whether the provider may be asked after it now: then nobody else asks before the next time.
with asked as (
  update sign_in_push set due = %(now)s + wait where browser = %(browser)s and request <> '' and due <= %(now)s and expires > %(now)s returning 1
)
select provider, request, binding, go_to, extract(epoch from wait)::int as wait, exists (select from asked) as is_due
from sign_in_push where browser = %(browser)s and request <> '' and expires > %(now)s

-- name: slow_push :exec
-- The provider wants longer pauses (CIBA Core 1.0 §11: five seconds more).
update sign_in_push set wait = wait + interval '5 seconds', due = due + interval '5 seconds' where browser = %(browser)s

-- name: end_push :value
-- The question counts no more; true for the one who ends it.
update sign_in_push set request = '' where browser = %(browser)s and request <> '' returning true

-- name: tell_streams :exec
-- Wake the streams of these references; the notice leaves with the commit.
select pg_notify('maillage_live', %(topic)s || ' ' || reference) from unnest(%(references)s::text[]) as told(reference)

-- name: ping :value
-- Whether the server answers.
select 1 as one

-- name: begin_form :value
-- Whether this form is sent for the first time; who sends it at the same time waits here for the outcome. A few old ones go.
with gone as (
  delete from form_sent where digest in (select digest from form_sent where expires < %(now)s order by expires limit 20 for update skip locked)
),
begun as (insert into form_sent (digest, go_to, expires) values (%(digest)s, '', %(expires)s) on conflict (digest) do nothing returning 1)
select exists (select from begun)

-- name: outcome_of_form :value
-- Where the first sending of this form led.
select go_to from form_sent where digest = %(digest)s

-- name: keep_form :exec
-- The form was carried out, and leads there.
update form_sent set go_to = %(go_to)s where digest = %(digest)s

-- name: drop_form :exec
-- The form was answered with a page (a fault to mend): it may be sent again.
delete from form_sent where digest = %(digest)s

-- name: forget_forms :exec
-- Forms that led to what is erased: their addresses name it.
delete from form_sent where regexp_split_to_array(go_to, '[^A-Za-z0-9.-]+') && %(ids)s::text[]
