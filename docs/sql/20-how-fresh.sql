-- Question: How old is what I am looking at?
-- Answer: The newest business date or year that every table of the marts holds, when it was loaded, and its rows.
--   Above a day of age on a working day: something did not run, `tidemark status` and Airflow say what.
-- Units: rows_loaded is rows; age_hours is hours at the moment of the question.
SELECT
    table_name,
    newest_partition,
    partitions,
    rows_loaded,
    last_loaded_at,
    age_hours
FROM data_freshness
ORDER BY last_loaded_at, table_name;
