import { expect, test } from "vitest";
import { mappedByName, nameOf, rowFor, targetsOf, unmapped } from "@/forms";

const targets = targetsOf({
  type: "object",
  required: ["orderId"],
  properties: {
    orderId: { type: "string" },
    customer: { type: "object", required: [], properties: { email: { type: "string" } } },
    note: { type: "string" },
  },
});
const context = {
  data: { order_id: 7, customer: { Email: "a@b" } },
  input: { note: "hi" },
  run: { note: "no" },
};

test("targets are the fields of the next step, nested ones by their paths", () => {
  expect(targets.map((each) => [each.path, each.required])).toEqual([
    ["orderId", true],
    ["customer.email", false],
    ["note", false],
  ]);
});

test("what is written to, around or inside, is not open", () => {
  const open = (to: string) => unmapped([{ from: "x", to }], targets).map((each) => each.path);
  expect(open("output.orderId")).toEqual(["customer.email", "note"]);
  expect(open("customer")).toEqual(["orderId", "note"]);
  expect(open("customer.email[0]")).toEqual(["orderId", "note"]);
  expect(open("customers")).toHaveLength(3);
});

test("by name, whatever the case and the underscores", () => {
  expect(mappedByName([], targets, context)).toEqual([
    { from: "data.order_id", to: "orderId" },
    { from: "data.customer.Email", to: "customer.email" },
    { from: "input.note", to: "note" },
  ]);
});

test("rows without a source are filled, rows with one stay", () => {
  const rows = [{ to: "orderId" }, { from: "run.id", to: "note" }];
  expect(mappedByName(rows, [], context)).toEqual([{ to: "orderId", from: "data.order_id" }, rows[1]]);
  expect(mappedByName(rows.slice(1), [], context)).toEqual(rows.slice(1));
});

test("where nothing asks, every field of the data under its own name", () => {
  expect(mappedByName([], [], context).map((each) => each.to)).toEqual(["order_id", "customer"]);
});

test("the same rows where there is nothing to map", () => {
  const rows = [{ from: "data", to: "all" }];
  expect(mappedByName(rows, [], {})).toBe(rows);
});

test("a dropped field names its target", () => {
  expect(nameOf("data.lines[*].id")).toBe("id");
  expect(nameOf('data["odd key"]')).toBe("odd key");
  expect(rowFor("data.total")).toEqual({ from: "data.total", to: "total" });
});
