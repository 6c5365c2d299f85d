"""Everything that touches Airflow and is shared by operators, sensors, hooks and triggers."""
