-- The macros of a session for Athena's SQL: the expressions of functions.py and casts.py in which an argument occurs
-- several times. A macro precedes those that use it. DuckDB replaces typeof by a constant when it binds a query.
-- The text of error(...) begins with "Athena: " and has no value of the data, so it is reported.

CREATE TEMP MACRO athena_is_float(x) AS
    typeof(x) IN ('DOUBLE', 'FLOAT');

CREATE TEMP MACRO athena_read(x, pattern, kind) AS
    CASE
    WHEN typeof(x) = 'VARCHAR' AND NOT regexp_full_match(CAST(x AS VARCHAR), pattern)
        THEN error('Athena: a text can''t become a ' || kind || '; TRY_CAST returns null where it doesn''t fit')
    ELSE x END;

CREATE TEMP MACRO athena_try_read(x, pattern) AS
    CASE
    WHEN typeof(x) <> 'VARCHAR' OR regexp_full_match(CAST(x AS VARCHAR), pattern) THEN x END;

CREATE TEMP MACRO athena_digits(s) AS
    replace(split_part(ltrim(s, '-'), 'e', 1), '.', '');

CREATE TEMP MACRO athena_sign(s) AS
    CASE WHEN s[1] = '-' THEN '-' ELSE '' END;

CREATE TEMP MACRO athena_exponent(s) AS
    length(split_part(split_part(ltrim(s, '-'), 'e', 1), '.', 1)) - 1
    - (length(athena_digits(s)) - length(ltrim(athena_digits(s), '0')))
    + coalesce(TRY_CAST(nullif(split_part(s, 'e', 2), '') AS INTEGER), 0);

-- 12.5 is 1.25E1, 10 is 1.0E1: a digit, the others, the exponent.
CREATE TEMP MACRO athena_scientific(s) AS
    CASE
    WHEN s IN ('nan', '-nan') THEN 'NaN'
    WHEN s = 'inf' THEN 'Infinity'
    WHEN s = '-inf' THEN '-Infinity'
    WHEN trim(athena_digits(s), '0') = '' THEN athena_sign(s) || '0E0'
    ELSE athena_sign(s) || trim(athena_digits(s), '0')[1]
        || '.' || coalesce(nullif(trim(athena_digits(s), '0')[2:], ''), '0')
        || 'E' || CAST(athena_exponent(s) AS VARCHAR) END;

CREATE TEMP MACRO athena_text_of_json(t) AS
    CASE
    WHEN json_type(t) IN ('OBJECT', 'ARRAY')
        THEN error('Athena: an array or object of JSON can''t become a text; use json_format')
    WHEN json_type(t) = 'DOUBLE' THEN athena_scientific(CAST(CAST(t AS DOUBLE) AS VARCHAR))
    ELSE json_extract_string(t, '$') END;

CREATE TEMP MACRO athena_text(x) AS
    CASE
    WHEN athena_is_float(x) THEN athena_scientific(CAST(x AS VARCHAR))
    WHEN typeof(x) = 'JSON' THEN athena_text_of_json(CAST(x AS VARCHAR))
    WHEN typeof(x) LIKE 'TIMESTAMP%' THEN error('Athena: the text of a timestamp depends on its precision; '
        || 'use date_format(x, ''%Y-%m-%d %H:%i:%s'')')
    WHEN typeof(x) LIKE '%]' OR typeof(x) LIKE 'STRUCT%' OR typeof(x) LIKE 'MAP%'
        THEN error('Athena: an array, map or row can''t become a text; use json_format(CAST(x AS json))')
    ELSE CAST(x AS VARCHAR) END;

CREATE TEMP MACRO athena_json(x) AS
    CASE
    WHEN typeof(x) = 'JSON' THEN CAST(CAST(x AS VARCHAR) AS JSON)
    WHEN regexp_matches(typeof(x), 'DOUBLE|FLOAT|TIMESTAMP')
        THEN error('Athena: JSON of a double or a timestamp has another text in each engine; '
            || 'cast it to a decimal or a date')
    ELSE to_json(x) END;

CREATE TEMP MACRO athena_json_whole(x) AS
    CASE json_type(CAST(x AS VARCHAR))
    WHEN 'DOUBLE' THEN CAST(round(CAST(CAST(x AS VARCHAR) AS DOUBLE)) AS VARCHAR)
    ELSE json_extract_string(CAST(x AS VARCHAR), '$') END;

CREATE TEMP MACRO athena_average(x) AS
    CASE
    WHEN typeof(x) LIKE 'DECIMAL%' THEN error('Athena: the average of a decimal is one; use avg(CAST(x AS double))')
    ELSE x END;

