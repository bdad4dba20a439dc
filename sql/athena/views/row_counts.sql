-- Exact number of rows. Grain: one table.
create or replace view row_counts as
select 'silver_posts' as table_name, count(*) as row_count from silver_posts
union all
select 'silver_comments' as table_name, count(*) as row_count from silver_comments
union all
select 'silver_interactions' as table_name, count(*) as row_count from silver_interactions
union all
select 'silver_users' as table_name, count(*) as row_count from silver_users
union all
select 'silver_rejected' as table_name, count(*) as row_count from silver_rejected;
