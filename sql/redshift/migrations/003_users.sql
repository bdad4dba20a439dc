-- Users with their history (slowly changing dimension, type 2): a version for each accepted profile event, valid in
-- [valid_from, valid_to). The bounds follow from all events of the user, so an event that comes late finds its place
-- between the versions around it. Facts carry user_id rather than a surrogate key, since a user's first profile may
-- arrive after the user's first post; the first version therefore reaches back to 1900.
create table if not exists dw.dim_user (
    user_key bigint identity(1, 1) not null primary key,
    user_id varchar(512) not null,
    user_name varchar(1024),
    user_age integer,
    age_band varchar(16) not null,
    user_location varchar(1024),
    changed_at timestamp not null,
    valid_from timestamp,
    valid_to timestamp,
    is_current boolean,
    event_id varchar(512) not null unique,
    sequence_number varchar(128),
    record_index integer,
    arrival_time timestamp,
    query varchar(128) not null,
    batch_id bigint not null
)
diststyle auto
compound sortkey (user_id, valid_from);

create or replace view dw.dim_user_current as
select
    user_key, user_id, user_name, user_age, age_band, user_location, changed_at
from dw.dim_user
where is_current;

comment on table dw.dim_user is 'Users and their history (SCD 2). Grain: one accepted profile event.';
comment on column dw.dim_user.user_key is 'Surrogate key of the version.';
comment on column dw.dim_user.user_id is 'Id of the user.';
comment on column dw.dim_user.user_name is 'Name in this version.';
comment on column dw.dim_user.user_age is 'Age in years in this version.';
comment on column dw.dim_user.age_band is 'under 18, 18-24, 25-34, 35-44, 45-54, 55-64, 65+ or unknown.';
comment on column dw.dim_user.user_location is 'Location in this version.';
comment on column dw.dim_user.changed_at is 'Event time of the profile event (UTC).';
comment on column dw.dim_user.valid_from is 'Start of validity, inclusive (UTC); 1900-01-01 in the first version.';
comment on column dw.dim_user.valid_to is 'End of validity, exclusive (UTC); 9999-12-31 in the current version.';
comment on column dw.dim_user.is_current is 'Whether this is the latest version of the user.';
comment on column dw.dim_user.event_id is 'Id of the event; unique.';
comment on column dw.dim_user.sequence_number is 'Position in the stream; decides between equal times.';
comment on column dw.dim_user.record_index is 'Place within a record of several events; decides after that.';
comment on column dw.dim_user.arrival_time is 'When the stream received it (UTC).';
comment on column dw.dim_user.query is 'With batch_id: the load that brought it; joins load_ledger.';
comment on column dw.dim_user.batch_id is 'With query: the load that brought it; joins load_ledger.';

comment on view dw.dim_user_current is 'The latest version of each user. Grain: one user.';
comment on column dw.dim_user_current.user_key is 'Surrogate key of the version.';
comment on column dw.dim_user_current.user_id is 'Id of the user.';
comment on column dw.dim_user_current.user_name is 'Name.';
comment on column dw.dim_user_current.user_age is 'Age in years.';
comment on column dw.dim_user_current.age_band is 'under 18, 18-24, 25-34, 35-44, 45-54, 55-64, 65+ or unknown.';
comment on column dw.dim_user_current.user_location is 'Location.';
comment on column dw.dim_user_current.changed_at is 'Event time of the latest profile event (UTC).';