CREATE TEMP MACRO athena_scalar(j) AS
    CASE
    WHEN json_type(j) NOT IN ('OBJECT', 'ARRAY') THEN json_extract_string(j, '$') END;

-- A number of JSON has its own digits in Athena, 2.50; here they are gone: 2.5.
CREATE TEMP MACRO athena_scalar_text(j) AS
    CASE
    WHEN json_type(j) = 'DOUBLE' THEN error('Athena: the digits of a number with a fraction are lost here; '
        || 'use CAST(json_extract_scalar(...) AS double)')
    ELSE athena_scalar(j) END;

-- Numbers outside of texts with eight digits, many zeros or an exponent.
CREATE TEMP MACRO athena_json_text(j) AS
    CASE
    WHEN regexp_matches(regexp_replace(j, '"(\\.|[^"\\])*"', '', 'g'), '[0-9]{8}[.]|0[.]000|[0-9][eE]')
        THEN error('Athena: a very large or small number of JSON has another text in each engine; '
            || 'extract it and cast it to double')
    ELSE j END;

CREATE TEMP MACRO athena_value(m, k) AS
    CASE
    WHEN NOT map_contains(m, k) THEN error('Athena: the map has no such key; element_at(map, key) is null there')
    ELSE m[k] END;

CREATE TEMP MACRO athena_division(a, b) AS
    CASE
    WHEN athena_is_float(a) OR athena_is_float(b) THEN 'float'
    WHEN typeof(a) LIKE 'DECIMAL%' OR typeof(b) LIKE 'DECIMAL%' THEN 'decimal'
    ELSE 'whole' END;

CREATE TEMP MACRO athena_whole(a, b) AS
    CASE
    WHEN athena_division(a, b) <> 'whole' THEN NULL
    WHEN b = 0 THEN error('Athena: division by zero')
    ELSE a // b END;

CREATE TEMP MACRO athena_scale(x) AS
    coalesce(TRY_CAST(regexp_extract(typeof(x), ',([0-9]+)', 1) AS INTEGER), 0);

CREATE TEMP MACRO athena_unscaled(x) AS
    CAST(replace(CAST(x AS VARCHAR), '.', '') AS HUGEINT);

CREATE TEMP MACRO athena_power(n) AS
    CAST('1' || repeat('0', n) AS HUGEINT);

