"""Dead letters and retention over HTTP, on the command line and in the metrics."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from app.cli import main
from app.settings import Settings
from runner.model import Role
from runner.store.letters import LetterFilter
from tests.factories import KEY, Site, make_graph, site_on
from tests.faults.bench import until

API = "/api/v1/orchestrator"
LETTERS = f"{API}/dead-letters"
PICKY: Any = {"mappings": [{"from": "data.n", "to": "n", "type": "integer"}]}


async def failed(site: Site, *payloads: Any) -> str:
    """An orchestrator whose runs with these inputs ended; those whose n is no number failed."""
    definition = make_graph("A", A=PICKY).to_json()
    made = (await site.client.post(API, json={"name": "picky", "definition": definition})).json()
    for n in payloads:
        answer = await site.client.post(
            f"{API}/{made['id']}/run", json={"inputs": {"n": n}}, headers={"Prefer": "wait=20"}
        )
        assert answer.status_code == 200, answer.text
    return made["id"]


async def letters(site: Site, **query: Any) -> list[dict[str, Any]]:
    answer = await site.client.get(LETTERS, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def test_a_letter_is_listed_shown_fixed_and_resolved(live: Site) -> None:
    await failed(live, "text")
    (letter,) = await letters(live, state="open")
    assert set(letter) == {
        *("id", "kind", "state", "orchestratorId", "orchestratorName", "revision", "runId", "runNumber"),
        *("nodeId", "nodeLabel", "provider", "connectionId", "code", "message", "callbackId"),
        *("replayRunId", "replayRunNumber", "by", "reason", "actedAt", "createdDate"),
    }
    url = f"{LETTERS}/{letter['id']}"
    whole = (await live.client.get(url)).json()
    assert whole["payload"] == {"n": "text"} and whole["error"]["code"] == letter["code"] == "mapping"
    answer = await live.client.post(f"{url}/replay", json={"payload": {"n": 5}, "reason": "a number"})
    assert answer.status_code == 202, answer.text
    location = answer.headers["Location"]
    assert location.endswith(answer.json()["replayRunId"])

    async def resolved() -> bool:
        return (await live.client.get(url)).json()["state"] == "resolved"

    await until(resolved)
    assert (await live.client.get(location)).json()["output"] == {"n": 5}
    again = await live.client.post(f"{url}/replay", json={})
    assert (again.status_code, again.json()["code"]) == (409, "letter-closed")
    assert await letters(live, state="open") == []


async def test_a_bulk_act_counts_first_and_then_goes_on_by_itself(live: Site) -> None:
    made = await failed(live, "a", "b", 1)
    wanted = {"filter": {"orchestratorId": made}}
    counted = (
        await live.client.post(f"{LETTERS}/drop", json=wanted | {"dryRun": True, "reason": "x"})
    ).json()
    assert counted == {"matching": 2, "bulk": None}
    asked = await live.client.post(f"{LETTERS}/replay", json=wanted)
    assert (asked.status_code, asked.json()["matching"]) == (202, 2)
    url = f"{LETTERS}/bulk/{asked.json()['bulk']['id']}"

    async def over() -> bool:
        return (await live.client.get(url)).json()["finishedDate"] is not None

    await until(over)
    done = (await live.client.get(url)).json()
    assert (done["done"], done["leftOpen"], done["problems"]) == (2, 0, [])

    async def failed_again() -> bool:
        return len(await letters(live, state="open")) == 2

    await until(failed_again)
    assert len(await letters(live, state="superseded")) == 2


async def test_pages_filters_and_refusals(live: Site) -> None:
    await failed(live, "a", "b", "c")
    first = (await live.client.get(LETTERS, params={"limit": 2})).json()
    second = (await live.client.get(LETTERS, params={"limit": 2, "cursor": first["nextCursor"]})).json()
    found = [item["id"] for item in first["items"] + second["items"]]
    assert len(set(found)) == 3 and second["nextCursor"] is None
    assert await letters(live, code="other") == [] and len(await letters(live, q="data.n")) == 3
    assert await letters(live, until="2020-01-01T00:00:00Z") == []
    for path in ("", "/replay", "/drop"):
        call = live.client.get if not path else live.client.post
        given: dict[str, Any] = {} if not path else {"json": {"reason": "x"}}
        assert (await call(f"{LETTERS}/{uuid4()}{path}", **given)).status_code == 404
    refused = await live.client.post(f"{LETTERS}/{found[0]}/drop", json={"reason": " "})
    assert refused.status_code == 422
    viewer = await live.client.post(
        f"{LETTERS}/{found[0]}/drop", json={"reason": "x"}, headers=live.bearer(Role.VIEWER)
    )
    assert viewer.status_code == 403


async def test_the_metrics_count_letters_and_purged_runs(live: Site) -> None:
    await failed(live, "a")
    text = (await live.client.get("/metrics")).text
    assert 'baton_dead_letters{state="open"} 1.0' in text and "baton_runs_purged_total 0.0" in text


async def test_retention_is_set_previewed_and_applied(database_url: str, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    async with site_on(database_url, tmp_path, engine=True, archive_dir=archive) as site:
        made = await failed(site, 1, 2, 3, 4)
        url = f"{API}/{made}/retention"
        assert (await site.client.get(url)).json()["own"] is False
        runs = (await site.client.get(f"{API}/runs")).json()["items"]
        kept = await site.client.put(f"{API}/runs/{runs[-1]['id']}/keep", json={"keep": True})
        assert kept.json()["keep"] is True and runs[-1]["keep"] is False
        pinned = (await site.client.get(f"{API}/runs", params={"keep": "true"})).json()["items"]
        assert [run["id"] for run in pinned] == [runs[-1]["id"]]
        answer = await site.client.put(url, json={"days": None, "runs": 1})
        assert (answer.json()["runs"], answer.json()["own"]) == (1, True)
        (preview,) = (await site.client.get(f"{API}/retention/preview")).json()["items"]
        assert (preview["ended"], preview["pinned"], preview["purge"]) == (4, 1, 2)
        assert (await site.client.post(f"{API}/retention/apply")).status_code == 204

        async def gone() -> bool:
            return len((await site.client.get(f"{API}/runs")).json()["items"]) == 2

        await until(gone)
        (purge,) = (await site.client.get(f"{API}/retention/purges")).json()["items"]
        assert (purge["runs"], purge["orchestratorId"]) == (2, made)
        assert len(list(archive.rglob("*.jsonl.gz"))) == 1
        assert (await site.client.delete(url)).json()["own"] is False
        (item,) = (await site.client.get(f"{API}/retention")).json()["items"]
        assert (item["runs"], item["deleted"]) == (None, False)
        operator = await site.client.put(url, json={"days": 1}, headers=site.bearer(Role.OPERATOR))
        assert operator.status_code == 403


@pytest.mark.parametrize("given", [{"days": 0}, {"runs": -1}, {"weeks": 1}])
async def test_a_policy_that_makes_no_sense_is_refused(site: Site, given: Any) -> None:
    definition = make_graph("A").to_json()
    made = (await site.client.post(API, json={"name": "x", "definition": definition})).json()
    assert (await site.client.put(f"{API}/{made['id']}/retention", json=given)).status_code == 422


async def test_the_command_line_does_all_of_it(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "archive"
    monkeypatch.setenv("BATON_DATABASE_URL", database_url)
    monkeypatch.setenv("BATON_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("BATON_ARCHIVE_DIR", str(folder))
    monkeypatch.setenv("BATON_SECRET_KEYS", f"{KEY.id}:{KEY.key.get_secret_value()}")

    async def baton(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        code = await asyncio.to_thread(main, arguments)
        return code, capsys.readouterr().out

    async with site_on(database_url, tmp_path, engine=True) as site:
        made = await failed(site, "a", "b", "c", "d", 1, 2)
        code, said = await baton("dead-letters", "list")
        first, *rest = (line.split()[0] for line in said.splitlines())
        assert code == 0 and len(rest) == 3
        code, said = await baton("dead-letters", "show", first)
        assert json.loads(said)["payload"] == {"n": "d"}
        code, said = await baton("dead-letters", "replay", first, "--payload", '{"n": 9}')
        assert code == 0 and (await site.client.get(f"{API}/runs/{said.strip()}")).status_code == 200

        async def resolved() -> bool:
            return len(await letters(site, state="resolved")) == 1

        await until(resolved)
        assert (await baton("dead-letters", "drop", rest[0], "--reason", "old"))[0] == 0
        assert await baton("dead-letters", "drop", "--matching", "--dry-run", "--reason", "old") == (
            0,
            "2 match\n",
        )
        assert (await baton("dead-letters", "replay"))[0] == 2
        code, said = await baton("dead-letters", "drop", "--matching", "--node", "A", "--reason", "old")
        assert (code, said) == (0, "2 matched, 2 dropped, 0 left open\n")
        assert len((await baton("dead-letters", "list", "--state", "any"))[1].splitlines()) == 4

        kept = (await site.client.get(f"{API}/runs")).json()["items"][-1]["id"]
        assert (await baton("retention", "keep", kept))[0] == 0
        assert (await baton("retention", "set", made, "--runs", "2")) == (0, "picky: the newest 2 runs\n")
        assert "the newest 2 runs (its own)" in (await baton("retention", "show"))[1]
        assert "4 of 7 would go; 1 kept for ever" in (await baton("retention", "preview"))[1]
    # Nobody else is there: the command does it.
    assert await baton("retention", "apply") == (0, "4 purged here\n")
    code, said = await baton("archive", "list")
    assert code == 0 and len(said.splitlines()) == 4
    archived = said.split()[0]
    assert json.loads((await baton("archive", "show", archived))[1])["run"]["id"] == archived
    assert (await baton("archive", "show", kept))[0] == 2


def test_the_settings_say_the_default(tmp_path: Path) -> None:
    given = {"BATON_RETENTION_DAYS": "30", "BATON_RETENTION_RUNS": "", "HOME": str(tmp_path)}
    policy = Settings.from_env(given).retention
    assert (policy.days, policy.runs) == (30, None)


def test_the_filter_of_the_api_is_that_of_the_store() -> None:
    from app.api.dead_letters import LettersFilter

    assert {*LettersFilter.model_fields, "state"} == set(LetterFilter.model_fields)
