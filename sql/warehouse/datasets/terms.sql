-- Word clouds: the size of a term is the number of positive or of negative texts that have it.
select hour as happened_at, term, events, negative, positive, polarity_sum
from dw.terms_by_hour;
