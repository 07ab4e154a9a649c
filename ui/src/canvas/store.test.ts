import { expect, it } from "vitest";
import type { OrchestratorDetail } from "@/api/types";
import { moved, type Step } from "./graph";
import { createFlow, dirty } from "./store";

const found = {
  id: "1",
  name: "Sample",
  revision: 3,
  definition: { version: 1, nodes: [{ id: "a", type: "Delay", position: { x: 0, y: 0 } }], edges: [] },
} as unknown as OrchestratorDetail;

const at = (control: ReturnType<typeof createFlow>) => control.store.getState().nodes[0]?.position.x;
const past = (control: ReturnType<typeof createFlow>) => control.store.temporal.getState().pastStates.length;
const to = (control: ReturnType<typeof createFlow>, x: number): readonly Step[] =>
  moved(control.store.getState(), new Map([["a", { x, y: 0 }]])).nodes;

it("makes one step of a drag, and none of a click", () => {
  const control = createFlow(found);
  control.drag.start();
  for (const x of [8, 16, 24]) control.drag.move(to(control, x));
  control.drag.stop("Move A");
  control.drag.start();
  control.drag.stop("Move A");
  expect([at(control), past(control), control.store.getState().what]).toEqual([24, 1, "Move A"]);
  control.undo();
  expect([at(control), dirty(control.store.getState())]).toEqual([0, false]);
  control.redo();
  expect(at(control)).toBe(24);
});

it("makes one step of a burst of typing in one field", () => {
  const control = createFlow(found);
  const type = (label: string, now: number, tag = "label") =>
    control.edit(
      "Rename",
      (flow) => ({ nodes: flow.nodes.map((node) => ({ ...node, data: { ...node.data, label } })) }),
      tag,
      now,
    );
  type("O", 0);
  type("Or", 300);
  type("Ord", 600);
  expect(past(control)).toBe(1);
  type("Order", 5000);
  type("Order!", 5100, "other");
  expect(past(control)).toBe(3);
  control.undo();
  control.undo();
  expect(control.store.getState().nodes[0]?.data.label).toBe("Ord");
});

it("records neither selection nor sizes, and deselects what an undo takes away", () => {
  const control = createFlow(found);
  control.select(["a"]);
  expect(past(control)).toBe(0);
  const step = { id: "b", type: "Delay", position: { x: 0, y: 0 }, data: {} };
  control.edit("Add", (flow) => ({ nodes: [...flow.nodes, step] }));
  control.select(["b"]);
  control.undo();
  expect([...control.store.getState().selection.nodes]).toEqual([]);
});

it("is as saved after a save, and after going back to it", () => {
  const control = createFlow(found);
  control.edit("Move", () => ({ nodes: to(control, 8) }));
  expect(dirty(control.store.getState())).toBe(true);
  const { nodes, edges, name, description } = control.store.getState();
  control.keep(4, { nodes, edges, name, description });
  expect(dirty(control.store.getState())).toBe(false);
  control.undo();
  expect(dirty(control.store.getState())).toBe(true);
  control.redo();
  expect(dirty(control.store.getState())).toBe(false);
});
