import { type ConnectionState, type FinalConnectionState, useConnection } from "@xyflow/react";
import { useState } from "react";
import { t } from "@/lib/text";
import { toast } from "@/lib/toast";
import { connected, decoration, type Ends, type Kinds, portsOf, refusal } from "../graph";
import { type Intent, useFlowControl } from "../store";
import { useSurroundings } from "../surroundings";

type Start = { nodeId: string | null; handleId: string | null; handleType: "source" | "target" | null };
const NONE: ReadonlySet<string> = new Set();

/** Drawing a wire: what cannot be its end is dimmed; the end may be anywhere on a card, or on nothing, to add a node there. */
export function useConnecting(
  kinds: Kinds,
  place: (point: { x: number; y: number }) => { x: number; y: number },
  onAdd?: (intent: Intent) => void,
) {
  const control = useFlowControl();
  const [refused, setRefused] = useState(NONE);
  const now = control.store.getState;

  const why = (ends: Ends) => refusal(now(), kinds, ends);
  const connect = (ends: Ends) => {
    const reason = why(ends);
    if (reason) toast.error(t("These cannot be connected"), { description: reason });
    else control.edit(t("Connect"), (flow) => connected(flow, ends));
  };
  const start = (_: unknown, { nodeId, handleId, handleType }: Start) => {
    if (nodeId === null) return;
    const flow = now();
    const impossible = flow.nodes.filter((node) => {
      if (decoration(node) || node.id === nodeId) return false;
      return handleType === "source"
        ? why({ source: nodeId, target: node.id, sourceHandle: handleId }) !== null
        : portsOf(node, kinds).every(
            (port) => why({ source: node.id, target: nodeId, sourceHandle: port }) !== null,
          );
    });
    setRefused(new Set(impossible.map(({ id }) => id)));
  };
  const end = (event: MouseEvent | TouchEvent, state: FinalConnectionState) => {
    setRefused(NONE);
    const { isValid, fromNode, fromHandle, toNode, toHandle } = state;
    if (isValid || !fromNode || !fromHandle) return;
    const forward = fromHandle.type === "source";
    if (toNode) {
      return connect({
        source: forward ? fromNode.id : toNode.id,
        target: forward ? toNode.id : fromNode.id,
        sourceHandle: (forward ? fromHandle : toHandle)?.id ?? null,
      });
    }
    const point = "changedTouches" in event ? event.changedTouches[0] : event;
    if (!point) return;
    const under = document.elementFromPoint(point.clientX, point.clientY);
    const card = under?.closest<HTMLElement>(".react-flow__node")?.dataset.id;
    const step = now().nodes.find((node) => node.id === card);
    if (step && !decoration(step)) {
      if (step.id === fromNode.id) return;
      const port = forward ? (fromHandle.id ?? "out") : (portsOf(step, kinds)[0] ?? "out");
      return connect({
        source: forward ? fromNode.id : step.id,
        target: forward ? step.id : fromNode.id,
        sourceHandle: port,
      });
    }
    if (!under?.closest(".react-flow__pane, .react-flow__node, .react-flow__edges")) return;
    const at = place({ x: point.clientX, y: point.clientY });
    onAdd?.(
      forward
        ? { on: "out", node: fromNode.id, port: fromHandle.id ?? "out", at }
        : { on: "into", node: fromNode.id, at },
    );
  };
  return { refused, why, connect, start, end };
}

const picked = (state: ConnectionState) =>
  state.inProgress && state.toNode && !state.isValid && state.fromHandle.nodeId !== state.toNode.id
    ? {
        x: state.pointer.x,
        y: state.pointer.y,
        forward: state.fromHandle.type === "source",
        from: state.fromHandle.nodeId,
        port: (state.fromHandle.type === "source" ? state.fromHandle.id : state.toHandle?.id) ?? null,
        to: state.toNode.id,
      }
    : null;

/** Beside the pointer: why the wire that is being drawn cannot end here. */
export function WhyNot() {
  const { kinds } = useSurroundings();
  const control = useFlowControl();
  const at = useConnection(picked);
  if (!at) return null;
  const reason = refusal(control.store.getState(), kinds, {
    source: at.forward ? at.from : at.to,
    target: at.forward ? at.to : at.from,
    sourceHandle: at.port,
  });
  if (!reason) return null;
  return (
    <p
      data-refusal
      style={{ left: at.x + 16, top: at.y + 16 }}
      className="pointer-events-none absolute z-20 max-w-72 rounded-md border border-st-failed bg-raised px-3 py-1.5 text-st-failed text-sm shadow-pop"
    >
      {reason}
    </p>
  );
}
