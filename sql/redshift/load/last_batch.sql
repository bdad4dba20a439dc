select max(batch_id) as batch_id
from dw.load_ledger
where query = :query;
