import { expect, test } from "vitest";
import { parsed, sampleOf } from "./sample";

test("a sample has what the schema names, its own values first", () => {
  const schema = {
    type: "object",
    properties: {
      approved: { type: "boolean" },
      by: { type: "string", examples: ["ann"] },
      count: { type: ["integer", "null"] },
      kind: { enum: ["a", "b"] },
      tags: { type: "array", items: { type: "string" } },
      size: { type: "number", default: 3 },
    },
  };
  expect(sampleOf(schema)).toEqual({ approved: true, by: "ann", count: 0, kind: "a", tags: [""], size: 3 });
  expect(sampleOf(null)).toEqual({});
});

test("a text that is not JSON is undefined, an empty one null", () => {
  expect(parsed('{"a": 1}')).toEqual({ a: 1 });
  expect(parsed(" ")).toBeNull();
  expect(parsed("{")).toBeUndefined();
});
