import { expect, test } from "vitest";
import {
  everyPath,
  glimpse,
  insideExpression,
  isTemplate,
  readPath,
  singlePath,
  skeleton,
  suggestions,
  TypeHint,
} from "@/forms";

const context = {
  data: { total: 7, "odd key": true, lines: [{ id: 1, name: "a" }] },
  input: {},
  nodes: { order: { output: { total: 7 } } },
};

const offered = (text: string, asked = false) => {
  const at = text.indexOf("|");
  return suggestions(text.replace("|", ""), at, context, asked).map((each) => each.insert);
};

test("after the braces come the names of the scope, after a dot the keys that are really there", () => {
  expect(offered("{{ | }}")).toEqual(["data", "input", "nodes"]);
  expect(offered("{{ da| }}")).toEqual(["data", "input", "nodes"]);
  expect(offered("{{ data.| }}")).toEqual(["total", '["odd key"]', "lines"]);
  expect(offered("{{ nodes.order.output.to| }}")).toEqual(["total"]);
  expect(offered("{{ data.lines.| }}")).toEqual(["[0]"]);
  expect(offered("{{ data.lines[0].| }}")).toEqual(["id", "name"]);
  expect(offered("{{ data.total.| }}")).toEqual([]);
  expect(offered("{{ data.gone.| }}")).toEqual([]);
});

test("outside of an expression nothing is offered", () => {
  expect(offered("data.|")).toEqual([]);
  expect(offered("{{ data }} data.|")).toEqual([]);
  expect(insideExpression("{% if data.x", 12)).toBe(true);
});

test("what is offered goes where it belongs", () => {
  const text = "{{ data.od";
  const odd = suggestions(text, text.length, context, false).find((each) => each.insert.startsWith("["));
  expect(text.slice(0, odd?.from) + odd?.insert).toBe('{{ data["odd key"]');
  const part = suggestions("{{ data.to", 10, context, false)[0];
  expect([part?.from, part?.detail]).toEqual([8, "7"]);
});

test("a template that is one path alone", () => {
  expect(singlePath("{{ data.lines[0].id }}")).toBe("data.lines[0].id");
  expect(singlePath("{{ data | tojson }}")).toBeNull();
  expect(singlePath("x {{ data }}")).toBeNull();
  expect([isTemplate("{{ a }}"), isTemplate("{% if %}"), isTemplate("a")]).toEqual([true, true, false]);
});

test("paths read what is there, and no inherited thing", () => {
  expect(readPath(context, "data.lines[0].name")).toBe("a");
  expect(readPath(context, 'data["odd key"]')).toBe(true);
  expect(readPath(context, "data.constructor")).toBeUndefined();
});

test("every path, with the fields of a list's items", () => {
  const paths = everyPath(context).map((each) => each.path);
  expect(paths).toContain("data.lines[*].id");
  expect(paths).toContain('data["odd key"]');
  expect(everyPath({ data: { a: 1, b: 2 } }, 2)).toHaveLength(2);
});

test("a schema stands in for data that is not there", () => {
  const shape = skeleton({
    type: "object",
    properties: { id: { type: "integer" }, tags: { type: "array", items: { type: "string" } } },
  });
  expect(shape).toEqual({ id: new TypeHint("integer"), tags: [new TypeHint("string")] });
  expect(suggestions("{{ data.", 8, { data: shape }, false)[0]?.detail).toBe("integer");
  expect([glimpse([1]), glimpse({}), glimpse("x".repeat(60)).length]).toEqual(["1 item", "0 fields", 40]);
});
