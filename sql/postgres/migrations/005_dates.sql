create table dw.dim_date (
    date_key integer primary key,
    date date not null unique,
    year smallint not null,
    quarter smallint not null,
    month smallint not null,
    month_name text not null,
    iso_year smallint not null,
    iso_week smallint not null,
    day smallint not null,
    day_of_year smallint not null,
    iso_day_of_week smallint not null,
    day_name text not null,
    is_weekend boolean not null
);

insert into dw.dim_date
select
    cast(to_char(date, 'YYYYMMDD') as integer) as date_key,
    cast(date as date) as date,
    extract(year from date) as year,
    extract(quarter from date) as quarter,
    extract(month from date) as month,
    to_char(date, 'FMMonth') as month_name,
    extract(isoyear from date) as iso_year,
    extract(week from date) as iso_week,
    extract(day from date) as day,
    extract(doy from date) as day_of_year,
    extract(isodow from date) as iso_day_of_week,
    to_char(date, 'FMDay') as day_name,
    extract(isodow from date) >= 6 as is_weekend
from generate_series(timestamp '2015-01-01', timestamp '2045-12-31', interval '1 day') as days (date);

create table dw.dim_time (
    time_key smallint primary key,
    hour smallint not null,
    minute smallint not null,
    label text not null,
    part_of_day text not null
);

insert into dw.dim_time
select
    minute_of_day as time_key,
    minute_of_day / 60 as hour,
    mod(minute_of_day, 60) as minute,
    lpad(cast(minute_of_day / 60 as text), 2, '0') || ':'
    || lpad(cast(mod(minute_of_day, 60) as text), 2, '0') as label,
    case
        when minute_of_day < 360 then 'night'
        when minute_of_day < 720 then 'morning'
        when minute_of_day < 1080 then 'afternoon'
        else 'evening'
    end as part_of_day
from generate_series(0, 1439) as minutes (minute_of_day);

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
