"""Tests against a real n8n and a real Airflow; marker `live`."""
