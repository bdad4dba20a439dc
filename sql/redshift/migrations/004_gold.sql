-- Gold as Spark aggregated it: absolute values by key, replaced whenever they change. Small tables that every
-- dashboard joins and filters by time: a copy on every node (all), sorted by time.
create table if not exists dw.sentiment_by_minute (
    minute timestamp not null,
    entity varchar(16) not null,
    events bigint,
    negative bigint,
    neutral bigint,
    positive bigint,
    polarity_sum double precision,
    polarity_mean double precision,
    confidence_sum double precision,
    late bigint,
    primary key (minute, entity)
)
diststyle all
compound sortkey (minute);

comment on table dw.sentiment_by_minute is 'Sentiment of posts and comments. Grain: minute and entity.';
comment on column dw.sentiment_by_minute.minute is 'Start of the minute of the event (UTC).';
comment on column dw.sentiment_by_minute.entity is 'post or comment.';
comment on column dw.sentiment_by_minute.events is 'Posts and comments counted.';
comment on column dw.sentiment_by_minute.negative is 'Of these, negative.';
comment on column dw.sentiment_by_minute.neutral is 'Of these, neutral.';
comment on column dw.sentiment_by_minute.positive is 'Of these, positive.';
comment on column dw.sentiment_by_minute.polarity_sum is 'Sum of their polarity.';
comment on column dw.sentiment_by_minute.polarity_mean is 'Mean of their polarity, -1 to 1.';
comment on column dw.sentiment_by_minute.confidence_sum is 'Sum of their confidence.';
comment on column dw.sentiment_by_minute.late is 'Of these, arrived over 10 minutes after the event.';

create table if not exists dw.sentiment_by_topic (
    minute timestamp not null,
    topic varchar(1024) not null,
    entity varchar(16) not null,
    events bigint,
    negative bigint,
    neutral bigint,
    positive bigint,
    polarity_sum double precision,
    polarity_mean double precision,
    confidence_sum double precision,
    primary key (minute, topic, entity)
)
diststyle all
compound sortkey (minute);

comment on table dw.sentiment_by_topic is 'Sentiment by hashtag. Grain: minute, topic and entity.';
comment on column dw.sentiment_by_topic.minute is 'Start of the minute of the event (UTC).';
comment on column dw.sentiment_by_topic.topic is 'Hashtag in lower case, without the sign.';
comment on column dw.sentiment_by_topic.entity is 'post or comment.';
comment on column dw.sentiment_by_topic.events is 'Posts and comments counted.';
comment on column dw.sentiment_by_topic.negative is 'Of these, negative.';
comment on column dw.sentiment_by_topic.neutral is 'Of these, neutral.';
comment on column dw.sentiment_by_topic.positive is 'Of these, positive.';
comment on column dw.sentiment_by_topic.polarity_sum is 'Sum of their polarity.';
comment on column dw.sentiment_by_topic.polarity_mean is 'Mean of their polarity, -1 to 1.';
comment on column dw.sentiment_by_topic.confidence_sum is 'Sum of their confidence.';

create table if not exists dw.sentiment_by_cohort (
    hour timestamp not null,
    location varchar(1024) not null,
    age_band varchar(16) not null,
    events bigint,
    negative bigint,
    neutral bigint,
    positive bigint,
    polarity_sum double precision,
    polarity_mean double precision,
    confidence_sum double precision,
    primary key (hour, location, age_band)
)
diststyle all
compound sortkey (hour);

comment on table dw.sentiment_by_cohort is 'Sentiment by the author''s cohort as known when the event was aggregated. Grain: hour, location and age band.';
comment on column dw.sentiment_by_cohort.hour is 'Start of the hour of the event (UTC).';
comment on column dw.sentiment_by_cohort.location is 'Location of the author, unknown where there is none.';
comment on column dw.sentiment_by_cohort.age_band is 'under 18, 18-24, 25-34, 35-44, 45-54, 55-64, 65+ or unknown.';
comment on column dw.sentiment_by_cohort.events is 'Posts and comments counted.';
comment on column dw.sentiment_by_cohort.negative is 'Of these, negative.';
comment on column dw.sentiment_by_cohort.neutral is 'Of these, neutral.';
comment on column dw.sentiment_by_cohort.positive is 'Of these, positive.';
comment on column dw.sentiment_by_cohort.polarity_sum is 'Sum of their polarity.';
comment on column dw.sentiment_by_cohort.polarity_mean is 'Mean of their polarity, -1 to 1.';
comment on column dw.sentiment_by_cohort.confidence_sum is 'Sum of their confidence.';

