-- Time series: filters on entity and time.
select
    sentiment_by_minute.minute as happened_at, sentiment_by_minute.entity, sentiment_by_minute.events,
    sentiment_by_minute.negative, sentiment_by_minute.neutral, sentiment_by_minute.positive,
    sentiment_by_minute.polarity_sum, sentiment_by_minute.late,
    dim_date.date, dim_date.day_name, dim_date.is_weekend
from dw.sentiment_by_minute
inner join dw.dim_date
    on cast(to_char(sentiment_by_minute.minute, 'YYYYMMDD') as integer) = dim_date.date_key;
