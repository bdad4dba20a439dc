-- Engagement against sentiment, hour by hour.
with sentiment as (
    select
        date_trunc('hour', minute) as hour,
        sum(events) as events,
        sum(polarity_sum) / sum(events) as polarity
    from gold_sentiment_by_minute
    group by 1
),

engagement as (
    select
        date_trunc('hour', minute) as hour,
        sum(case when action = 'like' then interactions else 0 end) as likes,
        sum(case when action = 'comment' then interactions else 0 end) as comments,
        sum(case when action = 'share' then interactions else 0 end) as shares,
        sum(interactions) as interactions
    from gold_engagement_by_minute
    group by 1
)

select
    sentiment.hour, sentiment.events, sentiment.polarity,
    coalesce(engagement.likes, 0) as likes,
    coalesce(engagement.comments, 0) as comments,
    coalesce(engagement.shares, 0) as shares,
    cast(coalesce(engagement.interactions, 0) as double) / sentiment.events as interactions_per_event
from sentiment
left join engagement on sentiment.hour = engagement.hour
order by sentiment.hour;
