-- Sentiment by location and age band. confidence is the model's; margin is that of the positive share at 95 %.
with cohorts as (
    select
        location, age_band,
        sum(events) as events,
        sum(polarity_sum) / sum(events) as polarity,
        sum(confidence_sum) / sum(events) as confidence,
        cast(sum(positive) as double precision) / sum(events) as positive_share
    from dw.sentiment_by_cohort
    group by 1, 2
)

select
    location, age_band, events, polarity, confidence, positive_share,
    1.96 * sqrt(positive_share * (1 - positive_share) / events) as margin
from cohorts
order by events desc, location, age_band;
