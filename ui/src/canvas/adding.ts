import type { Kind } from "@/api/types";
import { t } from "@/lib/text";
import {
  after,
  between,
  CARD,
  connected,
  type Drawing,
  decoration,
  type Kinds,
  labelOf,
  made,
  type Point,
  portsOf,
  refusal,
  type Step,
} from "./graph";
import type { Intent } from "./store";

/** What a new node begins with. A wait has its callers sign, but after a step that calls a platform: that hands it the address, as
 * n8n and Make want it, and nobody else learns it. */
function begun(step: Step, before: Step | undefined): Step {
  if (step.type !== "WaitForCallback") return step;
  const mode = before?.type === "RemoteWebhook" ? "token" : "standard-webhooks";
  return { ...step, data: { ...step.data, config: { ...step.data.config, auth: { mode } } } };
}

/** A new node of that kind and the drawing with it: where `intent` says, else after `before` and wired there, else at `middle`. */
export function added(
  drawing: Drawing,
  kinds: Kinds,
  kind: Kind,
  {
    intent,
    before,
    middle,
    wired,
  }: { intent: Intent | null; before: Step | null; middle: Point; wired: boolean },
): { step: Step; drawing: Drawing } {
  const find = (id: string) => drawing.nodes.find((node) => node.id === id);
  const with_ = (step: Step): Drawing => ({ nodes: [...drawing.nodes, step], edges: drawing.edges });
  const wire = intent?.on === "wire" ? drawing.edges.find(({ id }) => id === intent.edge) : undefined;
  const [source, target] = [wire && find(wire.source), wire && find(wire.target)];
  if (wire && source && target) {
    const step = begun(unplaced(kind, drawing, after(source)), source);
    return { step, drawing: between(with_(step), kinds, wire.id, step.id) };
  }
  const from = intent?.on === "out" ? find(intent.node) : undefined;
  if (intent?.on === "out" && from) {
    const step = begun(made(kind, drawing, intent.at ? left(intent.at) : after(from)), from);
    const ends = { source: from.id, target: step.id, sourceHandle: intent.port };
    return { step, drawing: wireIf(with_(step), kinds, ends) };
  }
  if (intent?.on === "into") {
    const at = { x: intent.at.x - CARD.width, y: intent.at.y - CARD.height / 2 };
    const step = begun(made(kind, drawing, at), undefined);
    const port = portsOf(step, kinds)[0] ?? "out";
    return {
      step,
      drawing: wireIf(with_(step), kinds, { source: step.id, target: intent.node, sourceHandle: port }),
    };
  }
  if (intent?.on === "place") {
    const at = { x: intent.at.x - CARD.width / 2, y: intent.at.y - CARD.height / 2 };
    const step = begun(made(kind, drawing, at), undefined);
    return { step, drawing: with_(step) };
  }
  const joins = before && wired && !decoration(before) ? before : undefined;
  const step = begun(made(kind, drawing, before ? after(before) : middle), joins);
  if (!before || !wired || decoration(before)) return { step, drawing: with_(step) };
  const used = new Set(
    drawing.edges.filter((edge) => edge.source === before.id).map((edge) => edge.sourceHandle || "out"),
  );
  const ports = portsOf(before, kinds);
  const port = ports.find((name) => !used.has(name)) ?? ports[0] ?? "out";
  return {
    step,
    drawing: wireIf(with_(step), kinds, { source: before.id, target: step.id, sourceHandle: port }),
  };
}

/** What the panel says of where the node will go; null: nothing special. */
export function placeOf(drawing: Drawing, intent: Intent | null): string | null {
  const name = (id: string) => {
    const found = drawing.nodes.find((node) => node.id === id);
    return found ? labelOf(found) : id;
  };
  if (intent?.on === "wire") {
    const wire = drawing.edges.find(({ id }) => id === intent.edge);
    return wire
      ? t("Between {name} and {name2}", { name: name(wire.source), name2: name(wire.target) })
      : null;
  }
  if (intent?.on === "out")
    return t("After {name}, by port “{port}”", { name: name(intent.node), port: intent.port });
  if (intent?.on === "into") return t("Before {name}", { name: name(intent.node) });
  return intent ? t("Where you clicked") : null;
}

/** At that very place, though a card is there: it will make room. */
function unplaced(kind: Kind, drawing: Drawing, at: Point): Step {
  return { ...made(kind, drawing, at), position: at };
}

function left({ x, y }: Point): Point {
  return { x, y: y - CARD.height / 2 };
}

function wireIf(drawing: Drawing, kinds: Kinds, ends: Parameters<typeof connected>[1]): Drawing {
  return refusal(drawing, kinds, ends) === null ? connected(drawing, ends) : drawing;
}
