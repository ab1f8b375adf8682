"""How the pipelines stand, from Airflow, Kafka and the platform's own records."""
