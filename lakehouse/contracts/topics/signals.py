"""Trading signals of pipelines that read filings and news."""

from lakehouse.contracts.model import Topic
from lakehouse.contracts.tables.bronze import SIGNAL_FIELDS, TRADING_SIGNALS

SIGNALS = Topic(
    name="nse_filings_trading_signal",
    doc=(
        "What a pipeline would trade, keyed by symbol, such as one that reads filings. UTF-8 JSON, one object a "
        "message; prices are decimal strings. A signal_id that comes again is a repeat."
    ),
    owner="trading",
    schema_id=1,
    key="symbol",
    event_time="event_time_us",
    fields=SIGNAL_FIELDS,
    bronze=TRADING_SIGNALS,
    producers=("external",),
    consumers=("streaming.landing", "streaming.signals"),
    examples=(
        '{"signal_id":"0199f3a1-b2e3-7def-8123-456789abcdef","symbol":"INFY","event_time_us":1790000003000000,'
        '"side":"buy","confidence":0.87,"source":"nse_filings","reference_price":"1525.40",'
        '"reason":"Order win of 2.1 % of revenue; tone well above the company\'s usual",'
        '"filing":"https://www.nseindia.com/companies-listing/corporate-filings-announcements#INFY-20260921"}',
        '{"signal_id":"0199f3a1-b2e4-7def-8123-456789abcdef","symbol":"TCS","event_time_us":1790000009000000,'
        '"side":"sell","confidence":0.64,"source":"news_sentiment","reason":"Guidance was lowered"}',
    ),
)
