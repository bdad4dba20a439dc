-- Word cloud: size by events, colour by polarity_sum / events.
select hour, term, events, polarity_sum
from dw.terms_by_hour;
