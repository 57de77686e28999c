-- Until which message somebody said that they read a conversation. Reading is an act of its own: opening a page marks nothing.
-- verify: select count(*) = 3 from information_schema.columns where table_name = 'messaging_read'
create table messaging_read (
  thread text not null,
  reader text not null,
  until timestamptz not null,
  primary key (thread, reader)
);