create table if not exists dw.sentiment_by_model (
    hour timestamp not null,
    model_version varchar(64) not null,
    entity varchar(16) not null,
    events bigint,
    negative bigint,
    neutral bigint,
    positive bigint,
    polarity_sum double precision,
    polarity_mean double precision,
    confidence_sum double precision,
    primary key (hour, model_version, entity)
)
diststyle all
compound sortkey (hour);

comment on table dw.sentiment_by_model is 'Sentiment by the model that scored it. Grain: hour, model version and entity.';
comment on column dw.sentiment_by_model.hour is 'Start of the hour of the event (UTC).';
comment on column dw.sentiment_by_model.model_version is 'Version of the model.';
comment on column dw.sentiment_by_model.entity is 'post or comment.';
comment on column dw.sentiment_by_model.events is 'Posts and comments counted.';
comment on column dw.sentiment_by_model.negative is 'Of these, negative.';
comment on column dw.sentiment_by_model.neutral is 'Of these, neutral.';
comment on column dw.sentiment_by_model.positive is 'Of these, positive.';
comment on column dw.sentiment_by_model.polarity_sum is 'Sum of their polarity.';
comment on column dw.sentiment_by_model.polarity_mean is 'Mean of their polarity, -1 to 1.';
comment on column dw.sentiment_by_model.confidence_sum is 'Sum of their confidence.';

create table if not exists dw.engagement_by_minute (
    minute timestamp not null,
    action varchar(16) not null,
    interactions bigint,
    primary key (minute, action)
)
diststyle all
compound sortkey (minute);

comment on table dw.engagement_by_minute is 'Interactions between users. Grain: minute and action.';
comment on column dw.engagement_by_minute.minute is 'Start of the minute of the event (UTC).';
comment on column dw.engagement_by_minute.action is 'like, comment or share.';
comment on column dw.engagement_by_minute.interactions is 'Interactions counted.';

create table if not exists dw.quality_by_minute (
    minute timestamp not null,
    entity varchar(16) not null,
    reason varchar(64) not null,
    events bigint,
    late bigint,
    primary key (minute, entity, reason)
)
diststyle all
compound sortkey (minute);

comment on table dw.quality_by_minute is 'Accepted, rejected and late events. Grain: minute of arrival, entity and reason.';
comment on column dw.quality_by_minute.minute is 'Start of the minute of arrival (UTC).';
comment on column dw.quality_by_minute.entity is 'post, comment, interaction, user or rejected.';
comment on column dw.quality_by_minute.reason is 'Why it was rejected; empty where it was not.';
comment on column dw.quality_by_minute.events is 'Events counted.';
comment on column dw.quality_by_minute.late is 'Of these, arrived over 10 minutes after the event.';

create table if not exists dw.terms_by_hour (
    hour timestamp not null,
    term varchar(1024) not null,
    events bigint,
    negative bigint,
    neutral bigint,
    positive bigint,
    polarity_sum double precision,
    polarity_mean double precision,
    confidence_sum double precision,
    primary key (hour, term)
)
diststyle all
compound sortkey (hour);

comment on table dw.terms_by_hour is 'Sentiment of what contains a term. Grain: hour and term.';
comment on column dw.terms_by_hour.hour is 'Start of the hour of the event (UTC).';
comment on column dw.terms_by_hour.term is 'The term, in lower case.';
comment on column dw.terms_by_hour.events is 'Posts and comments counted.';
comment on column dw.terms_by_hour.negative is 'Of these, negative.';
comment on column dw.terms_by_hour.neutral is 'Of these, neutral.';
comment on column dw.terms_by_hour.positive is 'Of these, positive.';
comment on column dw.terms_by_hour.polarity_sum is 'Sum of their polarity.';
comment on column dw.terms_by_hour.polarity_mean is 'Mean of their polarity, -1 to 1.';
comment on column dw.terms_by_hour.confidence_sum is 'Sum of their confidence.';

create table if not exists dw.freshness (
    batch_id bigint not null,
    committed_at timestamp,
    events bigint,
    first_arrival timestamp,
    last_arrival timestamp,
    lag_p50_s double precision,
    lag_p95_s double precision,
    primary key (batch_id)
)
diststyle all
compound sortkey (committed_at);

comment on table dw.freshness is 'How long events took from arrival to gold. Grain: batch of the aggregation.';
comment on column dw.freshness.batch_id is 'Micro-batch of the aggregation.';
comment on column dw.freshness.committed_at is 'When the batch was committed (UTC).';
comment on column dw.freshness.events is 'Events in the batch.';
comment on column dw.freshness.first_arrival is 'Earliest arrival among them (UTC).';
comment on column dw.freshness.last_arrival is 'Latest arrival among them (UTC).';
comment on column dw.freshness.lag_p50_s is 'Median seconds from arrival to commit.';
comment on column dw.freshness.lag_p95_s is '95th percentile of the same.';
