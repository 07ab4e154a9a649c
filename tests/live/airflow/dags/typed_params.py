"""Params with JSON Schema: a trigger whose conf does not fit is refused with 400."""

# pyright: basic, reportMissingImports=false
# Airflow is installed in an environment of its own, which no type checker of this project sees.
from airflow.sdk import Param, dag, get_current_context, task


@dag(
    schedule=None,
    catchup=False,
    tags=["live"],
    description="A typed trigger form",
    params={
        "customer": Param("acme", type="string", minLength=2, title="Customer"),
        "limit": Param(10, type="integer", minimum=1, maximum=100),
        "mode": Param("fast", enum=["fast", "full"]),
    },
)
def typed_params():
    @task
    def show():
        params = get_current_context()["params"]
        return {name: params[name] for name in ("customer", "limit", "mode")}

    show()


typed_params()
