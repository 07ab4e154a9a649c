import { afterEach, expect, it } from "vitest";
import { named } from "./hotkeys";
import { idsOf, keyOf, keysOf, setOwnKeys } from "./shortcuts";

const press = (key: string, held: KeyboardEventInit = {}) =>
  named(new KeyboardEvent("keydown", { key, ...held }));

afterEach(() => {
  setOwnKeys({});
});

it("names keys as the table does", () => {
  expect(press("Z", { ctrlKey: true, shiftKey: true })).toBe("mod+shift+z");
  expect(press("?", { shiftKey: true })).toBe("?");
  expect(press("ArrowLeft", { altKey: true, shiftKey: true })).toBe("alt+shift+arrowleft");
  expect(press("+", { shiftKey: true })).toBe("+");
});

it("knows the keys of an action, and the actions of a key", () => {
  expect(keysOf("zoomIn")).toEqual(["+", "="]);
  expect(keysOf("stepBack")).toEqual([","]);
  expect(keyOf("redo")).toBe("mod+shift+z");
  expect(idsOf("c")).toEqual(["connect", "cancelRun"]);
});

it("has the reader's own keys instead", () => {
  setOwnKeys({ connect: "l", add: "" });
  expect(keysOf("connect")).toEqual(["l"]);
  expect(keyOf("add")).toBeUndefined();
  expect(idsOf("c")).toEqual(["cancelRun"]);
  expect(idsOf("n")).toEqual(["nextHit"]);
  setOwnKeys({});
  expect(idsOf("n")).toEqual(["add", "nextHit"]);
});
