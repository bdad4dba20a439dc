-- The language of each text, and why a text has no sentiment; how many texts there are of each language. Comments
-- without a sentiment say nothing of how an author's posts are received.
alter table dw.fact_post add column language text;
alter table dw.fact_post add column unscored_reason text;
alter table dw.fact_comment add column language text;
alter table dw.fact_comment add column unscored_reason text;

create table dw.language_by_hour (
    hour timestamptz not null,
    language text not null,
    entity text not null,
    texts bigint,
    unscored bigint,
    primary key (hour, language, entity)
);

create or replace view dw.author_reaction as
select
    fact_post.user_id as author_id,
    fact_post.post_id,
    count(*) as comments,
    sum(case when fact_comment.sentiment = 'negative' then 1 else 0 end) as negative,
    sum(case when fact_comment.sentiment = 'positive' then 1 else 0 end) as positive,
    sum(fact_comment.polarity) as polarity_sum
from dw.fact_comment
inner join dw.fact_post on fact_comment.post_id = fact_post.post_id
where fact_comment.sentiment is not null
group by fact_post.user_id, fact_post.post_id;

create or replace view dw.row_counts as
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
select 'language_by_hour' as table_name, count(*) as rows from dw.language_by_hour
union all
select 'freshness' as table_name, count(*) as rows from dw.freshness;

comment on column dw.fact_post.language is 'ISO 639 code of its language; und where it has no words.';
comment on column dw.fact_post.unscored_reason is 'Why it has no sentiment: unsupported_language, or null.';
comment on column dw.fact_comment.language is 'ISO 639 code of its language; und where it has no words.';
comment on column dw.fact_comment.unscored_reason is 'Why it has no sentiment: unsupported_language, or null.';
comment on column dw.author_reaction.comments is 'Comments on it that have a sentiment.';

comment on table dw.language_by_hour is 'Posts and comments by language. Grain: hour, language and entity.';
comment on column dw.language_by_hour.hour is 'Start of the hour of the event (UTC).';
comment on column dw.language_by_hour.language is 'ISO 639 code; und where there are no words.';
comment on column dw.language_by_hour.entity is 'post or comment.';
comment on column dw.language_by_hour.texts is 'Posts or comments.';
comment on column dw.language_by_hour.unscored is 'Of these, without a sentiment: the model does not serve the language.';
