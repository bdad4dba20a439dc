-- Model versions side by side.
select
    model_version,
    min(hour) as first_hour,
    max(hour) as last_hour,
    sum(events) as events,
    sum(polarity_sum) / sum(events) as polarity,
    sum(confidence_sum) / sum(events) as confidence,
    cast(sum(negative) as double precision) / sum(events) as negative_share,
    cast(sum(neutral) as double precision) / sum(events) as neutral_share,
    cast(sum(positive) as double precision) / sum(events) as positive_share
from dw.sentiment_by_model
group by 1
order by 2, 1;
