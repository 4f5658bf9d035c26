-- Why nothing may be signed on a lane until a person has looked: a transaction that Knit did not make
-- took a sequence that Knit had signed for. Null while nothing is in the way.
ALTER TABLE settlement_lanes ADD COLUMN stopped_for text;
