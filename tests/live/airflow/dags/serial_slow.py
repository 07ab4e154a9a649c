"""One run at a time, conf["seconds"] long (5 by default): further runs wait in state queued."""

# pyright: basic, reportMissingImports=false
# Airflow is installed in an environment of its own, which no type checker of this project sees.
import time

from airflow.sdk import dag, get_current_context, task


@dag(schedule=None, catchup=False, max_active_runs=1, tags=["live", "queue"], description="One run at a time")
def serial_slow():
    @task
    def sleep():
        seconds = float((get_current_context()["dag_run"].conf or {}).get("seconds", 5))
        print(f"sleeping {seconds} s")
        time.sleep(seconds)
        return {"slept": seconds}

    sleep()


serial_slow()
