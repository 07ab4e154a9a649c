import { expect, test } from "vitest";
import type { OrchestratorDetail } from "@/api/types";
import { createFlow } from "../store";
import { pin, pinned, unpin } from "./pins";

function flow() {
  return createFlow({
    name: "Pinned",
    description: "",
    revision: 1,
    definition: { version: 1, nodes: [{ id: "a", type: "Delay", data: { label: "Wait" } }], edges: [] },
  } as unknown as OrchestratorDetail);
}

test("pinning is one undo step, and null can be pinned", () => {
  const control = flow();
  const step = () => control.store.getState().nodes[0] as never;
  expect(pinned(step())).toBe(false);
  pin(control, step(), null);
  expect(pinned(step())).toBe(true);
  expect(control.store.getState().what).toBe("Pin output of Wait");
  expect(control.definition().nodes?.[0]?.data).toEqual({ label: "Wait", pinned: null });
  unpin(control, step());
  expect(control.definition().nodes?.[0]?.data).toEqual({ label: "Wait" });
  control.undo();
  expect(pinned(step())).toBe(true);
  control.undo();
  expect(pinned(step())).toBe(false);
});
