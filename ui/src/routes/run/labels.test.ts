import { expect, test } from "vitest";
import { labelsOf } from "./labels";

test("labels stand one in a line, and a value may hold colons", () => {
  expect(labelsOf("team: blue\n\n at:10:30 ")).toEqual({ team: "blue", at: "10:30" });
  expect(labelsOf("")).toEqual({});
});

test("what is no label is named", () => {
  expect(labelsOf("team")).toContain("“team”");
  expect(labelsOf("team:")).toContain("“team:”");
  expect(labelsOf("a:1\na:2")).toBe("There are two labels a.");
});
