-- First statement of a load: loads run one after the other, so that none fails for the sake of serializability.
lock dw.load_ledger;
