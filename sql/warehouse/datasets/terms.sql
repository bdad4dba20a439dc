-- Word clouds: size by how often a term was written in a good or a bad mood.
select hour as happened_at, term, events, negative, positive, polarity_sum
from dw.terms_by_hour;
