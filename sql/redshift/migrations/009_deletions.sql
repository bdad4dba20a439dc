-- Deletions count in this table as well.
comment on column dw.quality_by_minute.entity is 'post, comment, interaction, user, deletion or rejected.';
