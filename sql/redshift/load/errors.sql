-- Returns the first rows that a COPY refused, with the reason.
select
    file_name,
    line_number,
    column_name,
    column_type,
    error_message
from sys_load_error_detail
where query_id = cast(:query_id as bigint)
order by line_number
limit 5;
