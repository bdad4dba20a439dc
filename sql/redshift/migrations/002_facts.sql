-- Facts at event grain. Posts and comments are spread by post_id, so that a post meets its comments on the same slice;
-- interactions evenly, since most name no post. All are sorted by event_time, by which every question restricts.
-- The primary keys are not enforced: they inform the planner, and the load scripts keep them true.
create table if not exists dw.fact_post (
    event_id varchar(512) not null primary key,
    event_time timestamp not null,
    date_key integer not null,
    time_key smallint not null,
    post_id varchar(512) not null,
    user_id varchar(512) not null,
    text varchar(65535) not null,
    sentiment varchar(16),
    polarity double precision,
    confidence double precision,
    model_version varchar(64),
    arrival_time timestamp,
    query varchar(128) not null,
    batch_id bigint not null
)
distkey (post_id)
compound sortkey (event_time);

create table if not exists dw.fact_comment (
    event_id varchar(512) not null primary key,
    event_time timestamp not null,
    date_key integer not null,
    time_key smallint not null,
    comment_id varchar(512) not null,
    post_id varchar(512) not null,
    user_id varchar(512) not null,
    text varchar(65535) not null,
    sentiment varchar(16),
    polarity double precision,
    confidence double precision,
    model_version varchar(64),
    arrival_time timestamp,
    query varchar(128) not null,
    batch_id bigint not null
)
distkey (post_id)
compound sortkey (event_time);

create table if not exists dw.fact_interaction (
    event_id varchar(512) not null primary key,
    event_time timestamp not null,
    date_key integer not null,
    time_key smallint not null,
    interaction_id varchar(512) not null,
    user1_id varchar(512) not null,
    user2_id varchar(512) not null,
    action varchar(32) not null,
    post_id varchar(512),
    arrival_time timestamp,
    query varchar(128) not null,
    batch_id bigint not null
)
diststyle even
compound sortkey (event_time);

comment on table dw.fact_post is 'Posts with their sentiment. Grain: one accepted post event.';
comment on column dw.fact_post.event_id is 'Id of the event; unique.';
comment on column dw.fact_post.event_time is 'When it was posted (UTC).';
comment on column dw.fact_post.date_key is 'Day of event_time as yyyymmdd; joins dim_date.';
comment on column dw.fact_post.time_key is 'Minute of the day of event_time, 0 to 1439; joins dim_time.';
comment on column dw.fact_post.post_id is 'Id of the post.';
comment on column dw.fact_post.user_id is 'Author; joins dim_user as of event_time.';
comment on column dw.fact_post.text is 'What was written, without NUL characters.';
comment on column dw.fact_post.sentiment is 'negative, neutral or positive.';
comment on column dw.fact_post.polarity is 'P(positive) - P(negative), -1 to 1.';
comment on column dw.fact_post.confidence is 'Calibrated probability of the label, 0 to 1.';
comment on column dw.fact_post.model_version is 'Version of the model that scored it.';
comment on column dw.fact_post.arrival_time is 'When the stream received it (UTC).';
comment on column dw.fact_post.query is 'With batch_id: the load that brought it; joins load_ledger.';
comment on column dw.fact_post.batch_id is 'With query: the load that brought it; joins load_ledger.';

comment on table dw.fact_comment is 'Comments with their sentiment. Grain: one accepted comment event.';
comment on column dw.fact_comment.event_id is 'Id of the event; unique.';
comment on column dw.fact_comment.event_time is 'When it was written (UTC).';
comment on column dw.fact_comment.date_key is 'Day of event_time as yyyymmdd; joins dim_date.';
comment on column dw.fact_comment.time_key is 'Minute of the day of event_time, 0 to 1439; joins dim_time.';
comment on column dw.fact_comment.comment_id is 'Id of the comment.';
comment on column dw.fact_comment.post_id is 'Post that is commented on; joins fact_post.';
comment on column dw.fact_comment.user_id is 'Author of the comment; joins dim_user as of event_time.';
comment on column dw.fact_comment.text is 'What was written, without NUL characters.';
comment on column dw.fact_comment.sentiment is 'negative, neutral or positive.';
comment on column dw.fact_comment.polarity is 'P(positive) - P(negative), -1 to 1.';
comment on column dw.fact_comment.confidence is 'Calibrated probability of the label, 0 to 1.';
comment on column dw.fact_comment.model_version is 'Version of the model that scored it.';
comment on column dw.fact_comment.arrival_time is 'When the stream received it (UTC).';
comment on column dw.fact_comment.query is 'With batch_id: the load that brought it; joins load_ledger.';
comment on column dw.fact_comment.batch_id is 'With query: the load that brought it; joins load_ledger.';

comment on table dw.fact_interaction is 'Likes, comments and shares between users. Grain: one accepted interaction event.';
comment on column dw.fact_interaction.event_id is 'Id of the event; unique.';
comment on column dw.fact_interaction.event_time is 'When it happened (UTC).';
comment on column dw.fact_interaction.date_key is 'Day of event_time as yyyymmdd; joins dim_date.';
comment on column dw.fact_interaction.time_key is 'Minute of the day of event_time, 0 to 1439; joins dim_time.';
comment on column dw.fact_interaction.interaction_id is 'Id of the interaction.';
comment on column dw.fact_interaction.user1_id is 'Who acted; joins dim_user as of event_time.';
comment on column dw.fact_interaction.user2_id is 'Whom it concerned; joins dim_user as of event_time.';
comment on column dw.fact_interaction.action is 'like, comment or share.';
comment on column dw.fact_interaction.post_id is 'Post it is about, null where the event did not say.';
comment on column dw.fact_interaction.arrival_time is 'When the stream received it (UTC).';
comment on column dw.fact_interaction.query is 'With batch_id: the load that brought it; joins load_ledger.';
comment on column dw.fact_interaction.batch_id is 'With query: the load that brought it; joins load_ledger.';
