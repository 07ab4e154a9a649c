import { expect, it } from "vitest";
import { keysOf, ROWS } from "@/lib/shortcuts";
import { rebound, refusalOf, restored, takenBy } from "./rebinding";

it("begins with no key twice on a screen", () => {
  for (const id of ROWS.keys()) {
    for (const key of keysOf(id, {})) expect([id, key, takenBy(id, key, {})]).toEqual([id, key, null]);
  }
});

it("says whose a key is on the same screen, and only there", () => {
  expect(takenBy("add", "d", {})).toBe("disable");
  expect(takenBy("rerun", "d", {})).toBeNull();
  expect(takenBy("palette", "mod+d", {})).toBe("duplicate");
  expect(takenBy("add", "g", {})).toBe("goHome"); // "g h" would never come to its end
  expect(takenBy("goHome", "n h", {})).toBe("add");
});

it("refuses what cannot work", () => {
  expect(refusalOf("save", "s")).toContain("while you type");
  expect(refusalOf("save", "f9")).toBeNull();
  expect(refusalOf("add", "mod+w")).toContain("browser");
  expect(refusalOf("add", "n n")).toContain("every screen");
});

it("takes a key from what had it, which keeps its others", () => {
  const own = rebound({}, "add", "delete");
  expect(own).toEqual({ add: "delete", remove: "backspace" });
  expect(rebound(own, "add", "n")).toEqual({ remove: "backspace" });
  expect(rebound({}, "add", "")).toEqual({ add: "" });
});

it("gives the first key back, whoever has it by now", () => {
  const own = rebound(rebound({}, "add", "q"), "pin", "n");
  expect(own).toEqual({ add: "q", pin: "n" });
  expect(restored(own, "add")).toEqual({ pin: "" });
});