-- n / d of whole numbers, rounded half up.
CREATE TEMP MACRO athena_rounded(n, d) AS
    CASE WHEN (n < 0) <> (d < 0) THEN -1 ELSE 1 END * ((2 * abs(n) + abs(d)) // (2 * abs(d)));

-- The text of a decimal: 150 with the scale 2 is 1.50.
CREATE TEMP MACRO athena_point(n, s) AS
    CASE WHEN n < 0 THEN '-' ELSE '' END
    || substr(lpad(CAST(abs(n) AS VARCHAR), 39, '0'), 1, 39 - s)
    || '.' || substr(lpad(CAST(abs(n) AS VARCHAR), 39, '0'), 40 - s);

CREATE TEMP MACRO athena_kind(x) AS
    CASE
    WHEN typeof(x) IN ('TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'HUGEINT') THEN 'whole'
    ELSE 'other' END;

-- Athena's differences of times are of milliseconds, cut; its texts are of milliseconds, rounded half up.
CREATE TEMP MACRO athena_millis(x) AS
    CASE
    WHEN typeof(x) = 'TIMESTAMP' THEN date_trunc('millisecond', x)
    ELSE x END;

CREATE TEMP MACRO athena_rounded_millis(x) AS
    CASE
    WHEN typeof(x) = 'TIMESTAMP' THEN date_trunc('millisecond', x + to_microseconds(500))
    ELSE x END;

CREATE TEMP MACRO athena_greater_scale(a, b) AS
    greatest(athena_scale(a), athena_scale(b));

-- A decimal's quotient has the greater scale of the two.
CREATE TEMP MACRO athena_quotient(a, b) AS
    CASE
    WHEN athena_division(a, b) <> 'decimal' THEN NULL
    WHEN b = 0 THEN error('Athena: division by zero')
    ELSE athena_point(
        athena_rounded(
            athena_unscaled(a) * athena_power(athena_greater_scale(a, b) - athena_scale(a) + athena_scale(b)),
            athena_unscaled(b)),
        athena_greater_scale(a, b)) END;

CREATE TEMP MACRO athena_any(l) AS
    CASE
    WHEN list_contains(l, true) THEN true
    WHEN len(l) > list_count(l) THEN NULL
    WHEN l IS NOT NULL THEN false END;

CREATE TEMP MACRO athena_contains(l, x) AS
    CASE
    WHEN x IS NULL THEN NULL
    WHEN list_contains(l, x) THEN true
    WHEN len(l) > list_count(l) THEN NULL
    WHEN l IS NOT NULL THEN false END;

CREATE TEMP MACRO athena_distinct(l) AS
    list_filter(l, lambda x, i: list_position(l, x) = i);

CREATE TEMP MACRO athena_except(a, b) AS
    CASE
    WHEN b IS NOT NULL THEN list_filter(a, lambda x, i: list_position(a, x) = i AND list_position(b, x) IS NULL) END;

CREATE TEMP MACRO athena_common(a, b) AS
    list_filter(a, lambda x, i: list_position(a, x) = i AND list_position(b, x) IS NOT NULL);

-- In the order of the longer one.
CREATE TEMP MACRO athena_intersect(a, b) AS
    CASE
    WHEN a IS NULL OR b IS NULL THEN NULL
    WHEN len(a) < len(b) THEN athena_common(b, a)
    ELSE athena_common(a, b) END;

CREATE TEMP MACRO athena_extreme(l, found) AS
    CASE
    WHEN len(l) = list_count(l) THEN found END;

CREATE TEMP MACRO athena_join(l, d) AS
    CASE
    WHEN l IS NOT NULL AND d IS NOT NULL
        THEN coalesce(array_to_string(list_transform(l, lambda x: athena_text(x)), d), '') END;

CREATE TEMP MACRO athena_join_nulls(l, d, n) AS
    CASE
    WHEN l IS NOT NULL AND d IS NOT NULL
        THEN coalesce(array_to_string(list_transform(l, lambda x: coalesce(athena_text(x), n)), d), '') END;

CREATE TEMP MACRO athena_log(x, found) AS
    CASE
    WHEN x = 0 THEN CAST('-Infinity' AS DOUBLE)
    WHEN x < 0 THEN CAST('NaN' AS DOUBLE)
    ELSE found END;

CREATE TEMP MACRO athena_mod(a, b) AS
    CASE
    WHEN b = 0 AND typeof(b) <> 'DOUBLE' AND typeof(a) <> 'DOUBLE' THEN error('Athena: division by zero')
    ELSE a % b END;

CREATE TEMP MACRO athena_minus(a, b) AS
    CASE
    WHEN typeof(a) IN ('DATE', 'TIMESTAMP') AND typeof(b) IN ('DATE', 'TIMESTAMP')
        THEN error('Athena: the difference of two dates is an interval; use date_diff(''day'', earlier, later)')
    ELSE a - b END;

CREATE TEMP MACRO athena_item(l, n) AS
    CASE
    WHEN n > len(l) OR n < 1
        THEN error('Athena: a subscript is beyond the array; element_at(array, number) is null there')
    ELSE l[n] END;

CREATE TEMP MACRO athena_overlap(a, b) AS
    CASE
    WHEN list_has_any(list_filter(a, lambda x: x IS NOT NULL), b) THEN true
    WHEN len(a) = 0 OR len(b) = 0 THEN false
    WHEN len(a) > list_count(a) OR len(b) > list_count(b) THEN NULL
    WHEN a IS NOT NULL AND b IS NOT NULL THEN false END;

CREATE TEMP MACRO athena_part(s, d, n) AS
    list_extract(str_split(s, d), n);

CREATE TEMP MACRO athena_position(l, x) AS
    CASE
    WHEN l IS NOT NULL AND x IS NOT NULL THEN coalesce(list_position(l, x), 0) END;

CREATE TEMP MACRO athena_sequence(a, b) AS
    generate_series(a, b, CASE WHEN a <= b THEN 1 ELSE -1 END);

CREATE TEMP MACRO athena_start(l, s) AS
    CASE WHEN s < 0 THEN len(l) + s + 1 ELSE s END;

CREATE TEMP MACRO athena_slice(l, s, n) AS
    CASE
    WHEN s < -len(l) THEN l[:0]
    ELSE list_slice(l, athena_start(l, s), athena_start(l, s) + n - 1) END;

CREATE TEMP MACRO athena_sqrt(x) AS
    CASE
    WHEN x < 0 THEN CAST('NaN' AS DOUBLE)
    ELSE sqrt(x) END;

CREATE TEMP MACRO athena_substr(s, n) AS
    CASE
    WHEN s IS NOT NULL AND (n = 0 OR n < -length(s)) THEN ''
    ELSE substr(s, n) END;

CREATE TEMP MACRO athena_substr_length(s, n, k) AS
    CASE
    WHEN s IS NOT NULL AND (n = 0 OR k <= 0 OR n < -length(s)) THEN ''
    ELSE substr(s, n, k) END;
