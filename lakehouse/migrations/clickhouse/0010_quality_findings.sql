CREATE TABLE IF NOT EXISTS `quality_finding_v1`
(
    `id` UUID COMMENT 'UUIDv7',
    `run_id` String COMMENT 'run whose output or input was judged',
    `table_name` String COMMENT 'contract name of the table',
    `check_name` String COMMENT 'check that was broken, or kind of defect',
    `subject` String COMMENT 'what it is about, as a symbol; empty for the whole output',
    `as_of` Date32 COMMENT 'day of the bar or row, or the run\'s business date',
    `job` String COMMENT 'job that found it',
    `kind` String COMMENT 'type of check of lakehouse.contracts.quality, or defect',
    `grade` String COMMENT 'fail (nothing was published) or warn',
    `row_count` Int64 COMMENT 'rows, groups or partitions that broke it (rows)',
    `detail` String COMMENT 'the numbers, with an example',
    `found_at` DateTime64(6, 'UTC') COMMENT 'when the run ended'
)
ENGINE = MergeTree
ORDER BY (`table_name`, `check_name`, `subject`, `as_of`, `id`)
COMMENT 'Copy of ops.quality_finding for analysts; publish_marts brings what is new. One row per run_id, table_name, check_name, subject, as_of.';

CREATE OR REPLACE VIEW data_quality
(
    id UUID COMMENT 'UUIDv7 | unit: id | currency: none | grain: table_name, check_name, subject, as_of, run_id | source: ops.quality_finding_v1 | refresh: when publish_marts runs, after each batch',
    run_id String COMMENT 'run whose output or input was judged | unit: text | currency: none | grain: table_name, check_name, subject, as_of, run_id | source: ops.quality_finding_v1 | refresh: when publish_marts runs, after each batch',
    table_name String COMMENT 'contract name of the table | unit: text | currency: none | grain: table_name, check_name, subject, as_of, run_id | source: ops.quality_finding_v1 | refresh: when publish_marts runs, after each batch',
    check_name String COMMENT 'check that was broken, or kind of defect | unit: text | currency: none | grain: table_name, check_name, subject, as_of, run_id | source: ops.quality_finding_v1 | refresh: when publish_marts runs, after each batch',
    subject String COMMENT 'what it is about, as a symbol; empty for the whole output | unit: text | currency: none | grain: table_name, check_name, subject, as_of, run_id | source: ops.quality_finding_v1 | refresh: when publish_marts runs, after each batch',
    as_of Date32 COMMENT 'day of the bar or row, or the run\'s business date | unit: date | currency: none | grain: table_name, check_name, subject, as_of, run_id | source: ops.quality_finding_v1 | refresh: when publish_marts runs, after each batch',
    job String COMMENT 'job that found it | unit: text | currency: none | grain: table_name, check_name, subject, as_of, run_id | source: ops.quality_finding_v1 | refresh: when publish_marts runs, after each batch',
    kind String COMMENT 'type of check of lakehouse.contracts.quality, or defect | unit: text | currency: none | grain: table_name, check_name, subject, as_of, run_id | source: ops.quality_finding_v1 | refresh: when publish_marts runs, after each batch',
    grade String COMMENT 'fail (nothing was published) or warn | unit: text | currency: none | grain: table_name, check_name, subject, as_of, run_id | source: ops.quality_finding_v1 | refresh: when publish_marts runs, after each batch',
    row_count Int64 COMMENT 'rows, groups or partitions that broke it | unit: rows | currency: none | grain: table_name, check_name, subject, as_of, run_id | source: ops.quality_finding_v1 | refresh: when publish_marts runs, after each batch',
    detail String COMMENT 'the numbers, with an example | unit: text | currency: none | grain: table_name, check_name, subject, as_of, run_id | source: ops.quality_finding_v1 | refresh: when publish_marts runs, after each batch',
    found_at DateTime64(6, 'UTC') COMMENT 'when the run ended | unit: instant (UTC) | currency: none | grain: table_name, check_name, subject, as_of, run_id | source: ops.quality_finding_v1 | refresh: when publish_marts runs, after each batch'
)
AS
SELECT
    id,
    run_id,
    table_name,
    check_name,
    subject,
    as_of,
    job,
    kind,
    grade,
    row_count,
    detail,
    found_at
FROM quality_finding_v1
COMMENT 'What checks of tables and scans of market data have found: fail kept an output from being published, warn was published and recorded. A defect of a bar is there once, by the run that saw it first.';
