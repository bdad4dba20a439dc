-- Facts at event grain. The primary key on event_id is the second guard against doubled loads: it holds even where
-- a lost checkpoint makes the job read silver again under a new query id.
create table dw.fact_post (
    event_id text primary key,
    event_time timestamptz not null,
    date_key integer not null,
    time_key smallint not null,
    post_id text not null,
    user_id text not null,
    text text not null,
    sentiment text,
    polarity double precision,
    confidence double precision,
    model_version text,
    arrival_time timestamptz,
    query text not null,
    batch_id bigint not null
);

-- Questions are about spans of time: a block range index costs kilobytes where a tree costs gigabytes.
create index fact_post_event_time on dw.fact_post using brin (event_time) with (pages_per_range = 16);
create index fact_post_post_id on dw.fact_post (post_id);
create index fact_post_user_id on dw.fact_post (user_id);

create table dw.fact_comment (
    event_id text primary key,
    event_time timestamptz not null,
    date_key integer not null,
    time_key smallint not null,
    comment_id text not null,
    post_id text not null,
    user_id text not null,
    text text not null,
    sentiment text,
    polarity double precision,
    confidence double precision,
    model_version text,
    arrival_time timestamptz,
    query text not null,
    batch_id bigint not null
);

create index fact_comment_event_time on dw.fact_comment using brin (event_time) with (pages_per_range = 16);
create index fact_comment_post_id on dw.fact_comment (post_id);
create index fact_comment_user_id on dw.fact_comment (user_id);

create table dw.fact_interaction (
    event_id text primary key,
    event_time timestamptz not null,
    date_key integer not null,
    time_key smallint not null,
    interaction_id text not null,
    user1_id text not null,
    user2_id text not null,
    action text not null,
    post_id text,
    arrival_time timestamptz,
    query text not null,
    batch_id bigint not null
);

create index fact_interaction_event_time on dw.fact_interaction
    using brin (event_time) with (pages_per_range = 16);
create index fact_interaction_post_id on dw.fact_interaction (post_id) where post_id is not null;
create index fact_interaction_user2_id on dw.fact_interaction (user2_id);

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
