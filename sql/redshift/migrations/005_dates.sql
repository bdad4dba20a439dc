create table if not exists dw.dim_date (
    date_key integer not null primary key,
    date date not null,
    year smallint not null,
    quarter smallint not null,
    month smallint not null,
    month_name varchar(16) not null,
    iso_year smallint not null,
    iso_week smallint not null,
    day smallint not null,
    day_of_year smallint not null,
    iso_day_of_week smallint not null,
    day_name varchar(16) not null,
    is_weekend boolean not null
)
diststyle all
compound sortkey (date_key);

-- Redshift's generate_series runs on the leader node only and cannot fill a table.
insert into dw.dim_date
with digits as (
    select 0 as digit
    union all select 1
    union all select 2
    union all select 3
    union all select 4
    union all select 5
    union all select 6
    union all select 7
    union all select 8
    union all select 9
),

days as (
    select
        cast(
            dateadd(
                day,
                ones.digit + 10 * tens.digit + 100 * hundreds.digit + 1000 * thousands.digit
                + 10000 * ten_thousands.digit,
                cast('2015-01-01' as date)
            ) as date
        ) as date
    from digits as ones
    cross join digits as tens
    cross join digits as hundreds
    cross join digits as thousands
    cross join digits as ten_thousands
    where ten_thousands.digit < 2
),

weekdays as (
    select
        date,
        mod(cast(extract(dow from date) as integer) + 6, 7) + 1 as iso_day_of_week
    from days
    where date <= cast('2045-12-31' as date)
)

select
    cast(to_char(date, 'YYYYMMDD') as integer) as date_key,
    date,
    extract(year from date) as year,
    extract(quarter from date) as quarter,
    extract(month from date) as month,
    trim(to_char(date, 'Month')) as month_name,
    extract(year from dateadd(day, 4 - iso_day_of_week, date)) as iso_year,
    extract(week from date) as iso_week,
    extract(day from date) as day,
    extract(doy from date) as day_of_year,
    iso_day_of_week,
    trim(to_char(date, 'Day')) as day_name,
    iso_day_of_week >= 6 as is_weekend
from weekdays
where not exists (select 1 from dw.dim_date);

create table if not exists dw.dim_time (
    time_key smallint not null primary key,
    hour smallint not null,
    minute smallint not null,
    label varchar(8) not null,
    part_of_day varchar(16) not null
)
diststyle all
compound sortkey (time_key);

insert into dw.dim_time
with minutes as (
    select cast(datediff(day, cast('2015-01-01' as date), date) as integer) as minute_of_day
    from dw.dim_date
)

select
    minute_of_day as time_key,
    minute_of_day / 60 as hour,
    mod(minute_of_day, 60) as minute,
    lpad(cast(minute_of_day / 60 as varchar(2)), 2, '0') || ':'
    || lpad(cast(mod(minute_of_day, 60) as varchar(2)), 2, '0') as label,
    case
        when minute_of_day < 360 then 'night'
        when minute_of_day < 720 then 'morning'
        when minute_of_day < 1080 then 'afternoon'
        else 'evening'
    end as part_of_day
from minutes
where minute_of_day < 1440 and not exists (select 1 from dw.dim_time);

comment on table dw.dim_date is 'Calendar from 2015 to 2045. Grain: one day.';
comment on column dw.dim_date.date_key is 'The day as yyyymmdd.';
comment on column dw.dim_date.date is 'The day.';
comment on column dw.dim_date.year is 'Year.';
comment on column dw.dim_date.quarter is 'Quarter, 1 to 4.';
comment on column dw.dim_date.month is 'Month, 1 to 12.';
comment on column dw.dim_date.month_name is 'Month in English.';
comment on column dw.dim_date.iso_year is 'Year that the ISO week belongs to.';
comment on column dw.dim_date.iso_week is 'ISO week, 1 to 53.';
comment on column dw.dim_date.day is 'Day of the month.';
comment on column dw.dim_date.day_of_year is 'Day of the year, 1 to 366.';
comment on column dw.dim_date.iso_day_of_week is 'Day of the week, Monday 1 to Sunday 7.';
comment on column dw.dim_date.day_name is 'Day of the week in English.';
comment on column dw.dim_date.is_weekend is 'Whether it is a Saturday or a Sunday.';

comment on table dw.dim_time is 'Minutes of the day, UTC. Grain: one minute.';
comment on column dw.dim_time.time_key is 'Minute of the day, 0 to 1439.';
comment on column dw.dim_time.hour is 'Hour, 0 to 23.';
comment on column dw.dim_time.minute is 'Minute, 0 to 59.';
comment on column dw.dim_time.label is 'The minute as hh:mm.';
comment on column dw.dim_time.part_of_day is 'night, morning, afternoon or evening, six hours each.';
