import { expect, it } from "vitest";
import { named } from "@/lib/hotkeys";
import { keyOf, SHORTCUTS } from "./keys";

const press = (key: string, held: KeyboardEventInit = {}) =>
  named(new KeyboardEvent("keydown", { key, ...held }));

it("names keys as the table does", () => {
  expect(press("Z", { ctrlKey: true, shiftKey: true })).toBe("mod+shift+z");
  expect(press("?", { shiftKey: true })).toBe("?");
  expect(press("ArrowLeft", { altKey: true, shiftKey: true })).toBe("alt+shift+arrowleft");
  expect(press("+", { shiftKey: true })).toBe("+");
});

it("has no key twice", () => {
  const keys = Object.values(SHORTCUTS).flatMap((group) =>
    Object.values(group).flatMap(([names]: readonly [string, ...unknown[]]) => names.split(" ")),
  );
  expect(keys.length).toBe(new Set(keys).size);
  expect(keyOf("redo")).toBe("mod+shift+z");
});
