-- Last statement of a load that is only tried out: it fails, and with it the whole transaction, since the Data API always
-- commits a transaction whose statements succeed.
select cast('tried out' as integer) as taken_back;
