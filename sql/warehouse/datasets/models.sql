-- Model versions side by side.
select
    hour as happened_at, model_version, entity, events, negative, neutral, positive, polarity_sum, confidence_sum
from dw.sentiment_by_model;
