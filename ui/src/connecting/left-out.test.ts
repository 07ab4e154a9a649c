import { describe, expect, it } from "vitest";
import { leftOut } from "./left-out";

const team = (name: string, why = "no permission") => ({ kind: "team", name, of: 3, why });

describe("leftOut", () => {
  it("says how many of how many, and why", () => {
    expect(leftOut([team("Reports")])).toEqual(["1 of 3 teams: no permission (Reports)."]);
    expect(leftOut([])).toEqual([]);
  });

  it("keeps reasons apart and does not name a hundred", () => {
    const files = ["a.py", "b.py", "c.py", "d.py", "e.py"].map((name) => ({
      kind: "DAG file",
      name,
      of: null,
      why: "Airflow cannot import it",
    }));
    expect(leftOut([team("Reports"), ...files, team("Orders", "paused")])).toEqual([
      "1 of 3 teams: no permission (Reports).",
      "5 DAG files: Airflow cannot import it (a.py, b.py, c.py, 2 more).",
      "1 of 3 teams: paused (Orders).",
    ]);
  });
});
