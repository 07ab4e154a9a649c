import type { Graph, GraphNode, RunDetail } from "@/api/types";

/** What a re-run does with one step of the definition. */
export type Planned = {
  id: string;
  label: string;
  /** The outcome of the first run is taken over. */
  kept: boolean;
  /** What happens outside of Baton, in words; null: nothing. */
  call: string | null;
  /** Nothing in the definition says that repeating the call is harmless. */
  unsafe: boolean;
  /** Its branch was not taken, or it was not reached, the first time. */
  maybe: boolean;
};

/** The steps of a re-run from "start", "failed" or a node's id, by the server's rule: a completed step is kept when neither it
 * nor anything before it runs again. Null: the definition has no such node. */
export function plan(graph: Graph, run: RunDetail, from: string): Planned[] | null {
  const nodes = graph.nodes ?? [];
  const before = new Map(run.nodes.map((node) => [node.id, node]));
  const known = new Set(nodes.map((node) => node.id));
  if (from !== "start" && from !== "failed" && !known.has(from)) return null;
  const same = (node: GraphNode) =>
    before.get(node.id)?.status === "COMPLETED" && before.get(node.id)?.type === node.type;
  const first = nodes.filter((node) => {
    if (from === "start" || !same(node)) return true;
    return node.id === from;
  });
  const again = reach(
    first.map((node) => node.id),
    graph,
  );
  return nodes.map((node) => {
    const status = before.get(node.id)?.status;
    const { call, unsafe } = effect(node);
    return {
      id: node.id,
      label: node.data?.label || node.id,
      kept: !again.has(node.id),
      call,
      unsafe,
      maybe: status === "SKIPPED" || status === "PENDING",
    };
  });
}

/** Whether "failed" finds something to begin with. */
export function hasFailed(run: RunDetail): boolean {
  return run.nodes.some((node) => ["FAILED", "TIMED_OUT", "CANCELLED"].includes(node.status));
}

function reach(from: readonly string[], graph: Graph): Set<string> {
  const seen = new Set(from);
  const open = [...from];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    for (const edge of graph.edges ?? []) {
      if (edge.source === id && !seen.has(edge.target)) {
        seen.add(edge.target);
        open.push(edge.target);
      }
    }
  }
  return seen;
}

function effect(node: GraphNode): { call: string | null; unsafe: boolean } {
  const config = node.data?.config ?? {};
  if (node.data?.disabled) return { call: null, unsafe: false };
  const word = (name: string) =>
    typeof config[name] === "string" && config[name] ? `${config[name]}` : null;
  if (node.type === "RemoteWebhook") {
    const workflow = word("workflowId");
    const call = workflow
      ? `starts workflow ${workflow} on ${word("provider") ?? "its platform"}`
      : `sends ${word("method") ?? "POST"} to ${word("url") ?? "its address"}`;
    const harmless = ["GET", "PUT", "DELETE"].includes(word("method") ?? "POST");
    return { call, unsafe: config.idempotent !== true && !(harmless && workflow === null) };
  }
  if (node.type === "LocalFlow") {
    const address = word("baseURL");
    return { call: address ? `calls the flow at ${address}` : "starts a flow of its own", unsafe: true };
  }
  if (node.type === "WaitForCallback") return { call: "waits for a new callback", unsafe: false };
  return { call: null, unsafe: false };
}
