-- Heat map: location by age band, colour by polarity_sum / events.
select
    hour as happened_at, location, age_band, events, negative, neutral, positive, polarity_sum, confidence_sum
from dw.sentiment_by_cohort;
