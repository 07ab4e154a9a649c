import { expect, test } from "vitest";
import { onToastWaiting, toast, toastsReady } from "./toast";

test("what is said before anything can show it asks for that, and is shown in order once it is there", () => {
  let asked = 0;
  onToastWaiting(() => asked++);
  toast.success("first");
  toast.error("second", { description: "why" });
  expect(asked).toBe(2);
  const shown: unknown[] = [];
  const say = (kind: string) => (title: unknown, options?: { description?: unknown }) =>
    shown.push([kind, title, options?.description]);
  toastsReady(
    Object.assign(say("plain"), { success: say("success"), error: say("error") }) as unknown as Parameters<
      typeof toastsReady
    >[0],
  );
  toast("third");
  expect(shown).toEqual([
    ["success", "first", undefined],
    ["error", "second", "why"],
    ["plain", "third", undefined],
  ]);
  expect(asked).toBe(2);
});
