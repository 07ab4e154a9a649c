import { expect, test } from "vitest";
import { validate } from "@/forms";
import { likely } from "./input-fields";

test("the schema made from inputs is one that they match", () => {
  const inputs = { n: 1, share: 0.5, who: "Ada", fast: true, lines: [{ price: 2 }], none: null, empty: [] };
  const schema = likely(inputs);
  expect(validate(schema, inputs)).toEqual({});
  expect(schema.properties?.n).toEqual({ type: "integer" });
  expect(Object.keys(validate(schema, { ...inputs, n: "one" }))).toEqual(["/n"]);
  expect(Object.keys(validate(schema, {}))).toContain("/who");
});
