-- Sentiment over time, by entity and by topic ('' is everything).
select
    date_trunc('hour', minute) as hour,
    entity,
    topic,
    sum(events) as events,
    sum(polarity_sum) / sum(events) as polarity,
    cast(sum(positive) as double) / sum(events) as positive_share,
    cast(sum(negative) as double) / sum(events) as negative_share
from (
    select minute, entity, '' as topic, events, positive, negative, polarity_sum
    from gold_sentiment_by_minute
    union all
    select minute, entity, topic, events, positive, negative, polarity_sum
    from gold_sentiment_by_topic
) as measures
group by 1, 2, 3
order by 1, 2, 3;
