create view dw.reaction as
select
    'post' as entity, event_id, event_time, date_key, time_key, post_id, user_id, text, sentiment,
    polarity, confidence, model_version, arrival_time
from dw.fact_post
union all
select
    'comment' as entity, event_id, event_time, date_key, time_key, post_id, user_id, text, sentiment,
    polarity, confidence, model_version, arrival_time
from dw.fact_comment;

create view dw.author_reaction as
select
    fact_post.user_id as author_id,
    fact_post.post_id,
    count(*) as comments,
    sum(case when fact_comment.sentiment = 'negative' then 1 else 0 end) as negative,
    sum(case when fact_comment.sentiment = 'positive' then 1 else 0 end) as positive,
    sum(fact_comment.polarity) as polarity_sum
from dw.fact_comment
inner join dw.fact_post on fact_comment.post_id = fact_post.post_id
group by fact_post.user_id, fact_post.post_id;

create view dw.layer_freshness as
select
    layer,
    last_arrival,
    committed_at,
    extract(epoch from committed_at - last_arrival) as lag_s
from (
    select
        'gold' as layer,
        max(last_arrival) as last_arrival,
        max(committed_at) as committed_at
    from dw.freshness
    union all
    select
        'warehouse facts' as layer,
        max(last_arrival) as last_arrival,
        max(committed_at) as committed_at
    from dw.load_ledger
    where query not like 'serve/%'
    union all
    select
        'warehouse aggregates' as layer,
        (select max(last_arrival) from dw.freshness) as last_arrival,
        max(committed_at) as committed_at
    from dw.load_ledger
    where query like 'serve/freshness/%'
) as layers;

create view dw.row_counts as
select 'fact_post' as table_name, count(*) as rows from dw.fact_post
union all
select 'fact_comment' as table_name, count(*) as rows from dw.fact_comment
union all
select 'fact_interaction' as table_name, count(*) as rows from dw.fact_interaction
union all
select 'dim_user' as table_name, count(*) as rows from dw.dim_user
union all
select 'sentiment_by_minute' as table_name, count(*) as rows from dw.sentiment_by_minute
union all
select 'sentiment_by_topic' as table_name, count(*) as rows from dw.sentiment_by_topic
union all
select 'sentiment_by_cohort' as table_name, count(*) as rows from dw.sentiment_by_cohort
union all
select 'sentiment_by_model' as table_name, count(*) as rows from dw.sentiment_by_model
union all
select 'engagement_by_minute' as table_name, count(*) as rows from dw.engagement_by_minute
union all
select 'quality_by_minute' as table_name, count(*) as rows from dw.quality_by_minute
union all
select 'terms_by_hour' as table_name, count(*) as rows from dw.terms_by_hour
union all
select 'freshness' as table_name, count(*) as rows from dw.freshness;

comment on view dw.reaction is 'Posts and comments in one list. Grain: one accepted post or comment event.';
comment on column dw.reaction.entity is 'post or comment.';
comment on column dw.reaction.event_id is 'Id of the event; unique.';
comment on column dw.reaction.event_time is 'When it was written (UTC).';
comment on column dw.reaction.date_key is 'Day of event_time as yyyymmdd; joins dim_date.';
comment on column dw.reaction.time_key is 'Minute of the day of event_time, 0 to 1439; joins dim_time.';
comment on column dw.reaction.post_id is 'The post, or the post that is commented on.';
comment on column dw.reaction.user_id is 'Who wrote it; joins dim_user as of event_time.';
comment on column dw.reaction.text is 'What was written, without NUL characters.';
comment on column dw.reaction.sentiment is 'negative, neutral or positive.';
comment on column dw.reaction.polarity is 'P(positive) - P(negative), -1 to 1.';
comment on column dw.reaction.confidence is 'Calibrated probability of the label, 0 to 1.';
comment on column dw.reaction.model_version is 'Version of the model that scored it.';
comment on column dw.reaction.arrival_time is 'When the stream received it (UTC).';

comment on view dw.author_reaction is 'How others comment on what an author posts. Grain: one post that has comments.';
comment on column dw.author_reaction.author_id is 'Author of the post.';
comment on column dw.author_reaction.post_id is 'Id of the post.';
comment on column dw.author_reaction.comments is 'Comments on it.';
comment on column dw.author_reaction.negative is 'Of these, negative.';
comment on column dw.author_reaction.positive is 'Of these, positive.';
comment on column dw.author_reaction.polarity_sum is 'Sum of their polarity.';

comment on view dw.layer_freshness is 'How fresh each layer is. Grain: one layer.';
comment on column dw.layer_freshness.layer is 'gold, warehouse facts or warehouse aggregates.';
comment on column dw.layer_freshness.last_arrival is 'Latest arrival in the stream that the layer holds (UTC).';
comment on column dw.layer_freshness.committed_at is 'When the layer last changed (UTC).';
comment on column dw.layer_freshness.lag_s is 'Seconds between the two.';

comment on view dw.row_counts is 'Exact number of rows. Grain: one table.';
comment on column dw.row_counts.table_name is 'Name of the table in schema dw.';
comment on column dw.row_counts.rows is 'Its rows.';
