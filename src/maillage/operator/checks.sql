-- name: server_version :value
-- The version of the server as a number: 180006.
select current_setting('server_version_num')
