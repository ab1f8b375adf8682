"""The mailer's source where Kafka does not take offsets."""

from lakehouse.settings import KafkaSettings
from streaming.mail.source import AlertSource
from tests.factories.ports import free_port


def test_offsets_that_are_not_taken_do_not_end_the_mailer() -> None:
    source = AlertSource(KafkaSettings(bootstrap_servers=f"127.0.0.1:{free_port()}"))
    try:
        source.commit([])  # no broker has given it a partition: KafkaException, for the moment only
        assert source.read(0) == ([], [])
    finally:
        source.close()
