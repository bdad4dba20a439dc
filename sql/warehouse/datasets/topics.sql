-- Sentiment by hashtag: filters on topic, entity and time.
select minute as happened_at, topic, entity, events, negative, neutral, positive, polarity_sum
from dw.sentiment_by_topic;
